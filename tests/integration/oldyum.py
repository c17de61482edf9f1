"""A published repository as yum 3.2.22 goes through it (yum/yumRepo.py, yum/__init__.py, yum/misc.py); for tests alone.

yum 3.2.22 runs on Python 2.4 with pysqlite; what it cannot do there is a problem here.
Nothing but the standard library: see oldpgp.py.
"""

import bz2
import gzip
import hashlib
import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from .oldpgp import Key
from .oldrpm import MAGIC, DamagedError, check_rpm, read_nevra, read_rpm
from .oldsack import Content, Entry, Listed, UnreadableError, compare, read_database, read_repomd, read_xml

# Python 2.4 has no hashlib: yum/misc.py knows these alone, and takes "sha" for "sha1".
CHECKSUMS = {"md5": "md5", "sha": "sha1", "sha1": "sha1"}
DATABASE_VERSION = "10"
KINDS = ("primary", "filelists", "other")
SCHEMES = ("http", "ftp", "file", "https")


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that a client finds: who it is, and where."""

    name: str
    epoch: str
    version: str
    release: str
    arch: str
    location: str

    @property
    def nevra(self) -> str:
        return f"{self.name}-{self.epoch}:{self.version}-{self.release}.{self.arch}"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What a client finds in a repository, what it has against it, and how old it takes it for, in seconds of the epoch."""

    packages: tuple[Package, ...]
    problems: tuple[str, ...]
    timestamp: int = 0


class Place:
    """Where a repository lies: a folder, or a URL."""

    def __init__(self, base: Path | str) -> None:
        self.base = base.resolve().as_uri() if isinstance(base, Path) else base
        if not self.base.endswith("/"):
            self.base += "/"

    def fetch(self, href: str, base: str = "") -> bytes:
        """A file's content. Raises UnreadableError without it."""
        url = (f"{base}/" if base else self.base) + urllib.parse.quote(href, safe="/%:~+@")
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return bytes(response.read())
        except (OSError, urllib.error.URLError) as error:
            raise UnreadableError(f"failure: {href} from repository: {error}") from None


def read_repository(base: Path | str, keys: Sequence[Key] | None, *, known: int = 0) -> Repository:
    """What yum 3.2.22 finds in a repository, and every problem that it would have with it.

    `base` is a folder or a URL, `keys` are those that rpm's database holds; with None for them nothing asks for signatures
    (gpgcheck=0), `known` is the timestamp of what the client has of this repository. All is looked at that some client of
    CentOS 5 reads: databases and XML, groups, and all packages.
    """
    place = Place(base)
    try:
        repomd = read_repomd(place.fetch("repodata/repomd.xml"))
    except UnreadableError as error:
        return Repository(packages=(), problems=(str(error),))
    timestamp = max((listed.timestamp for listed in repomd.values()), default=0)
    problems: list[str] = []
    if known > timestamp:
        problems.append(f"Not using downloaded repomd.xml because it is older than what we have: {known}, {timestamp}")
    content = {kind: read_kind(place, repomd, kind, problems) for kind in KINDS}
    for kind in KINDS[1:]:
        problems += [f"{kind}: nothing about {pkgid}" for pkgid in sorted(content["primary"].keys() - content[kind].keys())]
    entries = [entry for entry in content["primary"].values() if isinstance(entry, Entry)]
    problems += check_groups(place, repomd) + check_names(entries)
    for entry in entries:
        problems += check_package(place, entry, keys)
    packages = tuple(sorted(map(as_package, entries), key=lambda found: found.nevra))
    return Repository(packages=packages, problems=tuple(problems), timestamp=timestamp)


def as_package(entry: Entry) -> Package:
    """What a package's metadata says who it is."""
    return Package(
        name=entry.name,
        epoch=entry.epoch or "0",
        version=entry.version,
        release=entry.release,
        arch=entry.arch,
        location=entry.href,
    )


def read_kind(place: Place, repomd: dict[str, Listed], kind: str, problems: list[str]) -> Content:
    """Packages from the database, or from the XML without one of the version that yum knows; never both, as yum does it.

    The XML is read in any case, as older clients have nothing else, and compared.
    """
    listed, found = repomd.get(f"{kind}_db"), {}
    if listed and listed.dbversion == DATABASE_VERSION:
        found["database"] = listed
    if kind in repomd:
        found["xml"] = repomd[kind]
    if not found:
        problems.append(f"requested datatype {kind} not available")
    read: dict[str, Content] = {}
    for form, data in found.items():
        try:
            text = fetch_listed(place, data)
            read[form] = read_xml(kind, text) if form == "xml" else unpack_database(kind, data, text)
        except UnreadableError as error:
            problems.append(str(error))
    if len(read) == 2:
        problems += compare(kind, read["xml"], read["database"])
    return read.get(next(iter(found), ""), {})


def fetch_listed(place: Place, listed: Listed) -> bytes:
    """A file of metadata whose checksum is right. Raises UnreadableError."""
    text = place.fetch(listed.href)
    check_sum(listed, listed.checksum, text)
    return text


