"""A terminal for tests: a program runs on a real pty, and what it writes is drawn as a terminal would."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

# What a terminal is asked for: a colour, a line up, clearing a line. Anything else is a mistake of ours.
TOKEN = re.compile(
    r"\x1b\[(?P<style>[0-9;]*)m|\x1b\[(?P<up>\d*)A|(?P<clear>\x1b\[2K)|(?P<other>[\x00-\x1f\x7f-\x9f])|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)


@dataclass
class Screen:
    """What stands on the terminal, lines from the first that ever was; and what was asked for on the way."""

    columns: int = 80
    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0
    styles: set[str] = field(default_factory=set)

    def draw(self, text: str) -> None:
        """Obey."""
        position = 0
        while position < len(text):
            match = TOKEN.match(text, position)
            assert match, f"no terminal is asked for {text[position : position + 12]!r}"
            position = match.end()
            self.obey(match)

    def obey(self, match: re.Match[str]) -> None:
        """Obey one token."""
        if match["style"] is not None:
            self.styles.add(match["style"])
        elif match["up"] is not None:
            self.row -= int(match["up"] or 1)
        elif match["clear"]:
            self.lines[self.row] = ""
        elif match["text"]:
            self.type(match["text"])
        elif match["other"] == "\r":
            self.column = 0
        elif match["other"] == "\n":
            self.feed()
        else:
            raise AssertionError(f"no terminal is asked for {match['other']!r}")

    def resize(self, columns: int) -> None:
        """Have other columns; lines that are longer wrap, as terminals do it."""
        pieces = [[line[at : at + columns] for at in range(0, len(line), columns)] or [""] for line in self.lines]
        self.row = sum(map(len, pieces[: self.row])) + self.column // columns
        self.lines = [piece for line in pieces for piece in line]
        self.columns, self.column = columns, self.column % columns

    def feed(self) -> None:
        """Go a line down."""
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def type(self, text: str) -> None:
        """Write text, which goes on in the next line where one is full."""
        for sign in text:
            if self.column == self.columns:
                self.feed()
                self.column = 0
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + sign + line[self.column + 1 :]
            self.column += 1

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(line.rstrip() for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a program has shown: its exit status, all it wrote, every state of the screen in between, and the last."""

    status: int
    raw: str
    moments: tuple[str, ...]
    screen: Screen


def show(
    program: str,
    *,
    environment: Mapping[str, str] | None = None,
    columns: int = 80,
    interrupt: str = "",
    resize: Mapping[str, int] | None = None,
) -> Shown:
    """Run a Python program on a terminal of its own.

    Args:
        environment: beside PATH. interrupt: what must stand on the screen before Ctrl-C is typed.
        resize: what must stand on the screen → columns from then on.
    """
    base = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }
    pid, master = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests in the background has them ignore it
        os.execve(sys.executable, [sys.executable, "-c", f"exec({program!a})"], base | dict(environment or {}))
    set_columns(master, columns)
    screen, raw, moments, waiting = Screen(columns=columns), "", [], dict(resize or {})
    stop = time.monotonic() + 60
    while time.monotonic() < stop:
        ready, _, _ = select.select([master], [], [], 1)
        try:
            piece = os.read(master, 1 << 16) if ready else b""
        except OSError:
            break
        raw += piece.decode()
        screen.draw(piece.decode())
        moments.append(screen.text)
        if interrupt and interrupt in screen.text:
            os.write(master, b"\x03")
            interrupt = ""
        for word in [word for word in waiting if word in screen.text]:
            screen.resize(waiting.pop(word))
            set_columns(master, screen.columns)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(master)
    return Shown(status=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), raw=raw, moments=tuple(moments), screen=screen)


def set_columns(terminal: int, columns: int) -> None:
    """Give a terminal its size."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
