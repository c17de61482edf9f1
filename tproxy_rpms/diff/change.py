"""What differs between two sets of packages: the words of a comparison."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tproxy_rpms.diff.package import File, Package, PackageSet, Relation

# What became of a package: `rebuilt` is the same version with other content, `signed` the same content with other signatures,
# `moved` another version that rpm takes for the same. `other` is what only records tell of: other bytes, nobody knows which.
Word = Literal["added", "removed", "upgraded", "downgraded", "moved", "rebuilt", "signed", "other", "identical"]
WORDS: tuple[Word, ...] = (
    "added", "removed", "upgraded", "downgraded", "moved", "rebuilt", "other", "signed", "identical",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file that is not the same in both packages.

    Fields:
        path: as the new package has it, or the old one of a file that is gone. old, new: None where there is none.
        aspects: in what they differ: content, size, kind, mode, owner, target, flags, capabilities.
    """

    path: str
    old: File | None
    new: File | None
    aspects: tuple[str, ...] = ()

    @property
    def word(self) -> Literal["added", "removed", "changed"]:
        """What became of it."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"


@dataclass(frozen=True, kw_only=True)
class RelationChange:
    """A name that is required, provided … in another way than before: what was said of it, and what is."""

    kind: str
    name: str
    old: tuple[Relation, ...]
    new: tuple[Relation, ...]


@dataclass(frozen=True, kw_only=True)
class ScriptletChange:
    """A scriptlet that was added, removed or changed."""

    kind: str
    word: Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class SymbolChange:
    """A kernel configuration symbol: its values, `n` for off, empty where a kernel does not have it."""

    symbol: str
    old: str
    new: str

    @property
    def word(self) -> Literal["added", "removed", "changed"]:
        """What became of it."""
        return "added" if not self.old else "removed" if not self.new else "changed"


@dataclass(frozen=True, kw_only=True)
class Details:
    """What differs inside of two versions of a package.

    Fields:
        renamed: how many files are the same but for the version in their path.
        notes: what could not be compared, for people.
    """

    files: tuple[FileChange, ...] = ()
    renamed: int = 0
    relations: tuple[RelationChange, ...] = ()
    scriptlets: tuple[ScriptletChange, ...] = ()
    symbols: tuple[SymbolChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is told."""
        return not (self.files or self.renamed or self.relations or self.scriptlets or self.symbols or self.notes)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of one package of one repository; `details` only of one that is on both sides and not the same."""

    repository: str
    name: str
    word: Word
    old: Package | None
    new: Package | None
    details: Details | None = None

    @property
    def grown(self) -> int | None:
        """By how many bytes the RPM has grown; one that is not there has none. None where a size is not known."""
        old, new = (one.size if one else None for one in (self.old, self.new))
        return subtract(old, new, self)

    @property
    def installed_grown(self) -> int | None:
        """By how many bytes the installed package has grown. None where a size is not known."""
        old, new = (one.contents.installed if one and one.contents else None for one in (self.old, self.new))
        return subtract(old, new, self)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two sets compared: one change for each package of either, `identical` ones among them, by repository and name."""

    old: PackageSet
    new: PackageSet
    changes: tuple[Change, ...]

    @property
    def differ(self) -> bool:
        """Whether anything is not byte for byte the same."""
        return any(change.word != "identical" for change in self.changes)

    def select(self, *words: Word) -> tuple[Change, ...]:
        """Return the changes of some kinds."""
        return tuple(change for change in self.changes if change.word in words)

    @property
    def grown(self) -> int | None:
        """By how many bytes all RPMs together have grown; None where a size is not known."""
        return add_known(change.grown for change in self.changes)

    @property
    def installed_grown(self) -> int | None:
        """By how many bytes all installed packages together have grown; None where a size is not known."""
        return add_known(change.installed_grown for change in self.changes)


def subtract(old: int | None, new: int | None, change: Change) -> int | None:
    """Return new less old, where a package that is not there counts 0; None where a size is not known."""
    if change.word == "identical":
        return 0
    before, after = (0 if change.old is None else old), (0 if change.new is None else new)
    return None if before is None or after is None else after - before


def add_known(values: Iterable[int | None]) -> int | None:
    """Return a sum, or None if one value is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
