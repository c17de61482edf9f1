"""Why two pieces of text differ: what of a build's surroundings is in each of them.

A swap takes what one build let slip, and puts the same mark on both sides. If the two pieces are then closer to each other
than before, this was a cause; what is left when all swaps are done has another one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tproxy_rpms.repro.verdict import Surroundings

MARK = b"\x01"
# Where a name or a number ends: it is no part of a longer one.
BEFORE, AFTER = rb"(?<![\w-])", rb"(?![\w-])"
# Names shorter than this say nothing: "a" is in every text.
SHORTEST_NAME = 3

# Folders in which packages are built, for a side whose own folder is not known.
BUILD_FOLDER = re.compile(
    # Bounded: a line of base64 is one long path with thousands of beginnings.
    rb"/[\w.+~@%/-]{0,255}(?=/(?:BUILD|BUILDROOT|SOURCES)/)"
    rb"|/(?:home|root|tmp|var/tmp|builddir|build|srv|mnt)(?:/[\w.+~@%-]+)+"
)
MONTH = (
    rb"(?<![A-Za-z])(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?"
    rb"|Nov(?:ember)?|Dec(?:ember)?)"
)
DAY = rb"(?:(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )"
CLOCK = rb"\d\d:\d\d:\d\d(?:\.\d+)?(?: [AP]M)?"
ZONE = rb"(?: [A-Z]{3,5}| ?[+-]\d\d:?\d\d|Z)"
DATE = re.compile(
    # date(1), asctime(3) and __DATE__; RFC 2822; manual pages; ISO 8601; the same without marks; date +%D; __TIME__
    rb"%b?%b +\d{1,2},?(?: %b)?%b? \d{4}" % (DAY, MONTH, CLOCK, ZONE)
    + rb"|%b?\d{1,2}[ -]%b[ -]\d{4}(?: %b)?%b?" % (DAY, MONTH, CLOCK, ZONE)
    + rb"|%b,? (?:19|20)\d\d(?!\d)" % MONTH
    + rb"|(?<!\d)(?:19|20)\d\d(?:-\d\d-|/\d\d/)\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?%b?" % ZONE
    + rb"|(?<!\d)20\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:T?\d{4}(?:\d\d)?)?(?!\d)"
    + rb"|(?<![\w/.])\d\d/\d\d/\d\d(?:\d\d)?(?![\w/])"
    + rb"|(?<!\d)%b%b?" % (CLOCK, ZONE)
)
# Ten digits are a time (2001 to 2033) if the other side has one less than two years away.
EPOCH = re.compile(rb"(?<![\d.])1\d{9}(?![\d.])")
APART = 2 * 365 * 86400


@dataclass(frozen=True, kw_only=True)
class Swap:
    """A cause, and what stands for it in the first and in the second build."""

    cause: str
    first: re.Pattern[bytes]
    second: re.Pattern[bytes]


@dataclass(frozen=True, kw_only=True)
class Clue:
    """What was found: a cause, and the two pieces of text that show it."""

    cause: str
    first: bytes
    second: bytes


def make_swaps(first: Surroundings, second: Surroundings) -> tuple[Swap, ...]:
    """Return what may stand for the causes in two builds, the longest texts first."""
    pairs = [
        ("build path", match_folder(first), match_folder(second), first.directory, second.directory),
        ("host name", match_host(first), match_host(second), first.host, second.host),
        ("user", match_name(first.user), match_name(second.user), first.user, second.user),
        ("locale", match_name(first.locale), match_name(second.locale), first.locale, second.locale),
        ("jobs", match_jobs(first), match_jobs(second), first.jobs, second.jobs),
        ("user", match_uid(first), match_uid(second), first.uid, second.uid),
    ]
    usable = [
        Swap(cause=cause, first=one, second=two)
        for cause, one, two, value, other in pairs
        if one and two and (value != other or not value)
    ]
    return (*usable, Swap(cause="__DATE__", first=DATE, second=DATE))


def match_folder(side: Surroundings) -> re.Pattern[bytes]:
    """Return what finds a build's folder: its own, or any in which packages are built where it is not known."""
    folder = side.directory.rstrip("/").encode()
    return re.compile(re.escape(folder) + rb"(?![\w.+~-])") if folder else BUILD_FOLDER


