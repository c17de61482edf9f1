"""A build in Koji is submitted once, and found again by any later run, whenever the one before was killed."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
import requests

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, KojiError
from tproxy_rpms.surroundings import Surroundings

from .kojifake import BUILDING, CANCELED, CLOSED, COMPLETE, FREE, FakeHub
from .kojirpm import make_rpm, make_srpm
from .kojirun import BOTH, Killed, build_both, die_watching, kill

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


def test_both_arches_are_one_task_that_is_submitted_once(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    build_both(builder, make_job)
    assert (hub.count("uploadWrapper"), hub.count("build"), len(hub.list_parents())) == (1, 1, 1)
    assert [path.name for path in make_job("i386").results.iterdir()] == ["hello-1-1.i686.rpm"]
    assert [path.name for path in make_job("x86_64").results.iterdir()] == ["hello-1-1.x86_64.rpm"]


def test_what_is_asked_of_koji(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    make_builder().build(make_job())
    source, target, options = hub.newest.request
    assert target == "t" and not options.get("scratch") and "arch_override" not in options
    assert hub.files[source] == make_job().srpm.read_bytes()
    make_builder(scratch=True).build(make_job())
    options = hub.newest.request[2]
    assert (options["scratch"], options["rebuild_srpm"], options["arch_override"]) == (True, False, "x86_64 i686")


def test_all_that_shapes_a_build_makes_another_order(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path
) -> None:
    hub.builds.clear()
    lib = make_rpm(tmp_path / "lib-1-1.x86_64.rpm", arch="x86_64", source="lib-1-1.src.rpm")
    hub.tag_build("lib-1-1", 1)
    builder, scratch = make_builder(), make_builder(scratch=True)
    one_arch = replace(scratch, release=replace(scratch.release, arches=("i386",)))
    other = make_srpm(tmp_path / "other", content=b"another source\n")
    asked = [
        (builder, make_job()), (scratch, make_job()), (make_builder(scratch=True, target="t2"), make_job()),
        (scratch, make_job(requires=(lib,))), (scratch, make_job(srpm=other)), (one_arch, make_job("i386")),
        (scratch, make_job(surroundings=Surroundings())),
    ]  # fmt: skip
    for one, job in asked:
        one.build(job)
    sources = [str(task.request[0]) for task in hub.list_parents()]
    assert len(set(sources)) == len(asked)
    for one, job in asked[:-1]:  # what lies elsewhere, and another run of the same, is the same order; a second build never is
        moved = tmp_path / "moved" / job.srpm.name
        moved.parent.mkdir(exist_ok=True)
        moved.write_bytes(job.srpm.read_bytes())
        one.build(replace(job, srpm=moved, logs=tmp_path / "elsewhere", epoch=5))
    assert len(hub.list_parents()) == len(asked)


def test_a_run_that_was_killed_when_it_had_submitted_finds_its_task(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.hook("after build", kill)
    with pytest.raises(Killed):
        builder.build(make_job())
    assert hub.newest.state == FREE
    builder.build(make_job())
    assert (hub.count("uploadWrapper"), hub.count("build"), len(hub.list_parents())) == (1, 1, 1)


@pytest.mark.parametrize("moment", ["before getTaskChildren", "after getTaskInfo", "before downloadTaskOutput", "before getRPM"])
def test_a_run_that_was_killed_while_it_watched_goes_on(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, moment: str) -> None:
    hub.hook(moment, kill)
    with pytest.raises(Killed):
        builder.build(make_job())
    assert not make_job().results.exists()
    builder.build(make_job())
    assert len(hub.list_parents()) == 1
    assert [path.name for path in make_job().results.iterdir()] == ["hello-1-1.x86_64.rpm"]


@pytest.mark.parametrize(
    "moment", ["before getTaskInfo", "before listTaskOutput", "before downloadTaskOutput", "before listRPMs"]
)
def test_a_hub_that_goes_away_meanwhile_loses_nothing(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, moment: str) -> None:
    def refuse() -> None:
        raise requests.ConnectionError("[Errno 111] Connection refused")

    hub.hook(moment, refuse)
    with pytest.raises(KojiError, match="Connection refused") as caught:
        builder.build(make_job())
    assert "the next run finds them" in caught.value.hint
    builder.build(make_job())
    assert len(hub.list_parents()) == 1


def test_what_was_left_half_written_by_a_killed_run_is_no_obstacle(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path
) -> None:
    hub.hook("before getTaskChildren", kill)
    with pytest.raises(Killed):
        builder.build(make_job())
    for path in (tmp_path / "clone").rglob("*.json"):
        for content in ("", "{", "[]", json.dumps({"task": None, "own": 1})):
            path.write_text(content)
            builder.build(make_job())
    assert len(hub.list_parents()) == 1


def test_a_build_that_is_done_is_fetched_again_and_not_built_again(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    make_builder().build(make_job())
    rpm = make_job().results / "hello-1-1.x86_64.rpm"
    rpm.unlink()
    make_builder("another").build(make_job())
    assert rpm.is_file() and len(hub.list_parents()) == 1


def test_the_task_of_another_user_is_not_taken(hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path) -> None:
    make_builder(scratch=True).build(make_job())
    (tmp_path / "password").write_text("secret2")
    make_builder(user="other", scratch=True).build(make_job())
    assert [task.owner for task in hub.list_parents()] == [7, 8]


@pytest.fixture
def make_other(make_builder: Builders, tmp_path: Path) -> Callable[[], KojiBuilder]:
    """Return a builder of another user, in a clone of their own."""
    password = tmp_path / "other-password"
    password.touch(0o600)
    password.write_text("secret2\n")
    return partial(make_builder, "other", user="other", password_file=password)


@pytest.mark.parametrize("begun", [True, False])
def test_the_same_build_of_another_user_is_watched_and_taken(
    hub: FakeHub, builder: KojiBuilder, make_other: Callable[[], KojiBuilder], make_job: Jobs, begun: bool
) -> None:
    die_watching(hub, builder, make_job())
    hub.begin()
    if not begun:
        hub.settle()
    other = make_other()
    assert [path.name for path in other.build(make_job()).rpms] == ["hello-1-1.x86_64.rpm"]
    assert (len(hub.list_parents()), hub.count("uploadWrapper")) == (1, 1)
    assert "found task 1" in (make_job().logs / "koji.log").read_text()


def test_the_build_of_another_user_that_fails_is_told_and_then_built_by_this_one(
    hub: FakeHub, builder: KojiBuilder, make_other: Callable[[], KojiBuilder], make_job: Jobs
) -> None:
    die_watching(hub, builder, make_job())
    hub.begin()
    other = make_other()
    hub.play(lambda: None, partial(hub.fail, "x86_64"))
    with pytest.raises(BuildError, match="rpmbuild failed"):
        other.build(make_job())
    hub.works = True
    build_both(other, make_job)
    assert [task.owner for task in hub.list_parents()] == [7, 8]


def test_the_build_of_another_user_is_not_cancelled(
    hub: FakeHub, builder: KojiBuilder, make_other: Callable[[], KojiBuilder], make_job: Jobs
) -> None:
    die_watching(hub, builder, make_job())
    hub.begin()
    other = make_other()
    hub.play(lambda: cancelled.append(other.cancel_running()))
    cancelled: list[tuple[str, ...]] = []
    hub.script += [hub.work] * 3
    other.build(make_job())
    assert (cancelled, hub.count("cancelTask")) == ([()], 0)


def test_of_two_tasks_for_one_order_the_first_wins_and_the_other_is_cancelled(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path
) -> None:
    """Two clones have looked before either has submitted."""
    barrier = Barrier(2)
    for _ in range(2):
        hub.hook("before build", partial(barrier.wait, 10))
    jobs = [make_job(results=tmp_path / name, logs=tmp_path / f"{name}-logs") for name in ("one", "other")]
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(make_builder(job.results.name).build, job) for job in jobs]:
            made.result()
    assert [task.state for task in hub.list_parents()] == [CLOSED, CANCELED]
    assert all((job.results / "hello-1-1.x86_64.rpm").is_file() for job in jobs)


def test_whoever_submits_second_watches_the_first_task(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    hub.hook("before build", lambda: die_watching(hub, make_builder("other"), make_job()))
    make_builder("one").build(make_job())
    assert [task.state for task in hub.list_parents()] == [CLOSED, CANCELED]
    make_builder("other").build(make_job("i386"))
    assert len(hub.list_parents()) == 2


def test_of_two_tasks_that_were_left_at_work_every_clone_watches_the_first(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path
) -> None:
    """A clone was killed between submitting and cancelling."""
    die_watching(hub, make_builder("one"), make_job())
    hub.add_task("build", owner=7, request=hub.newest.request)
    for clone in ("one", "other", "third"):
        builder = make_builder(clone)
        job = make_job(logs=tmp_path / clone)
        die_watching(hub, builder, job)
        assert "task 1 " in (job.logs / "koji.log").read_text()


def test_a_build_that_an_admin_has_taken_away_is_made_again(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    """By koji call resetBuild: the task is CLOSED all the same, and what it has left are links to nowhere."""
    make_builder().build(make_job())
    for taken_away in (hub.builds, hub.rpms, hub.checksums):
        taken_away.clear()
    make_builder().build(make_job())
    make_builder("fresh").build(make_job())
    assert len(hub.list_parents()) == 2


def test_scratch_builds_that_the_hub_has_cleared_away_are_made_again(
    hub: FakeHub, make_builder: Builders, make_job: Jobs
) -> None:
    builder = make_builder(scratch=True)
    builder.build(make_job())
    hub.settle()
    hub.clear_outputs()
    builder.build(make_job())
    assert len(hub.list_parents()) == 2


def test_a_second_build_is_never_an_earlier_one(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path) -> None:
    builder.build(make_job())
    job = builder.vary(make_job(), log=tmp_path / "second.log").job
    builder.build(job)
    second = hub.newest
    assert (second.id != 1, second.request[2]["scratch"]) == (True, True)
    hub.settle()
    builder.build(job)
    assert len(hub.list_parents()) == 3
    assert hub.builds["hello-1-1"]["task_id"] == 1


def test_both_arches_share_a_second_build_and_a_killed_run_finds_it(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path
) -> None:
    jobs = [builder.vary(make_job(arch), log=tmp_path / "second.log").job for arch in BOTH]
    hub.hook("before downloadTaskOutput", kill)
    with pytest.raises(Killed):
        builder.build(jobs[0])
    for job in jobs:
        builder.build(job)
    assert len(hub.list_parents()) == 1


def test_a_second_build_of_another_clone_that_is_done_is_not_taken(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path
) -> None:
    for clone in ("one", "other"):
        builder = make_builder(clone)
        builder.build(builder.vary(make_job(), log=tmp_path / "second.log").job)
        hub.settle()
    assert len(hub.list_parents()) == 2


@pytest.mark.parametrize(("state", "said"), [(COMPLETE, "has a build"), (BUILDING, "is making a build")])
def test_a_build_of_this_name_from_another_srpm_is_in_the_way(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, state: int, said: str
) -> None:
    hub.builds["hello-1-1"] = hub.describe_build("hello-1-1", state, owner="somebody")
    with pytest.raises(KojiError, match=f"hello-1-1: Koji {said} of this name .*somebody") as caught:
        builder.build(make_job())
    assert "revision" in caught.value.hint
    assert (hub.files, hub.tasks) == ({}, {})


def test_scratch_builds_take_no_name(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    hub.builds["hello-1-1"] = hub.describe_build("hello-1-1", COMPLETE)
    make_builder(scratch=True).build(make_job())
    assert len(hub.list_parents()) == 1
