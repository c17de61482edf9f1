"""`doit repro` for real: a small package built twice in real roots, with every cause of difference planted on purpose."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.repro.compare import compare_rpms
from tproxy_rpms.repro.report import read_report
from tproxy_rpms.repro.verdict import Report
from tproxy_rpms.store import digest_file
from tproxy_rpms.surroundings import Surroundings

from .project import Project
from .test_gate_signatures import Key

pytestmark = [pytest.mark.chroot, pytest.mark.timeout(600)]

# What a build can let slip, each into a file of its own; all of it in shell, as it happens in makefiles.
PLANTED = {
    "build path": "pwd > plant",
    "host name": "hostname > plant",
    "user": 'echo "built by $(id -un)" > plant',
    "__DATE__": "echo 'char *when = __DATE__ __TIME__;' | env -u SOURCE_DATE_EPOCH gcc -shared -o plant -x c -",
    "mtime": "echo same > same; tar -cf plant same",
    "gzip header": "echo same > same; gzip -c same > plant",
    "archive order": "mkdir d; touch d/B d/a d/C; tar -cf plant --mtime=@0 --owner=0 --group=0 $(LC_COLLATE= ls -U d/* | sort)",
    "build-id": "echo 'int one(void) { return 1; }' | gcc -shared -Wl,--build-id=uuid -o plant -x c -",
    "embedded initramfs": "(head -c 9000 /dev/zero; echo init | cpio --quiet -o -H newc --reproducible | gzip -n) > plant",
}
SPEC = """\
{% import "preamble.j2" as preamble with context %}
{% include "preamble.j2" %}
%global __os_install_post %{nil}
Name: hello
Summary: A small package
License: MIT
{{ preamble.tags() }}
%description
A small package.
%prep
%setup -q -n {{ source_root }}
%build
@BUILD@
%install
mkdir -p %{buildroot}/usr/share/hello
cp planted/* %{buildroot}/usr/share/hello
%files
/usr/share/hello
{{ preamble.changelog() }}
"""
OWN_TIME = """\
%global use_source_date_epoch_as_buildtime 0
%global _buildhost %(hostname)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder)
    release = (folder / "releases" / "small.toml").read_text()
    made.write_release(release.replace('builder = "chroot"', 'builder = "chroot"\narches = ["x86_64"]'))
    return made


def plant(project: Project, commands: dict[str, str], *, macros: str = "") -> None:
    """Give the package a file for each command, named after its cause."""
    names = {cause: cause.strip("_").replace(" ", "-").lower() for cause in commands}
    lines = ["mkdir planted work; echo same > planted/same"]
    lines += [f"(cd work; echo init > init; {line}; mv plant ../planted/{names[cause]})" for cause, line in commands.items()]
    spec = SPEC.replace("@BUILD@", "\n".join(lines))
    (project.folder / "specs" / "hello.spec.j2").write_text(spec.replace("Name: hello", f"{macros}Name: hello"))


def read_verdict(project: Project, name: str = "hello-x86_64", folder: str = "repro") -> Report:
    report = read_report(project.folder / "build" / "small" / folder / f"{name}.json")
    assert report is not None
    return report


def list_causes(report: Report) -> dict[str, set[str]]:
    """Return the causes of each file that differs; what only follows from others is left out."""
    found: dict[str, set[str]] = {}
    for comparison in report.comparisons:
        for difference in comparison.differences:
            if difference.kind == "file" and difference.cause != "consequence":
                name = Path(difference.place.split(" > ")[0]).name
                found.setdefault(name, set()).add(difference.cause)
    return found


def test_a_package_without_faults_is_identical(project: Project) -> None:
    plant(project, {})
    output = project.doit("repro")
    assert "small: 2 identical" in output
    report = read_verdict(project)
    assert report.verdict == "identical"
    assert {"build path", "host name", "user", "user id", "clock", "time zone", "locale", "jobs", "umask", "build root"} <= set(
        report.varied
    )
    assert read_verdict(project, "hello-SRPM").verdict == "identical"
    page = (project.folder / "build" / "small" / "repro" / "index.html").read_text()
    assert "identical" in page and "hello" in page
    assert "repro:hello:x86_64 …" in project.doit("repro:hello:x86_64")  # looks again, but does not build again
    log = project.folder / "build" / "small" / "second" / "hello-x86_64" / "logs" / "build.log"
    before = log.stat().st_mtime_ns
    project.doit("repro:hello:x86_64")
    assert log.stat().st_mtime_ns == before


def test_every_cause_that_is_planted_is_named_with_its_file(project: Project) -> None:
    plant(project, PLANTED)
    output = project.doit("repro:hello:x86_64", status=23)
    found = list_causes(read_verdict(project))
    for cause in PLANTED:
        name = cause.strip("_").replace(" ", "-").lower()
        assert cause in found.pop(name, set()), f"{name}: {output}"
        assert cause in output
    assert not found
    assert "repro:hello:x86_64 FAILED" in output
    assert "small: 1 different" in output


def test_what_a_build_may_say_of_itself_is_equivalent(project: Project) -> None:
    plant(project, {}, macros=OWN_TIME)
    output = project.doit("repro:hello:x86_64", status=22)
    assert "small: 1 equivalent" in output
    (comparison,) = read_verdict(project).comparisons
    assert all(difference.excused for difference in comparison.differences)
    assert {difference.place for difference in comparison.differences} >= {"BUILDTIME", "BUILDHOST"}


def test_an_old_verdict_does_not_outlive_the_build_that_it_is_about(project: Project) -> None:
    plant(project, {"host name": PLANTED["host name"]})
    project.doit("repro:hello:x86_64", status=23)
    plant(project, {})
    assert "small: 1 identical" in project.doit("repro:hello:x86_64")


def test_the_epoch_changes_what_follows_from_it_and_nothing_else(project: Project) -> None:
    commands = {"binary": "echo 'const char *when(void) { return __DATE__; }' | gcc -shared -o plant -x c -"}
    plant(project, commands | {"plain": "echo text > plant"})
    project.doit("rpm:hello:x86_64")
    first = [path.read_bytes() for path in (project.rpm("x86_64"), srpm(project))]
    release = project.folder / "releases" / "small.toml"
    release.write_text(release.read_text().replace("2026-11-01T00:00:00Z", "2026-10-20T12:00:00Z"))
    project.doit("rpm:hello:x86_64")
    folder = project.folder / "before"
    folder.mkdir()
    for path, content in zip((project.rpm("x86_64"), srpm(project)), first, strict=True):
        (folder / path.name).write_bytes(content)
        comparison = compare_rpms(folder / path.name, path, surroundings=(Surroundings(), Surroundings()))
        tags = {one.place for one in comparison.differences if one.kind == "tag" and one.cause != "consequence"}
        assert tags <= {"BUILDTIME", "CHANGELOGTIME", "COOKIE", "SOURCEPKGID", "SPEC"}, comparison.differences
        files = {(Path(one.place.split(" > ")[0]).name, one.cause) for one in comparison.differences if one.kind == "file"}
        content = {(name, cause) for name, cause in files if cause not in ("mtime", "consequence")}
        allowed = {("hello.spec", "content"), ("hello.spec", "__DATE__"), ("binary", "__DATE__"), ("binary", "build-id")}
        assert content <= allowed, comparison.differences
        assert ("plain", "mtime") in files or path.name.endswith(".src.rpm")


def srpm(project: Project) -> Path:
    (path,) = (project.folder / "build" / "small" / "srpms" / "hello").glob("*.src.rpm")
    return path


def test_a_published_repository_is_checked_signed_or_not(project: Project, tmp_path: Path) -> None:
    plant(project, {})
    project.doit()
    published = tmp_path / "published"
    shutil.copytree(project.folder / "build" / "small" / "repo", published)
    output = project.doit("repro", "--against", str(published))
    assert "small: 2 identical" in output
    key = Key(tmp_path / "gpg", kind="RSA", bits=2048, program="gpg")
    for rpm in sorted(published.glob("*/*.rpm")):
        shutil.move(key.sign(rpm, tmp_path), rpm)
    before = {path: digest_file(path) for path in published.rglob("*.rpm")}
    for folder in ("x86_64", "SRPMS"):
        subprocess.run(["createrepo_c", "--quiet", str(published / folder)], check=True)
    output = project.doit("repro", f"--against={published.as_uri()}", status=22)
    assert "small: 2 equivalent" in output
    report = read_verdict(project, folder="repro-published")
    assert (report.verdict, report.against) == ("equivalent", published.as_uri())
    assert {path: digest_file(path) for path in published.rglob("*.rpm")} == before
    plant(project, {"plain": "echo other > plant"})
    assert "small: 2 different" in project.doit("repro", "--against", str(published), status=23)