def match_host(side: Surroundings) -> re.Pattern[bytes] | None:
    """Return what finds a host's name, with its domain or without."""
    names = [name for name in (side.host, side.host.partition(".")[0]) if len(name) >= SHORTEST_NAME]
    return match_any([re.escape(name.encode()) for name in names])


def match_name(name: str) -> re.Pattern[bytes] | None:
    """Return what finds a name that is a word of its own."""
    return match_any([re.escape(name.encode())]) if len(name) >= SHORTEST_NAME else None


def match_jobs(side: Surroundings) -> re.Pattern[bytes] | None:
    """Return what finds make's option for the number of jobs."""
    return re.compile(rb"-j ?%d(?!\d)" % side.jobs) if side.jobs else None


def match_uid(side: Surroundings) -> re.Pattern[bytes] | None:
    """Return what finds a user's number: a short one only where a word says what it is."""
    if side.uid is None:
        return None
    bare = rb"|(?<![\w.-])%d(?![\w.-])" % side.uid if side.uid >= 100 else b""
    return re.compile(rb"(?i:(?<=uid=)|(?<=uid )|(?<=uid: ))%d(?!\d)%b" % (side.uid, bare))


def match_any(words: Sequence[bytes]) -> re.Pattern[bytes] | None:
    """Return what finds one of some words."""
    return re.compile(BEFORE + b"(?:" + b"|".join(words) + b")" + AFTER) if words else None


def find_clues(first: bytes, second: bytes, swaps: Sequence[Swap]) -> tuple[tuple[Clue, ...], bool]:
    """Return why two pieces of text differ, and whether that is all: nothing else differs in them."""
    one, two = first, second
    clues: dict[str, Clue] = {}
    steps: list[tuple[str, Callable[[bytes, bytes], tuple[bytes, bytes]]]] = [
        *((swap.cause, make_step(swap)) for swap in swaps), ("__DATE__", swap_epochs),
    ]  # fmt: skip
    for cause, step in steps:
        if one == two:
            break
        new_one, new_two = step(one, two)
        if new_one != one and new_two != two and gap(new_one, new_two) < gap(one, two):
            clues.setdefault(cause, Clue(cause=cause, first=first, second=second))
            one, two = new_one, new_two
    return tuple(clues.values()), one == two


def make_step(swap: Swap) -> Callable[[bytes, bytes], tuple[bytes, bytes]]:
    """Return what puts a swap's mark on both sides."""
    return lambda one, two: (swap.first.sub(MARK, one), swap.second.sub(MARK, two))


def swap_epochs(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """Return both sides with a mark for the times in seconds, if all of them are near to each other."""
    times = [[int(found) for found in EPOCH.findall(side)] for side in (first, second)]
    if len(times[0]) != len(times[1]) or any(abs(one - two) > APART for one, two in zip(*times, strict=True)):
        return first, second
    return EPOCH.sub(MARK, first), EPOCH.sub(MARK, second)


def mark_all(text: bytes, swaps: Sequence[Swap], *, side: int) -> bytes:
    """Return a text with all marks of its side (0 or 1), so that it can be looked up among the other's."""
    for swap in swaps:
        text = (swap.second if side else swap.first).sub(MARK, text)
    return EPOCH.sub(MARK, text)


def gap(first: bytes, second: bytes) -> int:
    """Return how many bytes of both lie between their common beginning and their common end."""
    shorter = min(len(first), len(second))
    head = count_common(first, second, shorter)
    tail = count_common(first[::-1], second[::-1], shorter - head)
    return len(first) + len(second) - 2 * (head + tail)


def count_common(first: bytes, second: bytes, most: int) -> int:
    """Return how many bytes two strings have in common from their beginning, at most `most`."""
    if first[:most] == second[:most]:
        return most
    mixed = int.from_bytes(first[:most]) ^ int.from_bytes(second[:most])
    return most - (mixed.bit_length() + 7) // 8
