"""The root that the programs of guests are built in, and what builds in it: one for all releases.

Guests run kernels of any age. What runs on all of them is static and made with musl: a glibc of today ends at once on a kernel of
2009. The roots of a cut hold no musl, and they are not ours to change.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.builders.chroot import create
from tproxy_rpms.packaging.srpm import build_srpm
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch, Release

# What the specs of this room ask for.
PACKAGES = ("bzip2", "gcc", "libc6-dev", "linux-libc-dev", "make", "musl-tools", "patch", "xz-utils")


def load_musl_release(*, root: Path) -> Release:
    """Return what builds for guests: `bookworm`, which needs no site but the host's archive, with a root of its own.

    Args:
        root: the project's folder.
    """
    given = load_release("bookworm", root=root)
    return replace(given, target=replace(given.target, name=f"{given.target.name}-musl", build_packages=PACKAGES))


@contextmanager
def scratch_beside(folder: Path) -> Iterator[Path]:
    """Yield a folder for what the making of `folder` leaves; a killed run's goes when `whole_folder` begins the same again."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent) as name:
        yield Path(name)


def build_spec(
    release: Release, *, spec: str, name: str, sources: list[Path], arch: Arch, cache: Path, scratch: Path, jobs: int,
    requires: tuple[Path, ...] = (), logs: Path | None = None,
) -> Result:  # fmt: skip
    """Build a spec for an arch in the root that `release` has.

    Args:
        sources: every Source of the spec. scratch: a folder for what the build leaves; the results lie in it.
        jobs: how many compilers may run at once. requires: RPMs to install in the root first.
        logs: the folder of root.log, build.log and state.log, if they are to outlive `scratch`.

    Raises HostError when there can be no root, BuildError when the build fails.
    """
    srpm = build_srpm(release, spec=spec, name=name, sources=sources, output=scratch / "srpm")
    builder = create(release, cache=cache, work=scratch / "work")
    logs = logs or scratch / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    builder.make_root(arch, log=logs / "make-root.log")
    job = Job(
        package=name, srpm=srpm, arch=arch, results=scratch / "rpms", logs=logs, jobs=jobs, epoch=release.epoch, requires=requires
    )  # fmt: skip
    return builder.build(job)