def test_a_place_without_a_repository_is_told(project: Project, tmp_path: Path) -> None:
    plant(project, {})
    output = project.doit("repro:hello:x86_64", "--against", str(tmp_path / "nothing"), status=31)
    assert str(tmp_path / "nothing") in output


@pytest.mark.skipif(shutil.which("diffoscope") is None, reason="no diffoscope on PATH")
def test_detail_makes_a_page_that_the_verdicts_lead_to(project: Project) -> None:
    plant(project, {"host name": PLANTED["host name"]})
    output = project.doit("repro:hello:x86_64", "--detail", "--seconds", "120", "--megabytes=1", status=23)
    (page,) = (project.folder / "build" / "small" / "repro" / "detail").glob("*.html")
    assert f"detail: {page}" in output
    assert f'href="detail/{page.name}"' in (page.parent.parent / "index.html").read_text()


def test_without_diffoscope_the_verdict_is_told_all_the_same(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(project, {"host name": PLANTED["host name"]})
    project.doit("repro:hello:x86_64", status=23)
    tools = project.folder / "tools"
    tools.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for tool in Path(folder).glob("*"):
            if tool.name != "diffoscope" and not (tools / tool.name).exists():
                (tools / tool.name).symlink_to(tool)
    monkeypatch.setenv("PATH", str(tools))
    output = project.doit("repro:hello:x86_64", "--detail", status=30)
    assert "hello x86_64: different" in output
    assert "install diffoscope-minimal" in output
