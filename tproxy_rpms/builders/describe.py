"""What a builder can tell of a finished build: what was in the root, and the commands as they were run."""

import ast
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from tproxy_rpms.release.model import Arch

# state.log of the chroot builder: "2026-11-01T00:00:00.000Z run 'env' '-i' …".
RUN = re.compile(r"^\S+Z run (?P<words>.+)$", re.MULTILINE)

# mock.log: "INFO: mock.py version 6.0 starting (python version = 3.12), args: /usr/libexec/mock/mock -r …", its words
# quoted for a shell. build.log: "Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild …'] with env {…}".
MOCK = re.compile(r"^INFO: mock\.py version \S+ starting .*?args: (?P<words>.+)$", re.MULTILINE)
EXECUTED = re.compile(r"^Executing command: (?P<words>\[.*?\]) with env ", re.MULTILINE)

# The folder that a mock gets and gives, another for each call, wherever the temporary folder is.
STAGE = re.compile(r"[^\s'=:]*/tproxy-rpms-mock-[A-Za-z0-9_]+")


@dataclass(frozen=True, kw_only=True)
class RootContent:
    """What is in the build root of an arch.

    Fields:
        kind: whose packages these are, dpkg's or rpm's. suite: the distribution's own name of its release.
        packages: NAME (of rpm's, NAME.ARCH) → version. sha256: of the file that stands for the root, its archive or its list.
    """

    arch: Arch
    kind: Literal["deb", "rpm"]
    suite: str
    sha256: str
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class JobContent:
    """What one build was.

    Fields:
        commands: command lines, each quoted for a shell. packages: as in RootContent, where a build has a root of its own.
        place: where it was built, if not on this host, in that builder's words: hub, task, builder, build root.
    """

    commands: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Describer(Protocol):
    """A builder that can tell what it has done."""

    def describe_root(self, arch: Arch, *, log: Path) -> RootContent | None:
        """Return what is in the root of an arch, or None if there is no root any more. `log` is the one given to make_root."""

    def describe_job(self, logs: Path) -> JobContent:
        """Return what the logs of a build tell; what they do not tell is empty."""


def read_text(path: Path) -> str:
    """Return a log's text; nothing of one that is not there."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def read_run(state: Path) -> tuple[str, ...]:
    """Return the commands that a state.log of the chroot builder tells of."""
    return tuple(shlex.join(shlex.split(match["words"])) for match in RUN.finditer(read_text(state)))


def read_mock_run(logs: Path) -> tuple[str, ...]:
    """Return mock's own command line, and rpmbuild's as mock has run them; folders of one call alone are called STAGE."""
    calls = [match["words"] for match in MOCK.finditer(read_text(logs / "mock.log"))]
    calls = [shlex.join(["mock", *shlex.split(words)[1:]]) for words in calls]
    runs = [shlex.join(ast.literal_eval(match["words"])) for match in EXECUTED.finditer(read_text(logs / "build.log"))]
    return tuple(dict.fromkeys(STAGE.sub("STAGE", command) for command in (*calls, *runs)))


def split_nevras(nevras: Iterable[str]) -> dict[str, str]:
    """Return NAME.ARCH → [EPOCH:]VERSION-RELEASE of `name-[epoch:]version-release.arch`."""
    packages = {}
    for nevra in nevras:
        rest, _, arch = nevra.rpartition(".")
        name, version, release = rest.rsplit("-", 2)
        packages[f"{name}.{arch}"] = f"{version}-{release}"
    return packages
