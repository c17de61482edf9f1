"""Bars that share a scale."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar of a picture.

    Fields:
        text: the value for people. share: how long it is, in hundredths of the longest.
        goal: where a line crosses it, in the same measure; None for no line.
    """

    label: str
    value: float
    text: str
    share: float
    goal: float | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A group of bars that share a scale."""

    title: str
    bars: tuple[Bar, ...]


def draw(title: str, rows: Sequence[tuple[str, float, str]], *, goals: Sequence[float | None] = ()) -> Chart:
    """Return a group of bars for rows of name, value and text.

    Args:
        goals: for each row the value at which a line crosses the bar, or None.
    """
    marks = list(goals) or [None] * len(rows)
    widest = max((*(value for _, value, _ in rows), *(goal for goal in marks if goal is not None)), default=0) or 1
    bars = tuple(
        Bar(
            label=name, value=value, text=text, share=round(100 * value / widest, 1),
            goal=None if goal is None else round(100 * goal / widest, 1),
        )
        for (name, value, text), goal in zip(rows, marks, strict=True)
    )  # fmt: skip
    return Chart(title=title, bars=bars)
