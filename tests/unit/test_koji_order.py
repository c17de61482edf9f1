"""A build in Koji is submitted once, and found again by any later run, whenever the one before was killed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import KojiError
from tproxy_rpms.surroundings import Surroundings

from .kojifake import FakeHub
from .kojirpm import make_rpm, make_srpm
from .kojirun import BOTH, Killed, build_both, die_watching, kill
from .kojitask import CLOSED, FREE

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


def test_a_task_that_lies_far_back_is_found_by_whoever_has_watched_it(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This user has had more tasks since than a run looks through."""
    die_watching(hub, builder, make_job())
    for _ in range(3):
        hub.add_task("build", owner=7, request=["cli-build/x/y-1-1.src.rpm", "t", {}], state=CLOSED)
    monkeypatch.setattr("tproxy_rpms.builders.kojitask.LOOKED_AT", 2)
    builder.build(make_job())
    assert len(hub.list_parents()) == 4


def test_a_hub_that_knows_a_task_no_more(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    die_watching(hub, builder, make_job())
    hub.tasks.clear()
    builder.build(make_job())
    assert (len(hub.list_parents()), hub.count("uploadWrapper")) == (1, 1)


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


@pytest.mark.parametrize("scratch", [True, False])
def test_a_part_of_the_rpms_is_not_taken_for_all(hub: FakeHub, make_builder: Builders, make_job: Jobs, scratch: bool) -> None:
    """A hub may clear files away one by one."""

    def make_two(nvr: str, label: str) -> dict[str, bytes]:
        more = make_rpm(hub.folder / f"hello-devel-1-1.{label}.rpm", arch=label, source=f"{nvr}.src.rpm")
        return hub.make_rpms(nvr, label) | {more.name: more.read_bytes()}

    hub.files_of = make_two
    make_builder(scratch=scratch).build(make_job())
    hub.settle()
    del hub.children()["x86_64"].output["hello-devel-1-1.x86_64.rpm"]
    fresh = make_builder("fresh", scratch=scratch)
    if scratch:
        assert len(fresh.build(make_job()).rpms) == 2
        assert len(hub.list_parents()) == 2
    else:
        with pytest.raises(KojiError, match=r"koji\.files"):
            fresh.build(make_job())


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
