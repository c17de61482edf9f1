"""What a virtual machine starts from: QEMU's programs, and an initramfs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_IFCHR, S_IFDIR, S_IFREG

from tproxy_rpms.release.model import Arch

QEMU: Mapping[Arch, tuple[str, str]] = {"x86_64": ("qemu-system-x86_64", "kvm64"), "i386": ("qemu-system-i386", "kvm32")}

# Kernels before 2.6.32 make no device nodes themselves: the initramfs brings them, with their numbers.
DEVICES: Mapping[str, tuple[int, int]] = {
    "dev/console": (5, 1), "dev/full": (1, 7), "dev/null": (1, 3), "dev/random": (1, 8), "dev/tty": (5, 0), "dev/ttyS0": (4, 64),
    "dev/ttyS1": (4, 65), "dev/urandom": (1, 9), "dev/zero": (1, 5),
}  # fmt: skip


def write_archive(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """Yield a cpio archive (newc) of programs, the folders around them, and device nodes, which no other tool makes without root.

    The format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
    """
    folders = {str(parent) for name in (*files, *DEVICES) for parent in Path(name.lstrip("/")).parents} - {"."}
    for folder in sorted(folders | {"proc", "sys", "tmp"}):
        yield write_entry(folder, mode=S_IFDIR | 0o755)
    for name, device in DEVICES.items():
        # Consoles are root's; what is no terminal is everybody's.
        yield write_entry(name, mode=S_IFCHR | (0o600 if device[0] == 4 or device == (5, 1) else 0o666), device=device)
    for name, content in files.items():
        yield write_entry(name.lstrip("/"), mode=S_IFREG | 0o755, content=content)
    yield write_entry("TRAILER!!!", mode=0)


def write_entry(name: str, *, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """Return one entry: magic, 13 numbers in hex, then name and content, each filled up to a multiple of four.

    The numbers: inode, mode, owner, group, links, time, size, two of the device that it lies on, two of the device that it is,
    length of the name, checksum.
    """
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
    header = b"070701" + "".join(f"{number:08X}" for number in numbers).encode() + name.encode() + b"\0"
    return header + b"\0" * (-len(header) % 4) + content + b"\0" * (-len(content) % 4)
