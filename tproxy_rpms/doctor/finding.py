"""What is examined, and what comes out of a check."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tproxy_rpms.doctor.host import Host
from tproxy_rpms.release.model import Release

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Fields:
        name: what was looked at. found: in one line, what is there.
        status: `fail` stops a cut sooner or later, `warn` does not.
        cure: in one line, what to do; empty when all is well.
    """

    name: str
    status: Status
    found: str
    cure: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A release on a host.

    Fields:
        root: the project's folder. build: where the release's cut lies. cache: the user's cache of build roots.
    """

    release: Release
    host: Host
    root: Path
    build: Path
    cache: Path


# A check yields what it finds, and nothing where the release has no need of what it looks at.
Check = Callable[[Case], Iterable[Finding]]


def good(name: str, found: str) -> Finding:
    """Return a finding that needs no cure."""
    return Finding(name=name, status="ok", found=found)


def warning(name: str, found: str, cure: str) -> Finding:
    """Return a finding that a cut can live with."""
    return Finding(name=name, status="warn", found=found, cure=cure)


def failure(name: str, found: str, cure: str) -> Finding:
    """Return a finding that stops a cut."""
    return Finding(name=name, status="fail", found=found, cure=cure)
