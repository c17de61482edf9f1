"""Counting in a log that arrives in pieces."""

import re
from collections.abc import Callable
from pathlib import Path

# An object: as the kernel and automake's silent rules tell it, and as make and libtool show the compiler's call.
# "checking whether gcc …" is none, and neither is libtool's own call, which a line "libtool: compile: …" follows.
OBJECT = re.compile(
    rb" {2,}(?:CC|CXX|AS|CPPAS|HOSTCC|HOSTCXX|LD|AR|CCLD|CXXLD)(?: \[M\])? +\S"
    rb"|(?:\+ |if |libtool: compile:)? *(?:\S*/)?(?:ccache +(?:\S*/)?)?"
    rb"(?:\w+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+)(?:-[\d.]+)? (?:.* )?-c "
)

# A package that dpkg has configured, in the dpkg.log of the root that is being made.
CONFIGURED = re.compile(rb"\S+ \S+ status installed ")

# A package that rpm installs, as yum, dnf and dnf5 say it in mock's root.log.
INSTALLED = re.compile(rb"(?:DEBUG util\.py:\d+: +)?\s*(?:Installing *: |\[ *\d+/\d+\] Installing )")

# Of a line that has no end, what is kept.
LONGEST_LINE = 1 << 16


class Counter:
    """Counts the lines that a pattern matches at their beginning."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.count = 0
        self.rest = b""

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the log; it may end within a line."""
        *lines, rest = (self.rest + piece).split(b"\n")
        self.rest = rest[:LONGEST_LINE]
        self.count += sum(self.pattern.match(line) is not None for line in lines)

    def restart(self) -> None:
        """Begin at nothing."""
        self.count = 0
        self.rest = b""


class Follower:
    """Reads on in a log that somebody else writes, and counts in it.

    Args:
        find: returns where the log is, or None while it is nowhere. What is there at first is of an earlier build, and counts
            only once it has changed. counter: gets what is written.
    """

    def __init__(self, find: Callable[[], Path | None], counter: Counter) -> None:
        self.find = find
        self.counter = counter
        self.old = self.identify()
        self.inode = self.offset = 0

    def identify(self) -> tuple[int, int, int]:
        """Return what tells the log as it is now from a later one."""
        path = self.find()
        if path is None or not path.is_file():
            return 0, 0, 0
        state = path.stat()
        return state.st_ino, state.st_size, state.st_mtime_ns

    def look(self) -> int:
        """Read what has come, and return the count; a log that was begun anew is counted anew."""
        path, now = self.find(), self.identify()
        if path is None or now in ((0, 0, 0), self.old):
            return self.counter.count
        inode, size, _ = now
        if inode != self.inode or size < self.offset:
            self.inode, self.offset = inode, 0
            self.counter.restart()
        with path.open("rb") as stream:
            stream.seek(self.offset)
            while piece := stream.read(1 << 20):
                self.offset += len(piece)
                self.counter.feed(piece)
        return self.counter.count
