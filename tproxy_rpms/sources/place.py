"""A place that a file may come from, http(s):// or file://: opened, and its bytes handed out piece by piece."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 20

# Redirects that are followed before a place is given up.
REDIRECTS = 10


class DownloadError(Exception):
    """One place did not give the file; the message says why. Caught where the next place is tried."""


class BrokenBodyError(DownloadError):
    """The body ended too soon: what came may be resumed."""


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
    if urlsplit(url).scheme == "file":
        with open_file(url) as answer:
            yield answer
    else:
        with open_http(url, start=start, validator=validator, limits=limits) as answer:
            yield answer


@contextmanager
def open_file(url: str) -> Iterator[Answer]:
    """Yield the answer of a file:// URL."""
    path = Path(unquote(urlsplit(url).path))
    if path.exists() and not path.is_file():
        raise DownloadError(f"{url}: not a file")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DownloadError(f"{url}: {error.strerror}") from error
    with stream:
        pieces = iter(lambda: stream.read(CHUNK), b"")
        yield Answer(pieces=pieces, start=0, total=path.stat().st_size, validator="")


@contextmanager
def open_http(url: str, *, start: int, validator: str, limits: Limits) -> Iterator[Answer]:
    """Yield the answer of an HTTP place. Content codings are refused: digests are of the file as it lies there."""
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": "tproxy-rpms"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        with requests.Session() as session, request_answer(session, url, headers=headers, limits=limits) as answer:
            yield read_answer(url, answer, start=start, validator=validator, limits=limits)
    except requests.RequestException as error:
        raise DownloadError(f"{url}: {explain(error)}") from error


def request_answer(session: "requests.Session", url: str, *, headers: Mapping[str, str], limits: Limits) -> "requests.Response":
    """Return the answer at the end of the redirects. Followed here: requests takes the whole body of each one into memory."""
    place = url
    for _ in range(REDIRECTS + 1):
        answer = session.get(place, headers=headers, stream=True, allow_redirects=False, timeout=(limits.connect, limits.read))
        target = session.get_redirect_target(answer)
        if target is None:
            return answer
        answer.close()
        place = urljoin(place, target)
        if urlsplit(place).scheme not in ("http", "https"):
            raise DownloadError(f"{url}: redirected to {place}")
    raise DownloadError(f"{url}: more than {REDIRECTS} redirects")


def read_answer(url: str, answer: "requests.Response", *, start: int, validator: str, limits: Limits) -> Answer:
    """Return what an HTTP answer means. Raises DownloadError for one that brings no file."""
    status, headers = answer.status_code, answer.headers
    found = read_validator(headers)
    if status == 200:
        length = 0 if "Transfer-Encoding" in headers else read_count(headers.get("Content-Length", ""))
        return Answer(pieces=stream_body(url, answer, length=length, limits=limits), start=0, total=length, validator=found)
    if start and status in (206, 416):
        # RFC 9110, 14.4: "bytes FIRST-LAST/TOTAL", or "bytes */TOTAL" when nothing lies at or after FIRST.
        match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", headers.get("Content-Range", ""))
        total = read_count(match[3]) if match else 0
        if status == 416 and total == start:
            return Answer(pieces=iter(()), start=start, total=total, validator=validator)
        if status == 416 or match is None or match[1] is None or int(match[1]) != start or found not in ("", validator):
            raise StaleError(f"{url}: does not go on at byte {start}")
        length = int(match[2]) + 1 - start
        return Answer(
            pieces=stream_body(url, answer, length=length, limits=limits), start=start, total=total, validator=validator
        )
    raise DownloadError(f"{url}: HTTP {status} {answer.reason or ''}".rstrip())


def read_validator(headers: Mapping[str, str]) -> str:
    """Return what an answer can be resumed by: a strong ETag, or else the date. A weak ETag is not fit for that (RFC 9110)."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def read_count(text: str) -> int:
    """Return a number of bytes out of a header; 0 for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0


def stream_body(url: str, answer: Any, *, length: int, limits: Limits) -> Iterator[bytes]:
    """Yield the body as it arrives, at most `length` bytes if that is known.

    Raises BrokenBodyError for what breaks in the middle, DownloadError for a place that is too slow.
    """
    import requests
    import urllib3

    watch, left = SpeedWatch(url, limits), length or None
    while left is None or left > 0:
        try:
            # read1() hands over what is there; read() would wait for a whole piece, however slowly the bytes drip.
            piece = answer.raw.read1(min(CHUNK, left or CHUNK), decode_content=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BrokenBodyError(f"{url}: {explain(error)}") from error
        if not piece:
            break
        watch.note(len(piece))
        left = None if left is None else left - len(piece)
        yield piece


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


def explain(error: BaseException) -> str:
    """Return the innermost reason of a network error in one line."""
    text = str(error.args[0] if error.args else error)
    if "IncompleteRead" in text:
        return "the body ended too soon"
    match = re.search(r"(Connection refused|timed out|Name or service not known|Temporary failure[^']*)", str(error))
    return match[1] if match else (text or type(error).__name__)


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
