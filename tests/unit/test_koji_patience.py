"""Nobody takes a task for too long: it is told with who could, and stays where it is."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import KojiError

from .kojifake import URL, FakeHub
from .kojirun import fail_of
from .kojitask import ASSIGNED, CLOSED, FREE, OPEN

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


def change_host(hub: FakeHub, **changes: Any) -> None:
    hub.hosts[0] |= changes


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ({"enabled": False}, "one.example.org is disabled"),
        ({"seen": None}, "one.example.org has said nothing yet"),
        ({"seen": 7200.0}, "one.example.org has said nothing for "),
        ({"ready": False}, "one.example.org takes no task (its disk or memory may be full"),
        ({"task_load": 3.5}, "one.example.org is busy (load 3.5 of 2)"),
        ({}, "one.example.org is ready"),
        ({"channel": 9}, "no builder of the hub builds for noarch in its channel"),
    ],
)
def test_a_task_that_nobody_takes_is_told_with_who_could(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, host: dict[str, Any], said: str
) -> None:
    change_host(hub, **host)
    hub.play()
    error = fail_of(make_builder(patience=3), make_job(), KojiError)
    assert f"task 1 of {URL} (build) waits for a builder since 3 minutes: {said}" in error.message
    assert "koji.patience" in error.hint
    assert 180 <= hub.clock.slept < 240
    hub.works = True
    make_builder().build(make_job())
    assert len(hub.list_parents()) == 1


def test_an_arch_that_nobody_takes_is_told_by_the_arch_that_koji_knows(
    hub: FakeHub, make_builder: Builders, make_job: Jobs
) -> None:
    def wait() -> None:
        hub.begin()
        hub.children()["i686"].state = ASSIGNED

    hub.hosts.append(hub.hosts[0] | {"id": 2, "name": "two.example.org", "arches": "x86_64"})
    hub.play(wait)
    error = fail_of(make_builder(patience=1), make_job("i386"), KojiError)
    assert f"task 3 on one.example.org of {URL} (buildArch) waits for a builder" in error.message
    assert "one.example.org" in error.message and "two.example.org" not in error.message


@pytest.mark.parametrize("method", ["rebuildSRPM", "waitrepo", "buildArch"])
@pytest.mark.parametrize("state", [FREE, ASSIGNED])
def test_what_an_arch_waits_for_is_told_by_its_name(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, method: str, state: int
) -> None:
    """The parent is at work, and one of its other tasks is not."""

    def wait() -> None:
        hub.newest.state = OPEN
        hub.add_task("waitrepo", owner=7, parent=1, label="earlier", state=CLOSED)
        hub.add_task(method, owner=7, parent=1, label="i686" if method == "buildArch" else "srpm", state=state)

    hub.play(wait)
    error = fail_of(make_builder(patience=1), make_job("i386"), KojiError)
    assert f"task 3 of {URL} ({method}) waits for a builder since 1 minutes: one.example.org is ready" in error.message
    assert 60 <= hub.clock.slept < 120
    hub.script.append(lambda: hub.tasks.pop(3) and hub.begin())
    hub.works = True
    make_builder().build(make_job())
    assert len(hub.list_parents()) == 1


def test_a_build_that_nobody_tags_is_told(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    """All arches are built: no builder takes tasks of the channel that tags."""
    tag = partial(hub.add_task, "tagBuild", owner=7, parent=1, label="tag", channel_id=9)
    hub.play(hub.begin, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), tag)
    error = fail_of(make_builder(patience=1), make_job(), KojiError)
    said = "waits for a builder since 1 minutes: no builder of the hub builds for noarch in its channel"
    assert f"task 4 of {URL} (tagBuild) {said}" in error.message


def test_an_arch_that_is_done_waits_for_the_other_as_long_as_that_is_at_work(
    hub: FakeHub, make_builder: Builders, make_job: Jobs
) -> None:
    def set_state(state: int) -> None:
        hub.children()["i686"].state = state

    idle: list[Callable[[], object]] = [lambda: None] * 100
    hub.play(hub.begin, partial(hub.finish, "x86_64"), *idle, partial(set_state, FREE))
    error = fail_of(make_builder(patience=1), make_job(), KojiError)
    assert "hello for x86_64: task 3 on one.example.org" in error.message and "(buildArch) waits for a builder" in error.message
    assert hub.clock.slept > 600


def test_a_source_package_that_is_built_for_hours_is_not_waited_for(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    def rebuild(state: int) -> None:
        hub.newest.state = OPEN
        hub.add_task("rebuildSRPM", owner=7, parent=1, label="srpm", state=state)

    idle: list[Callable[[], object]] = [lambda: None] * 100
    hub.play(partial(rebuild, OPEN), partial(rebuild, FREE), *idle, hub.begin, *[hub.work] * 3)
    make_builder(patience=1).build(make_job())
    assert hub.clock.slept > 600


@pytest.mark.parametrize("told", [True, False])
def test_of_many_builders_some_are_told(hub: FakeHub, make_builder: Builders, make_job: Jobs, told: bool) -> None:
    """Before Koji 1.35 one more call a builder tells when it was last heard of."""
    hub.hosts = [hub.hosts[0] | {"id": number, "name": f"builder{number:03}.example.org"} for number in range(300)]
    hub.tells_updates = told
    hub.play()
    error = fail_of(make_builder(patience=1), make_job(), KojiError)
    assert "builder000.example.org is ready; " in error.message and error.message.endswith("is ready; and 294 more")
    assert len(error.message) < 1500
    assert hub.count("listHosts") == 1 and (hub.count("getLastHostUpdate") == 0) == told


def test_who_could_build_is_told_first(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    disabled = [hub.hosts[0] | {"id": number, "name": f"builder{number}", "enabled": False} for number in range(9)]
    hub.hosts = [
        *disabled,
        hub.hosts[0] | {"id": 90, "name": "busy", "task_load": 9.0},
        hub.hosts[0] | {"id": 91, "name": "idle"},
    ]
    hub.play()
    error = fail_of(make_builder(patience=1), make_job(), KojiError)
    assert "minutes: idle is ready; busy is busy (load 9 of 2); builder0 is disabled; " in error.message


def test_patience_is_for_waiting_and_not_for_building(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    def set_state(state: int) -> None:
        hub.children()["x86_64"].state = state

    idle: list[Callable[[], object]] = [lambda: None] * 5
    again = [partial(set_state, FREE), *idle, partial(set_state, OPEN)]
    hub.play(*idle, hub.begin, *again, *idle * 20, *again, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close)
    make_builder(patience=1).build(make_job())
    assert hub.clock.slept > 600


def test_of_many_that_wait_the_newest_is_told(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    def wait() -> None:
        hub.newest.state = ASSIGNED
        for method in ("waitrepo", "rebuildSRPM"):
            hub.add_task(method, owner=7, parent=1, label=method)

    hub.play(wait)
    error = fail_of(make_builder(patience=1), make_job(), KojiError)
    assert f"task 3 of {URL} (rebuildSRPM) waits for a builder" in error.message
