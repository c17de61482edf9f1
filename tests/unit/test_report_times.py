"""Runs as pictures: lanes, ticks, and a step's last time against earlier ones."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.page.bar import draw
from tproxy_rpms.page.template import format_span
from tproxy_rpms.report.benchmark import Ratio, Results
from tproxy_rpms.report.history import compare_times
from tproxy_rpms.report.runs import Run, StepRun
from tproxy_rpms.report.timeline import MOST_TICKS, choose_run, draw_run, place_ticks, share_lanes

from .handcut import make_run

SPANS = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 300)), min_size=1, max_size=30)


def make_steps(spans: list[tuple[int, int]]) -> list[StepRun]:
    return [
        StepRun(task=f"rpm:{number}:i386", started=1000.0 + begin, seconds=float(length), outcome="done")
        for number, (begin, length) in enumerate(spans)
    ]


@given(SPANS)
def test_lanes_hold_every_step_once_and_none_beside_another(spans: list[tuple[int, int]]) -> None:
    steps = make_steps(spans)
    lanes = share_lanes(steps)
    assert sorted(step.task for lane in lanes for step in lane) == sorted(step.task for step in steps)
    for lane in lanes:
        assert all(before.started + before.seconds <= after.started for before, after in pairwise(lane))
    # No more lanes than there were steps at work at once.
    most = max(sum(begin <= moment < begin + length for begin, length in spans) for moment, _ in spans)
    assert len(lanes) == most


@given(SPANS)
def test_every_block_lies_within_the_picture(spans: list[tuple[int, int]]) -> None:
    run = Run(started=0, cores=2, ccache=False, steps=tuple(make_steps(spans)))
    line = draw_run(run)
    assert min(block.left for block in line.blocks) == 0
    assert max(block.left + block.width for block in line.blocks) == pytest.approx(100, abs=0.01)
    assert all(0 <= tick.left <= 100 for tick in line.ticks) and len(line.ticks) <= MOST_TICKS + 1


def test_workers_keep_their_lanes() -> None:
    line = draw_run(make_run(5000.0))
    assert [[block.step.task for block in lane] for lane in line.lanes] == [
        ["fetch:linux", "rpm:kernel:x86_64", "repo:x86_64"],
        ["rpm:squid:x86_64", "rpm:squid:i386"],
    ]
    assert line.kinds == ("sources", "builds", "repositories")
    assert (line.started, line.seconds) == (5000.0, pytest.approx(405.4))


@pytest.mark.parametrize(
    ("seconds", "ticks"), [(0.5, [0]), (4, [0, 1, 2, 3, 4]), (405, [0, 120, 240, 360]), (7000, [0, 1200, 2400, 3600, 4800, 6000])]
)
def test_ticks_are_few_and_round(seconds: float, ticks: list[int]) -> None:
    assert [tick.seconds for tick in place_ticks(seconds)] == ticks
    assert [format_span(one) for one in (0, 30, 120, 5400, 7200)] == ["0", "30 s", "2 min", "90 min", "2 h"]


def test_the_picture_is_of_the_latest_run_that_built() -> None:
    built, later = make_run(1000.0), replace(make_run(9000.0), steps=make_run(9000.0).steps[:1])
    assert choose_run([built, later]) is built
    assert choose_run([later]) is later
    assert choose_run([]) is None


def test_a_step_is_compared_with_its_like() -> None:
    runs = [
        make_run(1000.0, factor=3),
        make_run(2000.0, factor=1),
        make_run(3000.0, factor=2),
        make_run(4000.0, factor=0.1, ccache=True),
    ]
    runs.append(replace(make_run(4500.0, factor=9), cores=64))
    runs.append(make_run(5000.0, factor=4, outcome="failed"))
    kernel, squid = compare_times(runs, ("rpm:kernel:x86_64", "gate:kernel:x86_64", "rpm:squid:i386"))
    assert (kernel.task, kernel.seconds, kernel.median, kernel.times) == ("rpm:kernel:x86_64", 1600, 800, 3)
    assert kernel.delta == pytest.approx(100)
    # Its last run failed: that is no time. The one before had other cores, and none like it.
    assert (squid.seconds, squid.median, squid.delta) == (900, None, None)


def test_bars_and_their_lines_share_a_scale() -> None:
    chart = draw("x", [("a", 50, "50"), ("b", 100, "100")], goals=[200, None])
    assert [(bar.share, bar.goal) for bar in chart.bars] == [(25, 100), (50, None)]


def test_ratios_stand_around_one() -> None:
    results = Results(ratios=tuple(Ratio(name="", what="", ratio=one) for one in (0.25, 1.0, 2.0)))
    assert [results.place(one.ratio) for one in results.ratios] == [(0, 50), (50, 0), (50, 25)]
    assert Results(ratios=(Ratio(name="", what="", ratio=1.1),)).reach == 1, "a small difference looks small"
    assert results.place(0) == (0, 50)
