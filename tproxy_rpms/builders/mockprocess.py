"""mock as a program of the host: who may start it, the folder that it is handed, and what is left when its doit was killed."""

import grp
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tproxy_rpms.builders.mockfailure import GROUP, INSTALL
from tproxy_rpms.errors import HostError, LockedError
from tproxy_rpms.process import require_tool
from tproxy_rpms.store import hold_lock

# The host's words about who called sudo or consolehelper: mock drops its rights to that user.
CALLER = ("SUDO_UID", "SUDO_GID", "SUDO_USER", "USERHELPER_UID")

# Folders STAGE-… in the temporary folder are what mock gets and gives, each with a lock that ends with its doit.
STAGE = "tproxy-rpms-mock"


def find_mock() -> str:
    """Return the path of mock. Raises HostError if there is none."""
    try:
        return require_tool("mock", package="mock")
    except HostError as error:
        raise HostError(error.message, hint=INSTALL) from error


def check_membership() -> None:
    """Raise HostError for a user outside of mock's group: mock's wrapper would ask for a password that nobody types."""
    own = {*os.getgroups(), os.getegid()}
    if os.geteuid() != 0 and "mock" not in {group.gr_name for group in grp.getgrall() if group.gr_gid in own}:
        raise HostError("this user may not run mock", hint=GROUP)


@contextmanager
def open_stage() -> Iterator[Path]:
    """Yield a folder that mock's user can read and write, gone afterwards; with it goes what killed runs have left."""
    for lock in Path(tempfile.gettempdir()).glob(f"{STAGE}-*/lock"):
        with suppress(LockedError, OSError), hold_lock(lock, "the next run"):
            if end_mocks(lock.parent):
                shutil.rmtree(lock.parent, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{STAGE}-") as scratch, hold_lock(Path(scratch, "lock"), f"process {os.getpid()}"):
        stage = Path(scratch)
        stage.chmod(0o755)
        (stage / "result").mkdir()
        yield stage


def give_to_caller(stage: Path) -> None:
    """Hand a folder to the user that mock drops its rights to; only root must, and only root can."""
    uid = os.environ.get("SUDO_UID") or os.environ.get("USERHELPER_UID")
    if os.geteuid() == 0 and uid:
        for path in (stage, *stage.rglob("*")):
            os.chown(path, int(uid), -1)


def end_mocks(stage: Path, *, seconds: float = 60) -> bool:
    """End every mock that works for a stage whose doit was killed, and tell whether none is left.

    mock outlives its doit: the kernel forgets PR_SET_PDEATHSIG when mock changes its user.
    """
    for pid in find_mocks(stage):
        with suppress(ProcessLookupError):
            try:
                os.kill(pid, signal.SIGTERM)  # it ends its build, unmounts and cleans
            except PermissionError:
                return False  # then the root is locked, and mock says so
    stop = time.monotonic() + seconds
    while find_mocks(stage):
        if time.monotonic() > stop:
            return False
        time.sleep(0.5)
    return True


def find_mocks(stage: Path) -> list[int]:
    """Return the ids of the mocks that have a file of a stage on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if any(f"{stage}/" in word for word in words) and any(Path(word).name.startswith("mock") for word in words[:4]):
                found.append(int(path.parent.name))
    return found
