"""How many builders for how many kernels: list scheduling, matrices, measured times, and the table."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.capacity.__main__ import main
from benchmarks.capacity.matrix import MissingTimesError, find_kernel_bound, make_matrix
from benchmarks.capacity.schedule import Build, find_duration, find_longest_chain
from benchmarks.capacity.table import Plan, render_duration, render_plan
from benchmarks.capacity.times import MEASURED, Figure, find_company, gather_figures, read_measured
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch
from tproxy_rpms.report.runs import Run, StepRun

from ..conftest import ROOT

CENTOS5 = load_release("centos5", root=ROOT)
ARCHES: tuple[Arch, ...] = ("x86_64", "i386")


def build(name: str, *seconds: float, after: tuple[str, ...] = ()) -> Build:
    return Build(name=name, seconds=seconds, after=after)


def times_of(seconds: Mapping[str, float]) -> dict[tuple[str, Arch], float]:
    return {(name, arch): value for name, value in seconds.items() for arch in ARCHES}


def test_the_longest_goes_first() -> None:
    """In the order in which they stand, 2 2 3 on two slots would take 5."""
    assert find_duration([build("a", 2, 2), build("b", 3)], slots=2) == 4
    assert find_duration([build("a", 2, 2), build("b", 3)], slots=1) == 7


def test_each_arch_takes_a_slot_of_its_own() -> None:
    assert find_duration([build("a", 5, 3)], slots=2) == 5
    assert find_duration([build("a", 5, 3)], slots=1) == 8


def test_what_needs_a_package_waits_for_all_its_arches_and_for_the_repo() -> None:
    chain = [build("kernel", 10, 4), build("iptables", 1, 1, after=("kernel",))]
    assert find_duration(chain, slots=8) == 11
    assert find_duration(chain, slots=8, pause=30) == 41, "a pause lies between two builds, none after the last"


def test_a_slot_is_free_while_a_repo_is_made() -> None:
    needing = [build("a", 10), build("b", 1, after=("a",))]
    assert find_duration([*needing, build("c", 9)], slots=1, pause=5) == 10 + 9 + 1
    assert find_duration([*needing, build("c", 2)], slots=1, pause=5) == 10 + 5 + 1


def test_a_package_that_needs_two_waits_for_both() -> None:
    assert find_duration([build("a", 3), build("b", 7), build("c", 1, after=("a", "b"))], slots=4) == 8


@pytest.mark.parametrize("after", [("b",), ("missing",), ("a",)])
def test_what_would_wait_for_ever_is_told(after: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="for ever: a"):
        find_duration([build("a", 1, after=after), build("b", 1, after=("a",))], slots=1)


@st.composite
def some_builds(draw: st.DrawFn) -> list[Build]:
    """Builds that need earlier ones."""
    count = draw(st.integers(1, 8))
    seconds = st.lists(st.integers(1, 100), min_size=1, max_size=2).map(tuple)
    return [
        build(str(number), *draw(seconds), after=tuple(map(str, draw(st.sets(st.integers(0, number - 1))) if number else ())))
        for number in range(count)
    ]


@given(some_builds(), st.integers(1, 5), st.integers(0, 20))
def test_a_schedule_lies_between_the_bounds(builds: list[Build], slots: int, pause: int) -> None:
    """Nobody beats the work over all slots, or the longest chain; list scheduling takes no longer than both (Graham)."""
    work, chain = sum(sum(one.seconds) for one in builds), find_longest_chain(builds, pause=pause)
    duration = find_duration(builds, slots=slots, pause=pause)
    assert max(work / slots, chain) <= duration <= work / slots + chain


@given(some_builds(), st.integers(0, 20))
def test_the_longest_chain_is_that_of_arithmetic(builds: list[Build], pause: int) -> None:
    ends: dict[str, float] = {}
    for one in builds:
        ends[one.name] = max((ends[name] + pause for name in one.after), default=0) + max(one.seconds)
    assert find_longest_chain(builds, pause=pause) == max(ends.values())


def test_what_is_built_after_a_kernel_is_there_once_a_kernel() -> None:
    assert find_kernel_bound(CENTOS5.packages) == {"kernel", "iptables"}
    times = times_of({"kernel": 100, "iptables": 10, "squid": 50, "libcap2": 1, "tproxy-host": 2})
    builds = make_matrix(CENTOS5, times, kernels=3, twice=False, extra=5)
    assert {one.name: (one.seconds, one.after) for one in builds if one.name[-1] in "02"} == {
        "kernel 0": ((105, 105), ()), "kernel 2": ((105, 105), ()),
        "iptables 0": ((15, 15), ("kernel 0",)), "iptables 2": ((15, 15), ("kernel 2",)),
        "libcap2 0": ((6, 6), ()), "squid 0": ((55, 55), ("libcap2 0",)), "tproxy-host 0": ((7, 7), ()),
    }  # fmt: skip
    assert len(builds) == 3 + 3 + 3


def test_second_builds_wait_for_the_first_and_what_it_needed() -> None:
    times = times_of({"kernel": 100, "iptables": 10, "squid": 50, "libcap2": 1, "tproxy-host": 2})
    builds = {one.name: one for one in make_matrix(CENTOS5, times, kernels=1, twice=True)}
    assert len(builds) == 2 * len(CENTOS5.packages)
    assert builds["iptables 0 again"].after == ("kernel 0", "iptables 0")
    assert find_longest_chain(list(builds.values())) == 200, "the kernel twice"


def test_what_was_never_measured_is_named() -> None:
    with pytest.raises(MissingTimesError, match=r"^no time for libcap2:i386, iptables:x86_64, iptables:i386 of centos5$"):
        times = times_of({"kernel": 1, "squid": 1, "tproxy-host": 1})
        make_matrix(CENTOS5, times | {("libcap2", "x86_64"): 1}, kernels=1, twice=False)


def step(task: str, started: float, seconds: float, *, failed: bool = False) -> StepRun:
    return StepRun(task=task, started=started, seconds=seconds, outcome="failed" if failed else "done")


def run(*steps: StepRun, ccache: bool = False) -> Run:
    return Run(started=0, cores=2, ccache=ccache, steps=steps)


def test_figures_are_medians_of_builds_without_ccache() -> None:
    runs = [
        run(step("rpm:squid:i386", 0, 100), step("fetch:squid", 0, 1), step("rpm:kernel:i386", 500, 7, failed=True)),
        run(step("rpm:squid:i386", 0, 130)),
        run(step("rpm:squid:i386", 0, 110)),
        run(step("rpm:squid:i386", 0, 5), step("rpm:kernel:i386", 0, 6), ccache=True),
    ]
    assert gather_figures(runs) == (
        Figure(package="squid", arch="i386", seconds=110, how="3 in the runs, with about 2.0 cores each"),
    )


def test_builds_side_by_side_share_the_cores() -> None:
    one, other = step("rpm:squid:i386", 0, 100), step("rpm:kernel:i386", 50, 100)
    assert find_company(one, (one, other, step("fetch:linux", 0, 100))) == 1.5
    assert gather_figures([run(one, step("rpm:kernel:i386", 0, 100))])[0].how == "1 in the runs, with about 1.0 cores each"


def test_durations_are_rounded_up() -> None:
    shown = {0: "0:00", 1: "0:01", 60: "0:01", 60.5: "0:02", 3600: "1:00", 36061: "10:02"}
    assert {seconds: render_duration(seconds) for seconds in shown} == shown


@pytest.mark.parametrize("name", re.findall(r"^\[(\w+)\]$", MEASURED.read_text(), re.M))
def test_every_set_has_all_of_its_release(name: str) -> None:
    measured = read_measured(MEASURED, name)
    times = {(figure.package, figure.arch): figure.seconds for figure in measured.figures}
    assert len(times) == len(measured.figures), "measured twice"
    assert make_matrix(load_release(measured.release, root=ROOT), times, kernels=1, twice=False)
    assert all(figure.how and figure.seconds > 0 for figure in measured.figures) and measured.at_once > 0


def test_the_plan_is_what_the_schedule_says() -> None:
    release = replace(CENTOS5, packages={"kernel": CENTOS5.packages["kernel"]})
    figures = [Figure(package="kernel", arch=arch, seconds=590, how="a | b") for arch in ARCHES]
    text = render_plan(release, figures, Plan(builders=(1, 4), at_once=2, kernels=(1, 4), extra=10, pause=0))
    assert "| kernel:i386 | 590 | a \\| b |" in text
    assert [line for line in text.splitlines() if re.match(r"\| \d", line)] == [
        "| 1 | first | 2 | 0:10 | 0:10 | 0:10 |",
        "| 4 | first | 8 | 0:40 | 0:10 | 0:10 |",
        "| 1 | first and second | 4 | 0:20 | 0:20 | 0:20 |",
        "| 4 | first and second | 16 | 1:20 | 0:20 | 0:20 |",
    ]


def write_run(folder: Path, *, ccache: bool) -> None:
    folder.mkdir()
    header = {"schema": 1, "started": 1.0, "cores": 2, "ccache": ccache}
    steps = [
        {"task": f"rpm:{name}:{arch}", "started": 1.0, "seconds": 60.0, "outcome": "done"}
        for name in CENTOS5.packages
        for arch in ARCHES
    ]
    (folder / "20261128T000000Z-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (header, *steps)))


def test_the_command_plans_from_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "runs", ccache=False)
    words = ["--runs", str(tmp_path / "runs"), "--release", "centos5", "--kernels", "1", "--builders", "5", "--extra", "0"]
    assert main(words) == 0
    assert "| 1 | first | 10 | 0:03 | 0:03 |" in capsys.readouterr().out
    assert main([*words, "--at-once", "2", "--pause", "61"]) == 0
    assert "| 1 | first | 10 | 0:04 | 0:04 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "no set nonsense in measured.toml: there are centos5"),
        (["--runs", "{runs}"], "--runs needs --release"),
        (["--runs", "{runs}", "--release", "centos5"], "has no run without ccache"),
        (["--release", "rehersal"], "rehearsal"),
        (["--builders", "0"], "--builders"),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    write_run(tmp_path / "runs", ccache=True)
    with pytest.raises(SystemExit) as caught:
        main([word.format(runs=tmp_path / "runs") for word in words])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
