"""Whether the host runs the programs of the release's arches."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tproxy_rpms.builders.mockfailure import VSYSCALL
from tproxy_rpms.doctor.finding import Case, Finding, failure, good, warning
from tproxy_rpms.doctor.probe import UNKNOWN, WORKS

PROBE = Path(__file__).with_name("probe.py")


def check_x86_64(case: Case) -> Iterator[Finding]:
    """The machine is one."""
    if "x86_64" in case.release.arches:
        machine = case.host.run(["uname", "-m"]).output.strip()
        if machine == "x86_64":
            yield good("x86_64", "the host's own")
        else:
            yield failure("x86_64", f"the host is {machine or 'of no known kind'}", "build on an x86_64 host")


def check_i386(case: Case) -> Iterator[Finding]:
    """The personality that makes uname say i686, and a kernel that runs 32-bit programs: each has a switch of its own."""
    if "i386" not in case.release.arches:
        return
    answer = case.host.run(["setarch", "i386", "uname", "-m"])
    machine = answer.output.strip()
    if answer.status or not re.fullmatch(r"i[3-6]86", machine):
        yield failure(
            "i386",
            f"setarch i386 uname -m: {machine or answer.status}",
            "allow the system call personality(), which a container's seccomp profile may forbid",
        )
        return
    status = case.host.run([sys.executable, "-I", str(PROBE), "i386"]).status
    if status == WORKS:
        yield good("i386", f"personality {machine}, and 32-bit programs run")
    elif status == UNKNOWN:
        yield warning(
            "i386", f"personality {machine}; no 32-bit program could be tried", "sysctl vm.memfd_noexec=0 lets the doctor try one"
        )
    else:
        yield failure(
            "i386",
            f"personality {machine}, but the kernel runs no 32-bit program",
            "boot the host with ia32_emulation=on; its kernel needs CONFIG_IA32_EMULATION",
        )


def check_vsyscall(case: Case) -> Iterator[Finding]:
    """The page at a fixed address that glibc before 2.14 calls; 32-bit programs have none."""
    if "x86_64" not in case.release.arches or not case.release.target.traits.get("vsyscall"):
        return
    mapped = "[vsyscall]" in case.host.read("/proc/self/maps")
    status = case.host.run([sys.executable, "-I", str(PROBE), "vsyscall"]).status
    if status == WORKS:
        yield good("vsyscall", "mapped, and calls into it work")
    else:
        found = "mapped, but a call into it" if mapped else "not mapped: a call into it"
        yield failure("vsyscall", f"{found} ended with status {status}; programs of {case.release.target.name} crash", VSYSCALL)


CHECKS = (check_x86_64, check_i386, check_vsyscall)
