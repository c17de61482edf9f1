"""What of its surroundings a text shows: each cause where it is one, none where it is not, and no text that takes for ever."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.repro.clue import count_common, find_clues, gap, make_swaps
from tproxy_rpms.repro.verdict import CAUSES, Surroundings

FIRST = Surroundings(directory="/builddir/", host="one.example.org", user="builder", uid=1000, locale="C.UTF-8", jobs=2)
SECOND = Surroundings(directory="/srv/x+y/place", host="two", user="me", uid=42, locale="fr_FR.UTF-8", jobs=16)
KNOWN, UNKNOWN = make_swaps(FIRST, SECOND), make_swaps(Surroundings(), Surroundings())


def look(first: bytes, second: bytes, *, known: bool = True) -> tuple[set[str], bool]:
    clues, whole = find_clues(first, second, KNOWN if known else UNKNOWN)
    return {clue.cause for clue in clues}, whole


@pytest.mark.parametrize(
    ("first", "second", "causes"),
    [
        (b"-I/builddir/BUILD/x -g", b"-I/srv/x+y/place/BUILD/x -g", {"build path"}),
        (b"at one.example.org.", b"at two.", {"host name"}),
        (b"at one.", b"at two.", {"host name"}),
        (b"(builder@one) in /builddir", b"(other@two) in /srv/x+y/place", {"build path", "host name"}),
        (b"make -j2 all", b"make -j16 all", {"jobs"}),
        (b"make -j 2 all", b"make -j 16 all", {"jobs"}),
        (b"uid=1000(x)", b"uid=42(x)", {"user"}),
        (b"LANG=C.UTF-8;", b"LANG=fr_FR.UTF-8;", {"locale"}),
    ],
)
def test_what_is_known_is_found_where_it_stands(first: bytes, second: bytes, causes: set[str]) -> None:
    found, whole = look(first, second)
    assert found == causes
    assert whole == (b"other" not in second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"/builddirs/x", b"/srv/x+y/places/x"),  # another folder whose name begins the same
        (b"/srv/x+y/placebo", b"/builddir"),
        (b"someone", b"sometwo"),  # a part of a word
        (b"one-off", b"two-off"),
        (b"-j22", b"-j161"),
        (b"1000.5", b"42.5"),
        (b"by me", b"by you"),  # a name too short to be one
        (b"two", b"one"),  # each on the other's side
        (b"version 20261345", b"version 20261399"),  # no month has that number
        (b"size 1234567890", b"size 1934567890"),  # seconds 22 years apart
    ],
)
def test_what_only_looks_like_it_is_no_cause(first: bytes, second: bytes) -> None:
    assert look(first, second) == (set(), False)


def test_what_both_builds_had_is_no_cause() -> None:
    same = make_swaps(FIRST, FIRST)
    assert {swap.cause for swap in same} == {"__DATE__"}
    assert find_clues(b"x one y", b"x 1 y", same)[0] == ()


def test_one_build_is_known_and_the_other_is_not() -> None:
    half = make_swaps(Surroundings(directory="/builddir"), Surroundings())
    assert [clue.cause for clue in find_clues(b"/builddir/BUILD/a.c", b"/home/x/rpm/BUILD/a.c", half)[0]] == ["build path"]
    assert find_clues(b"/elsewhere/a.c", b"/home/x/rpm/BUILD/a.c", half)[0] == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"/home/me/rpmbuild/BUILD/x-1/a.c", b"/builddir/build/BUILD/x-1/a.c"),
        (b"'/home/me/rpmbuild/BUILD/x-1/a.c'", b"'/a/BUILD/b/BUILD/x-1/a.c'"),
        (b"in /tmp/abc: ", b"in /var/tmp/def: "),
    ],
)
def test_folders_of_builds_are_recognized_where_none_is_known(first: bytes, second: bytes) -> None:
    assert look(first, second, known=False) == ({"build path"}, True)


def test_a_host_that_nobody_knows_is_no_cause() -> None:
    assert look(b"on one", b"on two", known=False) == (set(), False)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", [b"/abcdefghijklmnopqrstuv", b"/tmp/a", b"Mon, ", b"1700000000 ", b"20261125", b"2026-11-25T", b"12:"]
)
def test_long_lines_take_no_time(piece: bytes) -> None:
    line = piece * (300_000 // len(piece))
    for swaps in (KNOWN, UNKNOWN):
        before = time.process_time()
        find_clues(line + b"X", line + b"Y", swaps)
        assert time.process_time() - before < 5  # where it grows with the square it takes minutes


LINE = st.lists(
    st.sampled_from(
        [b"/builddir", b"/srv/x+y/place", b"one", b"two", b"builder", b" ", b"-j2", b"Nov 25 2026", b"1700000000", b"=", b"x"]
    )
).map(b"".join)


@given(first=LINE, second=LINE)
def test_clues_are_causes_that_both_sides_show_and_the_other_way_round_as_well(first: bytes, second: bytes) -> None:
    clues, whole = find_clues(first, second, KNOWN)
    assert all(clue.cause in CAUSES and (clue.first, clue.second) == (first, second) for clue in clues)
    assert len({clue.cause for clue in clues}) == len(clues)
    assert bool(clues) or whole == (first == second)
    other, other_whole = find_clues(second, first, make_swaps(SECOND, FIRST))
    assert ({clue.cause for clue in other}, other_whole) == ({clue.cause for clue in clues}, whole)


@given(first=st.binary(max_size=40), second=st.binary(max_size=40), common=st.binary(max_size=20))
def test_the_gap_is_what_two_texts_do_not_share(first: bytes, second: bytes, common: bytes) -> None:
    assert gap(first, first) == 0
    assert gap(common + first + common, common + second + common) <= len(first) + len(second)
    assert (gap(first, second) == 0) == (first == second)
    same = count_common(first, second, min(len(first), len(second)))
    assert first[:same] == second[:same]
    assert first[same : same + 1] != second[same : same + 1] or same == min(len(first), len(second))
