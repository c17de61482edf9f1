"""What later packages need is in the repository that their roots are made from before they are submitted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier

import koji
import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, KojiError

from .kojiclient import FakeSession
from .kojifake import FakeHub
from .kojirpm import make_rpm
from .kojirun import die_watching
from .kojitask import BUILD_CANCELED, BUILD_FAILED, BUILDING, CLOSED, COMPLETE, DELETED

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


@pytest.fixture
def job(make_job: Jobs, tmp_path: Path) -> Job:
    """A package that needs two RPMs of one build of this cut."""
    rpms = [
        make_rpm(tmp_path / f"{name}-1-1.x86_64.rpm", arch="x86_64", source="lib-1-1.src.rpm") for name in ("lib", "lib-devel")
    ]
    return make_job(requires=tuple(rpms))


def list_waiting(job: Job) -> list[str]:
    return [line for line in (job.logs / "koji.log").read_text().splitlines() if "waits" in line]


def test_what_is_in_the_repository_is_not_waited_for(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    hub.tag_build("lib-1-1", 1)
    hub.make_repo()
    builder.build(job)
    assert hub.count("repo.request") == 0
    assert list_waiting(job) == []
    assert hub.newest.request[2]["wait_builds"] == ["lib-1-1"]


def test_a_required_build_that_another_one_hides_is_told_at_once(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    """A repository has the newest build of a package alone: the roots would get another release's."""
    hub.tag_build("lib-1-1", 1)
    hub.tag_build("lib-1-2", 1)
    hub.make_repo()
    with pytest.raises(KojiError, match=r"get lib-1-2.* and not lib-1-1[^$]*koji untag-build t lib-1-2"):
        builder.build(job)
    assert hub.count("build") == 0


def test_a_repository_of_the_time_when_another_build_was_newer_is_not_enough(
    hub: FakeHub, builder: KojiBuilder, job: Job
) -> None:
    hub.kojira = False
    hub.tag_build("lib-1-1", 1)
    hub.tag_build("lib-1-2", 1)
    hub.make_repo()
    hub.tag_build("lib-1-1", 1)  # again, so it is the newest now
    hub.play(hub.make_repo, *[hub.work] * 4)
    builder.build(job)
    assert len(list_waiting(job)) == 1


