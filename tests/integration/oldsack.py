"""Metadata of a yum repository as yum 3.2.22 reads it (yum/repoMDObject.py, sqlitesack.py, mdparser.py); for tests alone.

Databases and XML are brought into one form, so that they can be compared. Nothing but the standard library: see oldpgp.py.
"""

import gzip
import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from xml.etree import ElementTree

COMMON, LISTS = "{http://linux.duke.edu/metadata/common}", "{http://linux.duke.edu/metadata/filelists}"
OTHER, RPM = "{http://linux.duke.edu/metadata/other}", "{http://linux.duke.edu/metadata/rpm}"
ROOTS = {"primary": f"{COMMON}metadata", "filelists": f"{LISTS}filelists", "other": f"{OTHER}otherdata"}
RELATIONS = ("provides", "requires", "conflicts", "obsoletes")
FILE_TYPES = {"d": "dir", "g": "ghost", "f": "file"}

Content = dict[str, object]


class UnreadableError(Exception):
    """yum cannot use this metadata; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What repomd.xml says of one file of metadata."""

    kind: str
    href: str
    checksum: tuple[str, str]
    open_checksum: tuple[str, str]
    dbversion: str
    timestamp: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A package as primary metadata has it, all as text."""

    name: str
    arch: str
    epoch: str
    version: str
    release: str
    checksum_type: str
    pkgid: str
    summary: str
    description: str
    url: str
    time_file: str
    time_build: str
    license: str
    vendor: str
    group: str
    buildhost: str
    sourcerpm: str
    packager: str
    header_start: str
    header_end: str
    size_package: str
    size_installed: str
    size_archive: str
    href: str
    base: str
    relations: tuple[tuple[str, ...], ...]
    files: tuple[tuple[str, str], ...]


def read_repomd(text: bytes) -> dict[str, Listed]:
    """What repomd.xml lists, by type. Raises UnreadableError."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise UnreadableError("Damaged repomd.xml file") from None
    # yum looks for no namespace here.
    data = [element for element in root.iter() if local_name(element) == "data"]
    return {element.get("type", ""): read_listed(element) for element in data}


