"""Where the logs of a builder at work are found, and that a build is seen while it goes on."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from tproxy_rpms import console
from tproxy_rpms.builders import Job, Result
from tproxy_rpms.builders.mockprocess import open_stage
from tproxy_rpms.progress.pace import read_pace
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.observe import find_build_log, find_dpkg_log, find_mock_log, watch_root
from tproxy_rpms.tasks.rpm import build_job

from ..conftest import make_release


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files and the user's cache, of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def make_job(tmp_path: Path) -> Job:
    return Job(
        package="hello", srpm=tmp_path / "hello-1-1.src.rpm", arch="i386", results=tmp_path / "rpms", logs=tmp_path / "logs",
        jobs=1, epoch=1,
    )  # fmt: skip


def test_a_build_in_mocks_hands_is_found_there_and_only_that_of_this_run(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    assert find_build_log(job) == tmp_path / "logs" / "build.log"
    with open_stage() as other, open_stage() as stage:
        for folder in (other, stage):
            (folder / job.srpm.name).touch()
        (other / "centos-5-x86_64.cfg").touch()
        (stage / "centos-5-i386.cfg").touch()
        assert find_build_log(job) == stage / "result" / "build.log"
        assert find_mock_log("i386") is None  # that of a root has no SRPM
        (stage / "lock").write_text(f"process {os.getpid() + 1}\n")
        assert find_build_log(job) == tmp_path / "logs" / "build.log"


def test_a_root_in_mocks_hands_is_found_by_its_arch() -> None:
    with open_stage() as stage:
        (stage / "centos-5-i386.cfg").touch()
        assert find_mock_log("i386") == stage / "result" / "root.log"
        assert find_mock_log("x86_64") is None


@pytest.mark.parametrize("place", ["cache/tproxy-rpms/roots/.making-debian-12-i386-x/mmdebstrap.abc", "temporary/mmdebstrap.abc"])
def test_a_root_in_the_making_is_found_by_what_is_installed(tmp_path: Path, place: str) -> None:
    log = tmp_path / place / "var" / "log" / "dpkg.log"
    cache = tmp_path / "cache" / "tproxy-rpms"
    assert find_dpkg_log("i386", cache) is None
    log.parent.mkdir(parents=True)
    log.write_text("2026-11-28 14:24:31 status installed libc6:i386 2.36\n")
    assert find_dpkg_log("i386", cache) == log
    assert find_dpkg_log("x86_64", cache) is None


class SlowBuilder:
    """Writes what a compiler would, long enough to be seen."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def build(self, job: Job) -> Result:
        job.logs.mkdir(parents=True)
        for number in (1, 2):
            with (job.logs / "build.log").open("a") as log:
                log.write(f"  CC   {number}.o\n")
            stop = time.monotonic() + 10
            while not any(line.startswith(f"{number} objects") for line in self.seen) and time.monotonic() < stop:
                time.sleep(0.001)
        return Result(rpms=(), logs=())


def test_a_build_is_seen_while_it_goes_on_and_its_pace_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(console, "LOOK", 0.001)
    monkeypatch.setattr(console, "FIRST", 0)
    monkeypatch.setattr(console, "write_line", lambda _stream, line: seen.append(line.split("rpm:hello:i386 ")[1]))
    cut = Cut(release=make_release(), root=tmp_path)
    vars(cut)["builder"] = SlowBuilder(seen)
    build_job(cut, make_job(tmp_path), None)
    assert seen and all(" objects, 0 s so far" in line for line in seen)
    pace = read_pace(tmp_path / "cache" / "tproxy-rpms" / "pace" / "test" / "rpm-hello-i386.json")
    assert pace is not None and pace.count == 2


def test_which_log_tells_of_a_root_is_the_builders_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[object] = []
    monkeypatch.setattr("tproxy_rpms.tasks.observe.watch_log", lambda name, **told: watched.append(told["find"].func))
    for builder in ("mock", "chroot"):
        watch_root(Cut(release=make_release(builder=builder), root=tmp_path), "i386", "root:i386")
    assert watched == [find_mock_log, find_dpkg_log]
