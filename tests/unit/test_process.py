"""Commands of the host: how long they may take."""

import time
from pathlib import Path

import pytest

from tproxy_rpms.process import OverdueError, run_command


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("logged", [False, True])
def test_an_overdue_command_ends_with_its_children(tmp_path: Path, logged: bool) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/child; echo begun; wait"
    begun = time.monotonic()
    with pytest.raises(OverdueError) as caught:
        run_command(["sh", "-c", script], seconds=1, log=tmp_path / "log" if logged else None, check=False)
    assert time.monotonic() - begun < 10
    assert caught.value.hint == "it was given 1 seconds"
    assert caught.value.output == ("begun\n" if logged else "")
    child = int((tmp_path / "child").read_text())
    for _ in range(50):
        if not is_running(child):
            break
        time.sleep(0.1)
    assert not is_running(child)


def test_a_command_that_ignores_the_first_signal_ends_as_well(tmp_path: Path) -> None:
    script = f"trap '' TERM; echo $$ > {tmp_path}/self; while :; do sleep 0.2; done"
    with pytest.raises(OverdueError):
        run_command(["sh", "-c", script], seconds=0.5)
    assert not is_running(int((tmp_path / "self").read_text()))


def test_a_command_within_its_time_is_as_ever() -> None:
    assert run_command(["sh", "-c", "echo $LC_ALL"], seconds=30).stdout == "C.UTF-8\n"
