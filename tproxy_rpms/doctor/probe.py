"""Tries in a process of its own what kills a process where the host does not allow it: probe.py i386, probe.py vsyscall.

Ends with 0 where it works, 1 where it does not, 3 where it cannot tell; a vsyscall that is not mapped ends it by SIGSEGV.
"""

import ctypes
import os
import struct
import subprocess
import sys

WORKS, FAILS, UNKNOWN = 0, 1, 3

# mov eax, 1; xor ebx, ebx; int 0x80: exit(0), by the system call of 32-bit Linux.
CODE = bytes.fromhex("b80100000031dbcd80")
BASE = 0x08048000

# Where glibc before 2.14 calls time(); see arch/x86/entry/vsyscall/vsyscall_emu_64.S of Linux.
VSYSCALL_TIME = 0xFFFFFFFFFF600400


def make_program() -> bytes:
    """Return the smallest program for 32-bit x86: an ELF header, one segment, three instructions."""
    size = 84 + len(CODE)
    header = struct.pack("<4sBBB9xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 2, 3, 1, BASE + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return header + struct.pack("<IIIIIIII", 1, 0, BASE, BASE, size, size, 5, 0x1000) + CODE


def try_i386() -> int:
    """Run a 32-bit program out of memory."""
    try:
        program = os.memfd_create("probe", 0)
        os.write(program, make_program())
    except OSError:
        return UNKNOWN
    try:
        return WORKS if subprocess.run([f"/proc/self/fd/{program}"], pass_fds=(program,)).returncode == 0 else FAILS
    except PermissionError:
        return UNKNOWN
    except OSError:
        return FAILS


def try_vsyscall() -> int:
    """Ask the time through the vsyscall page."""
    time = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(VSYSCALL_TIME)
    return WORKS if time(None) > 0 else FAILS


if __name__ == "__main__":
    sys.exit({"i386": try_i386, "vsyscall": try_vsyscall}[sys.argv[1]]())
