"""The real doit with the host's own rpmbuild: a cut, its second builds, its record made again, its cache of finished builds."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.repro.report import read_report
from tproxy_rpms.store import digest_file

from .hosted import HostedProject

pytestmark = pytest.mark.timeout(600)

# What shows in a package how its surroundings were.
TELLS_ZONE = "date +%%Z -d @0 > hello"


@pytest.fixture
def project(tmp_path: Path) -> HostedProject:
    (tmp_path / "project").mkdir()
    made = HostedProject(tmp_path / "project")
    text = (made.folder / "releases" / "small.toml").read_text()
    for name in ("small", "centos5"):  # the default one, for a doit that is told of none
        (made.folder / "releases" / f"{name}.toml").write_text(text)
    return made


def change_spec(project: HostedProject, old: str, new: str) -> None:
    spec = project.folder / "specs" / "hello.spec.j2"
    text = spec.read_text()
    assert old in text
    spec.write_text(text.replace(old, new))


def read_origin(project: HostedProject) -> Any:
    return json.loads((project.folder / "build" / "small" / "origins" / "hello-x86_64.json").read_text())


def test_a_cut_is_made_once_and_a_failed_arch_does_not_spoil_the_other(project: HostedProject) -> None:
    change_spec(project, "cp hello.c hello", "%ifarch %{ix86}\nfalse\n%endif\ncp hello.c hello")
    output = project.doit(status=20)
    assert "hello for i386: rpmbuild failed" in output
    assert "repo:i386 not done: needs rpm:hello:i386" in output
    assert "repo:x86_64 done" in output
    change_spec(project, "false\n", "true\n")
    output = project.doit()
    assert f"repositories in {project.folder / 'build' / 'small' / 'repo'}" in output
    assert "small: 0 steps done, 14 up to date" in project.doit()


def test_a_second_build_is_compared_and_what_differs_is_named(project: HostedProject) -> None:
    output = project.doit("repro")
    assert "small: 3 identical" in output
    verdicts = project.folder / "build" / "small" / "repro"
    report = read_report(verdicts / "hello-x86_64.json")
    assert report and report.varied["time zone"] == ("UTC", "Pacific/Chatham")
    assert report.kept == {"build root": "it is the host itself"}
    log = project.folder / "build" / "small" / "second" / "hello-x86_64" / "logs" / "build.log"
    before = log.stat().st_mtime_ns
    assert "small: 1 identical" in project.doit("repro:hello:x86_64")
    assert log.stat().st_mtime_ns == before  # looked at again, but not built again
    change_spec(project, "cp hello.c hello", TELLS_ZONE)
    output = project.doit("repro:hello:x86_64", status=23)
    assert "usr/bin/hello" in output and "small: 1 different" in output
    assert "small: 1 identical" in project.doit("repro:hello:SRPM")
    page = (verdicts / "index.html").read_text()
    assert "different" in page and "hello-1.0-1.deb12.i686.rpm" in page


def test_it_is_compared_with_what_is_published(project: HostedProject, tmp_path: Path) -> None:
    project.doit()
    published = tmp_path / "published"
    shutil.copytree(project.folder / "build" / "small" / "repo", published)
    assert "small: 3 identical" in project.doit("repro", "--against", str(published))
    change_spec(project, "cp hello.c hello", "echo other > hello")
    output = project.doit("repro:hello:x86_64", f"--against={published.as_uri()}", status=23)
    assert "small: 1 different" in output
    report = read_report(project.folder / "build" / "small" / "repro-published" / "hello-x86_64.json")
    assert report and report.against == published.as_uri()
    assert str(tmp_path / "nothing") in project.doit("repro", "--against", str(tmp_path / "nothing"), status=31)


def rebuild(project: HostedProject, *words: str, cwd: Path, status: int = 0) -> str:
    """Run `doit rebuild` elsewhere, with a cache that would not do."""
    environment = os.environ | {"TPROXY_RPMS_CACHE": "/nowhere"}
    argv = ["doit", "-f", str(project.folder / "dodo.py"), "rebuild", *words]
    done = subprocess.run(argv, cwd=cwd, env=environment | project.environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert done.returncode == status, output
    return output


def test_a_record_gives_the_same_bytes_or_says_why_not(project: HostedProject, tmp_path: Path) -> None:
    project.doit()
    record = project.folder / "build" / "small" / "record" / "small.intoto.json"
    output = rebuild(project, str(record), cwd=tmp_path)
    assert "all 17 files are the same bytes" in output
    assert "rebuild takes one record, not 0" in rebuild(project, cwd=tmp_path, status=16)

    statement = json.loads(record.read_text())
    subject = next(one for one in statement["subject"] if one["name"].endswith(".x86_64.rpm"))
    rpm, subject["digest"]["sha256"] = subject["digest"]["sha256"], "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(statement))
    output = rebuild(project, "-n", "1", "other.json", cwd=tmp_path, status=24)
    assert f"{subject['name']}: different: recorded {'0' * 64}, rebuilt {rpm}" in output

    tarball = project.folder / "hello-1.0.tar.gz"
    tarball.write_bytes(tarball.read_bytes()[:-1] + b"!")
    (tmp_path / "alone").mkdir()
    shutil.copy(record, tmp_path / "alone")
    output = rebuild(project, str(tmp_path / "alone" / record.name), cwd=tmp_path, status=31)
    assert f"sha256 is {digest_file(tarball)}, pinned is " in output
    assert "small: not rebuilt: its cut ended with status 31" in output


def test_finished_packages_are_taken_from_the_cache(
    project: HostedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(tmp_path / "cache"))
    assert "taken" not in project.doit("rpm:hello:x86_64")
    (entry,) = (tmp_path / "cache").glob("rpms/*/*")
    first, good = read_origin(project), project.rpm("x86_64").read_bytes()
    shutil.rmtree(project.folder / "build")
    assert f"hello for x86_64: taken from the cache, {entry}" in project.doit("rpm:hello:x86_64")
    assert read_origin(project) == first | {"origin": "taken", "from": str(tmp_path / "cache")}
    assert project.rpm("x86_64").read_bytes() == good
    (kept,) = (entry / "rpms").iterdir()
    kept.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    shutil.rmtree(project.folder / "build")
    assert f"; dropped, built anew: {entry}" in project.doit("rpm:hello:x86_64")
    assert read_origin(project)["origin"] == "built"
    assert project.rpm("x86_64").read_bytes() == good


def test_with_ccache_nothing_is_kept_for_others_or_locked(
    project: HostedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(tmp_path / "cache"))
    project.doit("ccache=on", "rpm:hello:x86_64")
    assert read_origin(project)["fingerprint"] == ""
    assert not list((tmp_path / "cache").glob("rpms/*/*"))
    assert "chroot" in project.doit("lock", status=10)


def test_a_cut_of_other_packages_shows_nothing_to_proxy(project: HostedProject) -> None:
    assert "packages: no squid" in project.doit("accept", status=10)
