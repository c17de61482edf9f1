"""One download over HTTP or from a file: resumed where it broke, digested while it arrives, never taken whole into memory."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tproxy_rpms.store import read_json, sync_path, write_json

CHUNK = 1 << 20


class DownloadError(Exception):
    """One place did not give the file; the message says why. Caught where the next place is tried."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a download may take.

    Fields:
        connect, read: seconds to connect, and between two pieces of the body.
        least_speed: bytes a second below which a place is given up, measured over `speed_window` seconds.
        attempts: how often a broken body is resumed from the same place. size: the most bytes, set per source.
    """

    connect: float = 10
    read: float = 30
    least_speed: float = 10_000
    speed_window: float = 20
    attempts: int = 3


@dataclass(kw_only=True)
class Part:
    """A file that is still arriving: NAME.part with NAME.part.json, which survive an interruption.

    Fields:
        path: the part. url, validator: where the bytes came from, and the ETag or date that tells whether they still fit.
    """

    path: Path
    url: str = ""
    validator: str = ""

    @classmethod
    def open(cls, path: Path) -> "Part":
        """Return the part at `path` with what an earlier run left of it."""
        note = read_json(path.with_name(f"{path.name}.json"))
        if path.exists() and isinstance(note, dict):
            return cls(path=path, url=str(note.get("url", "")), validator=str(note.get("validator", "")))
        path.unlink(missing_ok=True)
        return cls(path=path)

    @property
    def size(self) -> int:
        """The bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, url: str, validator: str) -> None:
        """Start anew from a place."""
        self.url, self.validator = url, validator
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        write_json(self.path.with_name(f"{self.path.name}.json"), {"url": url, "validator": validator})

    def finish(self, path: Path) -> None:
        """Give the part its name."""
        sync_path(self.path)
        self.path.replace(path)
        sync_path(path.parent)
        self.drop()

    def drop(self) -> None:
        """Remove what is left of the part."""
        self.path.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}.json").unlink(missing_ok=True)


def download(
    url: str, part: Part, *, algorithms: tuple[str, ...], limit: int, limits: Limits, progress: Callable[[int, int], None]
) -> dict[str, str]:
    """Bring a URL into `part` and return the digests of all of it, algorithm → hex.

    Args:
        limit: the most bytes. progress: called with the bytes so far and the expected total (0 if not known).

    Raises DownloadError when the place does not give the file; the part then keeps what can be resumed.
    """
    for attempt in range(1, limits.attempts + 1):
        try:
            return receive(url, part, algorithms=algorithms, limit=limit, limits=limits, progress=progress)
        except BrokenBodyError as error:
            if attempt == limits.attempts:
                raise DownloadError(f"{error} ({attempt} attempts)") from error
    raise AssertionError("not reached")


class BrokenBodyError(DownloadError):
    """The body ended too soon: what came may be resumed."""


def receive(
    url: str, part: Part, *, algorithms: tuple[str, ...], limit: int, limits: Limits, progress: Callable[[int, int], None]
) -> dict[str, str]:
    """Make one request, resuming what is there if the place says that it is still the same file."""
    resume = part.size if part.url == url and part.validator else 0
    with open_url(url, start=resume, validator=part.validator, limits=limits) as (body, headers, resumed):
        if not resumed:
            part.begin(url, headers.get("validator", ""))
        hashes = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
        for piece in read_pieces(part.path) if resumed else ():
            for each in hashes:
                each.update(piece)
        done = part.size
        total = done + int(headers.get("length", "0")) if headers.get("length") else 0
        if max(done, total) > limit:
            raise DownloadError(f"{url}: {max(done, total)} bytes, more than the limit of {limit}")
        clock = SpeedWatch(limits)
        with part.path.open("ab") as sink:
            for piece in body:
                sink.write(piece)
                for each in hashes:
                    each.update(piece)
                done += len(piece)
                progress(done, total)
                if done > limit:
                    raise DownloadError(f"{url}: more than the limit of {limit} bytes")
                clock.check(url, len(piece))
    if total and done < total:
        raise BrokenBodyError(f"{url}: the body ended too soon, at {done} of {total} bytes")
    if total and done > total:
        raise DownloadError(f"{url}: {done} bytes came, {total} were announced")
    return {name: each.hexdigest() for name, each in zip(algorithms, hashes, strict=True)}


