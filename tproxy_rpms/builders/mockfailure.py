"""What a failed mock means: its exit code and the words of its logs, as our errors with their cures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.builders.output import useful_end
from tproxy_rpms.errors import BuildError, HostError, LockedError, RootError, TproxyError, UserError


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What to say of one way to fail. `log` is the one whose end is shown; empty shows none."""

    error: type[TproxyError]
    text: str
    hint: str
    log: str = "mock.log"


# Cures, also for the doctor, which finds the same faults beforehand.
INSTALL = "install mock 6 or newer: dnf install mock, which ./run does on Fedora and EL; Debian 12 has no package of it"
NEWER = "mock 6 or newer is needed"
GROUP = "run as a member of the group mock (usermod -aG mock USER, then log in anew), or as that user through sudo"
PRIVILEGES = (
    "start through sudo, as a member of the group mock: this mock has no wrapper that makes it root, as packages of it have"
)
PLUGINS = "install dnf-plugins-core"
KEYS = (
    "install distribution-gpg-keys; a host that refuses SHA-1 refuses CentOS 5's key of 2007, too: "
    "update-crypto-policies --set DEFAULT:SHA1 (or LEGACY), or build from locks, which are checked by SHA-256"
)
ROOM = "make room in /var/lib/mock and /var/cache/mock (mock --scrub-all-chroots), or free memory"
VSYSCALL = "boot the host with vsyscall=emulate"
DATABASE = "put %_dbpath /var/lib/rpm in a macro file under /etc/rpm: the host's rpm keeps its database elsewhere"

# The one symptom that is also looked for in a build's log.
FULL = "No space left on device"

# Words that tell more than the exit code does, in the order in which they are looked for.
SYMPTOMS: tuple[tuple[str, Failure], ...] = (
    ("Must be member of 'mock' group", Failure(error=HostError, text="this user may not run mock", hint=GROUP, log="")),
    ("mock will not run from the root account", Failure(error=HostError, text="mock refuses plain root", hint=GROUP, log="")),
    (
        "builddep command missing",
        Failure(
            error=HostError,
            text="the host's dnf has no builddep, by which mock installs what a spec requires",
            hint=PLUGINS,
            log="",
        ),
    ),
    (
        FULL,
        Failure(
            error=HostError,
            text="the disk (or the root's memory) is full",
            hint=ROOM,
            log="root.log",
        ),
    ),
    (
        r"vsyscall attempted|[Ss]egmentation fault|exited with status 139|exit status 139|signal:? 11\b|return code was: -11\b",
        Failure(
            error=RootError,
            text="a program of the root crashed; glibc 2.5 for x86_64 does where the host maps no vsyscall page",
            hint=f"{VSYSCALL} (doit doctor tells whether that is it)",
            log="root.log",
        ),
    ),
    (
        r"GPG check FAILED|[Kk]ey import failed|Failed to import public key|Public key .* is not (installed|trusted)",
        Failure(
            error=RootError, text="the repositories' packages could not be checked with their key", hint=KEYS, log="root.log"
        ),
    ),
    (
        r"Failed to download metadata|Cannot download|Could not resolve host|Status code: [45]\d\d",
        Failure(
            error=RootError,
            text="a package repository did not answer",
            hint="name another mirror of the vault: TPROXY_RPMS_VAULT=http://…; with a lock (doit lock) none is needed",
            log="root.log",
        ),
    ),
    (
        r"No matching package to install|nothing provides|Unable to find a match|No match for argument",
        Failure(
            error=BuildError,
            text="the repositories lack a package that the root or the spec asks for",
            hint="mend chroot_setup_cmd, the spec's BuildRequires or the package's `after`; a lock without it: doit lock anew",
            log="root.log",
        ),
    ),
)

RPMBUILD_FAILED = 10
FAILED_RPMBUILD = re.compile(r"ERROR: Command failed: *\n # .*\brpmbuild -b")

# mock's own table is in mockbuild/exception.py.
EXIT_CODES: Mapping[int, Failure] = {
    2: Failure(error=HostError, text="mock was started without its privileges", hint=PRIVILEGES),
    3: Failure(error=UserError, text="mock does not take its configuration", hint="mend the .cfg file that it names"),
    5: Failure(error=UserError, text="mock does not take its command line", hint=NEWER),
    6: Failure(
        error=HostError, text="this host cannot build for that arch", hint="legal_host_arches in the .cfg names hosts that can"
    ),
    RPMBUILD_FAILED: Failure(error=BuildError, text="rpmbuild failed", hint="", log="build.log"),
    11: Failure(error=BuildError, text="the build took longer than mock's rpmbuild_timeout", hint="raise it", log="build.log"),
    20: Failure(error=RootError, text="the root could not be made or entered", hint="", log="root.log"),
    30: Failure(
        error=RootError,
        text="the package manager failed",
        hint="look for the first error of dnf in root.log: an unreachable repository, a missing key, or a missing package",
        log="root.log",
    ),
    31: Failure(error=BuildError, text="a requirement outside the repositories is not known", hint="", log="root.log"),
    40: Failure(error=BuildError, text="mock does not take the SRPM", hint="", log="root.log"),
    60: Failure(
        error=LockedError,
        text="another mock works in this root",
        hint="wait until it ends, or end it; then run the same command again",
    ),
    70: Failure(error=HostError, text="mock cannot write its results", hint="mend the rights of the temporary folder"),
    80: Failure(
        error=HostError, text="this host allows no namespaces", hint="in a container, start it with the capability SYS_ADMIN"
    ),
    90: Failure(
        error=RootError, text="the bootstrap root could not be made", hint="use_bootstrap = False in the .cfg does without"
    ),
}


def describe_failure(what: str, status: int, *, logs: Path) -> TproxyError:
    """Return the error for a mock that ended with `status`.

    Args:
        what: what was being done, for people. logs: the folder with mock.log, root.log and build.log.
    """
    # mock gives rpmbuild's own status, unless a spec has dynamic requirements.
    if FAILED_RPMBUILD.search(read_log(logs / "mock.log")):
        status = RPMBUILD_FAILED
    if status == RPMBUILD_FAILED:
        # Other words of a build mean nothing: compilers crash, and configure looks in vain, without any fault of the root.
        build = read_log(logs / "build.log")
        words = FULL if FULL in useful_end(build) else "" if build else read_log(logs / "root.log")
    else:
        words = read_log(logs / "root.log")
    failure = find_failure(status, f"{read_log(logs / 'mock.log')}\n{words}")
    shown = f"\n{useful_end(read_log(logs / failure.log))}" if failure.log else ""
    whole = f"the whole log: {logs / failure.log}" if failure.log else ""
    return failure.error(f"{what}: {failure.text}{shown}", hint="; ".join(part for part in (failure.hint, whole) if part))


def find_failure(status: int, output: str) -> Failure:
    """Return what a mock that ended with `status` and these words suffers from."""
    failure = EXIT_CODES.get(status) or Failure(error=HostError, text=f"mock ended with status {status}", hint="")
    return next((found for pattern, found in SYMPTOMS if re.search(pattern, output)), failure)


def read_log(path: Path) -> str:
    """Return a log's text; nothing if it is not there."""
    return path.read_text(errors="replace") if path.is_file() else ""
