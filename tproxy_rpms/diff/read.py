"""Reading a set of packages from a folder: every RPM by its own header, never by metadata about it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tproxy_rpms.diff.package import FLAGS, SENSES, Contents, File, Package, PackageSet, Relation
from tproxy_rpms.errors import UserError
from tproxy_rpms.gates.artifact import (
    ARCH,
    EPOCH,
    FILEDIGESTALGO,
    FILEDIGESTS,
    FILEFLAGS,
    FILESIZES,
    LONGFILESIZES,
    NAME,
    RELEASE,
    SCRIPTLETS,
    SOURCERPM,
    VERSION,
    list_signatures,
)
from tproxy_rpms.gates.blob import Blob
from tproxy_rpms.repro.package import RpmFile, list_paths, read_rpm
from tproxy_rpms.store import digest_file

T = TypeVar("T")

# The repositories of a cut and of a snapshot.
REPOSITORIES = ("x86_64", "i386", "SRPMS")

# Where they lie below a cut's folder, and below a place that is published to.
BELOW = ("repo", "current")

# Tags (rpm's include/rpm/rpmtag.h).
SIZE, LONGSIZE = 1009, 5009
FILEMODES, FILELINKTOS, FILEUSERNAME, FILEGROUPNAME, FILECAPS = 1030, 1036, 1039, 1040, 5010
# Kind → the tags of names, versions and senses.
RELATIONS = {
    "requires": (1049, 1050, 1048), "provides": (1047, 1113, 1112), "conflicts": (1054, 1055, 1053),
    "obsoletes": (1090, 1115, 1114), "triggers": (1066, 1067, 1068), "recommends": (5046, 5047, 5048),
    "suggests": (5049, 5050, 5051), "supplements": (5052, 5053, 5054), "enhances": (5055, 5056, 5057),
}  # fmt: skip


def read_set(folder: Path, *, title: str = "", location: str = "") -> PackageSet:
    """Return the packages of a cut's folder, a published place or snapshot, a repository, or any folder with RPMs.

    Args:
        title, location: what to call it; otherwise both are the folder.

    Raises UserError for a folder without RPMs, BuildError for a file that is no whole RPM.
    """
    found = list_rpms(folder)
    if not found:
        raise UserError(
            f"{folder}: no RPM in there", hint="give a cut's folder, a repository, or a folder with x86_64/ and i386/"
        )
    return make_set(
        [read_package(path, repository=repository) for repository, path in found],
        title=title or str(folder), location=location or str(folder),
    )  # fmt: skip


def make_set(packages: Sequence[Package], *, title: str, location: str) -> PackageSet:
    """Return a set of packages; those that lay in no repository of a known name get one by their arch.

    What lies twice in a repository, as a noarch package of two arches does in a folder of all, is one package.
    """
    named = {(one.repository, one.nevra, one.sha256): one for one in assign_repositories(packages)}
    ordered = sorted(named.values(), key=lambda one: (one.repository, one.name, one.arch, one.evr, one.file))
    return PackageSet(title=title, location=location, packages=tuple(ordered))


def list_rpms(folder: Path) -> list[tuple[str, Path]]:
    """Return repository and path of every RPM; a folder that is a repository itself tells its name, or gives an empty one."""
    tree = next((folder / name for name in BELOW if has_repositories(folder / name)), folder)
    if not has_repositories(tree):
        return [(name_repository(tree.name), path) for path in iter_rpms(tree)]
    return [(name, path) for name in REPOSITORIES for path in iter_rpms(tree / name)]


def name_repository(name: str) -> str:
    """Return the name of a repository that a folder's name tells, or nothing."""
    return name if name in REPOSITORIES else ""


def has_repositories(folder: Path) -> bool:
    """Tell whether a folder holds repositories by their names."""
    return any((folder / name).is_dir() for name in REPOSITORIES)