class SpeedWatch:
    """Gives up a place that stays below the least speed for a whole window."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.since, self.bytes = limits, time.monotonic(), 0

    def check(self, url: str, count: int) -> None:
        """Take note of `count` bytes. Raises DownloadError at the end of a window that was too slow."""
        self.bytes += count
        elapsed = time.monotonic() - self.since
        if elapsed >= self.limits.speed_window:
            if self.bytes / elapsed < self.limits.least_speed:
                raise DownloadError(f"{url}: {self.bytes / elapsed:.0f} bytes a second, less than {self.limits.least_speed:.0f}")
            self.since, self.bytes = time.monotonic(), 0


def read_pieces(path: Path) -> Iterator[bytes]:
    """Yield a file piece by piece."""
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            yield piece


@contextmanager
def open_url(
    url: str, *, start: int, validator: str, limits: Limits
) -> Iterator[tuple[Iterator[bytes], Mapping[str, str], bool]]:
    """Yield a URL's body in pieces, its `length` and `validator`, and whether it goes on at byte `start`."""
    if urlsplit(url).scheme == "file":
        path = Path(unquote(urlsplit(url).path))
        try:
            length = str(path.stat().st_size)
            yield read_pieces(path), {"length": length}, False
        except OSError as error:
            raise DownloadError(f"{url}: {error.strerror}") from error
        return
    with open_http(url, start=start, validator=validator, limits=limits) as answer:
        yield answer


@contextmanager
def open_http(
    url: str, *, start: int, validator: str, limits: Limits
) -> Iterator[tuple[Iterator[bytes], Mapping[str, str], bool]]:
    """Yield an HTTP answer; see `open_url`. Content codings are refused: digests are of the file as it lies there."""
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": "tproxy-rpms"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        with requests.Session() as session:
            session.max_redirects = 10
            with session.get(url, headers=headers, stream=True, timeout=(limits.connect, limits.read)) as answer:
                resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
                if answer.status_code != 200 and not resumed:
                    raise DownloadError(f"{url}: HTTP {answer.status_code} {answer.reason or ''}".rstrip())
                yield stream_body(url, answer), describe_answer(answer.headers), resumed
    except requests.RequestException as error:
        raise DownloadError(f"{url}: {explain(error)}") from error


def stream_body(url: str, answer: Any) -> Iterator[bytes]:
    """Yield the body; what breaks in the middle of it is a BrokenBodyError."""
    import requests
    import urllib3

    try:
        while piece := answer.raw.read(CHUNK, decode_content=False):
            yield piece
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise BrokenBodyError(f"{url}: {explain(error)}") from error


def describe_answer(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what matters of the headers: the body's length, and a strong validator for resuming."""
    etag = headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    return {"length": headers.get("Content-Length", ""), "validator": validator}


def explain(error: BaseException) -> str:
    """Return the innermost reason of a network error in one line."""
    text = str(error.args[0] if error.args else error)
    if "IncompleteRead" in text:
        return "the body ended too soon"
    match = re.search(
        r"(Connection refused|timed out|Name or service not known|Temporary failure[^']*|Exceeded \d+ redirects)", str(error)
    )
    return match[1] if match else (text or type(error).__name__)


def read_small(url: str, *, limit: int = 4 << 20, limits: Limits | None = None) -> bytes:
    """Return a small file (a signature, a key) as a whole. Raises DownloadError."""
    with open_url(url, start=0, validator="", limits=limits or Limits()) as (body, _, _):
        data = b""
        for piece in body:
            data += piece
            if len(data) > limit:
                raise DownloadError(f"{url}: more than {limit} bytes")
    return data
