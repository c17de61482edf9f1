"""What is published: the RPMs of a repository, in a folder or behind a URL, each checked against its repository's metadata."""

import bz2
import gzip
import lzma
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from tproxy_rpms.errors import FetchError
from tproxy_rpms.process import CommandError, require_tool, run_command
from tproxy_rpms.sources.download import Part, digest_all, download
from tproxy_rpms.sources.place import DownloadError, Limits
from tproxy_rpms.store import wait_for_lock

REPO = "{http://linux.duke.edu/metadata/repo}"
COMMON = "{http://linux.duke.edu/metadata/common}"

# Where repositories lie below a location that is none itself.
BELOW = ("", "x86_64/", "i386/", "SRPMS/")

# The most bytes of metadata, and of one RPM.
MOST_METADATA, MOST_RPM = 256 << 20, 2 << 30

# Checksum types that repositories may have; "sha" is createrepo's old word for SHA-1.
ALGORITHMS = {"sha": "sha1", "sha1": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}

OPENERS: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A file that metadata tells of: its URL, and its checksum in hex."""

    url: str
    algorithm: str
    checksum: str


def find_published(location: str, names: Sequence[str], *, scratch: Path) -> list[Path]:
    """Return the published RPMs that have one of these names; one that is not published is left out.

    Args:
        location: a folder or URL of a repository, or of a tree with x86_64/, i386/ and SRPMS/ below.
        names: file names. scratch: where downloads go; what lies there and is right is not fetched again.

    Raises FetchError if there is no repository, or a file is not what its metadata says.
    """
    folder = local_folder(location)
    if folder is not None:
        return find_in_folder(folder, names)
    if urlsplit(location).scheme not in ("http", "https"):
        raise FetchError(f"{location}: no folder, and no http or https URL", hint="give a folder, http://… or https://…")
    with wait_for_lock(scratch / ".lock"):
        listed = read_repositories(location.rstrip("/") + "/", scratch)
        return [bring(listed[name], scratch / name, most=MOST_RPM) for name in names if name in listed]


def local_folder(location: str) -> Path | None:
    """Return the folder that a location names, or None for a URL."""
    if location.startswith("file://"):
        return Path(unquote(urlsplit(location).path))
    return None if "://" in location else Path(location)


def find_in_folder(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the files of these names anywhere in a folder, as they are. Raises FetchError for a folder without RPMs."""
    found = {path.name: path for path in sorted(folder.rglob("*.rpm"), reverse=True) if path.is_file()}
    if not found:
        raise FetchError(f"{folder}: no RPM in there", hint="give a repository, or a folder with x86_64/, i386/ and SRPMS/")
    return [found[name] for name in names if name in found]


def read_repositories(base: str, scratch: Path) -> dict[str, Listed]:
    """Return file name → what the repositories at a URL, or below it, tell of it."""
    listed: dict[str, Listed] = {}
    said = []
    for below in BELOW:
        try:
            repomd = bring_new(f"{base}{below}repodata/repomd.xml", scratch / "repomd.xml")
        except DownloadError as error:
            said.append(str(error))
            continue
        primary = find_primary(repomd, f"{base}{below}")
        path = bring(primary, scratch / "primary", most=MOST_METADATA)
        listed |= dict(read_primary(decompress(path, primary.url), f"{base}{below}"))
    if not listed:
        raise FetchError("\n".join([f"{base}: no repository there", *said]), hint="repodata/repomd.xml must be below the URL")
    return listed


def find_primary(repomd: bytes, base: str) -> Listed:
    """Return where repomd.xml says that the list of packages is."""
    url = f"{base}repodata/repomd.xml"
    for data in parse(repomd, url).iter(f"{REPO}data"):
        if data.get("type") == "primary":
            return read_entry(data, base, namespace=REPO)
    raise FetchError(f"{url}: it lists no primary", hint="make the repository anew")


def read_primary(content: bytes, base: str) -> Iterator[tuple[str, Listed]]:
    """Yield file name and entry of each package."""
    for package in parse(content, f"{base}repodata/primary.xml").iter(f"{COMMON}package"):
        entry = read_entry(package, base, namespace=COMMON)
        yield PurePosixPath(unquote(urlsplit(entry.url).path)).name, entry


def read_entry(element: ET.Element, base: str, *, namespace: str) -> Listed:
    """Return one entry of metadata. Raises FetchError for one that is not whole, or lies outside of its repository."""
    location, checksum = element.find(f"{namespace}location"), element.find(f"{namespace}checksum")
    href = location.get("href", "") if location is not None else ""
    algorithm = ALGORITHMS.get(checksum.get("type", ""), "") if checksum is not None else ""
    outside = urlsplit(href).scheme or href.startswith("/") or ".." in PurePosixPath(unquote(href)).parts
    if not href or outside or not algorithm or checksum is None:
        raise FetchError(f"{base}: metadata with a location {href!r} that is no file of it, or without a checksum that we know")
    return Listed(url=base + href, algorithm=algorithm, checksum=(checksum.text or "").strip().lower())


def parse(content: bytes, url: str) -> ET.Element:
    """Return the root of an XML file. Raises FetchError for what is none."""
    try:
        return ET.fromstring(content)
    except ET.ParseError as error:
        raise FetchError(f"{url}: no readable metadata: {error}", hint="look at what the server answers") from error


def decompress(path: Path, url: str) -> bytes:
    """Return the content of a metadata file, compressed as its name says."""
    suffix = PurePosixPath(urlsplit(url).path).suffix
    try:
        if suffix == ".zst":
            return run_command([require_tool("zstd", package="zstd"), "-dcq", str(path)]).stdout.encode()
        content = path.read_bytes()
        return OPENERS[suffix](content) if suffix in OPENERS else content
    except (OSError, EOFError, lzma.LZMAError, CommandError) as error:
        raise FetchError(f"{url}: cannot be decompressed: {error}") from error


def bring_new(url: str, path: Path) -> bytes:
    """Return what a URL gives now. Raises DownloadError if it gives nothing."""
    part = Part.open(path.with_name(f"{path.name}.part"))
    part.drop()
    download(url, part, algorithms=(), limit=MOST_METADATA, limits=Limits(), progress=lambda *_: None)
    part.finish(path)
    return path.read_bytes()


def bring(listed: Listed, path: Path, *, most: int) -> Path:
    """Return a file with the checksum that metadata gives it, fetched if it is not there. Raises FetchError if it has another."""
    if path.is_file() and digest_all(path, (listed.algorithm,))[listed.algorithm] == listed.checksum:
        return path
    part = Part.open(path.with_name(f"{path.name}.part"))
    try:
        found = download(listed.url, part, algorithms=(listed.algorithm,), limit=most, limits=Limits(), progress=lambda *_: None)
    except DownloadError as error:
        raise FetchError(str(error), hint="the repository lists it: it must be there") from error
    if found[listed.algorithm] != listed.checksum:
        part.drop()
        raise FetchError(
            f"{listed.url}: {listed.algorithm} {found[listed.algorithm]}, but its repository says {listed.checksum}",
            hint="the file or the metadata was changed after the repository was made",
        )
    part.finish(path)
    return path
