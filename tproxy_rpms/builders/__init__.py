"""Builders turn an SRPM into RPMs for one arch. A new builder is one new module with a `create` function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from tproxy_rpms.errors import UserError
from tproxy_rpms.release.model import Arch, Release
from tproxy_rpms.surroundings import Surroundings


@dataclass(frozen=True, kw_only=True)
class Job:
    """One package to build for one arch.

    Fields:
        results: the folder that will hold just this job's RPMs; replaced as a whole, only by a build that succeeded.
        logs: the folder of root.log, build.log and state.log.
        jobs: how many compilers may run at once; 0 leaves that to a builder elsewhere.
        requires: RPMs of this cut to install in the root first.
        ccache: a folder for ccache, or None for none (a release cut).
        epoch: seconds since 1970, given to the build as SOURCE_DATE_EPOCH.
        surroundings: what the build is to see of time and place; None is what every build sees but the second of a comparison.
    """

    package: str
    srpm: Path
    arch: Arch
    results: Path
    logs: Path
    jobs: int
    epoch: int
    requires: tuple[Path, ...] = ()
    ccache: Path | None = None
    surroundings: Surroundings | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a build left: its RPMs and its logs, all whole."""

    rpms: tuple[Path, ...]
    logs: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """A second build of a job.

    Fields:
        job: what to build. first, second: the surroundings of both builds.
        kept: name of a condition → why it is the same in both.
    """

    job: Job
    first: Surroundings
    second: Surroundings
    kept: Mapping[str, str] = field(default_factory=dict)


class Builder(Protocol):
    """What the tasks ask of a builder."""

    def root_inputs(self, arch: Arch) -> Mapping[str, str]:
        """What shapes an arch's root beside the release's target, name → digest."""

    def make_root(self, arch: Arch, *, log: Path) -> tuple[Path, ...]:
        """Make the build root of an arch if it is not there, and return the files that stand for it.

        Raises RootError when it cannot be made.
        """

    def identify_root(self, arch: Arch) -> Mapping[str, str] | None:
        """Return what tells the root of an arch that was made from all others, the same on every machine, name → digest.

        None where a build may meet packages that nobody can tell beforehand. Raises RootError if the root has gone.
        """

    def build(self, job: Job) -> Result:
        """Build one package for one arch in a clean root.

        Raises BuildError with the useful end of build.log when the build fails or lacks a requirement.
        """


@runtime_checkable
class Varier(Protocol):
    """A builder that can build a second time under other surroundings."""

    def surroundings(self, job: Job) -> Surroundings:
        """Return what the release's own build of a job sees, as far as it is known before."""

    def vary(self, job: Job, *, log: Path) -> Variation:
        """Return a job that builds the same under surroundings that differ in all that they can, in a root made anew.

        Args:
            log: where the making of the root is logged.
        """


@runtime_checkable
class Remote(Protocol):
    """A builder whose builds go on elsewhere when this process ends."""

    def list_running(self) -> tuple[str, ...]:
        """Return the builds that this process waits for, for people."""

    def cancel_running(self) -> tuple[str, ...]:
        """Cancel those of them that are this clone's own, and return them, for people."""


@runtime_checkable
class Settler(Protocol):
    """A builder that can make a small system of its target, as those have who install the packages."""

    def make_userland(self, arch: Arch, *, log: Path) -> Path:
        """Return an archive (tar.zst) of the target's own system for an arch, with what the target calls its `userland`.

        Raises RootError when it cannot be made.
        """


@runtime_checkable
class Locker(Protocol):
    """A builder whose roots come from repositories, and can be locked."""

    def write_lock(self, job: Job) -> Path:
        """Lock the root that a job was built in: fetch every package of it, and write its lock.

        Raises FetchError for a package that can no longer be had as it was.
        """


def create_builder(release: Release, *, cache: Path, work: Path) -> Builder:
    """Return the builder that the release names.

    Args:
        cache: the user's cache, where roots are kept. work: a folder for what lasts as long as a build.

    Raises UserError for a builder that does not exist.
    """
    try:
        module = import_module(f"tproxy_rpms.builders.{release.builder}")
        return cast(Builder, module.create(release, cache=cache, work=work))
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(
            f"{release.files[-1] if release.files else release.name}: builder: there is no builder {release.builder!r} here yet",
            hint='use builder = "chroot"',
        ) from error