def test_a_repository_is_asked_for_once_and_waited_for(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    hub.kojira = False
    hub.tag_build("lib-1-1", 1)
    asked: list[int] = []
    look = lambda: asked.append(hub.count("build"))  # noqa: E731  # a step of the script
    hub.play(look, look, hub.make_repo, *[hub.work] * 4)
    builder.build(job)
    assert asked == [0, 0]
    assert hub.count("repo.request") == 1
    assert len(list_waiting(job)) == 1 and "lib-1-1" in list_waiting(job)[0]


def test_a_newer_repository_without_the_build_is_not_enough(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    """One whose making had begun before the build was tagged."""
    hub.kojira = False
    hub.tag_build("lib-1-1", 1)
    stale = {"id": 6, "tag_id": 2, "create_event": hub.event - 1}
    hub.play(lambda: hub.repos.append(stale), lambda: None, hub.make_repo, *[hub.work] * 4)
    builder.build(job)
    assert hub.repos[-1]["create_event"] == 101 and hub.clock.slept > 4


@pytest.mark.parametrize("error", [koji.GenericError("Invalid method: repo.request"), None])
def test_an_older_hub_or_one_without_a_repository_makes_it_by_itself(
    hub: FakeHub, builder: KojiBuilder, job: Job, error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error or koji.GenericError("no repo")

    monkeypatch.setattr(FakeSession, "request_repo", refuse)
    hub.tag_build("lib-1-1", 1)
    repo = hub.repos[0] | {"id": 6, "create_event": hub.event}
    if error is None:
        hub.repos.clear()
    hub.play(lambda: None, lambda: hub.repos.append(repo), *[hub.work] * 4)
    builder.build(job)
    assert len(hub.list_parents()) == 1


def test_a_repository_that_nobody_makes(hub: FakeHub, make_builder: Builders, job: Job) -> None:
    hub.kojira = False
    hub.tag_build("lib-1-1", 1)
    with pytest.raises(KojiError, match="the repository of t-build has no lib-1-1 after 2 minutes") as caught:
        make_builder(patience=2).build(job)
    assert "kojira runs" in caught.value.hint and "koji regen-repo t-build" in caught.value.hint
    assert 120 <= hub.clock.slept < 180
    assert not hub.tasks


@pytest.mark.parametrize("tagged_before", [True, False])
def test_a_build_that_no_tag_has(hub: FakeHub, builder: KojiBuilder, job: Job, tagged_before: bool) -> None:
    """An admin, or koji-gc, has untagged it; or its destination tag has refused it."""
    hub.builds["lib-1-1"] = hub.describe_build("lib-1-1", COMPLETE)
    if tagged_before:
        hub.tag_build("lib-1-1", 1)
        hub.make_repo()
        hub.untag_build("lib-1-1")
    with pytest.raises(KojiError, match="lib-1-1 is in no tag, and t-build takes nothing from there") as caught:
        builder.build(job)
    assert caught.value.hint == "koji tag-build t lib-1-1"
    assert hub.clock.slept == 0 and (hub.files, hub.tasks) == ({}, {})


def test_what_is_built_is_fetched_though_the_repository_has_moved_on(hub: FakeHub, make_builder: Builders, job: Job) -> None:
    """The next release has come, and koji-gc has untagged what this one was built with."""
    hub.tag_build("lib-1-1", 1)
    hub.make_repo()
    make_builder().build(job)
    hub.untag_build("lib-1-1")
    hub.make_repo()
    slept = hub.clock.slept
    for clone in ("clone", "fresh"):
        assert make_builder(clone).build(job).rpms
    assert (hub.clock.slept, hub.count("repo.request"), len(hub.list_parents())) == (slept, 0, 1)


def test_a_killed_run_goes_on_watching_though_the_repository_has_moved_on(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    hub.tag_build("lib-1-1", 1)
    hub.make_repo()
    die_watching(hub, builder, job)
    hub.untag_build("lib-1-1")
    hub.make_repo()
    assert builder.build(job).rpms
    assert (hub.count("repo.request"), len(hub.list_parents())) == (0, 1)


def test_what_another_clone_has_submitted_meanwhile_is_watched(
    hub: FakeHub, make_builder: Builders, job: Job, tmp_path: Path
) -> None:
    """Both wait for the repository, and the other is the first to see it."""
    hub.kojira = False
    hub.tag_build("lib-1-1", 1)

    def submit() -> None:
        hub.make_repo()
        die_watching(hub, make_builder("other"), replace(job, logs=tmp_path / "other"))

    hub.play(submit, *[hub.work] * 4)
    make_builder().build(job)
    assert [task.state for task in hub.list_parents()] == [CLOSED]


def test_both_arches_wait_for_the_repository_at_once(hub: FakeHub, builder: KojiBuilder, job: Job, tmp_path: Path) -> None:
    hub.kojira = False
    hub.tag_build("lib-1-1", 1)
    waiting = Barrier(2, hub.make_repo)
    for _ in range(2):
        hub.hook("before repo.request", partial(waiting.wait, 10))
    jobs = [job, replace(job, arch="i386", results=tmp_path / "i386", logs=tmp_path / "logs-i386")]
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(builder.build, one) for one in jobs]:
            made.result()
    assert len(hub.list_parents()) == 1


def test_a_build_that_lies_where_the_build_tag_does_not_look(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    hub.tags[3] = {"id": 3, "name": "elsewhere", "arches": "", "extra": {}}
    hub.builds["lib-1-1"] = hub.describe_build("lib-1-1", COMPLETE)
    hub.tag_build("lib-1-1", 3)
    with pytest.raises(KojiError, match="lib-1-1 is in elsewhere, and t-build takes nothing from there") as caught:
        builder.build(job)
    assert caught.value.hint == "koji tag-build t lib-1-1"
    assert hub.clock.slept == 0 and not hub.tasks


def test_a_build_tag_that_takes_nothing_from_the_destination_tag(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    hub.inherits.clear()
    hub.tag_build("lib-1-1", 1)
    with pytest.raises(KojiError, match="lib-1-1 is in t, and t-build takes nothing from there") as caught:
        builder.build(job)
    assert caught.value.hint == "koji add-tag-inheritance t-build t"
    assert hub.clock.slept == 0 and not hub.tasks


def test_a_build_that_lies_in_the_build_tag_itself(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    hub.inherits.clear()
    hub.tag_build("lib-1-1", 2)
    builder.build(job)
    assert len(hub.list_parents()) == 1


def test_a_chain_of_packages_builds_one_after_the_other(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path
) -> None:
    first = builder.build(make_job()).rpms
    later = make_rpm(tmp_path / "later-1-1.src.rpm", arch="x86_64", source="")
    builder.build(make_job(package="later", srpm=later, requires=first, results=tmp_path / "later"))
    assert [path.name for path in (tmp_path / "later").iterdir()] == ["later-1-1.x86_64.rpm"]
    assert hub.newest.request[2]["wait_builds"] == ["hello-1-1"]
    assert hub.repos[-1]["create_event"] >= hub.tagged[0][0]


def test_a_required_build_that_koji_does_not_have_is_told_at_once(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path
) -> None:
    """Another builder has made what is required: `doit repro --builder=koji`."""
    lib = make_rpm(tmp_path / "lib-1-1.x86_64.rpm", arch="x86_64", source="lib-1-1.src.rpm")
    job = builder.vary(make_job(requires=(lib,)), log=tmp_path / "second.log").job
    with pytest.raises(KojiError, match="lib-1-1") as caught:
        builder.build(job)
    assert hub.clock.slept < 60
    assert "inheritance" not in str(caught.value)


@pytest.mark.parametrize("state", [BUILDING, DELETED, BUILD_FAILED, BUILD_CANCELED])
def test_a_required_build_that_is_not_whole_is_told_at_once(hub: FakeHub, builder: KojiBuilder, job: Job, state: int) -> None:
    hub.tag_build("lib-1-1", 1)
    hub.builds["lib-1-1"]["state"] = state
    with pytest.raises(KojiError, match="has no build lib-1-1, which the build roots need") as caught:
        builder.build(job)
    assert 'builder = "koji", scratch = false' in caught.value.hint
    assert hub.clock.slept == 0 and not hub.tasks


@pytest.mark.parametrize(("version", "told"), [("3.1-33.el5", True), ("3.2-33.el5", False)])
def test_a_root_that_had_another_version_than_this_cut_has_is_told(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path, version: str, told: bool
) -> None:
    """Another release has built the package meanwhile, and the root got that one: roots here have bash-2:3.2-33.el5."""
    rpm = make_rpm(tmp_path / f"bash-{version}.x86_64.rpm", arch="x86_64", source=f"bash-{version}.src.rpm")
    hub.tag_build(f"bash-{version}", 1)
    job = make_job(requires=(rpm,))
    if not told:
        assert builder.build(job).rpms
        return
    with pytest.raises(BuildError, match=r"task 2 has built with bash-2:3\.2-33\.el5, and this cut has 3\.1-33\.el5") as caught:
        builder.build(job)
    assert "t-build has the other one" in caught.value.hint and "a target of its own" in caught.value.hint
    assert not job.results.exists()
