"""Make the repositories, one an arch and one of the SRPMs (this is what plain doit does)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tproxy_rpms.store import digest_code, read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step a repository; each needs its whole set of packages."""
    packages = tuple(cut.release.packages)
    for arch in cut.release.arches:
        yield make_step(cut, arch, [("rpm", name, arch) for name in packages], gates=[f"gate:{name}:{arch}" for name in packages])
    yield make_step(cut, "SRPMS", [("srpm", name) for name in packages], gates=[f"gate:{name}:SRPM" for name in packages])


def make_step(cut: Cut, name: str, steps: Sequence[tuple[str, ...]], *, gates: Sequence[str]) -> Step:
    """Return the step that makes one repository out of what `steps` made, if it passed the gates."""
    return Step(
        stage="repo",
        name=name,
        doc=f"build/{cut.release.name}/repo/{name}",
        after=(*(":".join(words) for words in steps), *gates),
        inputs=lambda: {
            "packages": {":".join(words): cut.recorded(*words) for words in steps},
            "epoch": cut.release.epoch,
            "metadata": [cut.release.target.repo_checksum, cut.release.target.repo_compress],
            "code": digest_code("publish"),
        },
        run=lambda: make(cut, name, steps),
    )


def make(cut: Cut, name: str, steps: Sequence[tuple[str, ...]]) -> tuple[Path, ...]:
    """Make one repository."""
    from tproxy_rpms.publish.repository import make_repository

    rpms = [path for words in steps for path in read_outputs(cut.stamp(*words))]
    return make_repository(cut.release, rpms, cut.build / "repo" / name)
