"""Where a cut stands: what a stamp explains, what steps have come to, and how it is told."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tproxy_rpms.errors import LockedError, PatchError
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.report.runs import RunLog, StepRun, read_runs
from tproxy_rpms.report.status import COLUMNS, NONE, WORDS, Cell, Row, Status, combine, format_age, render_json, render_status
from tproxy_rpms.store import explain_stamp, hold_lock, is_current, list_changes, read_holder, write_stamp
from tproxy_rpms.tasks.assessor import Assessor, open_assessor
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.status import list_demanded, list_obstacles, read_status
from tproxy_rpms.tasks.step import Step

from ..conftest import ROOT, make_release

values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    return Cut(release=make_release(), root=tmp_path)


@pytest.fixture
def bookworm(tmp_path: Path) -> Cut:
    return Cut(release=load_release("bookworm", root=ROOT), root=ROOT, folder=tmp_path / "build")


class Chain:
    """Three steps, each after the one before: a:x, b:x, c:x. What goes into each may be changed; its output is a file."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.inputs: dict[str, dict[str, Any]] = {name: {"source": name} for name in "abc"}
        self.steps = {f"{name}:x": self.make_step(name, before) for before, name in (("", "a"), ("a", "b"), ("b", "c"))}
        self.failures: dict[str, StepRun] = {}

    def make_step(self, name: str, before: str) -> Step:
        def tell() -> Mapping[str, Any]:
            if "error" in self.inputs[name]:
                raise PatchError("patches/x/series: missing", hint="write it")
            return self.inputs[name]

        return Step(stage=name, name="x", doc="", inputs=tell, run=tuple, after=(f"{before}:x",) if before else ())

    def output(self, name: str) -> Path:
        return self.cut.build / name

    def make(self, *names: str) -> None:
        for name in names:
            self.output(name).parent.mkdir(parents=True, exist_ok=True)
            self.output(name).write_text(name)
            write_stamp(self.cut.stamp(name, "x"), inputs=self.inputs[name], outputs=[self.output(name)])

    def judge(self) -> dict[str, Cell]:
        assessor = Assessor(cut=self.cut, steps=self.steps, failures=self.failures)
        return {name: assessor.judge(f"{name}:x") for name in "abc"}

    def words(self) -> list[str]:
        return [cell.word for cell in self.judge().values()]


@pytest.fixture
def chain(cut: Cut) -> Chain:
    return Chain(cut)


@given(values, values)
def test_what_changed_is_told_exactly_when_something_did(old: Any, new: Any) -> None:
    lines = list(list_changes({"key": old}, {"key": new}))
    assert bool(lines) == (json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True))
    assert all(line.startswith("key") for line in lines)


def test_a_change_is_told_by_its_innermost_key() -> None:
    old = {"srpm": {"a.src.rpm": "0" * 64, "b": "1" * 64}, "ccache": False, "gone": 1, "epoch": 10}
    new = {"srpm": {"a.src.rpm": "2" * 64, "b": "1" * 64}, "ccache": True, "come": 1, "epoch": 10}
    assert list(list_changes(old, new)) == ["ccache: false → true", "come: new", "gone: gone", "srpm.a.src.rpm: changed"]


def test_one_and_true_are_the_same_neither_here_nor_there(tmp_path: Path) -> None:
    """An explanation never contradicts the check that it explains."""
    write_stamp(tmp_path / "stamp", inputs={"key": 1}, outputs=[])
    assert is_current(tmp_path / "stamp", inputs={"key": 1.0}) == (not explain_stamp(tmp_path / "stamp", inputs={"key": 1.0}))


def test_harmed_outputs_are_named_and_the_stamp_is_not_written(chain: Chain) -> None:
    chain.make("a")
    stamp = chain.cut.stamp("a", "x")
    os.utime(chain.output("a"), (1, 1))
    before = stamp.read_bytes()
    assert explain_stamp(stamp, inputs=chain.inputs["a"]) == ()
    assert stamp.read_bytes() == before
    chain.output("a").write_text("harmed")
    assert explain_stamp(stamp, inputs=chain.inputs["a"]) == (f"{chain.output('a')}: changed",)
    chain.output("a").unlink()
    assert explain_stamp(stamp, inputs=chain.inputs["a"]) == (f"{chain.output('a')}: missing",)


