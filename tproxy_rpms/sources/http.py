"""Places behind HTTP: redirects, ranges and broken answers."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3

from tproxy_rpms.sources.place import (
    CHUNK,
    Answer,
    BrokenBodyError,
    DownloadError,
    Limits,
    MissingError,
    SpeedWatch,
    StaleError,
    read_scheme,
)

# Redirects that are followed before a place is given up.
REDIRECTS = 10

# What a place answers that does not have the file; stores of objects say "forbidden" so that nobody learns what there is.
MISSING = (403, 404, 410)


class Session(requests.Session):
    """A session that leaves redirects to `request_answer`: even when told not to follow one, requests takes its whole body."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target."""


@contextmanager
def open_http(url: str, *, start: int, validator: str, limits: Limits) -> Iterator[Answer]:
    """Yield the answer of an HTTP place. Content codings are refused: digests are of the file as it lies there."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "tproxy-rpms"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        with Session() as session, request_answer(session, url, headers=headers, limits=limits) as answer:
            yield read_answer(url, answer, start=start, validator=validator, limits=limits)
    except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:  # the last two: of odd host names
        raise DownloadError(f"{url}: {explain(error)}") from error


def request_answer(session: Session, url: str, *, headers: Mapping[str, str], limits: Limits) -> requests.Response:
    """Return the answer at the end of the redirects. Raises DownloadError when they lead nowhere."""
    place = url
    for _ in range(REDIRECTS + 1):
        answer = session.get(place, headers=headers, stream=True, timeout=(limits.connect, limits.read))
        if not answer.is_redirect:
            return answer
        answer.close()
        place = join_url(place, answer.headers["Location"])
        if read_scheme(place) not in ("http", "https"):
            raise DownloadError(f"{url}: redirected to {place}")
    raise DownloadError(f"{url}: more than {REDIRECTS} redirects")


def join_url(place: str, target: str) -> str:
    """Return where a redirect leads. Raises DownloadError when that is no URL."""
    try:
        return urljoin(place, target)
    except ValueError as error:
        raise DownloadError(f"{place}: redirected to {target}: {error}") from error


def read_answer(url: str, answer: requests.Response, *, start: int, validator: str, limits: Limits) -> Answer:
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
    kind = MissingError if status in MISSING else DownloadError
    raise kind(f"{url}: HTTP {status} {answer.reason or ''}".rstrip())


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


def explain(error: BaseException) -> str:
    """Return the innermost reason of a network error in one line."""
    match = re.search(r"(Connection refused|timed out|Name or service not known|Temporary failure[^']*)", str(error))
    if match:
        return match[1]
    nested = [getattr(error, "reason", None), *reversed(error.args)]
    inner = next((each for each in nested if isinstance(each, BaseException)), None)
    if inner is not None:
        return explain(inner)
    return "the body ended too soon" if type(error).__name__ == "IncompleteRead" else str(error) or type(error).__name__
