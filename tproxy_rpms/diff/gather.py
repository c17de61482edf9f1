"""Reading a side of a comparison, wherever it lies: what comes from elsewhere is checked against what its place says of it."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from tproxy_rpms.diff.package import Package, PackageSet
from tproxy_rpms.diff.pool import Pool
from tproxy_rpms.diff.read import BELOW, REPOSITORIES, list_rpms, make_set, name_repository, read_package, read_set
from tproxy_rpms.diff.side import FolderSide, RecordSide, Side, SnapshotSide, UrlSide
from tproxy_rpms.errors import FetchError, HostError, PublishError, RecordError
from tproxy_rpms.publish.snapshots import RPM_NAME, split_manifest
from tproxy_rpms.publish.statement import hide_credentials, strip_credentials
from tproxy_rpms.repro.published import MOST_RPM, Listed, bring, read_place
from tproxy_rpms.sources.place import DownloadError, MissingError

# A line of a manifest that tells of an RPM; no name in it begins with a dot.
LINE = re.compile(
    rf"(?P<digest>[0-9a-f]{{64}})  (?P<repository>{'|'.join(REPOSITORIES)})/(?P<file>(?:[^./][^/]*/)*[^./][^/]*\.rpm)"
)


def needs_scratch(sides: Iterable[Side]) -> bool:
    """Tell whether one of these sides lies elsewhere."""
    return any(isinstance(side, UrlSide | SnapshotSide) for side in sides)


def gather(sides: Sequence[Side], *, scratch: Path, known: Iterable[Path] = ()) -> list[PackageSet]:
    """Return the packages of each side.

    Args:
        scratch: where RPMs from elsewhere are kept; those that no side has any more are removed.
        known: RPMs that need not be brought if a side has the same.

    Raises UserError, BuildError, FetchError, PublishError or RecordError for what cannot be read, HostError when the disk does
    not take a file.
    """
    pool = Pool([*known, *(scratch.rglob("*.rpm") if scratch.is_dir() else ())])
    ordered = sorted(enumerate(sides), key=lambda pair: not isinstance(pair[1], FolderSide))  # what is here saves downloads
    found = {number: read_side(side, scratch=scratch, pool=pool) for number, side in ordered}
    if needs_scratch(sides):
        sweep(scratch, {package.path for one in found.values() for package in one.packages})
    return [found[number] for number in sorted(found)]


def sweep(scratch: Path, used: set[Path | None]) -> None:
    """Remove the RPMs that are of no use any more."""
    for path in scratch.rglob("*.rpm") if scratch.is_dir() else ():
        if path not in used:
            path.unlink()


def read_side(side: Side, *, scratch: Path, pool: Pool) -> PackageSet:
    """Return the packages of one side, and add their files to the pool."""
    if isinstance(side, FolderSide):
        found = read_set(side.folder, title=side.title, location=str(side.folder))
    elif isinstance(side, UrlSide):
        with hide_credentials():
            found = read_url(side.url, scratch=scratch, pool=pool)
    elif isinstance(side, SnapshotSide):
        found = read_snapshot(side, scratch=scratch, pool=pool)
    else:
        found = read_record(side)
    pool.add(package.path for package in found.packages if package.path)
    return found


def read_url(url: str, *, scratch: Path, pool: Pool) -> PackageSet:
    """Return the packages behind a URL, each with the checksum that its repository's metadata gives it."""
    base = url.rstrip("/") + "/"
    try:
        listed = list_published(base, scratch)
        packages = [bring_published(repository, name, one, scratch, pool) for repository, name, one in listed]
    except DownloadError as error:
        raise FetchError(str(error), hint="look whether the repository can be reached, and whole, and try again") from error
    except OSError as error:
        raise HostError(f"{scratch}: {error.strerror or error}", hint="make room on the disk, or mend its rights") from error
    shown = strip_credentials(url)
    return make_set(packages, title=shown, location=shown)


