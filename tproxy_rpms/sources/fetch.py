"""Fetching a source: from mirrors and its makers' sites in order, until one gives the pinned bytes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tproxy_rpms.console import Console
from tproxy_rpms.errors import FetchError
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.download import DownloadError, Limits, Part, download
from tproxy_rpms.sources.fetched import Fetched, write_fetched
from tproxy_rpms.store import digest_file


def fetch_source(
    source: Source, *, directory: Path, mirrors: Sequence[str], console: Console, limits: Limits | None = None
) -> Fetched:
    """Fetch a source that is pinned by digests, and return its record, also written beside the file.

    Args:
        directory: where the file goes; it gets its name only when all digests are right.
        mirrors: folders or URL prefixes that are tried before the source's own URLs, as MIRROR/FILENAME.

    A file with wrong bytes is kept as FILENAME.bad-XXXXXXXX, and the next place is tried.
    Raises FetchError with what each place said.
    """
    path = directory / source.filename
    directory.mkdir(parents=True, exist_ok=True)
    if path.is_file() and wrong_digests(source, {name: digest_file(path, name) for name in source.digests}) == []:
        return record(source, path, origin=path.absolute().as_uri())
    said = []
    for url in list_places(source, mirrors):
        part = Part.open(directory / f"{source.filename}.part")
        try:
            with console.transfer(source.filename) as report:
                found = download(
                    url, part, algorithms=tuple(source.digests), limit=source.limit, limits=limits or Limits(), progress=report
                )
        except DownloadError as error:
            said.append(str(error))
            continue
        wrong = wrong_digests(source, found) or wrong_size(source, part.size)
        if not wrong:
            part.finish(path)
            return record(source, path, origin=url)
        said.append(f"{url}: {'; '.join(wrong)}; kept as {set_aside(part, path, found).name}")
    what = "\n".join(said) if said else "no URL and no mirror to try"
    raise FetchError(
        f"{source.filename}: no place gave the pinned file\n{what}", hint="TPROXY_RPMS_MIRROR=FOLDER names a folder that has it"
    )


def list_places(source: Source, mirrors: Sequence[str]) -> Iterator[str]:
    """Yield the URLs to try, in order; a mirror may be a folder."""
    for mirror in mirrors:
        base = mirror if "://" in mirror else Path(mirror).absolute().as_uri()
        yield f"{base.rstrip('/')}/{source.filename}"
    yield from source.urls


def wrong_digests(source: Source, found: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the digests of a file; all that are pinned must be right."""
    return [f"{name} is {found[name]}, pinned is {digest}" for name, digest in source.digests.items() if found[name] != digest]


def wrong_size(source: Source, size: int) -> list[str]:
    """Return what is wrong with the size of a file."""
    return [f"{size} bytes, pinned are {source.size}"] if source.size and size != source.size else []


def set_aside(part: Part, path: Path, found: Mapping[str, str]) -> Path:
    """Keep a file with wrong bytes under a name that says so, and return that."""
    bad = path.with_name(f"{path.name}.bad-{found['sha256'][:8]}")
    part.path.replace(bad)
    part.drop()
    return bad


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
