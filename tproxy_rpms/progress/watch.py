"""Watching a step from beside it: how far it is, against the last time."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tproxy_rpms.console import Console, repeat
from tproxy_rpms.progress.counter import Counter, Follower
from tproxy_rpms.progress.pace import make_pace, read_pace, write_pace


@contextmanager
def watch_log(name: str, *, unit: str, find: Callable[[], Path | None], pattern: re.Pattern[bytes], kept: Path) -> Iterator[None]:
    """Show how many lines of a growing log match, as long as the context lasts; see `watch_count`.

    Args:
        find: returns where the log is, or None while it is nowhere.
    """
    with watch_count(name, unit=unit, count=Follower(find, Counter(pattern)).look, kept=kept):
        yield


@contextmanager
def watch_count(name: str, *, unit: str, count: Callable[[], int], kept: Path) -> Iterator[None]:
    """Show how far a step is as long as the context lasts, and keep its pace if it comes to a good end.

    Args:
        name: of the step. unit: what is counted, in the plural. count: returns how many are done.
        kept: the file of the step's pace; of how many is what it says.
    """
    last, started = read_pace(kept), time.monotonic()
    marks: list[tuple[float, int]] = []

    def mark() -> int:
        done = count()
        if marks and done < marks[-1][1]:
            marks.clear()  # begun anew
        if done and (not marks or done > marks[-1][1]):
            marks.append((time.monotonic() - started, done))
        return done

    with Console().progress(name, unit) as report:

        def look() -> None:
            done = mark()
            of = last.count if last and done <= last.count else 0
            report(done, of, last.estimate_left(done, time.monotonic() - started) if last else None)

        with repeat(look):
            yield
    with suppress(OSError):
        mark()
    if pace := make_pace(marks, seconds=time.monotonic() - started):
        write_pace(kept, pace)


class Tally:
    """How many are done, as the one who does them tells."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        """One more is done."""
        self.count += 1

    def look(self) -> int:
        """Return how many are done."""
        return self.count