def list_published(base: str, scratch: Path) -> list[tuple[str, str, Listed]]:
    """Return repository, file name and entry of each RPM behind a URL: of a tree, of a place with one, or of one repository."""
    tried = []
    for trees in ([f"{base}{{}}/"], [f"{base}{below}/{{}}/" for below in BELOW]):
        for tree in trees:
            found = []
            for repository in REPOSITORIES:
                try:
                    found += [(repository, *item) for item in read_place(tree.format(repository), scratch).items()]
                except MissingError as error:
                    tried.append(str(error))
            if found:
                return found
    try:
        repository = name_repository(PurePosixPath(base).name)
        return [(repository, *item) for item in read_place(base, scratch).items()]
    except MissingError as error:
        said = "\n".join([f"{base}: no repository there", *tried, str(error)])
        raise FetchError(
            said, hint="repodata/repomd.xml must be below the URL, or below x86_64/, i386/ or SRPMS/ there"
        ) from error


def bring_published(repository: str, name: str, listed: Listed, scratch: Path, pool: Pool) -> Package:
    """Return a published RPM, which is brought unless it is here."""
    path = pool.find(name, digest=listed.checksum, algorithm=listed.algorithm)
    if path is None:
        folder = scratch / (repository or "repository") / listed.checksum[:16]
        folder.mkdir(parents=True, exist_ok=True)
        path = bring(listed, folder / name, most=MOST_RPM)
        pool.add([path])
    return read_package(path, repository=repository)


def read_snapshot(side: SnapshotSide, *, scratch: Path, pool: Pool) -> PackageSet:
    """Return the packages of a snapshot on another host, each with the digest that its manifest gives it."""
    manifest, _ = split_manifest(side.place.act("manifest", side.id))
    lines = [match for line in manifest.splitlines() if (match := LINE.fullmatch(line))]
    wanted = [f"{one['repository']}/{one['file']}" for one in lines if not find_line(one, pool)]
    if wanted:
        folder = scratch / side.id
        side.place.download(f"snapshots/{side.id}", wanted, folder)
        pool.add(folder / name for name in wanted)
    packages = []
    for one in lines:
        path = find_line(one, pool)
        if path is None:
            raise PublishError(
                f"{side.place}: {side.id}: {one['repository']}/{one['file']} is not what the manifest says",
                hint="it was changed there; publish again",
            )
        packages.append(read_package(path, repository=one["repository"]))
    return make_set(packages, title=side.title, location=str(side.place))


def find_line(line: re.Match[str], pool: Pool) -> Path | None:
    """Return the file that a line of a manifest tells of, if it is here."""
    return pool.find(Path(line["file"]).name, digest=line["digest"])


def read_record(side: RecordSide) -> PackageSet:
    """Return the packages that a record tells of; those that lie beside it, in its cut or snapshot, are read as well."""
    from tproxy_rpms.publish.recorded import check_types

    path = side.path
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read: {error}", hint="is it a record, and whole?") from error
    check_types(path, content)
    pool = Pool(list_beside(path.absolute()))
    try:
        subjects = {one["name"]: str(one["digest"]["sha256"]) for one in content["subject"]}
    except (KeyError, TypeError) as error:
        raise RecordError(f"{path}: subject: not understood: {error}", hint="was it changed?") from error
    packages = [read_subject(match, digest, pool) for name, digest in subjects.items() if (match := RPM_NAME.fullmatch(name))]
    if not packages:
        raise RecordError(f"{path}: it tells of no RPM", hint="is it the record of a whole cut?")
    return make_set(packages, title=f"record {path.name}", location=str(path))


def list_beside(record: Path) -> list[Path]:
    """Return the RPMs of the cut or snapshot that a record lies in; none for one that lies elsewhere."""
    folder = record.parent
    return [rpm for _, rpm in list_rpms(folder.parent)] if folder.name == "record" else []


def read_subject(name: re.Match[str], digest: str, pool: Pool) -> Package:
    """Return a package that a record tells of."""
    file = Path(name[0]).name
    repository = name["folder"].partition("/")[0]
    if path := pool.find(file, digest=digest):
        return read_package(path, repository=repository)
    version, _, release = name["version"].partition("-")
    return Package(
        repository=repository, file=file, sha256=digest, name=name["name"], version=version, release=release, arch=name["arch"]
    )
