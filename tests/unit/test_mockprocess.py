"""mock as a program of the host: who may start it, its folder, and the end of those whose doit was killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tproxy_rpms.builders import mockprocess
from tproxy_rpms.builders.mockprocess import end_mocks, find_mock, find_mocks, give_to_caller, open_stage
from tproxy_rpms.errors import HostError
from tproxy_rpms.store import hold_lock


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of the host."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def mock(temporary: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A mock that works for a stage which a killed run has left."""
    stage = leave_stage(temporary)
    program = temporary / "mock"
    program.write_text("import sys, time\nprint(flush=True)\ntime.sleep(60)\n")
    argv = [sys.executable, str(program), "--rebuild", str(stage / "hello.src.rpm")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def leave_stage(folder: Path) -> Path:
    stage = folder / "tproxy-rpms-mock-old"
    stage.mkdir()
    (stage / "lock").touch()
    return stage


def test_a_stage_is_for_all_to_enter_and_gone_afterwards(temporary: Path) -> None:
    with open_stage() as stage:
        assert stage.parent == temporary
        assert stage.stat().st_mode & 0o777 == 0o755
        assert (stage / "result").is_dir()
        with open_stage() as other:  # one that is held stays
            assert other != stage and stage.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_has_left_is_ended_and_swept(
    mock: "subprocess.Popen[bytes]", temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = temporary / "tproxy-rpms-mock-old"
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: mock.wait(10))  # waiting itself sleeps
    monkeypatch.setattr(mockprocess, "time", clock)
    assert find_mocks(old) == [mock.pid]
    with open_stage():
        assert not old.exists()
    assert mock.wait(10) == -signal.SIGTERM


def test_a_mock_of_a_run_that_goes_on_is_left_alone(mock: "subprocess.Popen[bytes]", temporary: Path) -> None:
    old = temporary / "tproxy-rpms-mock-old"
    with hold_lock(old / "lock", "a test"), open_stage():
        assert old.exists()
    assert mock.poll() is None


def test_a_mock_that_does_not_end_or_is_somebody_elses_keeps_its_stage(
    mock: "subprocess.Popen[bytes]", temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = temporary / "tproxy-rpms-mock-old"

    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", lambda pid, number: None)
        assert not end_mocks(old, seconds=0)
        patch.setattr(os, "kill", refuse)
        assert not end_mocks(old)
        with open_stage():
            assert old.exists()
    assert mock.poll() is None


def test_its_folder_is_given_to_who_called_sudo(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: given.append((Path(path).name, uid)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    stage = leave_stage(temporary)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.delenv("USERHELPER_UID", raising=False)
    give_to_caller(stage)
    assert given == []
    monkeypatch.setenv("SUDO_UID", "1000")
    give_to_caller(stage)
    assert given == [("tproxy-rpms-mock-old", 1000), ("lock", 1000)]


def test_a_host_without_mock_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(HostError, match="mock") as caught:
        find_mock()
    assert caught.value.hint == mockprocess.INSTALL
