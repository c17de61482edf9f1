"""How far a step is: counting in logs, following them, and what the last run says of the time that is left."""

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms import console
from tproxy_rpms.progress import watch
from tproxy_rpms.progress.counter import CONFIGURED, INSTALLED, LONGEST_LINE, OBJECT, Counter, Follower
from tproxy_rpms.progress.pace import MARKS, Pace, make_pace, read_pace, write_pace
from tproxy_rpms.progress.watch import Tally, watch_count, watch_log

# Lines of real logs: Linux 6.1 and 2.6.30, Squid 5.7 and 3.1 with libtool, iptables 1.8.9 and 1.4.3.2.
OBJECTS = b"""\
  CC      mm/shmem.o
  CC [M]  net/netfilter/xt_TPROXY.o
  AS      arch/x86/entry/entry_64.o
  LD [M]  net/netfilter/xt_socket.ko
  HOSTCC  scripts/kconfig/conf.o
  AR      net/built-in.a
  CXXLD   squid
  CC       xtables_libxtables_la-xtables.lo
libtool: compile:  g++ -DHAVE_CONFIG_H "-DX=\\"a b\\"" -I../.. -O2 -c Elements.cc -o Elements.o
 gcc -DHAVE_CONFIG_H -O2 -c rfc1738.c -o rfc1738.o
gcc -D_LARGEFILE_SOURCE=1 -Wall -O2 -c -o libxt_TPROXY.o libxt_TPROXY.c
if g++ -DHAVE_CONFIG_H -MT x.o -c -o x.o x.cc; \\
/usr/bin/ccache x86_64-redhat-linux-gcc-4.1 -m32 -c x.c
+ cc -c x.c
"""
OTHERS = b"""\
checking whether gcc understands -c and -o together... yes
/bin/bash ../../libtool  --tag=CXX   --mode=compile g++ -DHAVE_CONFIG_H -c -o Elements.lo Elements.cc
/usr/bin/install -c -m 644 x.h /usr/include
gcc -O2 -o squid main.o -lm
  SYSHDR  arch/x86/include/generated/uapi/asm/unistd_32.h
  INSTALL mm/x.ko
+ grep -q ^CC .config
CC      not set in
gcc -cpp x.c
"""


@given(st.lists(st.integers(1, 40)))
def test_lines_are_counted_however_they_are_cut(sizes: list[int]) -> None:
    counter, log, offset = Counter(OBJECT), OBJECTS + OTHERS, 0
    for size in sizes:
        counter.feed(log[offset : offset + size])
        offset += size
    counter.feed(log[offset:])
    assert counter.count == len(OBJECTS.splitlines())


@pytest.mark.parametrize("line", OTHERS.splitlines())
def test_what_is_no_object_does_not_count(line: bytes) -> None:
    assert not OBJECT.match(line)


def test_packages_of_roots_are_counted() -> None:
    counter = Counter(CONFIGURED)
    counter.feed(b"2026-11-28 14:24:30 status unpacked libc6:amd64 2.36\n2026-11-28 14:24:31 status installed libc6:amd64 2.36\n")
    assert counter.count == 1
    counter = Counter(INSTALLED)
    counter.feed(
        b"DEBUG util.py:461:    Installing : bash-3.2-32.el5.x86_64   12/140 \n"
        b"DEBUG util.py:461:  [ 3/9] Installing x\n  Installing: x  1/2\nDEBUG  Installed:\n  x\n"
    )
    assert counter.count == 3


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    counter = Counter(OBJECT)
    for _ in range(10):
        counter.feed(b"x" * LONGEST_LINE)
    assert len(counter.rest) == LONGEST_LINE


def test_a_log_of_an_earlier_build_does_not_count_until_it_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_bytes(OBJECTS)
    follower = Follower(lambda: log, Counter(OBJECT))
    assert follower.look() == 0
    log.write_bytes(b"")
    assert follower.look() == 0
    with log.open("ab") as stream:
        for piece, count in ((b"  CC   a.o\n  CC", 1), (b"   b.o\n", 2), (b"", 2)):
            stream.write(piece)
            stream.flush()
            assert follower.look() == count
    log.write_bytes(b"  CC c.o\n")  # shorter: begun anew in place
    assert follower.look() == 1
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"  CC c.o\n" * 9)
    fresh.replace(log)
    assert follower.look() == 9
    log.unlink()
    assert follower.look() == 9


def test_a_log_may_appear_late(tmp_path: Path) -> None:
    found: list[Path] = []
    follower = Follower(lambda: found[0] if found else None, Counter(OBJECT))
    assert follower.look() == 0
    found.append(tmp_path / "build.log")
    assert follower.look() == 0
    found[0].write_bytes(OBJECTS)
    assert follower.look() == len(OBJECTS.splitlines())


# 10 s until the first of 100 objects, then one each second, then 20 s for packing.
LAST = Pace(count=100, seconds=130.0, marks=tuple((10.0 + count, count) for count in range(1, 101)))


@pytest.mark.parametrize(
    ("count", "elapsed", "left"),
    [
        (0, 0, 130),
        (0, 5, 125),  # nothing is counted yet, but time passes as it did
        (50, 60, 70),
        (100, 110, 20),
        (100, 120, 10),  # packing
        (101, 110, None),
    ],
)
def test_a_run_like_the_last_one_takes_as_long(count: int, elapsed: float, left: float | None) -> None:
    assert LAST.estimate_left(count, elapsed) == (None if left is None else pytest.approx(left, abs=1))


