"""One side built here and the other in Koji: the strongest variation there is; and what else of the tasks knows Koji."""

import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tproxy_rpms.builders import create_builder
from tproxy_rpms.errors import BuildError, DifferentError, KojiError, UserError
from tproxy_rpms.publish.origin import read_origin
from tproxy_rpms.release.koji import Koji
from tproxy_rpms.release.model import Package, Release
from tproxy_rpms.repro.report import read_report
from tproxy_rpms.store import write_stamp
from tproxy_rpms.tasks import configure_doit
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.observe import watch_root
from tproxy_rpms.tasks.reporter import LineReporter
from tproxy_rpms.tasks.rpm import build, make_job

from ..conftest import make_release
from .kojifake import CANCELED, FakeHub
from .kojirpm import make_srpm
from .localbuilder import HELLO, LocalBuilder, build_first, compare


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> LocalBuilder:
    """The builder that stands for those of this host."""
    made = LocalBuilder()

    def create(release: Release, **folders: Path) -> Any:
        return create_builder(release, **folders) if release.builder == "koji" else made

    monkeypatch.setattr("tproxy_rpms.builders.create_builder", create)
    return made


@pytest.fixture
def make_cut(tmp_path: Path, table: Koji, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cut]:
    """Return a cut of a release with a koji table whose SRPM is made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    srpm = make_srpm(tmp_path / "srpms")

    def make(builder: str, **changes: Any) -> Cut:
        cut = Cut(release=make_release(builder=builder, **{"koji": table} | changes), root=tmp_path)
        write_stamp(cut.stamp("srpm", "hello"), inputs={}, outputs=[srpm])
        return cut

    return make


def test_a_release_built_here_is_built_again_in_koji(hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut]) -> None:
    cut = make_cut("chroot")
    build_first(cut)
    report = compare(cut, "koji")
    assert report.verdict == "identical"
    assert report.varied["build root"] == ("the chroot builder's", "the koji builder's")
    assert report.varied["user"] == ("builder", "mockbuild")
    assert "build path" not in report.varied  # both are /builddir
    assert [task.request[2]["scratch"] for task in hub.list_parents()] == [True]
    assert len(local.built) == 2
    compare(cut, "koji", arch="i386")
    assert len(hub.list_parents()) == 1


def test_a_release_built_in_koji_is_built_again_here(hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut]) -> None:
    cut = make_cut("koji")
    build_first(cut)
    report = compare(cut, "mock")
    assert report.verdict == "identical"
    assert report.varied["build root"] == ("the koji builder's", "the mock builder's")
    assert report.varied["user"] == ("mockbuild", "somebody")
    assert report.varied["build path"] == ("/builddir", "/elsewhere")
    assert (local.roots, [job.arch for job in local.built]) == (["x86_64"], ["x86_64"])
    assert len(hub.list_parents()) == 1


@pytest.mark.parametrize("name", ["", "koji"])
def test_without_another_builder_koji_builds_both_in_roots_of_their_own(
    hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut], name: str
) -> None:
    cut = make_cut("koji")
    build_first(cut)
    report = compare(cut, name)
    assert set(report.varied) == {"build root"}
    assert set(report.kept) >= {"build path", "user"}
    assert [bool(task.request[2].get("scratch")) for task in hub.list_parents()] == [False, True]
    assert local.built == []


def test_other_bytes_are_told(hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut]) -> None:
    cut = make_cut("chroot")
    local.content = b"two\n"
    build_first(cut)
    with pytest.raises(DifferentError):
        compare(cut, "koji")
    report = read_report(cut.verdicts() / "hello-x86_64.json")
    assert report.verdict == "different"
    assert any(difference.place == "/usr/a" for difference in report.comparisons[0].differences)


def test_a_second_build_is_made_once_for_each_builder(hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut]) -> None:
    cut = make_cut("chroot")
    build_first(cut)
    for name in ("koji", "koji", "mock", "mock", ""):
        compare(cut, name)
        hub.settle()
    assert len(hub.list_parents()) == 1
    assert len(local.built) == 4  # the release's own two, and one each by mock and chroot
    assert local.roots.count("x86_64") == 1  # vary makes that of the release's own builder


@pytest.mark.parametrize(("name", "said"), [("kojo", "; did you mean koji?"), ("podman", "")])
def test_a_builder_that_there_is_not(local: LocalBuilder, make_cut: Callable[..., Cut], name: str, said: str) -> None:
    with pytest.raises(UserError, match=f"--builder={name}: there is no such builder") as caught:
        compare(make_cut("chroot"), name)
    assert said in caught.value.message
    assert caught.value.hint == "one of chroot, koji, mock"


def test_koji_without_its_table(local: LocalBuilder, make_cut: Callable[..., Cut]) -> None:
    cut = make_cut("chroot", koji=None)
    build_first(cut)
    with pytest.raises(UserError, match="test: koji: missing"):
        compare(cut, "koji")


def test_a_target_that_cannot_build_the_arch_is_told_before_anything_is_sent(
    hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut]
) -> None:
    cut = make_cut("chroot")
    build_first(cut)
    hub.tags[2]["arches"] = "x86_64"
    with pytest.raises(KojiError, match="the release takes i686"):
        compare(cut, "koji", arch="i386")
    assert (hub.files, hub.tasks) == ({}, {})


def test_the_release_itself_builds_in_koji(
    hub: FakeHub,
    make_cut: Callable[..., Cut],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Nobody knows what Koji's roots hold, so the cache of finished builds plays no part."""
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(tmp_path / "finished"))
    cut = make_cut("koji")
    (rpm,) = build(cut, HELLO, "i386")
    assert rpm == cut.rpms(HELLO, "i386") / "hello-1-1.i686.rpm"
    origin = read_origin(cut.origin(HELLO, "i386"))
    assert (origin.origin, origin.fingerprint, origin.jobs, bool(origin.started)) == ("built", "", 0, True)
    told = capsys.readouterr().out
    assert "task 1 of https://koji.example.org/kojihub" in told
    assert "what build roots elsewhere hold, nobody can tell" in told and "doit lock" not in told


