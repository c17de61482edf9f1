"""What the report of a cut is made from, as the tasks hand it over: what the steps have left, and what of it still holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.acceptance.verdict import Verdict as Accepted
from tproxy_rpms.builders.describe import RootContent
from tproxy_rpms.diff.change import Difference
from tproxy_rpms.release.model import Release
from tproxy_rpms.report.runs import Run
from tproxy_rpms.report.status import Cell
from tproxy_rpms.repro.verdict import Report as Reproduced


@dataclass(frozen=True, kw_only=True)
class Made:
    """The RPMs of one package and arch, those that go into the repository if they are there, and what came of making them.

    Fields:
        arch: "SRPM" for the source package.
    """

    package: str
    arch: str
    paths: tuple[Path, ...]
    cell: Cell


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
        unsure: that is what was last published from here; the place itself could not tell. difference: from it to this cut.
        lack: why there is nothing to compare with, for people; empty if there is.
    """

    place: str = ""
    served: str = ""
    when: float = 0
    lack: str = ""
    unsure: bool = False
    difference: Difference | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of one cut, finished or not.

    Fields:
        folder: the release's build folder. now: when this is told, seconds since 1970.
        steps: their names, `rpm:kernel:x86_64`, → what came of them, in the order of their stages.
        obstacles: what is in the way of publishing. patches: package → the files, in the order in which they apply.
        runs: oldest first. benchmarks: a file that may not be there.
    """

    release: Release
    folder: Path
    now: float
    runs: tuple[Run, ...]
    steps: Mapping[str, Cell]
    obstacles: tuple[str, ...]
    made: tuple[Made, ...]
    patches: Mapping[str, tuple[Path, ...]]
    roots: tuple[RootContent, ...]
    verdicts: Verdicts
    published: Published
    benchmarks: Path
