"""The host as the checks see it: every fact comes through here, so that a test can be any host."""

import grp
import os
import pwd
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import clean_environment, require_tool

# Seconds after which a tool that is asked something counts as hanging.
PATIENCE = 60


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended (minus the signal that killed it; 127: not there, 124: it did not end) and all that it printed."""

    status: int
    output: str = ""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Where a path lies or will lie.

    Fields:
        there: the path itself, or the nearest folder above it that exists.
        free: bytes that this user may still write. device: the file system's number. writable: whether this user may write.
    """

    there: Path
    free: int
    device: int
    writable: bool


class Run(Protocol):
    """Runs a command to its end."""

    def __call__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Answer:
        """Return how it ended; `env` goes on top of the environment that all our commands get."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host and the user who asks.

    Fields:
        uid, user, groups: who runs us, with the names of the groups of this login. known_groups: every group of the host.
        environment: our own. now: seconds since 1970.
        top: where the files of the host lie; / but in tests.
        find: name of a tool → its path, or None. run: runs a command. space: tells of the file system that a path will lie on.
    """

    uid: int
    user: str
    groups: frozenset[str]
    known_groups: frozenset[str]
    environment: Mapping[str, str]
    now: float
    find: Callable[[str], str | None]
    run: Run
    space: Callable[[Path], Space]
    top: Path = field(default=Path("/"))

    def path(self, name: str) -> Path:
        """Where a file of the host lies, given by its absolute name."""
        return self.top / name.lstrip("/")

    def read(self, name: str) -> str:
        """Return the text of a file of the host, given by its absolute name; nothing if it is not there."""
        path = self.path(name)
        return path.read_text(errors="replace") if path.is_file() else ""

    @property
    def fedora(self) -> bool:
        """Whether packages have the names of Fedora and EL; else they have Debian's."""
        fields = dict(line.split("=", 1) for line in self.read("/etc/os-release").splitlines() if "=" in line)
        words = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', " ").split()
        return not {"fedora", "rhel", "centos"}.isdisjoint(words)


def read_host() -> Host:
    """Return the host that we run on."""
    uid = os.geteuid()
    names = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    return Host(
        uid=uid,
        user=name_user(uid),
        groups=frozenset(names[gid] for gid in (*os.getgroups(), os.getegid()) if gid in names),
        known_groups=frozenset(names.values()),
        environment=dict(os.environ),
        now=time.time(),
        find=find_tool,
        run=run_tool,
        space=measure_space,
    )


def name_user(uid: int) -> str:
    """Return a user's name, or the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def find_tool(name: str) -> str | None:
    """Return the path of a tool, looked for as the builds do."""
    try:
        return require_tool(name, package=name)
    except HostError:
        return None


def run_tool(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Answer:
    """Run a command without a terminal. Not by `run_command`: that needs tools which may be what is missing."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(env),
            text=True,
            errors="replace",
            timeout=PATIENCE,
            start_new_session=True,  # nothing can ask for a password on our terminal
        )
    except OSError as error:
        return Answer(status=127, output=str(error))
    except subprocess.TimeoutExpired:
        return Answer(status=124, output=f"no answer within {PATIENCE} s")
    return Answer(status=done.returncode, output=done.stdout)


def measure_space(path: Path) -> Space:
    """Return the space where a path lies or, as long as it does not exist, will lie."""
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    stat = os.statvfs(there)
    free = stat.f_bavail * stat.f_frsize
    return Space(there=there, free=free, device=there.stat().st_dev, writable=os.access(there, os.W_OK))
