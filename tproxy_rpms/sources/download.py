"""One download: resumed where it broke, digested while it arrives, never taken whole into memory."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.sources.place import CHUNK, BrokenBodyError, DownloadError, Limits, StaleError, open_place
from tproxy_rpms.store import read_json, sync_path, write_json

Progress = Callable[[int, int], None]


@dataclass(kw_only=True)
class Part:
    """A file that is still arriving: NAME.part with NAME.part.json, which survive an interruption.

    Fields:
        path: the part. url, validator: where the bytes came from, and the ETag or date that tells whether they still fit.
        resumed: whether it was put together from more than one answer.
    """

    path: Path
    url: str = ""
    validator: str = ""
    resumed: bool = False

    @classmethod
    def open(cls, path: Path) -> "Part":
        """Return the part at `path` with what an earlier run left of it."""
        note = read_json(path.with_name(f"{path.name}.json"))
        if path.is_file() and isinstance(note, dict):
            return cls(path=path, url=str(note.get("url", "")), validator=str(note.get("validator", "")))
        path.unlink(missing_ok=True)
        return cls(path=path)

    @property
    def size(self) -> int:
        """The bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, url: str, validator: str) -> None:
        """Start anew from a place."""
        self.url, self.validator, self.resumed = url, validator, False
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
        self.url, self.validator, self.resumed = "", "", False
        self.path.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}.json").unlink(missing_ok=True)


def download(
    url: str, part: Part, *, algorithms: tuple[str, ...], limit: int, limits: Limits, progress: Progress
) -> dict[str, str]:
    """Bring a URL into `part` and return the digests of all of it, algorithm → hex.

    Args:
        limit: the most bytes. progress: called with the bytes so far and the expected total (0 if not known).

    A body that breaks off is resumed as long as that brings it further. Raises DownloadError when the place does not give
    the file; the part then keeps what can be resumed.
    """
    best, failures = part.size if part.url == url else 0, 0
    while True:
        try:
            return receive(url, part, algorithms=algorithms, limit=limit, limits=limits, progress=progress)
        except (BrokenBodyError, StaleError) as error:
            if isinstance(error, StaleError):
                part.drop()
            failures = 1 if part.size >= best + CHUNK else failures + 1
            best = max(best, part.size)
            if failures >= limits.attempts:
                raise DownloadError(f"{error} ({failures} attempts)") from error
        time.sleep(limits.pause)


def receive(
    url: str, part: Part, *, algorithms: tuple[str, ...], limit: int, limits: Limits, progress: Progress
) -> dict[str, str]:
    """Make one request, resuming what is there if the place says that it is still the same file."""
    begun = part.size if part.url == url and part.validator else 0
    with open_place(url, start=begun, validator=part.validator, limits=limits) as answer:
        if answer.start:
            part.resumed = True
        else:
            part.begin(url, answer.validator)
        hashes = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
        update_hashes(hashes, part.path)
        done, total = answer.start, answer.total
        if max(done, total) > limit:
            raise DownloadError(f"{url}: {max(done, total)} bytes, more than the limit of {limit}")
        with part.path.open("ab", buffering=CHUNK) as sink:
            for piece in answer.pieces:
                done += len(piece)
                if done > limit:
                    raise DownloadError(f"{url}: more than the limit of {limit} bytes")
                sink.write(piece)
                for each in hashes:
                    each.update(piece)
                progress(done, total)
    if done < total:
        raise BrokenBodyError(f"{url}: the body ended too soon, at {done} of {total} bytes")
    return {name: each.hexdigest() for name, each in zip(algorithms, hashes, strict=True)}


def update_hashes(hashes: list[Any], path: Path) -> None:
    """Feed a file to several hashes in one pass and constant memory."""
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            for each in hashes:
                each.update(piece)


def digest_all(path: Path, algorithms: tuple[str, ...]) -> dict[str, str]:
    """Return several hex digests of a file, read once."""
    hashes = [hashlib.new(name, usedforsecurity=False) for name in algorithms]
    update_hashes(hashes, path)
    return {name: each.hexdigest() for name, each in zip(algorithms, hashes, strict=True)}
