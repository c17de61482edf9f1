"""What differs inside of a package, as lines of plain text: all of it, or so much that the important things are seen."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from tproxy_rpms.course import format_bytes
from tproxy_rpms.diff.change import Change, Details, FileChange, SymbolChange
from tproxy_rpms.diff.folders import group_folders
from tproxy_rpms.repro.report import shorten

WIDTH = 100

# How many files are listed one by one, how many folders then, how many symbols, and how many of a kind of relation.
FILES, SYMBOLS, RELATIONS = 12, 40, 12

NOTHING = "no file, relation or scriptlet differs, but what a build leaves of itself (see doit repro)"


def list_details(change: Change, *, full: bool) -> Iterator[str]:
    """Yield the lines of what differs inside of a package. `full`: all, however many."""
    details = change.details
    assert details is not None
    lines = [*list_symbols(details.symbols, full=full), *list_files(details, full=full)]
    lines += [*list_relations(details, full=full), *list_scriptlets(details)]
    lines += [f"  note: {note}" for note in details.notes]
    if not lines and change.word == "rebuilt":
        lines = [f"  {NOTHING}"]
    yield from (shorten(line, WIDTH) for line in lines)


def count_words(changes: Sequence[FileChange] | Sequence[SymbolChange]) -> str:
    """Return how many were added, removed and changed."""
    words = [change.word for change in changes]
    return ", ".join(f"{words.count(word)} {word}" for word in ("added", "removed", "changed") if word in words)


def list_files(details: Details, *, full: bool) -> Iterator[str]:
    """Yield the lines about files: one each, or by folder where there are many."""
    renamed = f"{details.renamed} the same but for the version in their path" if details.renamed else ""
    if counts := ", ".join(filter(None, (count_words(details.files), renamed))):
        yield f"  files: {counts}"
    if full or len(details.files) <= FILES:
        yield from (f"    {describe_file(change)}" for change in details.files)
        return
    for word in ("added", "removed", "changed"):
        found = [change for change in details.files if change.word == word]
        if len(found) <= FILES:
            yield from (f"    {describe_file(change)}" for change in found)
            continue
        for folder, inside in group_folders(found, most=FILES):
            if len(inside) == 1:
                yield f"    {describe_file(inside[0])}"
                continue
            aspects = ", ".join(sorted({aspect for change in inside for aspect in change.aspects}))
            yield f"    {word:8} {len(inside):5} in {folder}{f': {aspects}' if aspects else ''}"


def describe_file(change: FileChange) -> str:
    """Return the line of one file."""
    one = change.new or change.old
    assert one is not None
    words = [", ".join(describe_aspect(change, aspect) for aspect in change.aspects)]
    if not change.aspects:
        words = [format_bytes(one.size) if one.kind == "file" else one.kind]
    marks = " (configuration)" if "config" in one.flags else ""
    return f"{change.word:8} {change.path}{marks}: {'; '.join(words)}"


def describe_aspect(change: FileChange, aspect: str) -> str:
    """Return in what a file differs, with both values where they are short."""
    old, new = change.old, change.new
    assert old is not None
    assert new is not None
    values = {
        "kind": (old.kind, new.kind),
        "mode": (f"{old.mode & 0o7777:o}", f"{new.mode & 0o7777:o}"),
        "owner": (f"{old.user}:{old.group}", f"{new.user}:{new.group}"),
        "target": (old.target, new.target),
        "flags": (" ".join(old.flags) or "none", " ".join(new.flags) or "none"),
        "capabilities": (old.capabilities or "none", new.capabilities or "none"),
    }
    if aspect == "content":
        return f"content {format_bytes(old.size)} → {format_bytes(new.size)}" if old.size != new.size else "content"
    return f"{aspect} {' → '.join(values[aspect])}"


def list_relations(details: Details, *, full: bool) -> Iterator[str]:
    """Yield the lines about what a package requires, provides and so on."""
    for kind, group in groupby(details.relations, key=lambda change: change.kind):
        changes = list(group)
        yield f"  {kind}:"
        for change in changes if full else changes[:RELATIONS]:
            old, new = (", ".join(map(str, ones)) for ones in (change.old, change.new))
            yield f"    changed  {old} → {new}" if old and new else f"    added    {new}" if new else f"    removed  {old}"
        if len(changes) > RELATIONS and not full:
            yield f"    … and {len(changes) - RELATIONS} more (--full)"


def list_scriptlets(details: Details) -> Iterator[str]:
    """Yield the line about scriptlets."""
    if details.scriptlets:
        yield f"  scriptlets: {', '.join(f'{change.kind} {change.word}' for change in details.scriptlets)}"


def list_symbols(symbols: Sequence[SymbolChange], *, full: bool) -> Iterator[str]:
    """Yield the lines about a kernel's configuration; new symbols that are off come last, and are only counted if many."""
    if not symbols:
        return
    yield f"  kernel configuration: {count_words(symbols)}"
    quiet = [change for change in symbols if {change.old, change.new} == {"", "n"}]
    loud = [change for change in symbols if change not in quiet]
    ordered = sorted(loud, key=lambda change: ("changed", "removed", "added").index(change.word))
    for change in symbols if full else ordered[:SYMBOLS]:
        yield f"    {change.word:8} {change.symbol}: {change.old or 'not there'} → {change.new or 'not there'}"
    if not full and len(ordered) > SYMBOLS:
        yield f"    … and {len(ordered) - SYMBOLS} more (--full)"
    if not full and quiet:
        yield f"    {len(quiet)} more are off in the one and unknown in the other (--full)"
