"""What Koji is asked for: a package for all arches of a release, known by its content."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.builders import Job
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.release.koji import Koji
from tproxy_rpms.release.model import RPM_ARCH, Arch
from tproxy_rpms.store import digest_file, digest_value

# Uploads lie in UPLOADS/LABEL/TOKEN/ of the hub's work folder: a task's request names its SRPM there. Nobody else writes there.
UPLOADS = "tproxy-rpms"


@dataclass(frozen=True, kw_only=True)
class Order:
    """A package to be built for all arches of a release, in one task.

    Fields:
        nvr: of the SRPM, which is the build's name in Koji. requires: builds of this cut that the roots need, as NVRs.
        made: the tasks that have made these: an admin can take a build away, and another of its name takes its place.
        scratch: whether it stays outside every tag. second: whether it is a second build, never taken from an earlier one.
    """

    package: str
    srpm: Path
    sha256: str
    nvr: str
    koji: Koji
    arches: tuple[Arch, ...]
    requires: tuple[str, ...] = ()
    made: tuple[int, ...] = ()
    second: bool = False

    @property
    def scratch(self) -> bool:
        """Whether the build stays outside every tag; a second one always does, for its name is taken."""
        return self.koji.scratch or self.second

    @property
    def label(self) -> str:
        """What tells this order from all others, the same on every machine."""
        asked = [self.sha256, self.koji.target, self.scratch, self.second, self.arches, self.requires, self.made]
        return digest_value(asked)[:32]

    def source(self, token: str) -> str:
        """The SRPM's path below the hub's work folder."""
        return f"{UPLOADS}/{self.label}/{token}/{self.srpm.name}"

    def is_source(self, source: object) -> bool:
        """Whether a task's source is this order's SRPM, whoever has sent it."""
        words = str(source).split("/")
        return len(words) == 4 and words[:2] == [UPLOADS, self.label] and words[3] == self.srpm.name

    @property
    def options(self) -> dict[str, Any]:
        """The options of the task. The SRPM is taken as it is; what it needs of this cut must be in the roots' repository."""
        options: dict[str, Any] = {"wait_builds": list(self.requires)} if self.requires else {}
        if self.scratch:
            options |= {"scratch": True, "rebuild_srpm": False, "arch_override": " ".join(RPM_ARCH[arch] for arch in self.arches)}
        return options


def make_order(session: Any, job: Job, koji: Koji, arches: tuple[Arch, ...]) -> Order:
    """Return what Koji is asked for a job; the same for each arch."""
    header = read_header(job.srpm)
    requires = tuple(sorted({re.sub(r"\.(no)?src\.rpm$", "", read_header(rpm).srpm) for rpm in job.requires}))
    builds = [session.getBuild(nvr) or {} for nvr in requires]
    return Order(
        package=job.package,
        srpm=job.srpm,
        sha256=digest_file(job.srpm),
        nvr=f"{header.name}-{header.version}-{header.release}",
        koji=koji,
        arches=arches,
        requires=requires,
        made=tuple(int(build.get("task_id") or 0) for build in builds),
        second=job.surroundings is not None,
    )
