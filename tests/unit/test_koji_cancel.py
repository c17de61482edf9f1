"""An interrupted run leaves Koji's tasks at work; a second Ctrl-C cancels those that are its own."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import koji
import pytest
import requests

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.interruption import ask_about_remote
from tproxy_rpms.tasks.reporter import LineReporter

from ..conftest import make_release
from .kojiclient import FakeSession
from .kojifake import CANCELED, FREE, FakeHub
from .kojirpm import make_srpm

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


@contextmanager
def at_work(hub: FakeHub, builder: KojiBuilder, *jobs: Job) -> Iterator[list["Future[Result]"]]:
    """Have builds wait for their tasks, each in a thread of its own, until the block ends."""
    hub.play()
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        waiting.release()
        assert go_on.wait(20)

    for _ in jobs:
        hub.hook("before getTaskChildren", wait)
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(builder.build, job) for job in jobs]
        try:
            for _ in jobs:
                assert waiting.acquire(timeout=20)
            yield futures
        finally:
            go_on.set()
            hub.works = True


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Say whether the user presses Ctrl-C once more."""

    def set_answer(again: bool) -> None:
        def sleep(seconds: float) -> None:
            assert 0 < seconds < 60
            if again:
                raise KeyboardInterrupt

        monkeypatch.setattr("tproxy_rpms.tasks.interruption.time", SimpleNamespace(sleep=sleep))

    return set_answer


def ask(builder: Any) -> list[str]:
    told: list[str] = []
    ask_about_remote([object(), builder], told.append)  # type: ignore[list-item]  # one that has nothing elsewhere
    return told


def test_tasks_go_on_unless_they_are_cancelled(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, press: Callable[[bool], None]
) -> None:
    press(False)
    with at_work(hub, builder, make_job()) as (build,):
        (told,) = ask(builder)
        assert "hello: task 1" in told and "Ctrl-C once more" in told
        assert hub.newest.state == FREE
    assert build.result().rpms


def test_a_second_interruption_cancels_and_the_next_run_submits_anew(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, press: Callable[[bool], None]
) -> None:
    press(True)
    with at_work(hub, builder, make_job("x86_64"), make_job("i386")) as builds:
        told = ask(builder)
        assert len(told) == 2 and told[0].count("task 1") == 1
        assert told[1] == "cancelled: hello: task 1"
        assert hub.newest.state == CANCELED
    assert all(isinstance(build.exception(), BuildError) for build in builds)
    assert builder.list_running() == ()
    builder.build(make_job())
    assert len(hub.list_parents()) == 2


def test_the_task_of_another_clone_is_left_alone(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path, press: Callable[[bool], None]
) -> None:
    press(True)
    one, other = make_builder("one"), make_builder("other")
    theirs = make_job(results=tmp_path / "theirs", logs=tmp_path / "their-logs")
    with at_work(hub, one, make_job()), at_work(hub, other, theirs) as builds:
        told = ask(other)
        assert "task 1" in told[0]
        assert told[1] == "nothing cancelled: others have submitted what is at work"
        assert hub.newest.state == FREE
    assert builds[0].result().rpms


def test_a_task_that_an_earlier_run_of_this_clone_has_submitted_is_its_own(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, press: Callable[[bool], None]
) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    hub.hook("before getTaskChildren", kill)
    with pytest.raises(Killed):
        make_builder().build(make_job())
    press(True)
    again = make_builder()
    with at_work(hub, again, make_job()):
        assert ask(again)[1] == "cancelled: hello: task 1"


def test_a_hub_that_does_not_cancel_is_told(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, press: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise requests.ConnectionError("[Errno 111] Connection refused")

    press(True)
    with at_work(hub, builder, make_job()), monkeypatch.context() as patched:
        patched.setattr(FakeSession, "cancelTask", refuse)
        told = ask(builder)
        assert told[1].startswith("could not be cancelled: ") and "Connection refused" in told[1]
        assert builder.list_running() == ("hello: task 1",)


def test_a_task_that_cannot_be_cancelled_leaves_no_other_at_work(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, press: Callable[[bool], None], tmp_path: Path
) -> None:
    def refuse() -> None:
        raise koji.ActionNotAllowed("Cannot cancel task, not owner")

    later = make_job(
        package="later", srpm=make_srpm(tmp_path, "later-1-1"), results=tmp_path / "later", logs=tmp_path / "later-logs"
    )
    press(True)
    with at_work(hub, builder, make_job()), at_work(hub, builder, later):
        hub.hook("before cancelTask", refuse)
        assert ask(builder)[1] == "cancelled: later: task 2"
        assert [task.state for task in hub.list_parents()] == [FREE, CANCELED]


def test_nothing_is_asked_when_nothing_is_at_work(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, press: Callable[[bool], None]
) -> None:
    press(True)
    builder.build(make_job())
    assert ask(builder) == []
    assert ask(object()) == []


@pytest.mark.parametrize("error", [BuildError("x"), RuntimeError("x")])
def test_what_has_failed_is_at_work_no_longer(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, error: Exception) -> None:
    def fail() -> None:
        raise error

    hub.hook("before getTaskChildren", fail)
    with pytest.raises(type(error)):
        builder.build(make_job())
    assert builder.list_running() == ()


def test_an_interruption_of_the_waiting_itself_is_asked_about(
    hub: FakeHub, builder: KojiBuilder, make_builder: Builders, make_job: Jobs, press: Callable[[bool], None]
) -> None:
    """doit -n 1 builds in the main thread, where the interruption arrives."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    press(True)
    hub.hook("before getTaskChildren", interrupt)
    with pytest.raises(KeyboardInterrupt):
        builder.build(make_job())
    assert ask(builder)[1] == "cancelled: hello: task 1"
    assert hub.newest.state == CANCELED
    make_builder().build(make_job())  # which is not told of what the user has done himself
    assert len(hub.list_parents()) == 2


@pytest.mark.parametrize("interrupted", [True, False])
def test_the_end_of_an_interrupted_run_asks(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path, press: Callable[[bool], None], interrupted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cut = Cut(release=make_release(builder="koji"), root=tmp_path)
    vars(cut)["builder"] = builder
    monkeypatch.setattr(LineReporter, "cut", cut, raising=False)
    press(True)
    reporter = LineReporter(io.StringIO(), {})
    with at_work(hub, builder, make_job()):
        with pytest.raises(KeyboardInterrupt if interrupted else ZeroDivisionError):
            try:
                raise KeyboardInterrupt if interrupted else ZeroDivisionError
            finally:
                reporter.complete_run()
        assert (hub.newest.state == CANCELED) == interrupted
    assert ("cancelled: hello: task 1" in reporter.outstream.getvalue()) == interrupted
