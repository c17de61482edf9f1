"""A virtual machine: a kernel, an initramfs of busybox, and what the machine answers on its serial console."""

import gzip
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_IFCHR, S_IFDIR, S_IFREG

from tproxy_rpms.acceptance.node import Answer
from tproxy_rpms.errors import BuildError
from tproxy_rpms.process import clean_environment, require_tool
from tproxy_rpms.release.model import Arch

QEMU: Mapping[Arch, tuple[str, str]] = {"x86_64": ("qemu-system-x86_64", "kvm64"), "i386": ("qemu-system-i386", "kvm32")}

# Kernels before 2.6.32 make no device nodes themselves: the initramfs brings them, with their numbers.
DEVICES: Mapping[str, tuple[int, int]] = {
    "dev/console": (5, 1), "dev/full": (1, 7), "dev/null": (1, 3), "dev/random": (1, 8), "dev/tty": (5, 0), "dev/ttyS0": (4, 64),
    "dev/ttyS1": (4, 65), "dev/urandom": (1, 9), "dev/zero": (1, 5),
}  # fmt: skip

PROMPT = b"guest# "
INIT = f"""\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin PS1='{PROMPT.decode()}'
mount -t proc proc /proc
mount -t sysfs sysfs /sys
# What the kernel says would end up among the answers.
dmesg -n 1
exec setsid cttyhack sh -i
"""


class GuestError(BuildError):
    """A virtual machine did not come up, went off too early, or left a command without an answer."""


def run_guest(
    kernel: Path, files: Mapping[str, Path], *, arch: Arch, busybox: Path, commands: Sequence[str], scratch: Path,
    seconds: float = 180,
) -> dict[str, Answer]:  # fmt: skip
    """Boot a kernel to a shell, have the shell run each command, and return command → answer.

    Args:
        files: place in the guest → file, beside busybox. scratch: a folder for the initramfs.
        seconds: how long the machine may take to boot, and then to answer.

    Raises GuestError with the end of what the console said.
    """
    initramfs = scratch / "initramfs"
    content: dict[str, bytes] = {place: path.read_bytes() for place, path in files.items()}
    content |= {"bin/busybox": busybox.read_bytes(), "init": INIT.encode(), "commands": render_commands(commands).encode()}
    initramfs.write_bytes(gzip.compress(b"".join(write_archive(content)), compresslevel=1))
    said = talk_to_guest(kernel, initramfs, arch=arch, line="sh /commands; poweroff -f", seconds=seconds)
    return read_answers(commands, said)


def render_commands(commands: Sequence[str]) -> str:
    """Return a script that runs each command between two lines that `read_answers` finds again."""
    return "".join(
        f"echo '<{number}<'\n(\n{command}\n) 2>&1 </dev/null\necho \">{number}> $?\"\n" for number, command in enumerate(commands)
    )


def read_answers(commands: Sequence[str], said: str) -> dict[str, Answer]:
    """Return command → answer out of what the console said. Raises GuestError for a command without an answer."""
    answers = {}
    for number, command in enumerate(commands):
        match = re.search(rf"^<{number}<\n(?P<text>.*?)^>{number}> (?P<status>\d+)$", said, re.DOTALL | re.MULTILINE)
        if match is None:
            raise GuestError(f"no answer to {command!r}; the console's end:\n{said[-3000:]}")
        answers[command] = Answer(status=int(match["status"]), text=match["text"].strip())
    return answers


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


def talk_to_guest(kernel: Path, initramfs: Path, *, arch: Arch, line: str, seconds: float) -> str:
    """Boot, type one line at the shell's prompt, and return what the console said until the machine was off.

    Emulated, for a /dev/kvm may be there and hang an old kernel. `no_timer_check`: a loaded host makes a guest panic otherwise.
    """
    program, cpu = QEMU[arch]
    argv = [
        require_tool(program, package="qemu-system-x86"), "-nographic", "-no-reboot", "-accel", "tcg", "-cpu", cpu,
        "-m", "512", "-nic", "none",
        "-kernel", os.fspath(kernel), "-initrd", os.fspath(initramfs),
        "-append", "console=ttyS0 panic=1 no_timer_check rdinit=/init",
    ]  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=clean_environment()) as guest:
        assert guest.stdin is not None
        assert guest.stdout is not None
        said = b""
        try:
            os.set_blocking(guest.stdout.fileno(), False)
            said = wait_for(guest, said, PROMPT, seconds)
            guest.stdin.write(line.encode() + b"\n")
            guest.stdin.flush()
            said = wait_for(guest, said, None, seconds)
        finally:
            guest.kill()
    return said.decode(errors="replace").replace("\r", "")


def wait_for(guest: "subprocess.Popen[bytes]", said: bytes, word: bytes | None, seconds: float) -> bytes:
    """Read the console until it has said `word`, or without a word until the machine is off.

    Raises GuestError with what was said when that does not come.
    """
    assert guest.stdout is not None
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        piece = guest.stdout.read()
        said += piece or b""
        if word is not None and word in said:
            return said
        if guest.poll() is not None:
            said += guest.stdout.read() or b""
            if word is not None:
                raise GuestError(f"the machine went off too early; the console's end:\n{said.decode(errors='replace')[-3000:]}")
            return said
        time.sleep(0.1)
    raise GuestError(f"no end after {seconds:g} seconds; the console's end:\n{said.decode(errors='replace')[-3000:]}")
