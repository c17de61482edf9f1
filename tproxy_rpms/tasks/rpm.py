"""Build the RPMs, each in a clean root without network."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.release.model import Arch, Package
from tproxy_rpms.store import digest_code, read_outputs
from tproxy_rpms.tasks.cut import Cut, share_cores
from tproxy_rpms.tasks.step import Step

if TYPE_CHECKING:
    from tproxy_rpms.builders import Job


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
        "code": digest_code("builders"),
    }


def build(cut: Cut, package: Package, arch: Arch) -> tuple[Path, ...]:
    """Build one package for one arch."""
    return cut.builder.build(make_job(cut, package, arch)).rpms


def make_job(cut: Cut, package: Package, arch: Arch) -> "Job":
    """Return what the builder is asked for a package and arch."""
    from tproxy_rpms.builders import Job

    (srpm,) = read_outputs(cut.stamp("srpm", package.name))
    requires = tuple(path for name in package.after for path in read_outputs(cut.stamp("rpm", name, arch)))
    return Job(
        package=package.name,
        srpm=srpm,
        arch=arch,
        results=cut.rpms(package, arch),
        logs=cut.logs(package, arch),
        jobs=share_cores(),
        requires=requires,
        ccache=cut.cache / "ccache" if cut.ccache else None,
        epoch=cut.release.epoch,
    )