def test_steps_are_good_until_something_changes_and_only_the_cause_has_a_reason(chain: Chain) -> None:
    assert chain.words() == ["no", "no", "no"]
    assert [cell.reasons for cell in chain.judge().values()] == [("a:x: not done yet",), (), ()]
    chain.make("a", "b")
    assert chain.words() == ["good", "good", "no"]
    chain.make("c")
    assert chain.words() == ["good"] * 3
    chain.inputs["a"] = {"source": "other"}
    a, b, c = chain.judge().values()
    assert (a.word, b.word, c.word) == ("old", "old", "old")
    assert a.reasons == ('a:x: source: "a" → "other"',)
    assert (b.reasons, b.needs, c.reasons, c.needs) == ((), ("a:x",), (), ("b:x",))
    assert a.since > 0


def test_a_step_whose_input_is_wrong_says_so(chain: Chain) -> None:
    chain.make("a", "b", "c")
    chain.inputs["b"]["error"] = True
    a, b, c = chain.judge().values()
    assert (a.word, b.word, c.word) == ("good", "bad", "old")
    assert b.reasons == ("b:x: patches/x/series: missing",)


def test_a_stamp_that_is_damaged_is_none(chain: Chain) -> None:
    chain.make("a", "b", "c")
    chain.cut.stamp("b", "x").write_text('{"inputs')
    assert chain.words() == ["good", "no", "old"]
    assert chain.judge()["b"].reasons == ("b:x: not done yet",)


def test_the_age_of_a_step_stays_when_its_outputs_are_only_touched(chain: Chain) -> None:
    chain.make("a")
    stamp = chain.cut.stamp("a", "x")
    os.utime(stamp, (1000, 1000))
    os.utime(chain.output("a"), (5, 5))
    before = stamp.read_bytes()
    assert is_current(stamp, inputs=chain.inputs["a"])
    assert stamp.read_bytes() != before
    assert chain.judge()["a"].since == 1000


def test_a_failure_whose_cause_is_taken_back_is_forgotten(chain: Chain) -> None:
    chain.make("a", "b")
    chain.failures = {"b:x": StepRun(task="b:x", started=time.time(), seconds=5.0, outcome="failed")}
    assert chain.words() == ["good", "good", "no"]
    chain.inputs["b"] = {"source": "broken"}
    assert chain.words() == ["good", "bad", "no"]
    chain.inputs["a"] = {"source": "other"}
    assert chain.words() == ["old", "bad", "no"]


def test_a_failed_step_is_bad_until_it_is_done(chain: Chain) -> None:
    log = RunLog(chain.cut.runs, started=1.0, ccache=False)
    log.add(StepRun(task="b:x", started=1.0, seconds=2.0, outcome="failed"))
    chain.make("a")
    chain.failures = {step.task: step for run in read_runs(chain.cut.runs) for step in run.steps}
    assert chain.words() == ["good", "bad", "no"]
    (reason,) = chain.judge()["b"].reasons
    assert reason.startswith("b:x: failed ") and reason.endswith(" d ago")
    chain.make("b")
    assert chain.words() == ["good", "good", "no"]


def test_the_last_run_of_a_step_counts(cut: Cut) -> None:
    log = RunLog(cut.runs, started=1.0, ccache=False)
    for task, outcomes in (("fetch:linux", ("failed", "done")), ("fetch:squid", ("done", "failed"))):
        for outcome in outcomes:
            log.add(StepRun(task=task, started=1.0, seconds=1.0, outcome="done" if outcome == "done" else "failed"))
    assert set(open_assessor(cut).failures) == {"fetch:squid"}


def test_needed_steps_come_after_what_they_need(chain: Chain) -> None:
    assessor = Assessor(cut=chain.cut, steps=chain.steps, failures={})
    assert assessor.list_needed(["c:x", "a:x", "none:y"]) == ("a:x", "b:x", "c:x")


def test_steps_are_known_by_the_names_that_doit_has(bookworm: Cut) -> None:
    assessor = open_assessor(bookworm)
    assert {"fetch:linux", "kconfig:kernel:tree", "rpm:squid:i386", "gate:squid:SRPM", "record:cut"} <= assessor.steps.keys()
    assert {other for step in assessor.steps.values() for other in step.after} <= assessor.steps.keys()


@given(some.lists(some.sampled_from(WORDS).map(lambda word: Cell(word=word, reasons=(word,)))))
def test_the_worst_of_several_counts(cells: list[Cell]) -> None:
    found = combine(cells)
    applying = [cell for cell in cells if cell.word != "none"]
    assert found.word == max((cell.word for cell in applying), key=WORDS.index, default="none")
    assert set(found.reasons) == {cell.word for cell in applying}


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-1, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_ages(seconds: float, shown: str) -> None:
    assert format_age(seconds) == shown


