"""Build the RPMs, each in a clean root without network."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.release.model import Arch, Package
from tproxy_rpms.store import read_outputs
from tproxy_rpms.tasks.cut import Cut, share_cores
from tproxy_rpms.tasks.step import Step

if TYPE_CHECKING:
    from tproxy_rpms.builders import Job
    from tproxy_rpms.cache.entry import Built
    from tproxy_rpms.cache.fingerprint import Inputs


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step a package and arch; packages that others need come before these."""
    for package in cut.release.packages.values():
        for arch in cut.release.arches:
            needed = tuple(f"rpm:{name}:{arch}" for name in package.after)
            yield Step(
                stage="rpm",
                name=f"{package.name}:{arch}",
                doc=f"{package.name} for {arch}",
                after=(f"srpm:{package.name}", f"root:{arch}", *needed),
                inputs=partial(inputs, cut, package, arch),
                run=partial(build, cut, package, arch),
            )


def inputs(cut: Cut, package: Package, arch: Arch) -> dict[str, object]:
    """What shapes the RPMs of a package and arch."""
    return {
        "srpm": cut.recorded("srpm", package.name),
        "root": cut.recorded("root", arch),
        "ccache": cut.ccache,
        "requires": {name: cut.recorded("rpm", name, arch) for name in package.after},
        "code": cut.builder_code,
    }


def build(cut: Cut, package: Package, arch: Arch) -> tuple[Path, ...]:
    """Take one package for one arch from the cache of finished builds, or build it; where it comes from is left beside it."""
    from tproxy_rpms.publish.origin import Origin, write_origin

    job, known = make_job(cut, package, arch), identify(cut, package, arch)
    if cut.finished_builds and not known:
        cut.finished_builds.warn("roots", f"neither taken from nor kept in: {why_unknown(cut)}")
    kept = cut.finished_builds.take(known, job) if known and cut.finished_builds else None
    built = kept.built if kept else build_job(cut, job, known)
    origin = Origin(
        origin="taken" if kept else "built",
        fingerprint=known.fingerprint if known else "",
        started=built.started,
        finished=built.finished,
        jobs=built.jobs,
    )
    folder = str(cut.finished_builds.folder) if kept and cut.finished_builds else ""
    write_origin(cut.origin(package, arch), origin, inputs=known.render() if known else {}, taken_from=folder)
    return tuple(sorted(job.results.glob("*.rpm")))


def build_job(cut: Cut, job: "Job", known: "Inputs | None") -> "Built":
    """Build, keep a copy in the cache of finished builds if there is one, and return when it was built."""
    from tproxy_rpms.cache.entry import Built
    from tproxy_rpms.publish.origin import render_now
    from tproxy_rpms.tasks.observe import watch_build

    started = render_now()
    with watch_build(cut, job, f"rpm:{job.package}:{job.arch}"):
        result = cut.builder.build(job)
    built = Built(started=started, finished=render_now(), jobs=job.jobs)
    if known and cut.finished_builds:
        cut.finished_builds.keep(known, result, built)
    return built


def identify(cut: Cut, package: Package, arch: Arch) -> "Inputs | None":
    """Return what goes into a build, or None if that cannot be told: what ccache gives, and roots that are not locked."""
    from tproxy_rpms.cache.fingerprint import Inputs

    root = None if cut.ccache else cut.builder.identify_root(arch)
    if root is None:
        return None
    (srpm,) = cut.recorded("srpm", package.name).values()
    return Inputs(
        builder=cut.release.builder,
        code=cut.builder_code,
        arch=arch,
        epoch=cut.release.epoch,
        srpm=srpm,
        root=root,
        requires={name: digest for after in package.after for name, digest in cut.recorded("rpm", after, arch).items()},
    )


def why_unknown(cut: Cut) -> str:
    """Return why nobody can tell beforehand what goes into a build."""
    from tproxy_rpms.builders import Remote

    elsewhere = isinstance(cut.builder, Remote)
    return "what build roots elsewhere hold, nobody can tell" if elsewhere else "the build roots are not locked (doit lock)"


def make_job(cut: Cut, package: Package, arch: Arch) -> "Job":
    """Return what the builder is asked for a package and arch."""
    from tproxy_rpms.builders import Job, Remote

    (srpm,) = read_outputs(cut.stamp("srpm", package.name))
    requires = tuple(path for name in package.after for path in read_outputs(cut.stamp("rpm", name, arch)))
    return Job(
        package=package.name,
        srpm=srpm,
        arch=arch,
        results=cut.rpms(package, arch),
        logs=cut.logs(package, arch),
        jobs=0 if isinstance(cut.builder, Remote) else share_cores(),
        requires=requires,
        ccache=cut.cache / "ccache" if cut.ccache else None,
        epoch=cut.release.epoch,
    )
