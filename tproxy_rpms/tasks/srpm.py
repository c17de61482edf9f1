"""Render the specs, check the patches, and make one SRPM a package for all arches."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.release.model import Package
from tproxy_rpms.store import digest_code
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step

if TYPE_CHECKING:
    from tproxy_rpms.surroundings import Surroundings


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step a package."""
    for package in cut.release.packages.values():
        after = [f"verify:{source}" for source in package.sources]
        if package.kconfig:
            after += [f"kconfig:{package.name}:{arch}" for arch in cut.release.arches]
        yield Step(
            stage="srpm",
            name=package.name,
            doc=f"specs/{package.spec}.spec.j2",
            after=tuple(after),
            inputs=partial(inputs, cut, package),
            run=partial(make, cut, package),
        )


def inputs(cut: Cut, package: Package) -> dict[str, object]:
    """What shapes an SRPM."""
    configured = {arch: cut.recorded("kconfig", package.name, arch) for arch in cut.release.arches} if package.kconfig else {}
    return cut.facts(package) | {
        "sources": {source: cut.recorded("fetch", source) for source in package.sources},
        "kconfig": configured,
        "spec": cut.spec_digest(package),
        "patches": cut.patches_digest(package),
        "code": digest_code("packaging"),
    }


def make(cut: Cut, package: Package) -> tuple[Path, ...]:
    """Make the SRPM of one package."""
    from tproxy_rpms.packaging.srpm import OWN

    return (make_in(cut, package, output=cut.build / "srpms" / package.name, surroundings=OWN),)


def make_in(cut: Cut, package: Package, *, output: Path, surroundings: "Surroundings") -> Path:
    """Make the SRPM of one package in a folder, and under the surroundings that are given."""
    from tproxy_rpms.packaging.patches import check_patches
    from tproxy_rpms.packaging.spec import list_files, render_spec
    from tproxy_rpms.packaging.srpm import build_srpm
    from tproxy_rpms.sources.fetched import read_fetched
    from tproxy_rpms.tasks.templates import open_specs

    fetched = [read_fetched(cut.sources, source) for source in package.sources]
    sources = [cut.sources / one.file for one in fetched]
    patches = cut.patches(package)
    if sources:
        check_patches(patches, sources[0])
    with open_specs(cut.root) as root:
        files = list(list_files(package, root=root))
        if package.kconfig:
            kinds = [(kind, arch) for arch in cut.release.arches for kind in ("config", "demands")]
            files += [cut.kconfig(package, arch) / f"{kind}-{arch}" for kind, arch in kinds]
        spec = render_spec(
            cut.release,
            package,
            root=root,
            version=fetched[0].version if fetched else package.version,
            sources=sources,
            files=[path.name for path in files],
            patches=[path.name for path in patches],
        )
        content = [*sources, *files, *patches]
        return build_srpm(cut.release, spec=spec, name=package.name, sources=content, output=output, surroundings=surroundings)