def iter_rpms(folder: Path) -> Iterator[Path]:
    """Yield the RPMs of a folder, but for what is being written there."""
    for path in sorted(folder.rglob("*.rpm")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def assign_repositories(packages: Sequence[Package]) -> list[Package]:
    """Return packages of which each has a repository: one that lay in none gets that of its arch, noarch that of the others."""
    known = {"x86_64": "x86_64", "src": "SRPMS"}
    names = {known.get(one.arch, "i386") for one in packages if one.arch not in ("noarch", "src")}
    known["noarch"] = names.pop() if len(names) == 1 else "noarch"
    return [one if one.repository else replace(one, repository=known.get(one.arch, "i386")) for one in packages]


def read_package(path: Path, *, repository: str = "") -> Package:
    """Return an RPM or SRPM. Raises BuildError for a file that is none, or is cut short."""
    rpm_file = read_rpm(path)
    header = rpm_file.header.blob
    return Package(
        repository=repository,
        file=path.name,
        sha256=digest_file(path),
        name=header.text(NAME),
        version=header.text(VERSION),
        release=header.text(RELEASE),
        arch=header.text(ARCH) if SOURCERPM in header.entries else "src",
        epoch=next(iter(map(str, header.numbers(EPOCH))), ""),
        size=path.stat().st_size,
        path=path,
        contents=read_contents(rpm_file),
    )


def read_contents(rpm_file: RpmFile) -> Contents:
    """Return what an RPM's header tells."""
    header = rpm_file.header.blob
    return Contents(
        body=digest_body(rpm_file),
        installed=next(iter(header.numbers(LONGSIZE) or header.numbers(SIZE)), 0),
        digest_number=next(iter(header.numbers(FILEDIGESTALGO)), 1),
        files=tuple(iter_files(rpm_file)),
        relations=frozenset(iter_relations(header)),
        scriptlets=dict(iter_scriptlets(header)),
        signatures=tuple(one.says for one in list_signatures(rpm_file.signature.blob)),
    )


def digest_body(rpm_file: RpmFile) -> str:
    """Return the hex SHA-256 of header and payload."""
    digest = hashlib.sha256(rpm_file.header.raw)
    with rpm_file.path.open("rb") as stream:
        stream.seek(rpm_file.payload_at)
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def iter_files(rpm_file: RpmFile) -> Iterator[File]:
    """Yield every file, ghosts among them; a tag that is missing or too short gives empty values."""
    header, paths = rpm_file.header.blob, list_paths(rpm_file.header)
    count = len(paths)
    modes, flags = fill(header.numbers(FILEMODES), 0, count), fill(header.numbers(FILEFLAGS), 0, count)
    sizes = fill(header.numbers(LONGFILESIZES) or header.numbers(FILESIZES), 0, count)
    tags = (FILEUSERNAME, FILEGROUPNAME, FILEDIGESTS, FILELINKTOS, FILECAPS)
    users, groups, digests, targets, capabilities = (fill(header.texts(tag), "", count) for tag in tags)
    for index, path in enumerate(paths):
        yield File(
            path=path, mode=modes[index], user=users[index], group=groups[index], size=sizes[index], digest=digests[index],
            target=targets[index], capabilities=capabilities[index],
            flags=tuple(word for bit, word in FLAGS.items() if flags[index] & bit),
        )  # fmt: skip


def fill(values: tuple[T, ...], default: T, count: int) -> tuple[T, ...]:
    """Return values for `count` files."""
    return values + (default,) * (count - len(values))


def iter_relations(header: Blob) -> Iterator[Relation]:
    """Yield what a package requires, provides and so on."""
    for kind, (name_tag, version_tag, sense_tag) in RELATIONS.items():
        names = header.texts(name_tag)
        versions, senses = fill(header.texts(version_tag), "", len(names)), fill(header.numbers(sense_tag), 0, len(names))
        for name, version, bits in zip(names, versions, senses, strict=False):
            sense = "".join(word for bit, word in SENSES.items() if bits & bit) if version else ""
            yield Relation(kind=kind, name=name, sense=sense, version=version)


def iter_scriptlets(header: Blob) -> Iterator[tuple[str, str]]:
    """Yield kind and digest of each scriptlet; one without text, but with a program to run, is one too."""
    for kind, tags in SCRIPTLETS.items():
        texts = [header.texts(tag) for tag in tags]
        if any(texts):
            yield kind, hashlib.sha256(repr(texts).encode()).hexdigest()
