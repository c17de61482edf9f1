"""The files of two versions of a package compared, by what their headers say."""

from collections.abc import Iterator
from dataclasses import dataclass

from tproxy_rpms.diff.change import FileChange
from tproxy_rpms.diff.package import Contents, File
from tproxy_rpms.diff.version import Renaming

OTHER_DIGESTS = "file digests are of two kinds: contents are compared by size alone"


@dataclass(frozen=True, kw_only=True)
class ComparedFiles:
    """What differs, how many files differ in the version in their path alone, and what could not be compared."""

    changes: tuple[FileChange, ...]
    renamed: int
    notes: tuple[str, ...]


def compare_files(old: Contents, new: Contents, renaming: Renaming) -> ComparedFiles:
    """Return how the files of two versions differ; times do not count."""
    digests = old.digest_number == new.digest_number
    changes, renamed = [], 0
    for first, second in pair_files(old, new, renaming):
        either = second or first
        assert either is not None
        aspects = tuple(list_aspects(first, second, renaming, digests=digests)) if first and second else ()
        if aspects or first is None or second is None:
            changes.append(FileChange(path=either.path, old=first, new=second, aspects=aspects))
        elif first.path != second.path:
            renamed += 1
    has_files = any(file.digest for contents in (old, new) for file in contents.files)
    return ComparedFiles(
        changes=tuple(sorted(changes, key=lambda one: (one.path, one.word))),
        renamed=renamed,
        notes=() if digests or not has_files else (OTHER_DIGESTS,),
    )


def pair_files(old: Contents, new: Contents, renaming: Renaming) -> Iterator[tuple[File | None, File | None]]:
    """Yield each file of either with the one of its path, or of what its path became, in the other."""
    before, after = ({file.path: file for file in contents.files} for contents in (old, new))
    taken = set()
    for path, file in before.items():
        target = path if path in after else renaming.apply(path)
        if target != path and target in before:
            target = path  # that one has a history of its own
        if target in after and target not in taken:
            taken.add(target)
            yield file, after[target]
        else:
            yield file, None
    yield from ((None, file) for path, file in after.items() if path not in taken)


def list_aspects(old: File, new: File, renaming: Renaming, *, digests: bool) -> Iterator[str]:
    """Yield in what two files differ. `digests`: whether theirs are of the same kind."""
    if old.kind != new.kind:
        yield "kind"
    elif old.kind == "link":
        if new.target not in (old.target, renaming.apply(old.target)):
            yield "target"
    elif old.kind == "file" and ((digests and old.digest != new.digest) or old.size != new.size):
        yield "content"
    if old.mode & 0o7777 != new.mode & 0o7777:
        yield "mode"
    if (old.user, old.group) != (new.user, new.group):
        yield "owner"
    if old.flags != new.flags:
        yield "flags"
    if old.capabilities != new.capabilities:
        yield "capabilities"
