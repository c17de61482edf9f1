"""An interrupted run leaves no mock at work."""

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tproxy_rpms.builders.mockprocess import open_stage
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.interruption import end_builds
from tproxy_rpms.tasks.reporter import LineReporter

from ..conftest import make_release

# Cleans up when it is told to end, as mock does.
MOCK = """
import pathlib, signal, sys
def end(*_):
    pathlib.Path(sys.argv[3]).write_text("cleaned")
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
"""


@contextmanager
def start_mock(folder: Path, stage: Path) -> Iterator[subprocess.Popen[str]]:
    """A mock at work for a stage; it leaves folder/cleaned."""
    program = folder / "mock.py"
    program.write_text(MOCK)
    (stage / "centos-5-i386.cfg").touch()
    argv = [sys.executable, program, "-r", stage / "centos-5-i386.cfg", folder / "cleaned"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_stage() as folder:
        yield folder


def test_an_interrupted_run_ends_its_mocks(tmp_path: Path, stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineReporter, "cut", Cut(release=make_release(), root=tmp_path), raising=False)
    reporter = LineReporter(io.StringIO(), {})
    with start_mock(tmp_path, stage) as process:
        with pytest.raises(KeyboardInterrupt):
            try:
                raise KeyboardInterrupt
            finally:
                reporter.complete_run()
        assert process.wait(10) == 143
    assert (tmp_path / "cleaned").read_text() == "cleaned"
    assert reporter.outstream.getvalue().splitlines()[0] == "waiting for mock to clean up …"


def test_a_run_that_ends_by_itself_looks_for_none(tmp_path: Path, stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineReporter, "cut", Cut(release=make_release(), root=tmp_path), raising=False)
    with start_mock(tmp_path, stage) as process:
        LineReporter(io.StringIO(), {}).complete_run()
        assert process.poll() is None


def test_mocks_of_other_runs_are_left_alone(tmp_path: Path, stage: Path) -> None:
    (stage / "lock").write_text("process 1\n")
    told: list[str] = []
    with start_mock(tmp_path, stage) as process:
        end_builds(told.append)
        time.sleep(0.2)
        assert process.poll() is None
    assert told == []


def test_a_mock_that_cannot_be_ended_is_told(tmp_path: Path, stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, signum: int) -> None:
        raise PermissionError(pid, signum)

    told: list[str] = []
    with start_mock(tmp_path, stage):
        monkeypatch.setattr("tproxy_rpms.builders.mockprocess.os.kill", refuse)
        end_builds(told.append)
        monkeypatch.undo()
    assert told == ["waiting for mock to clean up …", "mock is still at work: sudo pkill mock"]
