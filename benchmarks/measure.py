"""What benchmarks share: what one is asked, what it measured, and samples that take turns."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parent.parent


class CannotRunError(Exception):
    """This benchmark cannot run on this host; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a benchmark is asked.

    Fields:
        release: a name or file. quick: less of everything, and one sample where one takes long.
        scratch: an empty folder, which is gone afterwards. kept: a folder that stays from run to run.
    """

    release: str
    quick: bool
    scratch: Path
    kept: Path

    def samples(self, usual: int) -> int:
        """Return how many samples to take where `usual` are worth their time."""
        return min(usual, 3 if usual > 5 else 1) if self.quick else usual


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The samples of a benchmark in seconds, and what else it has to say."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    note: str = ""

    @property
    def ratio(self) -> float:
        """The median of ours as a multiple of the median of theirs."""
        return statistics.median(self.ours) / statistics.median(self.theirs)


class Benchmark(Protocol):
    """A module of this folder: what it compares, whether it is left out by --quick, and how it measures."""

    WHAT: str
    SLOW: bool

    def measure(self, setting: Setting) -> Measured:
        """Return the samples. Raises CannotRunError where this host has not what it takes."""


def take_turns(ours: Callable[[], float], theirs: Callable[[], float], *, samples: int, note: str = "") -> Measured:
    """Measure both in turn, so that what else the host does weighs on both."""
    found: tuple[list[float], list[float]] = [], []
    for _ in range(samples):
        found[1].append(theirs())
        found[0].append(ours())
    return Measured(ours=tuple(found[0]), theirs=tuple(found[1]), note=note)


def time_command(
    argv: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    prepare: Callable[[], object] = list,
) -> float:
    """Return the seconds that a command takes, once all is prepared for it. Raises CannotRunError with its words if it fails.

    What it reads is `stdin` and then the end: none waits for somebody to answer.
    """
    prepare()
    whole = os.environ | dict(environment or {})
    start = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=whole, input=stdin, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise CannotRunError(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return seconds