def local_name(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def read_listed(element: ElementTree.Element) -> Listed:
    """One <data> of repomd.xml."""
    parts = {local_name(child): child for child in element}
    empty = ElementTree.Element("none")
    checksums = {name: parts.get(name, empty) for name in ("checksum", "open-checksum")}
    checksum, open_checksum = ((part.get("type", ""), part.text or "") for part in checksums.values())
    timestamp = parts.get("timestamp", empty).text or ""
    return Listed(
        kind=element.get("type", ""), href=parts.get("location", empty).get("href", ""), checksum=checksum,
        open_checksum=open_checksum, dbversion=parts.get("database_version", empty).text or "",
        timestamp=int(timestamp) if timestamp.isdigit() else 0,
    )  # fmt: skip


def read_xml(kind: str, text: bytes) -> Content:
    """Packages by their pkgid from primary, filelists or other XML, plain or gzip: libxml2 of that time opens nothing else."""
    try:
        if text[:2] == b"\x1f\x8b":
            text = gzip.decompress(text)
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{kind}: Parsing {kind}.xml error: {error}") from None
    if root.tag != ROOTS[kind]:
        raise UnreadableError(f'{kind}: Unknown repodata type "{root.tag}"')
    packages = [element for element in root if local_name(element) == "package"]
    if root.get("packages") != str(len(packages)):
        raise UnreadableError(f"{kind}: the XML says packages={root.get('packages')} and has {len(packages)}")
    if kind == "primary":
        return {entry.pkgid: entry for entry in map(read_entry, packages)}
    if kind == "filelists":
        files = ((package, package.iterfind(f"{LISTS}file")) for package in packages)
        return {package.get("pkgid", ""): sort_files((file.text, file.get("type")) for file in found) for package, found in files}
    return {package.get("pkgid", ""): read_changes(package) for package in packages}


def sort_files(files: object) -> tuple[tuple[str, str], ...]:
    """Files and their types in one order; one without a type is a plain file."""
    return tuple(sorted((str(path), kind or "file") for path, kind in files))  # type: ignore[attr-defined]


def read_changes(package: ElementTree.Element) -> tuple[tuple[str, ...], ...]:
    """A package's changelog from other.xml."""
    found = package.iterfind(f"{OTHER}changelog")
    return tuple(sorted((change.get("author", ""), change.get("date", ""), change.text or "") for change in found))


def read_entry(package: ElementTree.Element) -> Entry:
    """A package from primary.xml."""

    def text(path: str) -> str:
        return package.findtext(path) or ""

    def attributes(path: str) -> dict[str, str]:
        found = package.find(path)
        return {} if found is None else dict(found.attrib)

    version, time, size = (attributes(COMMON + name) for name in ("version", "time", "size"))
    location, header = attributes(f"{COMMON}location"), attributes(f"{COMMON}format/{RPM}header-range")
    form = {name: text(f"{COMMON}format/{RPM}{name}") for name in ("license", "vendor", "group", "buildhost", "sourcerpm")}
    plain = {name: text(COMMON + name) for name in ("name", "arch", "summary", "description", "url", "packager")}
    base = next((value for name, value in location.items() if name.endswith("base")), "")
    return Entry(
        **plain, **form, epoch=version.get("epoch", ""), version=version.get("ver", ""), release=version.get("rel", ""),
        checksum_type=attributes(f"{COMMON}checksum").get("type", ""), pkgid=text(f"{COMMON}checksum"),
        time_file=time.get("file", ""), time_build=time.get("build", ""),
        header_start=header.get("start", ""), header_end=header.get("end", ""),
        size_package=size.get("package", ""), size_installed=size.get("installed", ""), size_archive=size.get("archive", ""),
        href=location.get("href", ""), base=base, relations=read_relations(package),
        files=sort_files((file.text, file.get("type")) for file in package.iterfind(f"{COMMON}format/{COMMON}file")),
    )  # fmt: skip


def read_relations(package: ElementTree.Element) -> tuple[tuple[str, ...], ...]:
    """What a package provides, requires and so on, from primary.xml."""
    rows = []
    for kind in RELATIONS:
        for entry in package.iterfind(f"{COMMON}format/{RPM}{kind}/{RPM}entry"):
            values = [entry.get(name, "") for name in ("name", "flags", "epoch", "ver", "rel")]
            rows.append((kind, *values, str(entry.get("pre") == "1")))
    return tuple(sorted(rows))


def read_database(kind: str, path: Path) -> Content:
    """Packages by their pkgid from a primary, filelists or other database, by the questions that yum's sqlitesack asks."""
    head = path.read_bytes()[:100]
    # sqlite 3.3.6 knows neither write-ahead logs (18, 19) nor a schema format above 4 (44 to 47).
    if head[:16] != b"SQLite format 3\0" or head[18:20] != b"\1\1" or int.from_bytes(head[44:48]) > 4:
        raise UnreadableError(f"{kind}_db: file is encrypted or is not a database")
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        try:
            return {"primary": query_primary, "filelists": query_files, "other": query_changes}[kind](database)
        except sqlite3.Error as error:
            raise UnreadableError(f"{kind}_db: {error}") from None


def query_primary(database: sqlite3.Connection) -> Content:
    """The packages of a primary database."""
    columns = {
        "pkgid": "pkgId", "license": "rpm_license", "vendor": "rpm_vendor", "group": "rpm_group", "buildhost": "rpm_buildhost",
        "sourcerpm": "rpm_sourcerpm", "packager": "rpm_packager", "header_start": "rpm_header_start",
        "header_end": "rpm_header_end", "href": "location_href", "base": "location_base",
    }  # fmt: skip
    content: Content = {}
    for row in database.execute("SELECT * FROM packages"):
        names = [field.name for field in fields(Entry) if field.name not in ("relations", "files")]
        if missing := [name for name in names if columns.get(name, name) not in row.keys()]:  # noqa: SIM118 - a Row is no dict
            raise sqlite3.OperationalError(f"no such column: {missing[0]}")
        values = {name: as_text(row[columns.get(name, name)]) for name in names}
        key = (row["pkgKey"],)
        relations = [relation for kind in RELATIONS for relation in query_relations(database, kind, key)]
        files = database.execute("SELECT name, type FROM files WHERE pkgKey = ?", key)
        content[values["pkgid"]] = Entry(**values, relations=tuple(sorted(relations)), files=sort_files(files))
    return content


def query_relations(database: sqlite3.Connection, kind: str, key: tuple[int]) -> list[tuple[str, ...]]:
    """What one package provides or requires, and so on."""
    pre = "pre" if kind == "requires" else "NULL"
    query = f"SELECT name, flags, epoch, version, release, {pre} FROM {kind} WHERE pkgKey = ?"
    return [(kind, *map(as_text, row[:5]), str(as_text(row[5]).upper() in ("TRUE", "1"))) for row in database.execute(query, key)]


def as_text(value: object) -> str:
    """A value of a database as XML has it."""
    return "" if value is None else str(value)


def query_files(database: sqlite3.Connection) -> Content:
    """The files of each package of a filelists database."""
    found: dict[str, list[tuple[str, str]]] = {row["pkgId"]: [] for row in database.execute("SELECT pkgId FROM packages")}
    query = "SELECT pkgId, dirname, filetypes, filenames FROM filelist JOIN packages USING(pkgKey)"
    for pkgid, folder, kinds, names in database.execute(query):
        for kind, name in zip(kinds, names.replace("//", "/").split("/"), strict=True):
            path = f"{folder}/{name}" if folder not in ("", ".", None) else name
            found[pkgid].append((path.replace("//", "/"), FILE_TYPES[kind]))
    return {pkgid: sort_files(files) for pkgid, files in found.items()}


def query_changes(database: sqlite3.Connection) -> Content:
    """The changelog of each package of an other database."""
    found: dict[str, list[tuple[str, ...]]] = {row["pkgId"]: [] for row in database.execute("SELECT pkgId FROM packages")}
    for pkgid, *change in database.execute("SELECT pkgId, author, date, changelog FROM changelog JOIN packages USING(pkgKey)"):
        found[pkgid].append(tuple(map(as_text, change)))
    return {pkgid: tuple(sorted(changes)) for pkgid, changes in found.items()}


def compare(kind: str, xml: Content, database: Content) -> list[str]:
    """Where a database says other than the XML."""
    problems = [f"{kind}: {pkgid} is in the XML alone" for pkgid in sorted(xml.keys() - database.keys())]
    problems += [f"{kind}: {pkgid} is in the database alone" for pkgid in sorted(database.keys() - xml.keys())]
    for pkgid in sorted(xml.keys() & database.keys()):
        one, other = xml[pkgid], database[pkgid]
        if one == other:
            continue
        names = [field.name for field in fields(Entry)] if isinstance(one, Entry) else []
        differ = [name for name in names if getattr(one, name) != getattr(other, name)]
        problems.append(f"{kind}: XML and database differ about {pkgid} {', '.join(differ)}".rstrip())
    return problems
