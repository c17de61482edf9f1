"""Measured build times: out of the runs that doit keeps, or out of `measured.toml`."""

import statistics
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.release.model import Arch
from tproxy_rpms.report.runs import Run, StepRun

MEASURED = Path(__file__).with_name("measured.toml")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How long one package took for one arch.

    Fields:
        seconds: the median, where it was measured more than once.
        how: the command that made it, or how often it was found, and what else was at work.
    """

    package: str
    arch: Arch
    seconds: float
    how: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of a release.

    Fields:
        at_once: how many builds shared the machine.
    """

    release: str
    at_once: int
    figures: tuple[Figure, ...]


def read_arch(word: str) -> Arch | None:
    """Return an arch, or None for another word."""
    return "x86_64" if word == "x86_64" else "i386" if word == "i386" else None


def read_measured(path: Path, name: str) -> Measured:
    """Return a set of figures. Raises KeyError with the names that there are."""
    with path.open("rb") as stream:
        sets = tomllib.load(stream)
    if name not in sets:
        raise KeyError(f"no set {name} in {path.name}: there are {', '.join(sets)}")
    figures = tuple(figure for one in sets[name]["measured"] for figure in read_figures(one))
    return Measured(release=sets[name]["release"], at_once=sets[name]["at_once"], figures=figures)


def read_figures(table: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield the figures of one command."""
    for package, by_arch in table["seconds"].items():
        for word, seconds in by_arch.items():
            arch = read_arch(word)
            if arch is None:
                raise KeyError(f"no arch {word}: there are x86_64 and i386")
            yield Figure(package=package, arch=arch, seconds=float(seconds), how=table["how"])


def gather_figures(runs: Iterable[Run]) -> tuple[Figure, ...]:
    """Return the medians of all builds in runs that were made without ccache, ordered by name.

    A build that was taken from the content cache is a step like any other: the runs do not tell, and must be chosen.
    """
    found: dict[tuple[str, Arch], list[tuple[float, float]]] = {}
    for run in runs:
        if run.ccache:
            continue
        built = [step for step in run.steps if step.task.startswith("rpm:") and step.outcome == "done"]
        for step in built:
            _, package, word = step.task.split(":")
            if arch := read_arch(word):
                found.setdefault((package, arch), []).append((step.seconds, run.cores / find_company(step, run.steps)))
    return tuple(make_figure(package, arch, samples) for (package, arch), samples in sorted(found.items()))


def make_figure(package: str, arch: Arch, samples: list[tuple[float, float]]) -> Figure:
    """Return the figure of samples, each its seconds and the cores that it had."""
    cores = statistics.median(cores for _, cores in samples)
    seconds = statistics.median(seconds for seconds, _ in samples)
    return Figure(
        package=package, arch=arch, seconds=seconds, how=f"{len(samples)} in the runs, with about {cores:.1f} cores each"
    )


def find_company(step: StepRun, steps: Iterable[StepRun]) -> float:
    """Return how many builds were at work during one, itself among them, on the average of its time."""
    end = step.started + step.seconds
    shared = sum(
        max(0.0, min(end, other.started + other.seconds) - max(step.started, other.started))
        for other in steps
        if other is not step and other.task.startswith(("rpm:", "repro:"))
    )
    return 1 + shared / step.seconds if step.seconds else 1.0
