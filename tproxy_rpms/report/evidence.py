"""What the report of a cut is made from, as the tasks hand it over: what the steps have left, and what of it still holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tproxy_rpms.acceptance.verdict import Verdict as Accepted
from tproxy_rpms.builders.describe import RootContent
from tproxy_rpms.diff.change import Difference
from tproxy_rpms.release.model import Release
from tproxy_rpms.report.runs import Run
from tproxy_rpms.repro.verdict import Report as Reproduced

# `outdated`: made, but something that went in has changed since, or what came out has. `failed`: its last run did.
State = Literal["done", "outdated", "failed", "missing"]


@dataclass(frozen=True, kw_only=True)
class StepState:
    """What became of a step.

    Fields:
        task: its name, `rpm:kernel:x86_64`. when: seconds since 1970 when it last ended, 0 for never.
    """

    task: str
    state: State
    when: float = 0

    @property
    def stage(self) -> str:
        """The first word of its name."""
        return self.task.partition(":")[0]


@dataclass(frozen=True, kw_only=True)
class Made:
    """The RPMs of one package and arch, those that go into the repository if they are there; `arch` is "SRPM" for its SRPM."""

    package: str
    arch: str
    paths: tuple[Path, ...]
    state: State


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Verdicts that are about the packages as they are now; `stale` tells of those that are about others, or damaged."""

    accepted: tuple[Accepted, ...] = ()
    reproduced: tuple[Reproduced, ...] = ()
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Published:
    """What is known of the last published snapshot.

    Fields:
        place: where it is published to, empty if the release does not say so. served: the snapshot's name, empty for none.
        lack: why there is nothing to compare with, for people; empty if there is. difference: from the snapshot to this cut.
    """

    place: str = ""
    served: str = ""
    when: float = 0
    lack: str = ""
    difference: Difference | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of one cut, finished or not.

    Fields:
        folder: the release's build folder. now: when this is told, seconds since 1970.
        steps: in the order in which they are made. patches: package → the files, in the order in which they apply.
        ccache: whether packages were compiled with it. runs: oldest first. benchmarks: a file that may not be there.
    """

    release: Release
    folder: Path
    now: float
    ccache: bool
    runs: tuple[Run, ...]
    steps: tuple[StepState, ...]
    made: tuple[Made, ...]
    patches: Mapping[str, tuple[Path, ...]]
    roots: tuple[RootContent, ...]
    verdicts: Verdicts
    published: Published
    benchmarks: Path
