"""How long steps took, run by run."""

import json
from pathlib import Path
from threading import Thread

from tproxy_rpms.report.runs import KEPT, RunLog, StepRun, find_latest, read_runs


def step(task: str, *, started: float = 1000.0, seconds: float = 1.5, outcome: str = "done") -> StepRun:
    return StepRun(task=task, started=started, seconds=seconds, outcome="done" if outcome == "done" else "failed")


def test_what_was_written_is_read_again_in_order(tmp_path: Path) -> None:
    for started in (2000.0, 1000.0):
        log = RunLog(tmp_path, started=started, ccache=started == 1000.0)
        log.add(step("fetch:linux", started=started))
        log.add(step("rpm:kernel:i386", started=started + 5, outcome="failed"))
    old, new = read_runs(tmp_path)
    assert (old.started, old.ccache, new.started, new.ccache) == (1000.0, True, 2000.0, False)
    assert [(one.task, one.outcome) for one in new.steps] == [("fetch:linux", "done"), ("rpm:kernel:i386", "failed")]
    assert find_latest((old, new), "fetch:linux") == new.steps[0]
    assert find_latest((old, new), "rpm:kernel:i386") is None


def test_a_run_that_does_nothing_leaves_nothing(tmp_path: Path) -> None:
    RunLog(tmp_path / "runs", started=1.0, ccache=False)
    assert not list(tmp_path.iterdir())
    assert read_runs(tmp_path / "runs") == ()


def test_a_run_that_was_killed_keeps_what_it_has(tmp_path: Path) -> None:
    log = RunLog(tmp_path, started=1.0, ccache=False)
    log.add(step("fetch:linux"))
    log.add(step("fetch:squid"))
    text = log.path.read_text()
    log.path.write_text(text[: len(text) - 20])
    (tmp_path / "19990101T000000Z-1.jsonl").write_text("no run\n")
    (tmp_path / "19990101T000000Z-2.jsonl").write_text("")
    (tmp_path / "19990101T000000Z-3.jsonl").write_text('{"schema": 1}\n')
    (tmp_path / "19990101T000000Z-4.jsonl").write_text('{"schema": 1, "started": "x", "cores": 2, "ccache": false}\n')
    (tmp_path / "19990101T000000Z-5.jsonl").symlink_to("gone")
    with log.path.open("a") as stream:
        stream.write('\n{"task": "x", "started": "soon", "seconds": 1, "outcome": "done"}\n[]\n')
    (run,) = read_runs(tmp_path)
    assert [one.task for one in run.steps] == ["fetch:linux"]


def test_the_oldest_runs_go_first(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        RunLog(tmp_path, started=number * 60.0, ccache=False).add(step("fetch:linux"))
    runs = read_runs(tmp_path)
    assert len(runs) == KEPT
    assert runs[0].started == 180.0


def test_threads_share_a_run(tmp_path: Path) -> None:
    log = RunLog(tmp_path, started=1.0, ccache=False)
    threads = [Thread(target=log.add, args=(step(f"rpm:{number}:i386"),)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("schema" in json.loads(line) for line in log.path.read_text().splitlines()) == 1
    assert len(read_runs(tmp_path)[0].steps) == 40


def test_a_disk_that_takes_nothing_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    RunLog(tmp_path / "runs", started=1.0, ccache=False).add(step("fetch:linux"))
