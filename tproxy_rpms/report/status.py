"""Where a cut stands: for each package and arch, which stages are done, since when, and why not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

SCHEMA = 1

# From the best to the worst. `none`: does not apply. `good`: done with what is there now. `old`: done, but something that went
# into it has changed since. `no`: not done. `bad`: done or tried, and not as it should be.
Word = Literal["none", "good", "old", "no", "bad"]
WORDS: tuple[Word, ...] = ("none", "good", "old", "no", "bad")

COLUMNS = ("fetched", "verified", "audited", "built", "gated", "reproducible", "signed", "published", "accepted")

# What the screen calls a column whose name is too long for 100 columns.
SHORT = {"reproducible": "repro"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One stage of one package and arch, or a step.

    Fields:
        since: when it was done, seconds since 1970; 0 if it was not.
        reasons: why it is not good, a line each, which begins with the step's name. needs: the steps that must be done before.
        note: what a word does not tell, such as a verdict that is good but not the best.
    """

    word: Word
    since: float = 0
    reasons: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    note: str = ""


NONE = Cell(word="none")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One package and arch (`SRPM` for the source package); `cells` has one for each of COLUMNS."""

    package: str
    arch: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a cut stands.

    Fields:
        release, summary: its name, and what its file says of it. folder: where it lies.
        rows: a package and arch each. whole: what speaks of the cut as a whole: repositories, record, snapshot.
        obstacles: what is in the way of publishing, a line each. worker: who is at work on it just now, or empty.
        now: the time of all this, seconds since 1970.
    """

    release: str
    summary: str
    folder: str
    rows: tuple[Row, ...]
    whole: Mapping[str, Cell]
    obstacles: tuple[str, ...]
    worker: str
    now: float

    @property
    def publishable(self) -> bool:
        """Whether nothing is in the way of publishing."""
        return not self.obstacles


def combine(cells: Iterable[Cell]) -> Cell:
    """Return the cell of several that must all be good: the worst word, the oldest time, all reasons; NONE for no cells."""
    found = [cell for cell in cells if cell.word != "none"]
    if not found:
        return NONE
    return Cell(
        word=max((cell.word for cell in found), key=WORDS.index),
        since=min((cell.since for cell in found if cell.since), default=0),
        reasons=tuple(dict.fromkeys(reason for cell in found for reason in cell.reasons)),
        needs=tuple(dict.fromkeys(name for cell in found for name in cell.needs)),
        note=", ".join(dict.fromkeys(cell.note for cell in found if cell.note)),
    )


def list_reasons(status: Status) -> tuple[str, ...]:
    """Return why something is old or bad, or was tried without being done, each reason once, in the order of rows and columns."""
    cells = [cell for row in status.rows for cell in row.cells.values()] + list(status.whole.values())
    return tuple(dict.fromkeys(reason for cell in cells if cell.word != "no" or cell.since for reason in cell.reasons))


def render_status(status: Status) -> str:
    """Return the status for people: a table, what is not good and why, and whether it can be published."""
    head = ["package", "arch", *(SHORT.get(name, name) for name in COLUMNS)]
    rows = [[row.package, row.arch, *(show_cell(row.cells[name], status.now) for name in COLUMNS)] for row in status.rows]
    widths = [max(len(line[number]) for line in (head, *rows)) for number in range(len(head))]
    lines = [f"{status.release}: {status.summary}" if status.summary else status.release, ""]
    lines += ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in (head, *rows)]
    lines += ["", "  a time: done so long ago; old: something has changed since; no: not done; bad: not as it should be", ""]
    lines += [f"{name}: {show_cell(cell, status.now)}" for name, cell in status.whole.items() if cell.word != "none"]
    if status.worker:
        lines.append(f"at work just now: {status.worker}")
    lines += list_lines("Why:", [reason for reason in list_reasons(status) if reason not in status.obstacles])
    lines += list_lines("In the way of publishing:", status.obstacles)
    return "\n".join([*lines, "", "publishable: " + ("yes" if status.publishable else "no"), ""])


def list_lines(title: str, lines: Sequence[str]) -> list[str]:
    """Return lines under a title; nothing without lines."""
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def show_cell(cell: Cell, now: float) -> str:
    """Return a cell for people: its age if it is good, else its word; and its note."""
    if cell.word == "good":
        shown = format_age(now - cell.since) if cell.since else "yes"
    else:
        shown = "-" if cell.word == "none" else cell.word
    return f"{shown}, {cell.note}" if cell.note else shown


def format_age(seconds: float) -> str:
    """Return an age for people, in the largest unit that gives 2 or more."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def render_json(status: Status) -> dict[str, Any]:
    """Return the status as JSON has it: see docs/status.md."""
    return {"schema": SCHEMA, "publishable": status.publishable} | asdict(status)