def test_a_slower_run_takes_longer_and_an_early_moment_says_little() -> None:
    slow = LAST.estimate_left(50, 120)
    assert slow is not None and 120 < slow < 140
    early = LAST.estimate_left(0, 22)
    assert early is not None and early < 200
    fast = LAST.estimate_left(50, 30)
    assert fast is not None and 35 < fast < 45
    assert LAST.estimate_left(100, 10_000) == 0  # nobody knows better


@given(
    st.lists(st.tuples(st.floats(0.1, 9), st.integers(1, 30)), min_size=1, max_size=300),
    st.integers(0, 10_000),
    st.floats(0, 1e4),
)
def test_an_estimate_is_never_negative_and_marks_are_few(steps: list[tuple[float, int]], count: int, elapsed: float) -> None:
    marks, moment, total = [], 0.0, 0
    for seconds, more in steps:
        moment, total = moment + seconds, total + more
        marks.append((moment, total))
    pace = make_pace(marks, seconds=moment + 1)
    assert pace is not None and len(pace.marks) <= MARKS + 1 and pace.count == total == pace.marks[-1][1]
    assert all(one[1] < other[1] for one, other in pairwise(pace.marks))
    left = pace.estimate_left(count, elapsed)
    assert left is None if count > total else left is not None and left >= 0


def test_of_many_marks_first_and_last_are_kept() -> None:
    pace = make_pace([(float(count), count) for count in range(1, 1001)], seconds=1010)
    assert pace is not None and len(pace.marks) <= MARKS + 1
    assert (pace.marks[0], pace.marks[-1]) == ((1.0, 1), (1000.0, 1000))


def test_a_pace_is_kept_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "pace" / "rpm-x.json"
    assert read_pace(path) is None and make_pace([], seconds=3) is None
    write_pace(path, LAST)
    assert read_pace(path) == LAST
    for damage in (
        "{",
        "[]",
        '{"schema": 1}',
        path.read_text().replace('"schema": 1', '"schema": 2'),
        path.read_text().replace("99", "98"),
    ):
        path.write_text(damage)
        assert read_pace(path) is None
    (tmp_path / "file").touch()
    write_pace(tmp_path / "file" / "x.json", LAST)  # costs nothing but the pace


class Told(list[tuple[int, int, float | None]]):
    """A console that keeps what it is told."""

    def progress(self, name: str, unit: str) -> "Told":
        self.name = f"{name} in {unit}"
        return self

    def __enter__(self) -> object:
        return lambda done, total, left=None: self.append((done, total, left))

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(watch, "Console", lambda: told)
    monkeypatch.setattr(console, "LOOK", 0.001)
    return told


def wait_for(told: Told, done: int) -> None:
    """Wait until so much was told."""
    for _ in range(10_000):
        if told and told[-1][0] == done:
            return
        time.sleep(0.001)
    raise AssertionError(told[-3:])


def test_a_build_is_told_of_against_the_last_one(tmp_path: Path, told: Told) -> None:
    log, kept = tmp_path / "build.log", tmp_path / "pace.json"
    for total in (0, 3):
        log.write_bytes(b"")
        told.clear()
        with watch_log("rpm:x", unit="objects", find=lambda: log, pattern=OBJECT, kept=kept):
            for count in (1, 2):
                with log.open("ab") as stream:
                    stream.write(b"  CC x.o\n")
                wait_for(told, count)
            with log.open("ab") as stream:
                stream.write(b"  CC x.o\n")
        assert told.name == "rpm:x in objects"
        assert {of for _, of, _ in told} == {total}
        assert (told[-1][2] is None) == (total == 0)
        pace = read_pace(kept)
        assert pace is not None and pace.count == 3


def test_a_build_that_fails_leaves_the_last_pace(tmp_path: Path, told: Told) -> None:
    kept = tmp_path / "pace.json"
    write_pace(kept, LAST)
    with pytest.raises(RuntimeError), watch_count("x", unit="objects", count=lambda: 7, kept=kept):
        wait_for(told, 7)
        raise RuntimeError
    assert read_pace(kept) == LAST


def test_more_than_the_last_time_has_no_end_that_is_known(tmp_path: Path, told: Told) -> None:
    write_pace(tmp_path / "pace.json", LAST)
    with watch_count("x", unit="objects", count=lambda: 101, kept=tmp_path / "pace.json"):
        wait_for(told, 101)
    assert told[-1] == (101, 0, None)


def test_checks_are_counted_as_they_are_told(tmp_path: Path, told: Told) -> None:
    tally = Tally()
    with watch_count("accept:x", unit="checks", count=tally.look, kept=tmp_path / "pace.json"):
        for _ in range(3):
            tally.add()
        wait_for(told, 3)
    pace = read_pace(tmp_path / "pace.json")
    assert pace is not None and pace.count == 3


def test_patterns_are_quick_on_long_lines() -> None:
    for pattern in (OBJECT, CONFIGURED, INSTALLED):
        assert not re.match(pattern, b"a-" * 30_000) and not re.match(pattern, b"gcc " + b" -d" * 20_000)
