"""What a run shows while it goes on: whole lines, and of what takes long bars on a terminal, plain lines with times elsewhere."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from tproxy_rpms.course import Course, format_clock
from tproxy_rpms.outlet import PLAIN_AGAIN, STYLES, clean_text, draws_bars, tolerate, wants_colours, write_text

if TYPE_CHECKING:
    from tproxy_rpms.bars import Bar, Bars

# What may be asked for: bars where they do good, never, or also in what calls itself a CI.
WISHES = ("auto", "plain", "bars")

# Seconds until the first plain line of something, and the most between two: logs of long runs stay small.
FIRST, LONGEST = 30, 300

# Seconds between two looks at what goes on.
LOOK = 1.0


class Report(Protocol):
    """Takes how far something is."""

    def __call__(self, done: int, total: int, left: float | None = None, /) -> None:
        """Take how much is done, of how much (0 if not known), and the seconds that are left, where somebody knows."""


class Display:
    """The one place that knows what stands on the terminal."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.wish = "auto"
        self.turn = threading.RLock()
        self.bars: Bars | None = None
        self.stream: TextIO | None = None
        self.shown = 0
        self.closed = False

    @contextmanager
    def share(self, stream: TextIO) -> "Iterator[Bars | None]":
        """Yield the bars of a terminal, drawn as long as somebody does; None if another has them, or the run has ended."""
        with self.turn:
            bars = self.open_bars(stream)
            self.shown += bars is not None
        try:
            yield bars
        finally:
            with self.turn:
                self.shown -= bars is not None
                if self.shown == 0:
                    self.stop()

    def open_bars(self, stream: TextIO) -> "Bars | None":
        """Return the bars, drawn on this stream."""
        if self.closed or self.stream not in (None, stream):
            return None
        if self.bars is None:
            from tproxy_rpms.bars import Bars

            self.bars, self.stream = Bars(stream), stream
        return self.bars

    def stop(self) -> None:
        """Take the bars away."""
        with self.turn:
            bars, self.bars, self.stream = self.bars, None, None
            if bars is not None:
                bars.stop()

    def close(self) -> None:
        """Take the bars away for good: threads that a run leaves behind draw none any more."""
        self.closed = True
        self.stop()


_display = Display()
atexit.register(_display.close)


class Console:
    """Shows what takes long on one stream, several things at once.

    Args:
        stream: where to, standard error if not given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    def transfer(self, name: str) -> AbstractContextManager[Report]:
        """Show a transfer; yields the function that takes the bytes so far and the total (0 if not known)."""
        return self.progress(name, "B")

    @contextmanager
    def progress(self, name: str, unit: str) -> Iterator[Report]:
        """Show something that takes long; yields the function that takes how far it is. Before its first call nothing is shown.

        Args:
            name: of the step or file. unit: what is counted, in the plural; "B" for bytes.
        """
        with ExitStack() as stack:
            draws = draws_bars(_display.wish, self.stream, os.environ)
            yield self.draw(name, Course(unit), stack) if draws else self.write(name, Course(unit))

    def draw(self, name: str, course: Course, stack: ExitStack) -> Report:
        """Return a report that draws a bar, which goes with `stack`."""
        begun = False
        bar: Bar | None = None

        def report(done: int, total: int, left: float | None = None, /) -> None:
            nonlocal begun, bar
            if not begun:
                begun = True
                bars = stack.enter_context(_display.share(self.stream))
                if bars is not None:
                    bar = bars.add(name)
                    stack.callback(bars.remove, bar)
            if bar is not None:
                bar.done, bar.total, bar.told = done, total, course.tell(done, total, left)

        return report

    def write(self, name: str, course: Course) -> Report:
        """Return a report that writes a line now and then, ever more seldom."""
        due: float = FIRST

        def report(done: int, total: int, left: float | None = None, /) -> None:
            nonlocal due
            told = course.tell(done, total, left)
            if course.elapsed >= due:
                due = course.elapsed + min(max(FIRST, course.elapsed / 2), LONGEST)
                write_line(self.stream, f"{stamp()} {name} {told}")

        return report


def prepare_streams() -> None:
    """Have Python's own streams take every character, and an interruption end in one line.

    A stream that the caller has closed leads nowhere: Python has none then, and would give its number to the next file.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  # open as long as the process
        tolerate(getattr(sys, name))
    sys.excepthook = tell_end


def tell_end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Say what ends the run: of an interruption no more than that."""
    close_display()
    if issubclass(kind, KeyboardInterrupt):
        write_line(sys.stderr, "interrupted; the same command goes on from there")
    else:
        sys.__excepthook__(kind, error, traceback)


def ask_for(wish: str) -> None:
    """Have everything shown as one of WISHES says."""
    _display.wish = wish


def asked_for() -> str:
    """Return what was asked for, one of WISHES."""
    return _display.wish


def close_display() -> None:
    """Take the bars away for good, since the run ends."""
    _display.close()


@contextmanager
def repeat(look: Callable[[], None]) -> Iterator[None]:
    """Look at something again and again from a thread as long as the context lasts; what the host refuses is left out."""
    end = threading.Event()

    def work() -> None:
        while not end.wait(LOOK):
            with suppress(OSError):
                look()

    thread = threading.Thread(target=work, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def write_line(stream: TextIO, text: str) -> None:
    """Write whole lines, above the bars if some are drawn on this terminal; see the rules of `clean_text`."""
    text = clean_text(text, colours=wants_colours(_display.wish, stream, os.environ))
    with _display.turn:
        if _display.bars is not None and stream.isatty():
            _display.bars.print(text)
        else:
            write_text(stream, text + "\n")


def tell(text: str) -> None:
    """Write whole lines to standard output, with the time since the run began."""
    write_line(sys.stdout, f"{stamp()} {text}")


def stamp() -> str:
    """Return the time since the run began: `[ 3:25]`."""
    return f"[{format_clock(time.monotonic() - _display.started):>5}]"


def paint(stream: TextIO, word: str, style: str) -> str:
    """Return a word in a style of STYLES, where the stream gets colours. The word must say all without."""
    return f"{STYLES[style]}{word}{PLAIN_AGAIN}" if wants_colours(_display.wish, stream, os.environ) else word
