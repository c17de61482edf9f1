"""The one display of a terminal: a bar for each thing that goes on, lines above them. Imports rich, so it is imported late."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.text import Text

from tproxy_rpms.outlet import write_text

# A terminal that is made narrower wraps what stands on it, and rich then clears too few lines: so bars stay narrow themselves.
WIDEST = 79

# Columns of a name, and of a bar; a shorter one says nothing.
NAMES = 26
LONGEST, SHORTEST = 24, 5

# Columns that words have as a rule: a bar that grew and shrank with them would tell of that.
WORDS = 36


@dataclass(kw_only=True)
class Bar:
    """One thing that goes on.

    Fields:
        told: how far it is, in words. done, total: the same for the bar, which is left out while the total is 0.
    """

    name: str
    told: str = ""
    done: int = 0
    total: int = 0


class Screen:
    """A stream as rich writes to it: the encoding is kept to, and a reader that has left ends nothing."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write at once."""
        write_text(self.stream, text)
        return len(text)

    def flush(self) -> None:
        """All is written."""

    def isatty(self) -> bool:
        """A terminal, or there would be no bars."""
        return True

    def fileno(self) -> int:
        """The stream's own."""
        return self.stream.fileno()


class Terminal(Console):
    """A terminal whose cursor stays to be seen all the time: there is nothing to mend after a run that was killed."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002  # rich's signature
        """Leave the cursor as it is."""
        return False

    @property
    def size(self) -> ConsoleDimensions:
        """As it is now."""
        try:
            columns, lines = os.get_terminal_size(self.file.fileno())
        except (OSError, ValueError):
            columns, lines = 0, 0
        return ConsoleDimensions(min(columns - 1, WIDEST) if columns > 1 else WIDEST, lines or 25)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        """The terminal says it, nobody else."""


class Bars:
    """Bars on a terminal, drawn until `stop`; threads may share it. They are plain text: nothing is told by a colour."""

    def __init__(self, stream: TextIO) -> None:
        # Lines bring their own colours.
        self.terminal = Terminal(
            file=Screen(stream),  # type: ignore[arg-type]  # all that rich uses of a stream
            force_terminal=True, force_interactive=True, color_system=None, no_color=True, emoji=False, highlight=False,
        )  # fmt: skip
        self.turn = threading.Lock()
        self.bars: list[Bar] = []
        # Lines come through `print`, so rich need not exchange sys.stdout, which doit does as it likes.
        self.live = Live(
            console=self.terminal, get_renderable=self.render, refresh_per_second=4, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self.live.start()

    def add(self, name: str) -> Bar:
        """Add a bar; whoever has it says how far it is by its fields."""
        bar = Bar(name=name)
        with self.turn:
            self.bars.append(bar)
        return bar

    def remove(self, bar: Bar) -> None:
        """Take a bar away."""
        with self.turn:
            self.bars = [other for other in self.bars if other is not bar]

    def render(self) -> Text:
        """Return all bars as they are now."""
        with self.turn:
            bars = list(self.bars)
        return Text("\n".join(render_bars(bars, width=self.terminal.size.width)), no_wrap=True, overflow="crop", end="")

    def print(self, text: str) -> None:
        """Write whole lines above the bars."""
        self.terminal.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the display away, with nothing left of it."""
        self.live.stop()


def render_bars(bars: Sequence[Bar], *, width: int) -> list[str]:
    """Return a line for each bar, none wider than `width`: first names lose their end, then there is no bar, words stay."""
    said = max((len(bar.told) for bar in bars), default=0)
    names = max((len(bar.name) for bar in bars), default=0)
    names = min(names, NAMES, max(SHORTEST, width - said - 2))
    room = width - names - 6
    length = min(LONGEST, room - max(said, WORDS) if room - WORDS >= SHORTEST else room - said)
    lines = []
    for bar in bars:
        name = bar.name if len(bar.name) <= names else f"{bar.name[: names - 2]}.."
        drawn = f"{draw(bar, length):{length + 2}}  " if length >= SHORTEST else ""
        lines.append(f"{name:{names}}  {drawn}{bar.told}"[:width].rstrip())
    return lines


def draw(bar: Bar, length: int) -> str:
    """Return what is done as a line of signs; nothing where nobody knows of how much."""
    if not bar.total:
        return ""
    return f"[{'=' * (length * min(bar.done, bar.total) // bar.total):{length}}]"
