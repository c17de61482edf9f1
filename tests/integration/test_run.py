"""./run on this host, and on hosts that it does not know."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_command_runs_in_the_environment_with_its_own_status() -> None:
    result = subprocess.run([ROOT / "run", "python", "-c", "import rpm, doit, sys; sys.exit(7)"], capture_output=True, text=True)
    assert result.returncode == 7, result.stderr


def test_without_a_command_it_says_how_to_use_it() -> None:
    result = subprocess.run([ROOT / "run"], capture_output=True, text=True)
    assert result.returncode != 0
    assert "usage: ./run COMMAND" in result.stderr


def test_nothing_is_said_and_nothing_installed_when_all_is_there() -> None:
    result = subprocess.run([ROOT / "run", "true"], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("identity", ["ID=alpine\n", "ID=arch\nID_LIKE=archlinux\n", ""])
def test_an_unknown_host_is_told_what_is_needed(tmp_path: Path, identity: str) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("no bwrap on this host")
    (tmp_path / "os-release").write_text(identity)
    real = Path("/etc/os-release").resolve()
    argv = [bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--ro-bind", str(tmp_path / "os-release"), str(real)]
    result = subprocess.run([*argv, str(ROOT / "run"), "true"], capture_output=True, text=True)
    assert result.returncode == 30
    assert "neither Debian nor Fedora/EL" in result.stderr
    assert "mmdebstrap" in result.stderr
