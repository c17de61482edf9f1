"""A virtual machine for tests: a kernel, an initramfs of busybox, and what the serial console says."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

QEMU: Mapping[str, tuple[str, str]] = {"x86_64": ("qemu-system-x86_64", "kvm64"), "i386": ("qemu-system-i386", "kvm32")}

INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec setsid cttyhack sh -i
"""


def make_initramfs(path: Path, files: Mapping[str, Path], *, busybox: Path, init: str = INIT) -> Path:
    """Write a gzipped cpio archive with busybox, an init script and `files` (place in the guest → file), and return it."""
    tree = path.with_suffix(".tree")
    for folder in ("bin", "dev", "proc", "sys", "tmp"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(busybox, tree / "bin" / "busybox")
    (tree / "init").write_text(init)
    (tree / "init").chmod(0o755)
    for place, file in files.items():
        target = tree / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    names = "\n".join(str(found.relative_to(tree)) for found in sorted(tree.rglob("*")))
    with path.open("wb") as output:
        archive = subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), cwd=tree, check=True, capture_output=True
        )
        subprocess.run(["gzip", "-1"], input=archive.stdout, stdout=output, check=True)
    return path


def run_guest(kernel: Path, initramfs: Path, *, arch: str, commands: str, seconds: float = 180) -> str:
    """Boot, type `commands` at the shell's prompt, and return what the console said until the machine was off.

    Emulated, for a /dev/kvm may be there and hang an old kernel. `no_timer_check`: a loaded host makes a guest panic otherwise.
    """
    program, cpu = QEMU[arch]
    argv = [
        program, "-nographic", "-no-reboot", "-accel", "tcg", "-cpu", cpu, "-m", "512", "-nic", "none",
        "-kernel", os.fspath(kernel), "-initrd", os.fspath(initramfs),
        "-append", "console=ttyS0 panic=1 no_timer_check rdinit=/init",
    ]  # fmt: skip
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as guest:
        assert guest.stdin and guest.stdout
        said = b""
        try:
            os.set_blocking(guest.stdout.fileno(), False)
            said = wait_for(guest, said, b"/ # ", seconds)
            guest.stdin.write(commands.encode() + b"\npoweroff -f\n")
            guest.stdin.flush()
            said = wait_for(guest, said, None, seconds)
        finally:
            guest.kill()
    return said.decode(errors="replace").replace("\r", "")


def wait_for(guest: "subprocess.Popen[bytes]", said: bytes, word: bytes | None, seconds: float) -> bytes:
    """Read the console until it has said `word`, or the machine is off. Raises TimeoutError with what was said."""
    assert guest.stdout
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        piece = guest.stdout.read()
        said += piece or b""
        if word is not None and word in said:
            return said
        if guest.poll() is not None:
            return said + (guest.stdout.read() or b"")
        time.sleep(0.1)
    raise TimeoutError(said.decode(errors="replace")[-2000:])