def test_how_many_jobs_a_build_has_the_builder_elsewhere_decides(local: LocalBuilder, make_cut: Callable[..., Cut]) -> None:
    assert make_job(make_cut("koji"), HELLO, "i386").jobs == 0
    assert make_job(make_cut("chroot"), HELLO, "i386").jobs >= 1


def test_the_root_of_a_build_elsewhere_has_no_log_here(make_cut: Callable[..., Cut]) -> None:
    with watch_root(make_cut("koji"), "i386", "root:i386") as watched:
        assert watched is None


@pytest.mark.parametrize(("builder", "cores", "workers"), [("koji", 2, 6), ("koji", 64, 64), ("mock", 2, 2), ("chroot", None, 1)])
def test_all_builds_elsewhere_are_waited_for_at_once(
    make_cut: Callable[..., Cut], monkeypatch: pytest.MonkeyPatch, builder: str, cores: int | None, workers: int
) -> None:
    packages = {name: Package(name=name, spec=name, sources=()) for name in ("one", "two", "three")}
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert configure_doit(make_cut(builder, packages=packages))["num_process"] == workers


@pytest.mark.parametrize(("first", "second"), [("chroot", "koji"), ("koji", "mock"), ("koji", "")])
def test_nothing_is_both_varied_and_kept(
    hub: FakeHub,
    local: LocalBuilder,
    make_cut: Callable[..., Cut],
    first: str,
    second: str,
) -> None:
    cut = make_cut(first)
    build_first(cut)
    report = compare(cut, second)
    assert not set(report.varied) & set(report.kept)


def test_a_second_build_elsewhere_can_be_cancelled_too(
    hub: FakeHub, local: LocalBuilder, make_cut: Callable[..., Cut], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release itself is built here: its own builder knows nothing of Koji."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    cut = make_cut("chroot")
    build_first(cut)
    monkeypatch.setattr(LineReporter, "cut", cut, raising=False)
    reporter = LineReporter(io.StringIO(), {})
    hub.play()
    waiting, go_on = threading.Event(), threading.Event()
    hub.hook("before getTaskChildren", lambda: (waiting.set(), go_on.wait(20)))
    monkeypatch.setattr("tproxy_rpms.tasks.interruption.time", SimpleNamespace(sleep=interrupt))
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(compare, cut, "koji")
        try:
            assert waiting.wait(20)
            with pytest.raises(KeyboardInterrupt):
                try:
                    raise KeyboardInterrupt
                finally:
                    reporter.complete_run()
            assert hub.newest.state == CANCELED
        finally:
            go_on.set()
            hub.works = True
    assert isinstance(made.exception(), BuildError)
    assert "cancelled: hello: task 1" in reporter.outstream.getvalue()
