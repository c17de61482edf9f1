"""The table at the end of a run: what took longest, against the last time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tproxy_rpms.course import format_seconds
from tproxy_rpms.report.runs import StepRun

# Steps that took longer have a line of their own, as long as there are not more than so many.
LEAST, MOST = 1.0, 15

# Columns of a step's name: with the others a line stays below 80.
NAMES = 38


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many steps came to which end; `undone` needed one that failed, or were not begun any more."""

    done: int
    current: int
    failed: int
    undone: int


def render_closing(steps: Sequence[StepRun], *, before: Mapping[str, float], seconds: float, counts: Counts) -> str:
    """Return the table, plain text of at most 79 columns; empty if no step took a second.

    Args:
        steps: of this run. before: name → seconds that it took the last time. seconds: that the whole run took.
    """
    longest = sorted((step for step in steps if step.seconds >= LEAST), key=lambda step: -step.seconds)[:MOST]
    if not longest:
        return ""
    rest = [step.seconds for step in steps if step not in longest]
    rows = [("step", "", "took", "last time")]
    rows += [
        (shorten(step.task), "" if step.outcome == "done" else "FAILED", format_seconds(step.seconds), tell_before(step, before))
        for step in longest
    ]
    if rest:
        rows.append((f"{len(rest)} shorter ones" if len(rest) > 1 else "a shorter one", "", format_seconds(sum(rest)), ""))
    total = format_seconds(sum(step.seconds for step in steps))
    return "\n".join([*render_rows(rows), f"all steps {total}, wall time {format_seconds(seconds)}", tell_counts(counts)])


def render_rows(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Return aligned lines: words to the left, durations to the right; a column that is empty takes no room."""
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def tell_before(step: StepRun, before: Mapping[str, float]) -> str:
    """Return how long a step took the last time, empty if nobody knows."""
    return format_seconds(before[step.task]) if step.task in before else ""


def tell_counts(counts: Counts) -> str:
    """Return how many steps came to which end; what does not fail is not told of."""
    told = [f"{counts.done} done", f"{counts.current} up to date"]
    told += [f"{counts.failed} FAILED"] if counts.failed else []
    return ", ".join(told + ([f"{counts.undone} not done"] if counts.undone else []))


def shorten(name: str) -> str:
    """Return a name that fits its column."""
    return name if len(name) <= NAMES else f"{name[: NAMES - 3]}..."
