"""The pace of a step: when the last run was how far, so that this one can tell how long it will still take."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from tproxy_rpms.store import read_json, write_json

SCHEMA = 1

# Marks that are kept of one run.
MARKS = 64

# How much of the last run's time must pass until this run's own speed counts for as much as the last one's.
TRUST = 0.1


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a run went that came to its end.

    Fields:
        count: how many there were in the end. seconds: how long it took.
        marks: (seconds, count), both rising, from the first that was counted to the last.
    """

    count: int
    seconds: float
    marks: tuple[tuple[float, int], ...]

    def find_moment(self, count: int) -> float:
        """Return after how many seconds so many were done."""
        before = (0.0, 0)
        for mark in self.marks:
            if count <= mark[1]:
                return before[0] + (mark[0] - before[0]) * (count - before[1]) / (mark[1] - before[1])
            before = mark
        return self.seconds

    def estimate_left(self, count: int, elapsed: float) -> float | None:
        """Return how many seconds are left, or None where this run has more to do than the last one had.

        Args:
            count: how many are done. elapsed: seconds so far.

        The last run was as far as this one at some moment between this count and the next; whoever is slower until there
        will be slower afterwards, but the first moments say little.
        """
        if count > self.count:
            return None
        moment = min(max(elapsed, self.find_moment(count)), self.find_moment(count + 1))
        trust = TRUST * self.seconds + 1
        return (self.seconds - moment) * (elapsed + trust) / (moment + trust)


def make_pace(marks: Sequence[tuple[float, int]], *, seconds: float) -> Pace | None:
    """Return the pace of a run that has ended, with a few of its marks; None if nothing was counted."""
    if not marks:
        return None
    step = math.ceil(len(marks) / MARKS)
    kept = dict.fromkeys([*marks[::step], marks[-1]])
    return Pace(count=marks[-1][1], seconds=round(seconds, 1), marks=tuple((round(moment, 1), count) for moment, count in kept))


def write_pace(path: Path, pace: Pace) -> None:
    """Keep a pace; a disk that takes nothing costs no more than that."""
    with suppress(OSError):
        write_json(path, {"schema": SCHEMA} | asdict(pace))


def read_pace(path: Path) -> Pace | None:
    """Return a pace that was kept, None if there is none or it is damaged."""
    try:
        value = read_json(path)
        marks = tuple((float(moment), int(count)) for moment, count in value["marks"])
        pace = Pace(count=int(value["count"]), seconds=float(value["seconds"]), marks=marks)
    except (KeyError, TypeError, ValueError):
        return None
    counts = [0, *(count for _, count in marks)]
    rising = all(one < other for one, other in pairwise(counts))
    return pace if value.get("schema") == SCHEMA and rising and counts[-1] == pace.count else None
