"""doit doctor through the real doit: text, JSON and exit code, on this host and on one without mock."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tproxy_rpms.doctor.host import run_tool
from tproxy_rpms.doctor.processor import PROBE
from tproxy_rpms.store import hold_lock

ROOT = Path(__file__).parents[2]

# What doit itself and the checks need; none of it is mock.
TOOLS = ("sh", "uname", "setarch", "rpm", "bwrap", "true", "setpriv")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's own releases in a folder of their own."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("releases", "targets", "specs", "patches", "kconfig", "mock-configs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "dodo.py", folder)
    return folder


def doit(project: Path, *words: str, path: str = "") -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(project / "cache")}
    if path:
        environment["PATH"] = path
    doit = shutil.which("doit")
    assert doit
    return subprocess.run([sys.executable, doit, *words], cwd=project, env=environment, capture_output=True, text=True)


@pytest.fixture
def poor_path(tmp_path: Path) -> str:
    """A PATH with few tools, and without mock."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        path = shutil.which(name)
        if path:
            (folder / name).symlink_to(path)
    return str(folder)


def test_a_host_without_mock_is_told_so_and_how_to_get_it(project: Path, poor_path: str) -> None:
    result = doit(project, "release=centos5", "doctor", path=poor_path)
    assert result.returncode == 30, result.stderr
    lines = result.stdout.splitlines()
    number = next(number for number, line in enumerate(lines) if line.split()[:2] == ["fail", "mock"])
    assert lines[number].endswith("not found on this host")
    assert "cure:  install mock 6 or newer" in lines[number + 1]
    assert "checks: " in lines[-1]
    assert "this host is not fit for centos5: " in result.stderr
    assert "Traceback" not in result.stderr


def test_json_and_nothing_else_is_on_standard_output(project: Path, poor_path: str) -> None:
    result = doit(project, "doctor", "--json", path=poor_path)
    content = json.loads(result.stdout)
    assert result.returncode == 30
    assert (content["release"], content["fit"]) == ("centos5", False)
    statuses = {check["name"]: check["status"] for check in content["checks"]}
    assert statuses["mock"] == "fail"
    assert statuses["tools"] == "fail"
    assert all(bool(check["cure"]) == (check["status"] != "ok") for check in content["checks"])


def test_the_release_may_stand_behind_the_task(project: Path, poor_path: str) -> None:
    result = doit(project, "doctor", "--json", "release=bookworm", path=poor_path)
    content = json.loads(result.stdout)
    names = {check["name"] for check in content["checks"]}
    assert (content["release"], content["builder"]) == ("bookworm", "chroot")
    assert not names & {"mock", "mock's user", "rpm database", "vsyscall"}


def test_a_host_that_cuts_bookworm_is_fit_for_it(project: Path) -> None:
    result = doit(project, "release=bookworm", "doctor")
    failed = [line for line in result.stdout.splitlines() if line.startswith("fail")]
    assert result.returncode == (30 if failed else 0)
    if "Debian GNU/Linux 12" in Path("/etc/os-release").read_text():
        assert not [line for line in failed if line.split()[1] != "disk"], result.stdout


def test_the_doctor_comes_while_another_run_is_at_work(project: Path) -> None:
    lock = hold_lock(project / "build" / "bookworm" / "lock", "a test")
    try:
        result = doit(project, "release=bookworm", "doctor")
        assert "checks: " in result.stdout
        assert "locked" not in result.stdout + result.stderr
    finally:
        lock.close()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_without_a_free_byte_is_told_of(project: Path, tmp_path: Path) -> None:
    (project / "build").mkdir()
    words = f'mount -t tmpfs -o size=64k none "{project}/build" && dd if=/dev/zero of="{project}/build/fill" bs=4k; exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", words, "sh", shutil.which("doit") or "doit", "release=bookworm", "doctor", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = subprocess.run(argv, cwd=project, env=environment, capture_output=True, text=True)
    disks = [check for check in json.loads(result.stdout)["checks"] if check["name"] == "disk"]
    assert any(check["status"] == "fail" and check["found"].startswith("0 B free for build") for check in disks), disks
    assert result.returncode == 30


def test_a_probe_tells_what_its_host_maps() -> None:
    status = run_tool([sys.executable, "-I", str(PROBE), "vsyscall"]).status
    maps = run_tool(["cat", "/proc/self/maps"]).output
    if os.uname().machine == "x86_64":
        assert (status == 0) == ("[vsyscall]" in maps)
