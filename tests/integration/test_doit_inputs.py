"""What the real doit does before anything is built: wrong input, sources, configuration, the list."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tproxy_rpms.store import digest_file

from ..conftest import ROOT
from .project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


def test_wrong_input_ends_with_the_exit_code_of_its_class(project: Project) -> None:
    release = (project.folder / "releases" / "small.toml").read_text()
    project.write_release(release.replace("summary", "sumary"))
    output = project.doit(status=11)
    assert "sumary: unknown key; did you mean summary?" in output
    project.write_release(release)
    (project.folder / "specs" / "hello.spec.j2").write_text("{{ nothing }}")
    assert "'nothing' is undefined" in project.doit("srpm", status=14)
    assert "relase=x: no such variable; did you mean release=?" in project.doit("relase=x", status=10)


def test_a_source_that_is_not_to_be_had(project: Project) -> None:
    (project.folder / "hello-1.0.tar.gz").unlink()
    output = project.doit("fetch", status=31)
    assert "no place gave the pinned file" in output
    assert "No such file" in output


def test_a_lost_demand_stops_the_cut_before_any_root_is_made(project: Project, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "linux-6.1.tar.gz", "w:gz") as archive:
        archive.add(ROOT / "tests" / "fixtures" / "fakelinux", "linux-6.1")
    release = (project.folder / "releases" / "small.toml").read_text()
    release += f"""
[sources.linux]
version = "6.1"
urls = ["{(tmp_path / "linux-6.1.tar.gz").as_uri()}"]
sha256 = "{digest_file(tmp_path / "linux-6.1.tar.gz")}"
[packages.kernel]
spec = "hello"
sources = ["linux"]
kconfig = {{ base = "slim", fragments = ["test"] }}
"""
    project.write_release(release)
    fragment = project.folder / "kconfig" / "test.config"
    fragment.write_text("CONFIG_NET=y\nCONFIG_NETFILTER_XT_MATCH_SOCKET=m\nCONFIG_LEGACY=y\n")
    output = project.doit(status=12)
    for arch in ("x86_64", "i386"):
        assert f"test.config:2: {arch}: NETFILTER_XT_MATCH_SOCKET=m was dropped: NETFILTER_ADVANCED is not set" in output
    assert "test.config:3: x86_64: LEGACY=y was dropped: 64BIT is set" in output
    assert "test.config:3: i386: LEGACY" not in output
    assert "root:x86_64 not done: needs kconfig:kernel" in output
    assert not list((project.folder / "build" / "small" / "logs").glob("root-*"))


def test_cleaning_takes_a_release_back_to_nothing(project: Project) -> None:
    project.doit("fetch", "verify", "srpm")
    project.doit("clean")
    left = {path for path in (project.folder / "build" / "small").rglob("*") if path.is_file()}
    # How long steps once took is no output.
    assert {path.name for path in left if path.parent.name != "runs"} <= {"lock"}


def test_the_list_reads_like_a_table_of_contents(project: Project) -> None:
    lines = project.doit("list").splitlines()
    assert [line.split()[0] for line in lines] == [
        "accept", "client", "diff", "doctor", "dump", "fetch", "gate", "kconfig", "lock", "publish", "rebuild", "record", "repo",
        "report", "repro", "rollback", "root", "rpm", "sign", "snapshots", "srpm", "status", "verify",
    ]  # fmt: skip
    assert all(len(line.split()) > 4 for line in lines)


def test_a_dump_is_printed_while_another_run_is_at_work(project: Project) -> None:
    from tproxy_rpms.store import hold_lock

    lock = hold_lock(project.folder / "build" / "small" / "lock", "a test")
    try:
        assert 'summary = "a small package"' in project.doit("dump")
        assert "locked by a test" in project.doit("fetch", status=33)
    finally:
        lock.close()


def test_exit_codes_hold_for_who_has_closed_the_streams(project: Project) -> None:
    for closed in (">&-", ">&- 2>&-"):
        words = f"exec doit release=small status {closed}"
        done = subprocess.run(["bash", "-c", words], cwd=project.folder, env=os.environ | project.environment, check=False)
        assert done.returncode == 26
