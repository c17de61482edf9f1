"""Which kernel a C library asks for, by its ABI note."""

import re
import struct
from pathlib import Path

from tproxy_rpms.errors import BuildError
from tproxy_rpms.repro.program import open_elf
from tproxy_rpms.tarball import open_tarball

# The C library of a root, where Debian and EL have it; EL5 has libc-2.5.so, with a link beside it.
LIBC = re.compile(r"(?:\./)?(?:usr/)?lib(?:64)?/(?:[^/]+-linux-gnu/)?libc(?:-[0-9.]+\.so|\.so\.6)")

NT_GNU_ABI_TAG, LINUX = 1, 0


def needs_static(libc: Path | bytes, kernel_version: str) -> bool:
    """Tell whether a target's own programs are not for a kernel: the target's C library asks for a newer one.

    Args:
        libc: the target's libc.so.6. kernel_version: as `uname -r` has it, such as 2.6.30-1.deb12.

    Raises BuildError for what is no ELF file, or no version.
    """
    oldest = read_oldest_kernel(libc.read_bytes() if isinstance(libc, Path) else libc)
    return oldest is not None and parse_version(kernel_version) < oldest


def read_libc(archive: Path) -> bytes:
    """Return the C library of a build root, out of its archive. Raises BuildError if there is none."""
    found = b""
    with open_tarball(archive) as members:
        for member in members:
            if member.isfile() and LIBC.fullmatch(member.name):
                stream = members.extractfile(member)
                found = stream.read() if stream else b""
                break
    if not found:
        raise BuildError(f"{archive}: holds no libc.so.6")
    return found


def read_oldest_kernel(elf: bytes) -> tuple[int, int, int] | None:
    """Return the oldest kernel that an ELF file says it runs on, or None if it says nothing.

    Its note of type NT_GNU_ABI_TAG has four words: the system, and the version (Linux Standard Base Core, "ABI note tag").
    Debian's glibc of 2022 says 3.2.0, EL5's of 2006 says 2.6.9. Raises BuildError for what is no ELF file, or a torn one.
    """
    try:
        program = open_elf(elf)
        note = next((member.content for member in program.members if member.name == ".note.ABI-tag"), None) if program else b""
        if note is None:
            return None
        names, size, kind, name, system, *version = struct.unpack_from(f"{'<' if elf[5] == 1 else '>'}3I4s4I", note)
    except (struct.error, IndexError, ValueError) as error:
        raise BuildError("no ELF file, or a torn one") from error
    if (names, size, kind, name, system) != (4, 16, NT_GNU_ABI_TAG, b"GNU\0", LINUX):
        return None
    return version[0], version[1], version[2]


def parse_version(version: str) -> tuple[int, int, int]:
    """Return the numbers of a kernel's version: 2.6.30-1.deb12 is (2, 6, 30), 6.1 is (6, 1, 0)."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if match is None:
        raise BuildError(f"{version!r}: no version of a kernel")
    return int(match[1]), int(match[2]), int(match[3] or 0)
