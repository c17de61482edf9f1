"""Watching a task: an arch is taken when it is there to stay, and each way to fail is told as what it is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import koji
import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, HostError, KojiError, RootError, TproxyError

from .kojifake import URL, FakeHub
from .kojirun import fail_of
from .kojitask import OPEN

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_tagged_build_is_there_when_all_arches_are(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    job = make_job()
    seen: list[list[str]] = []
    look = lambda: seen.append(names_in(job.results))  # noqa: E731  # a step of the script
    hub.play(hub.begin, partial(hub.finish, "x86_64"), look, partial(hub.finish, "i686"), look, hub.close)
    result = builder.build(job)
    assert seen == [[], []]
    assert [path.name for path in result.rpms] == names_in(job.results) == ["hello-1-1.x86_64.rpm"]
    assert all(path.parent == job.results for path in result.rpms)


def test_a_scratch_build_is_taken_arch_by_arch(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    hub.play(hub.begin, partial(hub.finish, "i686"))
    make_builder(scratch=True).build(make_job("i386"))
    assert names_in(make_job("i386").results) == ["hello-1-1.i686.rpm"]
    assert hub.children()["x86_64"].state == OPEN


def test_a_package_without_an_arch_is_the_same_for_both(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(partial(hub.begin, arches="noarch"), partial(hub.finish, "noarch"), hub.close)
    for arch in ("x86_64", "i386"):
        builder.build(make_job(arch))
        assert names_in(make_job(arch).results) == ["hello-1-1.noarch.rpm"]
    assert len(hub.list_parents()) == 1


def test_koji_log_tells_each_change(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    builder.build(make_job())
    told = [line.partition("Z ")[2] for line in (make_job().logs / "koji.log").read_text().splitlines()]
    assert told[0].startswith("watches task 1, sent from here")
    assert "task 1 (build): FREE" in told and "task 1 (build): OPEN" in told and "task 1 (build): CLOSED" in told
    assert "task 2 (buildArch x86_64): CLOSED" in told
    assert len(told) == len(set(told))


def test_a_compiler_that_fails_is_told_with_the_useful_end_of_its_log(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    error = fail_of(builder, make_job())
    assert type(error) is BuildError
    assert "hello for x86_64: rpmbuild failed" in error.message
    assert "hello.c:1: error: no such thing" in error.message
    assert f"task 2 on one.example.org of {URL}" in error.message
    assert "on the builder one.example.org" in error.hint
    assert str(make_job().logs / "build.log") in error.hint


@pytest.mark.parametrize(
    ("status", "log", "kind", "said"),
    [
        (30, "Error: No matching package to install: 'nothing-devel'", BuildError, "lack a package"),
        (30, "something about dnf", RootError, "the package manager failed"),
        (20, "cannot mount", RootError, "root could not be made"),
        (1, "OSError: No space left on device", HostError, "is full"),
    ],
)
def test_mocks_exit_code_and_words_tell_what_failed(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, status: int, log: str, kind: type[TproxyError], said: str
) -> None:
    def end() -> None:
        hub.children()["x86_64"].output = {"root.log": f"DEBUG\n{log}\n".encode(), "build.log": b"", "mock_output.log": b""}
        hub.fail("x86_64", f"error building package (arch x86_64), mock exited with status {status}; see root.log for more")
        hub.children()["x86_64"].output["mock_output.log"] = b"ERROR\n"

    hub.play(hub.begin, end)
    error = fail_of(builder, make_job(), kind)
    assert type(error) is kind
    assert said in error.message and log in error.message
    assert "one.example.org" in error.message + error.hint


@pytest.mark.parametrize(
    ("build", "mock", "kind", "said"),
    [
        (b"make: *** [all] Error 2\n", b"ERROR: odd\n", BuildError, "rpmbuild failed"),
        (b"make: *** [all] Error 2\n", b"", BuildError, "rpmbuild failed"),
        (b"", b"", BuildError, "rpmbuild failed"),
        (b"", b"ERROR: odd\n", HostError, "mock ended with status 1"),
    ],
)
def test_status_1_is_rpmbuilds_unless_only_mock_has_said_something(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, build: bytes, mock: bytes, kind: type[TproxyError], said: str
) -> None:
    def end() -> None:
        hub.fail("x86_64")
        hub.children()["x86_64"].output = {"build.log": build, "mock_output.log": mock}

    hub.play(hub.begin, end)
    error = fail_of(builder, make_job(), kind)
    assert type(error) is kind and said in error.message


def test_a_builder_that_fails_without_mock_is_told_in_its_own_words(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64", "Fault: something odd happened in /usr/sbin/kojid"))
    error = fail_of(builder, make_job())
    assert "something odd happened" in error.message and "koji taskinfo -v 2" in error.hint


def test_an_arch_that_was_cancelled_with_its_sibling_names_it(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(hub.begin, partial(hub.fail, "i686"))
    error = fail_of(builder, make_job("x86_64"))
    assert error.message == f"hello for x86_64: Koji has cancelled it when i686 failed (task 3 on one.example.org of {URL})"
    assert "build_arch_can_fail" in error.hint


def test_an_arch_that_was_built_in_vain_is_kept_in_koji(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    error = koji.BuildError("error building package (arch i686), mock exited with status 1; see build.log")
    steps = [
        partial(hub.fail, "i686", alone=True), partial(hub.finish, "x86_64"), lambda: hub.children()["x86_64"],
        partial(hub.fail_task, error),
    ]  # fmt: skip
    hub.play(hub.begin, *steps)
    failure = fail_of(builder, make_job("x86_64"))
    assert failure.message.startswith("hello for x86_64 was built, but i686 failed (task 3")
    assert "its RPMs stay in task 2" in failure.message
    assert "koji download-task 2" in failure.hint


def test_the_other_arch_of_a_scratch_build_is_there_all_the_same(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    builder = make_builder(scratch=True)
    hub.play(hub.begin, partial(hub.fail, "i686", alone=True), partial(hub.finish, "x86_64"))
    builder.build(make_job("x86_64"))
    assert names_in(make_job("x86_64").results) == ["hello-1-1.x86_64.rpm"]
    assert "hello for i386: rpmbuild failed" in fail_of(builder, make_job("i386")).message


@pytest.mark.parametrize("begun", [True, False])
def test_a_task_that_somebody_cancels(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, begun: bool) -> None:
    hub.play(*[hub.begin] * begun, lambda: hub.cancel(hub.newest))
    error = fail_of(builder, make_job())
    assert error.message == f"hello for x86_64: task 1 of {URL} was cancelled"
    assert "anew" in error.hint
    hub.works = True
    builder.build(make_job())
    assert len(hub.list_parents()) == 2


def test_a_target_that_nobody_knows(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    error = fail_of(make_builder(target="t9"), make_job(), KojiError)
    assert "there is no build target t9" in error.message
    assert "koji add-target t9" in error.hint


@pytest.mark.parametrize(
    ("said", "meaning", "cure"),
    [
        ("package hello not in list for tag t", "not in the list", "koji add-pkg --owner=USER t hello"),
        ("package hello is blocked for tag t", "is blocked", "koji unblock-pkg t hello"),
        ("policy violation (build_from_srpm): it takes the permission build", "policy", "koji.scratch = true"),
        ("Build already exists (id=3, state=COMPLETE): {'name': 'hello'}", "has this build already", "`revision`"),
        ("No matching arches were found", "arches", "koji edit-tag --arches='x86_64 i686'"),
        ("arch_override is only allowed for scratch builds", "arches", "koji edit-tag"),
        ("[Errno 28] No space left on device: '/mnt/koji/work'", "disk is full", "/mnt/koji"),
        ("Unsuccessfully waited 120:12 for a new t-build repo", "not made anew in time", "kojira"),
    ],
)
def test_a_task_that_fails_before_any_arch_is_begun_has_its_cure(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, said: str, meaning: str, cure: str
) -> None:
    hub.play(partial(hub.fail_task, koji.GenericError(said)))
    error = fail_of(builder, make_job(), KojiError)
    assert error.message.startswith("hello for x86_64: ") and f"task 1 of {URL}" in error.message
    assert meaning in error.message and cure in error.hint


def test_what_the_builder_itself_stumbles_over(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(partial(hub.fail_task, koji.xmlrpcplus.Fault(1, "Traceback (most recent call last):\n  x\nKeyError: 'odd'\n")))
    error = fail_of(builder, make_job(), KojiError)
    assert f"task 1 of {URL}" in error.message and error.message.count("'odd'") == 1
    assert "Traceback" not in error.message and "kojid.log" in error.hint


def test_a_task_that_was_closed_without_an_arch_says_so(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """ExcludeArch of a spec, or a build tag that lost an arch meanwhile."""
    hub.play(partial(hub.begin, arches="x86_64"), partial(hub.finish, "x86_64"), hub.close)
    with pytest.raises(KojiError) as caught:
        builder.build(make_job("i386"))
    assert caught.value.message == f"hello for i386: task 1 of {URL} has built x86_64, and no i686"
    assert "ExcludeArch" in caught.value.hint and "koji taginfo" in caught.value.hint
