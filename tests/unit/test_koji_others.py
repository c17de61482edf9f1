"""Others build in the same hub: what is the same as ours is taken, and nobody's own is touched."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import koji
import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, KojiError

from .kojifake import FakeHub
from .kojirun import build_both, die_watching
from .kojitask import BUILDING, CANCELED, CLOSED, COMPLETE, FAILED, FREE

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


@pytest.mark.parametrize("clone", ["clone", "other"])
def test_the_task_of_another_user_is_not_taken(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path, clone: str
) -> None:
    make_builder(scratch=True).build(make_job())
    (tmp_path / "password").write_text("secret2")
    make_builder(clone, user="other", scratch=True).build(make_job())
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
    assert "watches task 1, sent by another" in (make_job().logs / "koji.log").read_text()


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
    other.build(make_job())
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


@pytest.mark.parametrize("done", [True, False])
def test_who_is_forestalled_by_another_user_takes_what_they_build(
    hub: FakeHub, builder: KojiBuilder, make_other: Callable[[], KojiBuilder], make_job: Jobs, done: bool
) -> None:
    """Both have submitted before Koji knew the name of either build; it makes each name once."""
    hub.hook("before build", partial(die_watching, hub, make_other(), make_job()))

    def begin() -> None:
        theirs, ours = hub.list_parents()
        hub.begin(theirs)
        if done:
            hub.settle_task(theirs)
        hub.fail_task(koji.GenericError("Build already exists" if done else "Build is already in progress"), ours)

    hub.play(begin)
    with pytest.raises(KojiError, match=r"task 2 of https:\S+ was too late: task 1 of other builds the same") as caught:
        builder.build(make_job())
    assert caught.value.hint == "run the same command again: it takes that one"
    hub.works = True
    build_both(builder, make_job)
    assert len(hub.list_parents()) == 2


def test_another_hub_has_other_tasks_by_the_same_numbers(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    with pytest.raises(BuildError):
        make_builder(scratch=True).build(make_job())
    request = hub.newest.request
    hub.tasks.clear()
    hub.add_task("build", owner=7, request=request)
    hub.works = True
    make_builder(scratch=True, hub="https://other.example.org/kojihub").build(make_job())
    assert len(hub.list_parents()) == 1
    assert "was told of" not in capsys.readouterr().out


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
        assert "task 1," in (job.logs / "koji.log").read_text()


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


@pytest.mark.parametrize("state", [FREE, CLOSED, FAILED])
def test_a_hub_that_was_set_up_anew_counts_its_tasks_anew(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, state: int
) -> None:
    """The task by the number that this clone knows is another one by now."""
    builder = make_builder(scratch=True)
    die_watching(hub, builder, make_job())
    hub.tasks.clear()
    hub.files.clear()
    other = hub.add_task("build", owner=7, request=["cli-build/x/hello-1-1.src.rpm", "t", {"scratch": True}], state=state)
    hub.play(lambda: hub.begin(hub.newest), lambda: hub.finish("x86_64"))
    builder.build(make_job())
    assert [task.id == other.id for task in hub.list_parents()] == [True, False]
    assert (other.state, hub.count("cancelTask")) == (state, 0)
