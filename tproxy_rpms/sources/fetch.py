"""Fetching a source: from mirrors and its makers' sites in order, until one gives the pinned bytes."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tproxy_rpms.console import Console
from tproxy_rpms.errors import FetchError, HostError
from tproxy_rpms.release.model import Release, Source
from tproxy_rpms.sources.download import Part, Progress, digest_all, download
from tproxy_rpms.sources.fetched import Fetched, read_fetched, write_fetched
from tproxy_rpms.sources.place import DownloadError, Limits, mirror_url


def fetch_source(
    source: Source, *, directory: Path, mirrors: Sequence[str], console: Console, limits: Limits | None = None
) -> Fetched:
    """Fetch a source that is pinned by digests, and return its record, also written beside the file.

    Args:
        directory: where the file goes; it gets its name only when all digests are right.
        mirrors: folders or URL prefixes that are tried before the source's own URLs, as MIRROR/FILENAME.

    A file with wrong bytes is kept as FILENAME.bad-XXXXXXXX, and the next place is tried.
    Raises FetchError with what each place said, HostError when the disk does not take the file.
    """
    path = directory / source.filename
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            found = digest_all(path, tuple(source.digests))
            if not find_faults(source, found, path.stat().st_size):
                return record(source, path, origin=recorded_origin(source, directory) or path.absolute().as_uri())
            set_aside(path, path, found)
        return fetch_to(path, source, places=list_places(source, mirrors), console=console, limits=limits or Limits())
    except OSError as error:
        raise HostError(
            f"{path}: {error.strerror or error}", hint="make room on the disk, or mend the folder's rights"
        ) from error


def list_mirrors(release: Release) -> tuple[str, ...]:
    """Return the folders or URL prefixes that come before every source's own URLs: the environment's, then the release's."""
    return tuple(mirror for mirror in (os.environ.get("TPROXY_RPMS_MIRROR", ""), release.mirror) if mirror)


def fetch_to(path: Path, source: Source, *, places: Iterator[str], console: Console, limits: Limits) -> Fetched:
    """Fetch a source from the first place that gives the pinned bytes. Raises FetchError when none does."""
    said = []
    for url in places:
        part = Part.open(path.with_name(f"{path.name}.part"))
        try:
            with console.transfer(source.filename) as report:
                found, faults = try_place(url, part, source, limits=limits, report=report)
        except DownloadError as error:
            said.append(str(error))
            continue
        if not faults:
            part.finish(path)
            return record(source, path, origin=url)
        bad = set_aside(part.path, path, found)
        part.drop()
        said.append(f"{url}: {'; '.join(faults)}; kept as {bad.name}")
    what = "\n".join(said) if said else "no URL and no mirror to try"
    raise FetchError(
        f"{source.filename}: no place gave the pinned file\n{what}", hint="TPROXY_RPMS_MIRROR=FOLDER names a folder that has it"
    )


def try_place(url: str, part: Part, source: Source, *, limits: Limits, report: Progress) -> tuple[dict[str, str], list[str]]:
    """Download from one place. Returns the digests, and what is wrong with the file.

    What was put together from several answers and is wrong gets one more try in one piece: the file may have changed
    unnoticed in between, or the part been damaged.
    """
    for patched in (True, False):
        found = download(url, part, algorithms=tuple(source.digests), limit=source.limit, limits=limits, progress=report)
        faults = find_faults(source, found, part.size)
        if not (faults and part.resumed and patched):
            break
        part.drop()
    return found, faults


def list_places(source: Source, mirrors: Sequence[str]) -> Iterator[str]:
    """Yield the URLs to try, in order; a mirror may be a folder."""
    for mirror in mirrors:
        yield mirror_url(mirror, source.filename)
    yield from source.urls


def find_faults(source: Source, found: Mapping[str, str], size: int) -> list[str]:
    """Return what is wrong with a file; all digests that are pinned must be right, and the size if it is pinned."""
    faults = [f"{name} is {found[name]}, pinned is {digest}" for name, digest in source.digests.items() if found[name] != digest]
    return faults + ([f"{size} bytes, pinned are {source.size}"] if source.size and size != source.size else [])


def set_aside(wrong: Path, path: Path, found: Mapping[str, str]) -> Path:
    """Keep a file with wrong bytes under a name that says so, and return that."""
    bad = path.with_name(f"{path.name}.bad-{found['sha256'][:8]}")
    wrong.replace(bad)
    return bad


def recorded_origin(source: Source, directory: Path) -> str:
    """Return where an earlier run had the same file from, or nothing."""
    with contextlib.suppress(FetchError):
        fetched = read_fetched(directory, source.name)
        if fetched.sha256 == source.digests["sha256"]:
            return fetched.origin
    return ""


def record(source: Source, path: Path, *, origin: str) -> Fetched:
    """Write and return the record of a fetched file."""
    fetched = Fetched(
        source=source.name,
        file=path.name,
        version=source.version,
        sha256=source.digests["sha256"],
        size=path.stat().st_size,
        origin=origin,
    )
    write_fetched(path.parent, fetched)
    return fetched
