"""What a long transfer shows: bars on a terminal, plain lines elsewhere."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# Seconds between two plain lines of one transfer.
INTERVAL = 10

_lock = threading.Lock()
_bars: Any = None
_shown = 0


class Console:
    """Shows transfers on one stream, several at once.

    Args:
        stream: where to; bars are drawn if it is a terminal, without colours if NO_COLOR is set.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    @contextmanager
    def transfer(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show one transfer; yields the function that takes the bytes so far and the total (0 if not known)."""
        if self.stream.isatty():
            with self.bar(name) as report:
                yield report
        else:
            yield self.plain(name)

    def plain(self, name: str) -> Callable[[int, int], None]:
        """Return a report that writes a line now and then."""
        last = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= INTERVAL:
                last = time.monotonic()
                write_line(self.stream, f"{name}: {format_bytes(done)}" + (f" of {format_bytes(total)}" if total else ""))

        return report

    @contextmanager
    def bar(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show one bar among those of other threads; the display lasts as long as there is one."""
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        global _bars, _shown  # one terminal, one display
        with _lock:
            if _shown == 0:
                terminal = Terminal(file=self.stream, no_color="NO_COLOR" in os.environ)
                columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn()
                # doit exchanges sys.stdout as it likes, so rich must not: see `write_line`.
                _bars = Progress(*columns, console=terminal, redirect_stdout=False, redirect_stderr=False)
                _bars.start()
            _shown += 1
            bars = _bars
        task = bars.add_task(name, total=None)
        try:
            yield lambda done, total: bars.update(task, completed=done, total=total or None)
        finally:
            bars.remove_task(task)
            with _lock:
                _shown -= 1
                if _shown == 0:
                    bars.stop()


def write_line(stream: TextIO, text: str) -> None:
    """Write one whole line, above the bars if some are drawn on this terminal."""
    with _lock:
        if _shown and stream.isatty():
            _bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            stream.write(text + "\n")
            stream.flush()


def one_line(text: str) -> str:
    """Return a text that cannot break a line, nor send codes to a terminal: names and values come out of packages."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def format_bytes(count: int) -> str:
    """Return a size for people, in binary units."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"


def format_seconds(seconds: float) -> str:
    """Return a duration for people: 4.2 s, 6 min 31 s."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
