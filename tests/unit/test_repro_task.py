"""What `doit repro` compares a package with, and what publishing asks of its verdicts."""

from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.errors import DifferentError, EquivalentError, GateError, UserError
from tproxy_rpms.repro.report import read_report
from tproxy_rpms.repro.verdict import Comparison, Difference, Report
from tproxy_rpms.store import write_stamp
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.repro import check_verdict, create, require_reproduced

from ..conftest import make_release
from .kojirpm import make_rpm, make_srpm
from .localbuilder import HELLO, LocalBuilder, build_first, compare

RPM = "hello-1-1.x86_64.rpm"


@pytest.fixture
def local() -> LocalBuilder:
    """The release's builder."""
    return LocalBuilder()


@pytest.fixture
def cut(tmp_path: Path, local: LocalBuilder, monkeypatch: pytest.MonkeyPatch) -> Cut:
    """A cut whose SRPM and RPMs are made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Cut(release=make_release(), root=tmp_path)
    vars(made)["builder"] = local
    write_stamp(made.stamp("srpm", "hello"), inputs={}, outputs=[make_srpm(tmp_path / "srpms")])
    build_first(made)
    return made


@pytest.fixture
def remake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have second SRPMs made without rpmbuild, the same as the first."""
    monkeypatch.setattr("tproxy_rpms.tasks.srpm.make_in", lambda *_, output, **__: make_srpm(output))


def publish(folder: Path, content: bytes = b"one\n") -> str:
    """Leave a repository's folder with one package."""
    (folder / "x86_64").mkdir(parents=True)
    make_rpm(folder / "x86_64" / RPM, arch="x86_64", source="hello-1-1.src.rpm", content=content)
    return str(folder)


def test_a_source_package_is_made_and_compared_again(cut: Cut, remake: None) -> None:
    report = compare(cut, arch="SRPM")
    assert (report.verdict, [one.file for one in report.comparisons]) == ("identical", ["hello-1-1.src.rpm"])
    assert report.varied and report.kept


def test_what_is_published_is_compared_and_has_a_page_of_its_own(cut: Cut, local: LocalBuilder, tmp_path: Path) -> None:
    location = publish(tmp_path / "published")
    report = compare(cut, against=location)
    assert (report.verdict, report.against) == ("identical", location)
    assert len(local.built) == 2  # the release's own
    assert (cut.verdicts(location) / "index.html").is_file()
    assert not cut.verdicts().exists()


def test_what_is_published_and_other_bytes_is_told(cut: Cut, tmp_path: Path) -> None:
    with pytest.raises(DifferentError, match="hello x86_64"):
        compare(cut, against=publish(tmp_path / "published", b"two\n"))


def test_details_are_asked_for_and_told(
    cut: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def write(first: Path, second: Path, *, page: Path, **limits: Any) -> str:
        asked.append({"first": first.read_bytes(), "second": second.read_bytes()} | limits)
        page.parent.mkdir(exist_ok=True)
        page.write_text("a page")
        return "it took too long"

    monkeypatch.setattr("tproxy_rpms.repro.detail.write_detail", write)
    location = publish(tmp_path / "published", b"two\n")
    with pytest.raises(DifferentError):
        compare(cut, against=location, detail=True, seconds=7, megabytes=3)
    (call,) = asked
    assert call["first"] != call["second"]
    assert (call["seconds"], call["size"]) == (7, 3 << 20)
    page = cut.verdicts(location) / "detail" / f"{RPM}.html"
    assert f"detail: {page}: it took too long" in capsys.readouterr().out
    assert f"detail/{RPM}.html" in (cut.verdicts(location) / "index.html").read_text()
    with pytest.raises(DifferentError):
        compare(cut, against=location)
    assert not page.exists()  # it would tell of another comparison


def test_a_builder_without_a_second_build(cut: Cut) -> None:
    vars(cut)["builder"] = object()
    with pytest.raises(UserError, match="the chroot builder has no second build") as caught:
        compare(cut)
    assert "--against" in caught.value.hint


def test_publishing_wants_good_verdicts_on_these_very_packages(cut: Cut, remake: None, local: LocalBuilder) -> None:
    with pytest.raises(GateError) as caught:
        require_reproduced(cut)
    assert [finding.split(":")[0] for finding in caught.value.findings] == ["hello x86_64", "hello i386", "hello SRPM"]
    for arch in ("x86_64", "i386", "SRPM"):
        compare(cut, arch=arch)
    require_reproduced(cut)
    local.content = b"two\n"
    build_first(cut)
    with pytest.raises(GateError) as caught:
        require_reproduced(cut)
    assert len(caught.value.findings) == 2


def test_a_verdict_of_other_bytes_is_no_good_one(cut: Cut, remake: None, local: LocalBuilder) -> None:
    for arch in ("i386", "SRPM"):
        compare(cut, arch=arch)
    local.content = b"two\n"
    with pytest.raises(DifferentError):
        compare(cut)
    assert read_report(cut.verdicts() / "hello-x86_64.json").verdict == "different"
    with pytest.raises(GateError, match="hello x86_64"):
        require_reproduced(cut)


def test_equivalent_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    excused = Difference(kind="tag", place="BUILDTIME", cause="build time", first="1", second="2", excused=True)
    comparison = Comparison(file=RPM, verdict="equivalent", first="1", second="2", differences=(excused,))
    with pytest.raises(EquivalentError, match="hello i386: equivalent") as caught:
        check_verdict(Report(package=HELLO.name, arch="i386", comparisons=(comparison,)), tmp_path)
    assert caught.value.hint == str(tmp_path / "index.html")


def test_what_stands_behind_repro_itself_is_for_all_its_tasks(cut: Cut) -> None:
    tasks = list(create(cut, builder="koji", seconds=9))
    assert [task.name for task in tasks] == ["hello:x86_64", "hello:i386", "hello:SRPM"]
    for task in tasks:
        defaults = {option["name"]: option["default"] for option in task.options}
        assert (defaults["builder"], defaults["seconds"], defaults["megabytes"]) == ("koji", 9, 10)
