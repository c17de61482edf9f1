"""Why a file's content differs: taken apart as far as it goes, and every difference named with its place and cause."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tproxy_rpms.repro.clue import Clue, Swap, find_clues, mark_all
from tproxy_rpms.repro.container import open_container
from tproxy_rpms.repro.member import INITRAMFS, Container, Member
from tproxy_rpms.repro.region import find_regions, first_difference, list_strings, subtract, widen_region
from tproxy_rpms.repro.show import show_time
from tproxy_rpms.repro.verdict import Difference

# How many containers within containers are opened; how many places of one file are looked at; how much of a value is shown.
DEPTH, MOST, SHOWN = 6, 500, 120

BUILD_ID = ".note.gnu.build-id"
# Sections that hold digests or addresses of the rest.
FOLLOWING = (BUILD_ID, ".gnu_debuglink", "ELF headers")

TEXT = re.compile(rb"[\t\n\r\x0c\x1b\x20-\x7e\x80-\xff]*")


def explain_content(
    first: bytes, second: bytes, *, place: str, swaps: Sequence[Swap], depth: int = DEPTH
) -> tuple[Difference, ...]:
    """Return why two contents differ; none if they do not. There is always a reason for what differs, if only "content".

    Args:
        place: the file's path. swaps: what of the builds' surroundings to look for.
    """
    if first == second:
        return ()
    ours, theirs = (open_container(data) for data in (first, second)) if depth else (None, None)
    found: tuple[Difference, ...] = ()
    if ours and theirs and ours.kind == theirs.kind:
        found = tuple(explain_container(ours, theirs, place=place, swaps=swaps, depth=depth - 1))
    return found or tuple(explain_bytes(first, second, place=place, swaps=swaps))


def explain_container(
    first: Container, second: Container, *, place: str, swaps: Sequence[Swap], depth: int
) -> Iterator[Difference]:
    """Yield why two containers of one kind differ."""
    if first.kind == "ELF":
        yield from explain_program(first, second, place=place, swaps=swaps, depth=depth)
        return
    if first.head != second.head:
        values = (describe_gzip(first.head), describe_gzip(second.head))
        yield Difference(kind="file", place=place, cause="gzip header", first=values[0], second=values[1])
    names = [[member.name for member in container.members] for container in (first, second)]
    for name, count in ((Counter(names[0]) - Counter(names[1])) + (Counter(names[1]) - Counter(names[0]))).items():
        side = "first" if names[0].count(name) > names[1].count(name) else "second"
        yield Difference(kind="file", place=f"{place} > {name}", cause="missing", first=f"{count} in the {side} alone")
    if first.ordered and names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        at = next(index for index, pair in enumerate(zip(*names, strict=True)) if pair[0] != pair[1])
        yield Difference(kind="file", place=place, cause="archive order", first=names[0][at], second=names[1][at])
    yield from explain_members(first, second, place=place, swaps=swaps, depth=depth)
    if first.packed != second.packed and first.members[0].content == second.members[0].content:
        yield Difference(kind="file", place=place, cause="compression", first=first.kind, second=second.kind)


def explain_members(
    first: Container, second: Container, *, place: str, swaps: Sequence[Swap], depth: int
) -> Iterator[Difference]:
    """Yield why the members that both have differ."""
    for name, one, two in pair_members(first, second):
        inside = f"{place} > {name}"
        for (trait, value), (_, other) in zip(one.traits, two.traits, strict=False):
            if value != other:
                yield Difference(
                    kind="file", place=inside, cause=trait, first=show_trait(trait, value), second=show_trait(trait, other)
                )
        found = explain_content(one.content, two.content, place=inside, swaps=swaps, depth=depth)
        yield from (name_initramfs(difference) for difference in found) if name == INITRAMFS else found


def name_initramfs(difference: Difference) -> Difference:
    """Return a difference in an initramfs with its own cause where times or order of the members differ."""
    if difference.cause not in ("mtime", "inode", "archive order"):
        return difference
    return Difference(
        kind="file", place=difference.place, cause="embedded initramfs", first=difference.first, second=difference.second
    )


def pair_members(first: Container, second: Container) -> Iterator[tuple[str, Member, Member]]:
    """Yield the members that both have; those of one name in their order."""
    others: dict[str, list[Member]] = {}
    for member in second.members:
        others.setdefault(member.name, []).append(member)
    for member in first.members:
        if others.get(member.name):
            yield member.name, member, others[member.name].pop(0)


def explain_program(
    first: Container, second: Container, *, place: str, swaps: Sequence[Swap], depth: int
) -> Iterator[Difference]:
    """Yield why two programs differ: by the sections that say why; what is left follows from them."""
    found = list(explain_members(first, second, place=place, swaps=swaps, depth=depth))
    names = {member.name for member in first.members} ^ {member.name for member in second.members}
    found += [Difference(kind="file", place=f"{place} > {name}", cause="missing") for name in sorted(names)]
    following = [difference for difference in found if difference.place.removeprefix(f"{place} > ") in FOLLOWING]
    telling = [difference for difference in found if difference not in following]
    causes = [difference for difference in telling if difference.cause != "content"]
    if causes:
        following += [difference for difference in telling if difference.cause == "content"]
        telling = causes
    yield from telling
    for difference in following:
        build_id = difference.place.endswith(BUILD_ID)
        cause = "consequence" if telling else "build-id" if build_id else difference.cause
        yield Difference(kind="file", place=difference.place, cause=cause, first=difference.first, second=difference.second)


def explain_bytes(first: bytes, second: bytes, *, place: str, swaps: Sequence[Swap]) -> Iterator[Difference]:
    """Yield why two byte strings differ that cannot be taken apart."""
    ordered = is_text(first) and is_text(second)
    lines = (first.splitlines(), second.splitlines()) if ordered else ([], [])
    if lines[0] != lines[1] and sorted(lines[0]) == sorted(lines[1]):
        values = [shorten_text(line) for line in next(pair for pair in zip(*lines, strict=True) if pair[0] != pair[1])]
        yield Difference(kind="file", place=place, cause="archive order", first=values[0], second=values[1])
        return
    clues: dict[str, Clue] = {}
    complete = True
    for one, two in list_pairs(first, second, text=ordered, swaps=swaps):
        found, whole = find_clues(one, two, swaps)
        complete = complete and whole
        for clue in found:
            clues.setdefault(clue.cause, clue)
    for clue in clues.values():
        yield Difference(
            kind="file", place=place, cause=clue.cause, first=shorten_text(clue.first), second=shorten_text(clue.second)
        )
    if not complete or not clues:
        at = first_difference(first, second)
        yield Difference(kind="file", place=place, cause="content", first=excerpt(first, at), second=excerpt(second, at))


def list_pairs(first: bytes, second: bytes, *, text: bool, swaps: Sequence[Swap]) -> list[tuple[bytes, bytes]]:
    """Return the pieces that differ, the first's beside the second's: lines, regions, or the texts in two programs."""
    if not text and len(first) == len(second):
        regions = find_regions(first, second, most=MOST)
        return [(widen_region(first, region), widen_region(second, region)) for region in regions]
    lists = [data.splitlines() if text else list_strings(data) for data in (first, second)]
    ours, theirs = subtract(*lists)
    if text and len(ours) == len(theirs):
        return list(zip(ours[:MOST], theirs[:MOST], strict=True))
    # Another number of lines or texts: those that are alike but for their surroundings belong together.
    marked: dict[bytes, list[bytes]] = {}
    for line in theirs[:MOST]:
        marked.setdefault(mark_all(line, swaps, side=1), []).append(line)
    pairs, left = [], []
    for line in ours[:MOST]:
        same = marked.get(mark_all(line, swaps, side=0))
        pairs.append((line, same.pop(0))) if same else left.append(line)
    rest = [line for lines in marked.values() for line in lines]
    return pairs + ([(b"\n".join(left), b"\n".join(rest))] if left or rest or not pairs else [])


def is_text(data: bytes) -> bool:
    """Tell whether data has no bytes that no text has."""
    return TEXT.fullmatch(data) is not None


def describe_gzip(head: bytes) -> str:
    """Return what of a gzip header may differ."""
    name = head[10:].rstrip(b"\0").decode(errors="backslashreplace")
    return f"mtime {int.from_bytes(head[4:8], 'little')}, flags {head[3]}, system {head[9]}" + (f", name {name}" if name else "")


def show_trait(trait: str, value: str) -> str:
    """Return a member's trait for people: times as dates."""
    if trait == "mtime" and value.isdecimal() and value.isascii():
        return show_time(int(value))
    return value


def shorten_text(text: bytes) -> str:
    """Return a piece of text for people."""
    shown = text[:SHOWN].decode(errors="backslashreplace")
    return shown + ("…" if len(text) > SHOWN else "")


def excerpt(data: bytes, at: int) -> str:
    """Return what stands at an offset, as text where it is text, else in hex."""
    piece = data[at : at + 32]
    if not piece:
        return f"ends at byte {at}"
    return f"byte {at}: " + (piece.decode(errors="replace") if piece.isascii() and is_text(piece) else piece.hex(" ", 4))
