"""SRPMs on their way to a hub: each clone has a place of its own there, and sends no byte twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import koji
import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.builders.kojiorder import make_order
from tproxy_rpms.builders.kojisession import open_session
from tproxy_rpms.errors import BuildError

from .kojiclient import FakeSession
from .kojifake import FakeHub
from .kojirun import Killed, die_watching, kill
from .kojitask import CLOSED

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


def test_an_upload_that_is_there_is_not_sent_again(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.hook("before build", kill)
    with pytest.raises(Killed):
        builder.build(make_job())
    assert not hub.tasks
    builder.build(make_job())
    assert (hub.count("uploadWrapper"), len(hub.list_parents())) == (1, 1)


def test_half_an_upload_is_sent_again(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    def tear() -> None:
        (name,) = hub.files
        hub.files[name] = hub.files[name][:50]
        raise Killed

    hub.hook("after uploadWrapper", tear)
    with pytest.raises(Killed):
        builder.build(make_job())
    builder.build(make_job())
    assert hub.count("uploadWrapper") == 2
    assert hub.files[hub.newest.request[0]] == make_job().srpm.read_bytes()


def test_a_hub_that_cannot_tell_of_an_upload_gets_it_again(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload under way is locked, and hubs before 1.27 know no SHA-256."""

    def refuse(*_: object, **__: object) -> None:
        raise koji.GenericError("Unsupported verify type: sha256")

    monkeypatch.setattr(FakeSession, "checkUpload", refuse)
    builder.build(make_job())
    assert hub.files[hub.newest.request[0]] == make_job().srpm.read_bytes()


def test_an_upload_of_other_bytes_and_the_same_size_is_sent_again(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    def turn() -> None:
        (name,) = hub.files
        hub.files[name] = bytes(reversed(hub.files[name]))
        raise Killed

    hub.hook("after uploadWrapper", turn)
    with pytest.raises(Killed):
        builder.build(make_job())
    builder.build(make_job())
    assert hub.files[hub.newest.request[0]] == make_job().srpm.read_bytes()


def test_each_clone_sends_to_a_place_of_its_own(hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path) -> None:
    """Two that wrote the same file would tear it: the hub cuts a file off where a part is written to it."""
    barrier = Barrier(2)
    for _ in range(2):
        hub.hook("before build", partial(barrier.wait, 10))
    jobs = [make_job(results=tmp_path / name, logs=tmp_path / f"{name}-logs") for name in ("one", "other")]
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(make_builder(job.results.name).build, job) for job in jobs]:
            made.result()
    one, other = (str(task.request[0]) for task in hub.list_parents())
    assert one != other and hub.files.keys() == {one, other}
    assert one.split("/")[:2] == other.split("/")[:2] and one.split("/")[3] == other.split("/")[3] == "hello-1-1.src.rpm"


def test_a_task_is_found_wherever_its_upload_lies(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    die_watching(hub, make_builder("one"), make_job())
    make_builder("other").build(make_job())
    assert (hub.count("uploadWrapper"), len(hub.list_parents())) == (1, 1)


@pytest.mark.parametrize("scratch", [True, False])
def test_what_is_submitted_anew_is_not_sent_again(hub: FakeHub, make_builder: Builders, make_job: Jobs, scratch: bool) -> None:
    builder = make_builder(scratch=scratch)
    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    with pytest.raises(BuildError):
        builder.build(make_job())
    hub.works = True
    builder.build(make_job())
    assert (hub.count("uploadWrapper"), len(hub.list_parents())) == (1, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.replace("hello-1-1.src.rpm", "hello-1-2.src.rpm"),
        lambda path: "cli-build/" + path.split("/", 1)[1],
        lambda path: path.split("/")[0] + "/" + "0" * 32 + "/" + "/".join(path.split("/")[2:]),
        lambda path: "/".join(path.split("/")[:2]) + "/hello-1-1.src.rpm",
        lambda path: path.replace("/hello", "/deeper/hello"),
        lambda path: "/" + path,
        lambda path: path + "/x",
        lambda path: "git+https://example.org/hello?#HEAD",
        lambda path: None,
    ],
)
def test_the_upload_of_another_order_is_no_obstacle(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, change: Callable[[str], object]
) -> None:
    """Whatever else this user has Koji build."""
    with open_session(builder.koji) as session:
        order = make_order(session, make_job(), builder.koji, builder.release.arches)
    source = change(order.source("0123"))
    assert order.is_source(order.source("0123")) and not order.is_source(source)
    hub.add_task("build", owner=7, request=[source, "t", {}], state=CLOSED)
    hub.play(lambda: hub.begin(hub.newest), *[hub.work] * 4)
    builder.build(make_job())
    assert len(hub.list_parents()) == 2


def test_an_upload_is_kept_in_mind_while_another_clones_task_is_watched(
    hub: FakeHub, make_builder: Builders, make_job: Jobs
) -> None:
    """Killed when it had sent it; then another clone was first, and its build has failed."""
    one = make_builder("one")
    hub.hook("before build", kill)
    with pytest.raises(Killed):
        one.build(make_job())
    die_watching(hub, make_builder("other"), make_job())
    hub.play(hub.begin, partial(hub.fail, "x86_64"))
    with pytest.raises(BuildError):
        one.build(make_job())
    hub.works = True
    one.build(make_job())
    assert (hub.count("uploadWrapper"), len(hub.list_parents())) == (2, 2)
