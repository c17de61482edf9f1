"""What is published: the RPMs of a repository, in a folder or behind a URL, each checked against its repository's metadata."""

import bz2
import gzip
import lzma
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tproxy_rpms.errors import FetchError, HostError
from tproxy_rpms.process import CommandError, require_tool, run_command
from tproxy_rpms.sources.download import Part, digest_all, download
from tproxy_rpms.sources.place import DownloadError, Limits, MissingError, read_scheme
from tproxy_rpms.store import wait_for_lock

REPO = "{http://linux.duke.edu/metadata/repo}"
COMMON = "{http://linux.duke.edu/metadata/common}"

# With it, a location is below another URL than the repository's.
BASE = "{http://www.w3.org/XML/1998/namespace}base"

# Where the repository of an arch lies below a location that is a tree of them.
BELOW = {"x86_64": "x86_64", "i386": "i386", "SRPM": "SRPMS"}

# The most bytes of metadata, and of one RPM.
MOST_METADATA, MOST_RPM = 256 << 20, 2 << 30

# Checksum types that repositories may have; "sha" is createrepo's old word for SHA-1.
ALGORITHMS = {"sha": "sha1", "sha1": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}

# What reads a compressed file; what is not among them is read as it is.
OPENERS: Mapping[str, Callable[[Path, str], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

ANEW = "make the repository anew"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A file that metadata tells of: its URL, and its checksum in hex."""

    url: str
    algorithm: str
    checksum: str


def find_published(location: str, names: Sequence[str], *, arch: str, scratch: Path) -> list[Path]:
    """Return the published RPMs that have one of these names; one that is not published is left out.

    Args:
        location: a folder or URL of a repository, or of a tree with x86_64/, i386/ and SRPMS/ below.
        names: file names. arch: whose they are, or "SRPM": a noarch RPM has one name in the repositories of both arches.
        scratch: where downloads go; what lies there and is right is not fetched again.

    Raises FetchError if there is no repository, it cannot be reached, or a file is not what its metadata says; HostError when the
    disk does not take the files.
    """
    folder = local_folder(location)
    if folder is not None:
        return find_in_folder(folder, names, below=BELOW[arch])
    with wait_for_lock(scratch / ".lock"):
        try:
            if read_scheme(location) not in ("http", "https"):
                raise FetchError(f"{location}: no folder, and no http or https URL", hint="give a folder, http://… or https://…")
            listed = read_repository(location.rstrip("/") + "/", scratch, below=BELOW[arch])
            return [bring(listed[name], scratch / name, most=MOST_RPM) for name in names if name in listed]
        except DownloadError as error:
            raise FetchError(str(error), hint="look whether the repository can be reached, and whole, and try again") from error
        except OSError as error:
            raise HostError(f"{scratch}: {error.strerror or error}", hint="make room on the disk, or mend its rights") from error


def local_folder(location: str) -> Path | None:
    """Return the folder that a location names, or None for a URL."""
    if location.startswith("file://"):
        return Path(unquote(urlsplit(location).path))
    return None if "://" in location else Path(location)


def find_in_folder(folder: Path, names: Sequence[str], *, below: str) -> list[Path]:
    """Return the files of these names anywhere in a folder, as they are. Raises FetchError for a folder without RPMs."""
    place = folder / below if (folder / below).is_dir() else folder
    found = {path.name: path for path in sorted(place.rglob("*.rpm"), reverse=True) if path.is_file()}
    if not found:
        raise FetchError(f"{place}: no RPM in there", hint="give a repository, or a folder with x86_64/, i386/ and SRPMS/")
    return [found[name] for name in names if name in found]


def read_repository(base: str, scratch: Path, *, below: str) -> dict[str, Listed]:
    """Return file name → what the repository below a URL, or else the one right there, tells of it. Raises DownloadError."""
    said = []
    for place in (f"{base}{below}/", base):
        try:
            return read_place(place, scratch)
        except MissingError as error:
            said.append(str(error))
    raise FetchError("\n".join([f"{base}: no repository there", *said]), hint="repodata/repomd.xml must be below the URL")


def read_place(place: str, scratch: Path) -> dict[str, Listed]:
    """Return file name → what the repository right below a URL tells of it. Raises MissingError where none is."""
    primary = find_primary(bring_new(f"{place}repodata/repomd.xml", scratch / "repomd.xml"), place)
    path = bring(primary, scratch / "primary", most=MOST_METADATA)
    return dict(read_primary(decompress(path, primary.url), place))


def find_primary(repomd: bytes, base: str) -> Listed:
    """Return where repomd.xml says that the list of packages is."""
    url = f"{base}repodata/repomd.xml"
    for data in parse(repomd, url).iter(f"{REPO}data"):
        if data.get("type") == "primary":
            return read_entry(data, base, namespace=REPO)
    raise FetchError(f"{url}: it lists no primary", hint=ANEW)


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
    outside = "://" in href or href.startswith("/") or ".." in PurePosixPath(unquote(href)).parts
    if not href or outside or (location is not None and BASE in location.attrib) or not algorithm or checksum is None:
        raise FetchError(
            f"{base}: metadata with a location {href!r} that is no file of it, or without a checksum that we know", hint=ANEW
        )
    return Listed(url=base + quote(href, safe="/%"), algorithm=algorithm, checksum=(checksum.text or "").strip().lower())


def parse(content: bytes, url: str) -> ET.Element:
    """Return the root of an XML file. Raises FetchError for what is none."""
    try:
        return ET.fromstring(content)
    except ET.ParseError as error:
        raise FetchError(f"{url}: no readable metadata: {error}", hint="look at what the server answers") from error


def decompress(path: Path, url: str) -> bytes:
    """Return the content of a metadata file, compressed as its name says. Raises FetchError for none, or too much."""
    suffix = PurePosixPath(urlsplit(url).path).suffix
    try:
        if suffix == ".zst":
            path = unpack_zstd(path)
        with OPENERS.get(suffix, Path.open)(path, "rb") as stream:
            content: bytes = stream.read(MOST_METADATA + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, CommandError) as error:
        raise FetchError(f"{url}: cannot be decompressed: {error}", hint=ANEW) from error
    if len(content) > MOST_METADATA:
        raise FetchError(f"{url}: more than {MOST_METADATA} bytes, decompressed", hint=ANEW)
    return content


def unpack_zstd(path: Path) -> Path:
    """Return the decompressed file beside a zstd's; what grows too large is cut off by the kernel, and zstd fails."""
    unpacked = path.with_name(f"{path.name}.unpacked")
    zstd = require_tool("zstd", package="zstd")
    run_command(["prlimit", f"--fsize={MOST_METADATA + 1}", zstd, "-dqf", path, "-o", unpacked])
    return unpacked


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
