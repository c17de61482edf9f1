"""Where two byte strings differ, fast enough for a hundred megabytes."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

BLOCK = 1 << 16
# Differing bytes with fewer equal ones between them are one region.
JOIN = 8
NOT_ZERO = re.compile(rb"[^\0]+")
TEXT = b"\t" + bytes(range(0x20, 0x7F))
PRINTABLE = re.compile(rb"[\t\x20-\x7e]+")
# The shortest text in a binary that is taken for one, as strings(1) has it.
SHORTEST = 4
# How far a text in a binary is followed from a differing byte.
REACH = 4096


@dataclass(frozen=True, kw_only=True)
class Region:
    """Bytes that differ in two strings of one length: from `start` up to `end`."""

    start: int
    end: int


def find_regions(first: bytes, second: bytes, *, most: int) -> tuple[Region, ...]:
    """Return the first `most` regions in which two byte strings of the same length differ."""
    return tuple(islice(join_regions(iter_regions(first, second)), most))


def iter_regions(first: bytes, second: bytes) -> Iterator[Region]:
    """Yield runs of differing bytes, cut at the borders of blocks."""
    for start in range(0, len(first), BLOCK):
        one, two = first[start : start + BLOCK], second[start : start + BLOCK]
        if one != two:
            mixed = (int.from_bytes(one) ^ int.from_bytes(two)).to_bytes(len(one))
            for found in NOT_ZERO.finditer(mixed):
                yield Region(start=start + found.start(), end=start + found.end())


def join_regions(regions: Iterator[Region]) -> Iterator[Region]:
    """Yield regions with those that lie close together as one."""
    last: Region | None = None
    for region in regions:
        if last and region.start - last.end < JOIN:
            last = Region(start=last.start, end=region.end)
            continue
        if last:
            yield last
        last = region
    if last:
        yield last


def first_difference(first: bytes, second: bytes) -> int:
    """Return the offset of the first byte that differs; the shorter one's length if it begins the longer."""
    shorter = min(len(first), len(second))
    found = find_regions(first[:shorter], second[:shorter], most=1)
    return found[0].start if found else shorter


def widen_region(data: bytes, region: Region) -> bytes:
    """Return a region's bytes with the text that they are part of, as far as this side has one."""
    before = data[max(0, region.start - REACH) : region.start]
    after = data[region.end : region.end + REACH]
    left, right = len(before) - len(before.rstrip(TEXT)), len(after) - len(after.lstrip(TEXT))
    return data[region.start - left : region.end + right]


def list_strings(data: bytes) -> list[bytes]:
    """Return the texts in binary data."""
    return [text for text in PRINTABLE.findall(data) if len(text) >= SHORTEST]


def subtract(first: Sequence[bytes], second: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return what only the first and what only the second list has, each in its order; twice is not once."""
    return keep(first, Counter(first) - Counter(second)), keep(second, Counter(second) - Counter(first))


def keep(items: Sequence[bytes], wanted: Counter[bytes]) -> list[bytes]:
    """Return as many of each item as are wanted."""
    kept = []
    for item in items:
        if wanted[item] > 0:
            wanted[item] -= 1
            kept.append(item)
    return kept
