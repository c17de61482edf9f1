"""A comparison as plain text, at most WIDTH columns wide: what became of each package, then what differs inside."""

import textwrap
from collections.abc import Iterator, Sequence

from tproxy_rpms.course import format_bytes
from tproxy_rpms.diff.change import WORDS, Change, Difference
from tproxy_rpms.diff.details import WIDTH, list_details
from tproxy_rpms.diff.package import Package, PackageSet
from tproxy_rpms.outlet import one_line
from tproxy_rpms.repro.report import shorten

# What a size takes with its difference, the words before a name, and the names that others are set beside.
SIZE, WORD, NAME = 22, 11, 24


def render_table(difference: Difference, *, full: bool = False) -> str:
    """Return a comparison for people. `full`: every file, symbol and relation, however many."""
    lines = [*describe_set("old", difference.old), *describe_set("new", difference.new)]
    for repository in dict.fromkeys(change.repository for change in difference.changes):
        ones = [change for change in difference.changes if change.repository == repository]
        lines += ["", repository, *list_rows(ones)]
    for change, repositories in merge_repositories(difference.changes):
        if told := [*list_installed(change), *list_details(change, full=full)]:
            lines += ["", shorten(f"{change.name} {show_versions(change)} ({', '.join(repositories)})", WIDTH), *told]
    return "\n".join([*lines, "", sum_up(difference), ""])


def describe_set(side: str, packages: PackageSet) -> Iterator[str]:
    """Yield the lines that say what a side is."""
    size = "" if packages.size is None else f", {format_bytes(packages.size)}"
    yield f"{side}  {one_line(packages.title)}: {len(packages.packages)} packages{size}"
    if packages.location != packages.title:
        yield f"     {one_line(packages.location)}"


def list_rows(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the rows of one repository: a line for each package that is not the same, one for all that are."""
    told = [(one_line(change.name), change) for change in changes if change.word != "identical"]
    width = min(NAME, max((len(name) for name, _ in told), default=0))
    for name, change in told:
        start, size = one_line(f"  {change.word:{WORD}} {name:{width}}  {show_versions(change)}"), show_size(change)
        if len(start) + SIZE <= WIDTH:
            yield f"{start:{WIDTH - SIZE}}{size:>{SIZE}}"
        else:
            yield shorten(start, WIDTH)
            yield f"{size:>{WIDTH}}"
    if same := [change.name for change in changes if change.word == "identical"]:
        start = f"  {'identical':{WORD}} "
        text = one_line(f"{len(same)}: {', '.join(same)}")
        yield from textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False)


def show_versions(change: Change) -> str:
    """Return the version of a package, or both."""
    old, new = (name_version(one, change) for one in (change.old, change.new))
    if change.word == "signed":
        return f"{new}  {show_signatures(change.old)} → {show_signatures(change.new)}"
    return " → ".join(dict.fromkeys(filter(None, (old, new))))


def name_version(package: Package | None, change: Change) -> str:
    """Return a package's version, with the arch where that is another one."""
    if package is None:
        return ""
    both = change.old and change.new
    return f"{package.evr}.{package.arch}" if both and both.arch != (change.old or package).arch else package.evr


def show_signatures(package: Package | None) -> str:
    """Return what signs a package."""
    said = package.contents.signatures if package and package.contents else ()
    return ", ".join(dict.fromkeys(said)) or "not signed"


def show_size(change: Change) -> str:
    """Return the size of the new RPM, or of the old one that is gone, with the difference."""
    one = change.new or change.old
    size = "" if one is None or one.size is None else format_bytes(one.size)
    return f"{size} {show_growth(change.grown):>11}"


def show_growth(count: int | None) -> str:
    """Return a difference of bytes with its sign; nothing where it is not known."""
    if count is None:
        return ""
    return f"{'+' if count > 0 else '-'}{format_bytes(abs(count))}" if count else "±0"


def merge_repositories(changes: Sequence[Change]) -> list[tuple[Change, list[str]]]:
    """Return the changes with something to tell, with their repositories: a noarch package is in more than one."""
    found: dict[object, tuple[Change, list[str]]] = {}
    for change in changes:
        if change.details and change.old and change.new:
            key = change.name, change.old.sha256, change.new.sha256
            found.setdefault(key, (change, []))[1].append(change.repository)
    return list(found.values())


def list_installed(change: Change) -> Iterator[str]:
    """Yield the line about what a package takes where it is installed, if that is not the same."""
    grown, new = change.installed_grown, change.new
    if grown and new and new.contents:
        yield f"  installed: {format_bytes(new.contents.installed)}, {show_growth(grown)}"


def sum_up(difference: Difference) -> str:
    """Return the last line: how many packages became what, and the sizes of all together."""
    if not difference.differ:
        return f"identical: all {len(difference.changes)} packages are the same bytes"
    counts = [f"{len(found)} {word}" for word in WORDS if (found := difference.select(word))]
    sizes = [("RPMs", difference.grown), ("installed", difference.installed_grown)]
    told = [f"{what} {show_growth(count)}" for what, count in sizes if count is not None]
    return "; ".join(filter(None, (", ".join(counts), ", ".join(told))))
