"""A kernel booted to a shell: what is asked of it on its serial console, and what it answers."""

import gzip
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tproxy_rpms.acceptance.guest import QEMU, write_archive
from tproxy_rpms.acceptance.node import Answer
from tproxy_rpms.process import clean_environment, require_tool
from tproxy_rpms.release.model import Arch

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


class GuestError(Exception):
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