def make_status(**changes: Any) -> Status:
    cells = dict.fromkeys(COLUMNS, NONE) | {
        "built": Cell(word="good", since=400.0),
        "gated": Cell(word="bad", since=400.0, reasons=("gate:squid:i386: failed 3 h ago",)),
        "reproducible": Cell(word="good", since=400.0, note="equivalent"),
        "accepted": Cell(word="no", reasons=("accept:machines:i386: not done yet",)),
    }
    status = Status(
        release="small", summary="a release", folder="build/small", rows=(Row(package="squid", arch="i386", cells=cells),),
        whole={"record": Cell(word="old", since=1.0, reasons=("record:cut: code: changed",)), "snapshot": NONE},
        obstacles=("gate:squid:i386: failed 3 h ago",), worker="", now=1000.0,
    )  # fmt: skip
    return replace(status, **changes)


def test_the_screen_tells_ages_words_causes_and_the_verdict() -> None:
    text = render_status(make_status())
    (line,) = [line for line in text.splitlines() if line.startswith("squid")]
    assert line.split() == ["squid", "i386", "-", "-", "-", "10", "min", "bad", "10", "min,", "equivalent", "-", "-", "no"]
    assert "record: old" in text and "snapshot" not in text
    assert "Why:\n  record:cut: code: changed\n" in text
    assert "In the way of publishing:\n  gate:squid:i386: failed 3 h ago\n" in text
    assert text.count("gate:squid:i386") == 1
    assert "not done yet" not in text
    assert text.endswith("publishable: no\n")
    assert "At work" not in text and "at work just now: process 7" in render_status(make_status(worker="process 7"))
    assert render_status(make_status(obstacles=())).endswith("publishable: yes\n")
    assert text.isascii()


def test_what_was_skipped_is_told() -> None:
    row = make_status().rows[0]
    skipped = Cell(word="no", since=900.0, reasons=("accept:namespaces:i386: load skipped: no root",))
    text = render_status(make_status(rows=(replace(row, cells={**row.cells, "accepted": skipped}),)))
    assert "Why:\n  accept:namespaces:i386: load skipped: no root\n" in text


def test_the_screen_of_the_largest_release_has_100_columns(bookworm: Cut) -> None:
    assert max(map(len, render_status(read_status(bookworm)).partition("Why:")[0].partition("In the way")[0].splitlines())) <= 100


def test_json_has_all_of_it() -> None:
    content = json.loads(json.dumps(render_json(make_status())))
    assert (content["schema"], content["publishable"], content["rows"][0]["cells"]["gated"]["word"]) == (1, False, "bad")
    assert content["rows"][0]["cells"]["accepted"]["reasons"] == ["accept:machines:i386: not done yet"]


def test_the_holder_of_a_lock_is_told_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert read_holder(path) == ""
    stream = hold_lock(path, "process 7 (doit)")
    assert read_holder(path) == "process 7 (doit)"
    with pytest.raises(LockedError, match=r"locked by process 7 \(doit\)"):
        hold_lock(path, "process 8")
    stream.close()
    assert read_holder(path) == ""


def test_who_looks_at_a_lock_does_not_end_who_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        timer = Timer(0.05, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        timer.start()
        hold_lock(path, "process 7").close()
        timer.join()


def test_the_embedded_release_lacks_what_publishing_needs(bookworm: Cut) -> None:
    status = read_status(replace(bookworm, ccache=True))
    assert "ccache=on: what others install is compiled" in status.obstacles
    for key in ("signing.key", "publishing.to", "url"):
        assert any(line.endswith(f"{key}: missing") for line in status.obstacles)
    assert not status.publishable
    assert not bookworm.build.exists()


def test_what_publishing_demands_is_in_its_way() -> None:
    release = make_release()
    release = replace(release, publishing=Publishing(to="/www", demand=("accept",)))
    accepted = {"x86_64": Cell(word="good"), "i386": Cell(word="old", needs=("rpm:kernel:i386",))}
    cut = Cut(release=release, root=Path("/nowhere"))
    assert list(list_demanded(cut, accepted)) == ["accept: i386: needs rpm:kernel:i386"]
    cut = Cut(release=replace(release, publishing=Publishing(to="/www", demand=("repro",))), root=Path("/nowhere"))
    demanded = list(list_demanded(cut, accepted))
    assert demanded and all(line.endswith("not done yet") for line in demanded)
    assert list(list_obstacles(cut, Assessor(cut=cut, steps={}, failures={}), accepted))[-len(demanded) :] == demanded
