"""What a task has come to is told once to who has waited for it; then the same command builds anew."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import koji
import pytest
import requests

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, KojiError

from .kojifake import CANCELED, CLOSED, FAILED, OPEN, FakeHub
from .kojirun import BOTH, build_both, die_watching

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


def test_a_failure_is_told_once_for_each_arch_and_then_the_order_is_submitted_anew(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs
) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    for arch in BOTH:
        with pytest.raises(BuildError):
            builder.build(make_job(arch))
    assert len(hub.list_parents()) == 1
    hub.works = True
    build_both(builder, make_job)
    assert len(hub.list_parents()) == 2


def test_a_failure_that_nobody_has_seen_yet_is_told_by_the_next_run(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    die_watching(hub, builder, make_job())
    hub.begin()
    hub.fail("x86_64")
    with pytest.raises(BuildError, match=r"hello for x86_64"):
        builder.build(make_job())
    assert len(hub.list_parents()) == 1
    builder.build(make_job())
    assert len(hub.list_parents()) == 2


@pytest.mark.parametrize("begun", [True, False])
def test_what_was_cancelled_while_nobody_watched_is_submitted_anew(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, begun: bool
) -> None:
    """Nobody learns anything from being told of it: who has cancelled knows, and wants a new one."""
    die_watching(hub, builder, make_job())
    if begun:
        hub.begin()
    hub.cancel(hub.newest)
    build_both(builder, make_job)
    assert [task.state for task in hub.list_parents()] == [CANCELED, CLOSED]


def test_what_fails_after_our_patience_has_ended_is_told_by_the_next_run(
    hub: FakeHub, make_builder: Builders, make_job: Jobs
) -> None:
    hub.play()
    with pytest.raises(KojiError, match="waits for a builder"):
        make_builder(patience=1).build(make_job())
    hub.begin()
    hub.fail("x86_64")
    with pytest.raises(BuildError, match="rpmbuild failed"):
        make_builder(patience=1).build(make_job())
    assert len(hub.list_parents()) == 1


def test_a_fresh_clone_is_not_told_of_old_failures(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    with pytest.raises(BuildError):
        make_builder().build(make_job())
    hub.works = True
    make_builder("fresh").build(make_job())
    assert len(hub.list_parents()) == 2


def give_up(hub: FakeHub) -> None:
    """What a builder does with a task, an arch of which has failed some seconds ago."""
    for child in hub.children().values():
        child.state = CANCELED if child.state == OPEN else child.state
    hub.fail_task(koji.BuildError("mock exited with status 1"))


def test_a_failure_is_told_once_though_its_task_is_at_work_for_another_moment(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs
) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64", alone=True))
    with pytest.raises(BuildError, match="rpmbuild failed"):
        builder.build(make_job())
    assert hub.newest.state == OPEN
    hub.play(partial(give_up, hub))
    with pytest.raises(BuildError, match="cancelled it when x86_64 failed"):
        builder.build(make_job("i386"))
    hub.works = True
    build_both(builder, make_job)
    assert len(hub.list_parents()) == 2


def test_a_failed_arch_is_asked_for_anew_when_the_other_arch_is_done(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """A builder with build_arch_can_fail = True lets the other arch go on, which may take hours."""
    hub.play(hub.begin, partial(hub.fail, "x86_64", alone=True))
    with pytest.raises(BuildError, match="rpmbuild failed"):
        builder.build(make_job())
    capsys.readouterr()
    submitted: list[int] = []
    look = lambda: submitted.append(len(hub.list_parents()))  # noqa: E731  # a step of the script
    hub.play(look, *[lambda: None] * 20, look, partial(hub.finish, "i686"), partial(give_up, hub), *[hub.work] * 4)
    builder.build(make_job())
    assert submitted == [1, 1]
    assert [task.state for task in hub.list_parents()] == [FAILED, CLOSED]
    told = capsys.readouterr().out
    assert "hello for x86_64: was told of task 1, which is still at work for another arch" in told
    assert (make_job().logs / "build.log").read_text() == "build.log of x86_64\n"


def test_the_other_arch_watches_the_task_that_it_is_at_work_in(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(hub.begin, partial(hub.fail, "x86_64", alone=True))
    with pytest.raises(BuildError):
        builder.build(make_job())
    hub.play(partial(hub.finish, "i686"), partial(give_up, hub))
    with pytest.raises(BuildError, match="hello for i386 was built, but x86_64 failed"):
        builder.build(make_job("i386"))
    assert len(hub.list_parents()) == 1


def test_a_run_that_learns_nothing_has_told_nothing(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """The hub has gone away before it said why."""

    def refuse() -> None:
        raise requests.ConnectionError("[Errno 111] Connection refused")

    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    hub.hook("before getTaskResult", refuse)
    with pytest.raises(KojiError, match="Connection refused"):
        builder.build(make_job())
    with pytest.raises(BuildError, match="rpmbuild failed"):
        builder.build(make_job())
    assert len(hub.list_parents()) == 1


def test_a_second_build_that_did_not_come_whole_is_fetched_again(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path
) -> None:
    job = builder.vary(make_job(), log=tmp_path / "second.log").job
    hub.damaged["hello-1-1.x86_64.rpm"] = 1000
    with pytest.raises(KojiError, match="its MD5 is "):
        builder.build(job)
    hub.damaged.clear()
    builder.build(job)
    assert len(hub.list_parents()) == 1
