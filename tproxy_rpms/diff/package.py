"""What a comparison asks of packages: the words for an RPM, its files, its relations to others, and a set of RPMs."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Bits of rpm's RPMSENSE → how they are written, in the order in which they are written.
SENSES = {2: "<", 4: ">", 8: "="}

# Bits of rpm's file flags (include/rpm/rpmfiles.h) that decide what rpm does with a file.
FLAGS = {1 << 0: "config", 1 << 1: "doc", 1 << 3: "missingok", 1 << 4: "noreplace", 1 << 6: "ghost", 1 << 7: "license"}

KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
    stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a package, as the header has it.

    Fields:
        mode: with the kind of file, as stat(2) has it. size: bytes. digest: hex, of the package's own kind; empty for what has no
        content. target: of a symbolic link. flags: words of FLAGS. capabilities: as text.
    """

    path: str
    mode: int
    user: str
    group: str
    size: int
    digest: str = ""
    target: str = ""
    flags: tuple[str, ...] = ()
    capabilities: str = ""

    @property
    def kind(self) -> str:
        """What it is: a word of KINDS."""
        return KINDS.get(stat.S_IFMT(self.mode), "file")


@dataclass(frozen=True, kw_only=True, order=True)
class Relation:
    """What a package says of others or of itself.

    Fields:
        kind: `requires`, `provides`, … a key of read.RELATIONS. sense: `<`, `>=`, … empty without a version.
    """

    kind: str
    name: str
    sense: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.sense} {self.version}" if self.sense else self.name


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What an RPM's header tells beyond its name.

    Fields:
        body: hex SHA-256 of header and payload, which signing leaves alone. installed: bytes that its files take.
        digest_number: rpm's number of the kind of file digests. signatures: what each says of itself.
        scriptlets: kind → hex SHA-256 of the interpreter and the text.
    """

    body: str
    installed: int
    digest_number: int
    files: tuple[File, ...]
    relations: frozenset[Relation]
    scriptlets: Mapping[str, str]
    signatures: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Package:
    """One RPM of a set.

    Fields:
        repository: `x86_64`, `i386` or `SRPMS`. file: its name. sha256: of the whole file. epoch: empty where there is none.
        arch: `src` for an SRPM. size: bytes of the file. path: where it lies. These three are None, and `contents` too, of one
        that only a record tells of.
    """

    repository: str
    file: str
    sha256: str
    name: str
    version: str
    release: str
    arch: str
    epoch: str = ""
    size: int | None = None
    path: Path | None = field(default=None, compare=False)
    contents: Contents | None = field(default=None, repr=False)

    @property
    def evr(self) -> str:
        """Epoch, version and release as people write them."""
        return (f"{self.epoch}:" if self.epoch else "") + f"{self.version}-{self.release}"

    @property
    def nevra(self) -> str:
        """The full name."""
        return f"{self.name}-{self.evr}.{self.arch}"


@dataclass(frozen=True, kw_only=True)
class PackageSet:
    """A set of packages, by repository, name and version.

    Fields:
        title: what it is, for people: `cut bookworm`, `snapshot 0123456789abcdef`. location: where it lies.
    """

    title: str
    location: str
    packages: tuple[Package, ...]

    @property
    def size(self) -> int | None:
        """Bytes of all RPMs; None if that is not known of all."""
        sizes = [package.size for package in self.packages if package.size is not None]
        return sum(sizes) if len(sizes) == len(self.packages) else None
