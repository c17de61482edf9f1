"""Make the build roots, one an arch, kept as archives in the user's cache."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tproxy_rpms.release.model import Arch
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step an arch. Kernel configurations come first: one that misses a demand stops the cut before any root is made."""
    after = tuple(
        f"kconfig:{name}:{arch}"
        for name, package in cut.release.packages.items()
        if package.kconfig
        for arch in cut.release.arches
    )
    for arch in cut.release.arches:
        yield Step(
            stage="root",
            name=arch,
            doc=f"{cut.release.target.name} for {arch}",
            after=after,
            inputs=partial(inputs, cut, arch),
            run=partial(make, cut, arch),
        )


def inputs(cut: Cut, arch: Arch) -> Mapping[str, object]:
    """What a root is asked to be; what is in it is the archive's business, and its digest is recorded."""
    own = {"builder": cut.release.builder, "target": cut.target_digest, "arch": arch}
    return own | dict(cut.builder.root_inputs(arch))


def make(cut: Cut, arch: Arch) -> tuple[Path, ...]:
    """Make the root of one arch."""
    from tproxy_rpms.tasks.observe import watch_root

    with watch_root(cut, arch, f"root:{arch}"):
        return cut.builder.make_root(arch, log=cut.build / "logs" / f"root-{arch}.log")
