"""The builds of a matrix: a release with several kernels, once or twice."""

from collections.abc import Mapping, Sequence

from benchmarks.capacity.schedule import Build
from tproxy_rpms.release.model import Arch, Package, Release

# Seconds of one package for one arch.
Times = Mapping[tuple[str, Arch], float]


class MissingTimesError(Exception):
    """There is no time for something that would be built; its text names all of it."""


def find_kernel_bound(packages: Mapping[str, Package]) -> frozenset[str]:
    """Return the packages that each kernel has of its own: kernels, and what is built after one."""
    bound = {name for name, package in packages.items() if package.kconfig}
    while more := {name for name, package in packages.items() if bound & set(package.after)} - bound:
        bound |= more
    return frozenset(bound)


def make_matrix(release: Release, times: Times, *, kernels: int, twice: bool, extra: float = 0.0) -> tuple[Build, ...]:
    """Return the builds of a release with so many kernels.

    A kernel, and what is built after it, is there once a kernel; all else once.

    Args:
        twice: every build a second time, to compare; a second build needs the first, and what the first one needed.
        extra: seconds that each task takes besides.

    Raises MissingTimesError.
    """
    check_times(release, times)
    bound = find_kernel_bound(release.packages)
    builds: list[Build] = []
    for package in release.packages.values():
        seconds = tuple(times[package.name, arch] + extra for arch in release.arches)
        for number in range(kernels if package.name in bound else 1):
            own = {name: f"{name} {number}" if name in bound else f"{name} 0" for name in (package.name, *package.after)}
            first = Build(name=own[package.name], seconds=seconds, after=tuple(own[name] for name in package.after))
            builds.append(first)
            if twice:
                builds.append(Build(name=f"{first.name} again", seconds=seconds, after=(*first.after, first.name)))
    return tuple(builds)


def check_times(release: Release, times: Times) -> None:
    """Raise MissingTimesError unless every package has a time for every arch."""
    missing = [f"{name}:{arch}" for name in release.packages for arch in release.arches if (name, arch) not in times]
    if missing:
        raise MissingTimesError(f"no time for {', '.join(missing)} of {release.name}")


def count_tasks(builds: Sequence[Build]) -> int:
    """Return how many tasks of one arch the builds are."""
    return sum(len(build.seconds) for build in builds)
