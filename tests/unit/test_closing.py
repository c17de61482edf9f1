"""What stands at the end of a run: the table, and below it what went wrong."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from doit.exceptions import TaskFailed, UnmetDependency

from tproxy_rpms.errors import BuildError, UserError
from tproxy_rpms.report.closing import MOST, Counts, render_closing
from tproxy_rpms.report.runs import StepRun
from tproxy_rpms.tasks import check_variables, reporter
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.reporter import LineReporter
from tproxy_rpms.tasks.step import as_failure

from ..conftest import make_release


def make_run(task: str, seconds: float, outcome: str = "done") -> StepRun:
    return StepRun(task=task, started=1.0, seconds=seconds, outcome=outcome)  # type: ignore[arg-type]


def test_what_took_longest_stands_first_with_the_last_time() -> None:
    steps = [make_run("fetch:linux", 0.4), make_run("rpm:kernel:x86_64", 492), make_run("srpm:squid", 2.04), make_run("x", 0.2)]
    table = render_closing(
        [*steps, make_run("rpm:squid:i386", 391, "failed")],
        before={"rpm:kernel:x86_64": 500.2, "fetch:linux": 3}, seconds=650, counts=Counts(done=4, current=3, failed=1, undone=2),
    )  # fmt: skip
    assert table.splitlines() == [
        "step                             took   last time",
        "rpm:kernel:x86_64          8 min 12 s  8 min 20 s",
        "rpm:squid:i386     FAILED  6 min 31 s",
        "srpm:squid                      2.0 s",
        "2 shorter ones                  0.6 s",
        "all steps 14 min 46 s, wall time 10 min 50 s",
        "4 done, 3 up to date, 1 FAILED, 2 not done",
    ]


def test_the_table_fits_a_terminal_and_stays_short() -> None:
    steps = [make_run("accept:namespaces:" + "x" * number, 6000 + number, "failed") for number in range(40)]
    before = {step.task: 123_456.0 for step in steps}
    table = render_closing(steps, before=before, seconds=99_999, counts=Counts(done=400, current=300, failed=40, undone=200))
    assert len(table.splitlines()) == 1 + MOST + 3
    assert max(map(len, table.splitlines())) < 80
    assert table.isascii()


def test_where_nothing_took_a_second_there_is_no_table() -> None:
    assert render_closing([make_run("x", 0.9)], before={}, seconds=3, counts=Counts(done=1, current=0, failed=0, undone=0)) == ""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LineReporter:
    """A reporter on a stream of its own, whose clock goes 2 s a look."""
    monkeypatch.setattr(LineReporter, "cut", Cut(release=make_release(), root=tmp_path), raising=False)
    monkeypatch.setattr(reporter, "close_display", lambda: None)
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(reporter.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(reporter, "stamp", lambda: "[ 0:00]")
    return LineReporter(io.StringIO(), {})


def make_task(name: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, actions=[1])


def test_the_end_of_a_run_that_failed_is_its_error_and_hint(told: LineReporter) -> None:
    told.execute_task(make_task("rpm:a:i386"))
    told.add_failure(make_task("rpm:a:i386"), as_failure(BuildError("it broke", hint="mend it")))
    told.execute_task(make_task("rpm:b:i386"))
    told.add_success(make_task("rpm:b:i386"))
    told.add_failure(make_task("gate:a:i386"), UnmetDependency("rpm:a:i386"))
    told.skip_uptodate(make_task("fetch:a"))
    with pytest.raises(SystemExit) as ended:
        told.complete_run()
    assert ended.value.code == BuildError.exit_code
    lines = told.outstream.getvalue().splitlines()
    error = ["[ 0:00] rpm:a:i386 FAILED", "  it broke", "  hint: mend it"]
    assert lines[1:4] == error == lines[-3:]
    assert lines[-4] == "test: 1 steps failed; run the same command again to go on"
    assert re.fullmatch(r"all steps 4\.0 s, wall time \d+\.0 s", lines[-6])
    assert lines[-5] == "1 done, 1 up to date, 1 FAILED, 1 not done"
    assert lines[-9].startswith("step ")


def test_an_error_that_is_still_to_be_seen_is_not_said_twice(told: LineReporter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter.time, "monotonic", lambda: 0.0)  # nothing takes a second
    for name in ("rpm:a:i386", "rpm:b:i386"):
        told.execute_task(make_task(name))
    for name in ("rpm:a:i386", "rpm:b:i386"):
        told.add_failure(make_task(name), as_failure(BuildError("it broke")))
    with pytest.raises(SystemExit):
        told.complete_run()
    assert told.outstream.getvalue().count("FAILED") == 2
    assert told.outstream.getvalue().endswith("test: 2 steps failed; run the same command again to go on\n")


def test_the_last_time_is_of_an_earlier_run(told: LineReporter) -> None:
    folder = told.cut.runs
    folder.mkdir(parents=True)
    old = [
        {"schema": 1, "started": 5.0, "cores": 2, "ccache": False},
        {"task": "rpm:a:i386", "started": 6.0, "seconds": 77.0, "outcome": "done"},
    ]
    (folder / "19700101T000005Z-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    told.execute_task(make_task("rpm:a:i386"))
    told.add_success(make_task("rpm:a:i386"))
    told.complete_run()
    assert re.search(r"^rpm:a:i386  2\.0 s  1 min 17 s$", told.outstream.getvalue(), re.MULTILINE)


def test_an_interrupted_run_does_not_boast(told: LineReporter) -> None:
    told.execute_task(make_task("rpm:a:i386"))
    told.add_success(make_task("rpm:a:i386"))
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        told.complete_run()
    assert "wall time" in told.outstream.getvalue() and "steps done" not in told.outstream.getvalue()


def test_what_a_program_reads_has_no_table(told: LineReporter, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("dump", "doctor"):
        told.execute_task(make_task(name))
    told.add_success(make_task("dump"))
    told.add_failure(make_task("doctor"), TaskFailed("no disk"))
    told.complete_run()
    assert told.outstream.getvalue() == ""
    out, error = capsys.readouterr()
    assert (out, error.strip()) == ("", "no disk")


def test_progress_is_chosen_by_word_or_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPROXY_RPMS_PROGRESS", "plain")
    assert check_variables({})["progress"] == "plain"
    assert check_variables({"progress": "bars"})["progress"] == "bars"
    monkeypatch.setenv("TPROXY_RPMS_PROGRESS", "loud")
    with pytest.raises(UserError, match="TPROXY_RPMS_PROGRESS=loud: must be auto, plain or bars"):
        check_variables({})
    with pytest.raises(UserError, match=r"^progress=x: must be auto, plain or bars"):
        check_variables({"progress": "x"})
