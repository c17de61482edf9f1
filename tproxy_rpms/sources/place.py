"""A place that a file may come from, http(s):// or file://: opened, and its bytes handed out piece by piece."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

CHUNK = 1 << 20


class DownloadError(Exception):
    """One place did not give the file; the message says why. Caught where the next place is tried."""


class BrokenBodyError(DownloadError):
    """The body ended too soon: what came may be resumed."""


class MissingError(DownloadError):
    """The place answers, and does not have the file."""


class StaleError(DownloadError):
    """The place cannot go on with what was begun: the file there is another one."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a download may take.

    Fields:
        connect, read: seconds to connect, and between two pieces of an answer.
        least_speed: bytes a second below which a place is given up, measured over `speed_window` seconds.
        attempts: how often in a row the same place may break off without getting further. pause: seconds before each new one.
    """

    connect: float = 10
    read: float = 30
    least_speed: float = 10_000
    speed_window: float = 20
    attempts: int = 3
    pause: float = 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a place answered.

    Fields:
        pieces: the body. start: the byte that it begins at; 0 unless the place went on with what was begun.
        total: bytes of the whole file, 0 if not told.
        validator: the ETag or date that tells later whether the file is still the same; empty if there is none.
    """

    pieces: Iterator[bytes]
    start: int
    total: int
    validator: str


class SpeedWatch:
    """Gives up a place that stays below the least speed for a whole window."""

    def __init__(self, url: str, limits: Limits) -> None:
        self.url, self.limits, self.since, self.bytes = url, limits, time.monotonic(), 0

    def note(self, count: int) -> None:
        """Take note of `count` bytes. Raises DownloadError at the end of a window that was too slow."""
        self.bytes += count
        elapsed = time.monotonic() - self.since
        if elapsed < self.limits.speed_window:
            return
        if self.bytes / elapsed < self.limits.least_speed:
            raise DownloadError(f"{self.url}: {self.bytes / elapsed:.0f} bytes a second, less than {self.limits.least_speed:.0f}")
        self.since, self.bytes = time.monotonic(), 0


def mirror_url(mirror: str, filename: str) -> str:
    """Return the URL of a file on a mirror, which is a URL prefix or a folder."""
    base = mirror if "://" in mirror else Path(mirror).absolute().as_uri()
    return f"{base.rstrip('/')}/{quote(filename)}"


@contextmanager
def open_place(url: str, *, start: int = 0, validator: str = "", limits: Limits) -> Iterator[Answer]:
    """Yield what a URL answers.

    Args:
        start: how many bytes are there already. validator: what the place said about them.

    Raises DownloadError; BrokenBodyError, also while the pieces are read; StaleError when nothing fits after `start`.
    """
    if read_scheme(url) == "file":
        with open_file(url) as answer:
            yield answer
    else:
        from tproxy_rpms.sources.http import open_http

        with open_http(url, start=start, validator=validator, limits=limits) as answer:
            yield answer


def read_scheme(url: str) -> str:
    """Return the scheme of a URL. Raises DownloadError when it is none."""
    try:
        return urlsplit(url).scheme
    except ValueError as error:
        raise DownloadError(f"{url}: {error}") from error


@contextmanager
def open_file(url: str) -> Iterator[Answer]:
    """Yield the answer of a file:// URL."""
    path = Path(unquote(urlsplit(url).path))
    if path.exists() and not path.is_file():
        raise DownloadError(f"{url}: not a file")
    try:
        stream = path.open("rb")
    except OSError as error:
        kind = MissingError if isinstance(error, FileNotFoundError) else DownloadError
        raise kind(f"{url}: {error.strerror}") from error
    with stream:
        pieces = iter(lambda: stream.read(CHUNK), b"")
        yield Answer(pieces=pieces, start=0, total=path.stat().st_size, validator="")


def read_small(url: str, *, limit: int = 4 << 20, limits: Limits | None = None) -> bytes:
    """Return a small file (a signature, a key) as a whole. Raises DownloadError."""
    data = b""
    with open_place(url, limits=limits or Limits()) as answer:
        for piece in answer.pieces:
            data += piece
            if len(data) > limit:
                raise DownloadError(f"{url}: more than {limit} bytes")
    if answer.total and len(data) != answer.total:
        raise DownloadError(f"{url}: the body ended too soon")
    return data