def check_sum(listed: Listed, expected: tuple[str, str], text: bytes) -> None:
    """Raises UnreadableError as _checkMD does."""
    name = CHECKSUMS.get(expected[0])
    if name is None:
        raise UnreadableError(f"{listed.kind}: [Errno -3] Error performing checksum ({expected[0] or 'none'})")
    if hashlib.new(name, text).hexdigest() != expected[1]:
        raise UnreadableError(f"{listed.kind}: [Errno -1] Metadata file does not match checksum")


def unpack_database(kind: str, listed: Listed, text: bytes) -> Content:
    """A database's packages. Whatever its name, yum takes it for bzip2 and cuts `.bz2` out of the name for the result."""
    if ".bz2" not in listed.href:
        raise UnreadableError(f"{listed.kind}: {PurePosixPath(listed.href).name} is no .bz2: yum empties it as it unpacks it")
    try:
        text = bz2.decompress(text)
    except (OSError, ValueError):
        raise UnreadableError(f"{listed.kind}: what lies in {PurePosixPath(listed.href).name} is not bzip2") from None
    try:
        check_sum(listed, listed.open_checksum, text)
    except UnreadableError as error:
        raise UnreadableError(f"{error} (once unpacked)") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sqlite")
        path.write_bytes(text)
        return read_database(kind, path)


def check_groups(place: Place, repomd: dict[str, Listed]) -> list[str]:
    """What yum has against the groups: it takes group_gz before group, and unpacks that by its name."""
    listed = repomd.get("group_gz") or repomd.get("group")
    if listed is None:
        return []
    try:
        text = fetch_listed(place, listed)
        if listed.href.endswith(".gz"):
            text = gzip.decompress(text)
        ElementTree.fromstring(text)
    except UnreadableError as error:
        return [str(error)]
    except (ElementTree.ParseError, OSError, EOFError):
        return [f"{listed.kind}: Failed to add groups file for repository: comps file is empty/damaged"]
    return []


def check_names(entries: list[Entry]) -> list[str]:
    """Packages of one file name: yum keeps them all under it in one folder."""
    names = Counter(PurePosixPath(entry.href).name for entry in entries)
    return [f"{name}: {count} packages of this file name" for name, count in sorted(names.items()) if count > 1]


def check_package(place: Place, entry: Entry, keys: Sequence[Key] | None) -> list[str]:
    """What yum and rpm have against one package: its location, its content, and its signatures."""
    if urllib.parse.urlsplit(entry.href).scheme or entry.href.startswith("/") or ".." in entry.href.split("/"):
        return [f"{entry.href}: location is outside of the repository"]
    try:
        data = place.fetch(entry.href, entry.base)
    except UnreadableError as error:
        return [str(error)]
    problems = [f"{entry.href}: {text}" for text in check_content(entry, data)]
    if keys is None:
        return problems
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, PurePosixPath(entry.href).name)
        path.write_bytes(data)
        return problems + check_rpm(path, keys)


def check_content(entry: Entry, data: bytes) -> list[str]:
    """Where a package's file is another than its metadata says (verifyPkg; size and header range as yum uses them elsewhere)."""
    name = CHECKSUMS.get(entry.checksum_type)
    if name is None:
        return [f"Package does not match intended download (checksum of unknown type {entry.checksum_type})"]
    problems = []
    if hashlib.new(name, data).hexdigest() != entry.pkgid:
        problems.append("Package does not match intended download (checksum)")
    if str(len(data)) != entry.size_package:
        problems.append(f"size is {len(data)}, and {entry.size_package} in the metadata")
    try:
        rpm = read_rpm(data)
    except DamagedError as error:
        return [*problems, str(error)]
    if read_nevra(rpm) != (entry.name, entry.epoch or "0", entry.version, entry.release, entry.arch):
        problems.append("Package does not match intended download (name, version or architecture)")
    if (entry.header_start, entry.header_end) != (str(rpm.start), str(rpm.header.end)) or data[rpm.start :][:8] != MAGIC:
        problems.append("header range is not where the header lies")
    return problems


def read_mirrorlist(url: str, *, basearch: str = "x86_64", releasever: str = "5") -> list[str]:
    """The base URLs that yum 3.2.22 takes from a mirrorlist (_readMirrorList, _replace_and_check_url), in their order.

    With the default failovermethod (roundrobin) it starts at a random one. Raises ValueError for what it takes for a metalink.
    """
    if "metalink" in url:
        raise ValueError(f"{url}: yum takes a mirrorlist with metalink in its URL for a metalink (_hack_mirrorlist_for_anaconda)")
    with urllib.request.urlopen(url, timeout=30) as response:
        text = response.read().decode("latin-1")
    variables = {"basearch": basearch, "releasever": releasever, "arch": basearch if basearch == "x86_64" else "i686"}
    found = []
    for line in text.split("\n"):
        # Only a line's newline goes away: a blank before it or a carriage return behind it stays in the URL.
        if re.match(r"\s*#|\s*$", line):
            continue
        mirror = re.sub(r"\$(\w+)", lambda name: variables.get(name[1].lower(), name[0]), line.replace("$ARCH", "$BASEARCH"))
        mirror += "" if mirror.endswith("/") else "/"
        scheme = re.match(r"[A-Za-z0-9+.-]+(?=:)", mirror)
        if scheme and scheme[0].lower() in SCHEMES:
            found.append(mirror)
    return found
