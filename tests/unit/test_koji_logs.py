"""Logs of a task, copied while they grow: each byte once."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, KojiError

from .kojifake import FakeHub
from .kojitask import CANCELED, OPEN

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]


def read(job: Job, name: str = "build.log") -> str:
    return (job.logs / name).read_text()


def test_a_log_is_seen_while_it_grows_and_each_part_of_it_once(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    seen: list[str] = []
    look = lambda: seen.append(read(make_job()))  # noqa: E731  # a step of the script
    first, second = partial(hub.write, "x86_64", "build.log", "one\n"), partial(hub.write, "x86_64", "build.log", "two\n")
    hub.play(
        hub.begin, first, look, look, second, look, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), look, hub.close
    )
    builder.build(make_job())
    assert seen == ["one\n", "one\n", "one\ntwo\n", "one\ntwo\n"]
    assert read(make_job()) == "one\ntwo\n"
    assert read(make_job(), "root.log") == "root.log of x86_64\n"


def test_a_large_log_comes_in_parts(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    whole = "".join(f"{number:099d}\n" for number in range(25_000))
    hub.play(
        hub.begin, partial(hub.write, "x86_64", "build.log", whole), partial(hub.write, "x86_64", "build.log", "end\n"),
        partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert read(make_job()) == whole + "end\n"
    assert hub.sent["build.log"] == len(whole) + 4


def test_what_grows_between_looking_and_reading_comes_the_next_time(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    def write() -> None:
        hub.write("x86_64", "build.log", "one\n")
        hub.hook("after listTaskOutput", partial(hub.write, "x86_64", "build.log", "two\n"))

    hub.play(hub.begin, write, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close)
    builder.build(make_job())
    assert read(make_job()) == "one\ntwo\n"


def test_a_log_that_vanishes_and_comes_back_goes_on(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """Builders move logs when they are done with them."""
    away: dict[str, bytes] = {}

    def vanish() -> None:
        away.update(hub.children()["x86_64"].output)
        hub.children()["x86_64"].output = {}

    def grow() -> None:
        hub.write("x86_64", "build.log", "two\n")
        hub.hook("after listTaskOutput", vanish)

    def come_back() -> None:
        hub.children()["x86_64"].output = dict(away)

    hub.play(
        hub.begin, partial(hub.write, "x86_64", "build.log", "one\n"), grow, lambda: None, come_back,
        partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert away
    assert read(make_job()) == "one\ntwo\n"


def test_a_log_that_is_shorter_than_it_was_said_to_be(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """A builder that sends a part of a log again begins it anew for a moment."""

    def shorten() -> None:
        hub.children()["x86_64"].output["build.log"] = b"one\n"

    def write() -> None:
        hub.write("x86_64", "build.log", "one\ntwo\n")
        hub.hook("after listTaskOutput", shorten)

    hub.play(
        hub.begin, write, lambda: None, partial(hub.write, "x86_64", "build.log", "two\n"), partial(hub.finish, "x86_64"),
        partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert read(make_job()) == "one\ntwo\n"


def test_a_builder_that_begins_anew_begins_its_logs_anew(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """It was killed hard: the same task is built again, and what it had written is gone."""
    seen: list[str] = []
    look = lambda: seen.append(read(make_job()))  # noqa: E731  # a step of the script

    def begin_anew() -> None:
        hub.children()["x86_64"].output["build.log"] = b"second\n"

    hub.play(
        hub.begin, partial(hub.write, "x86_64", "build.log", "first, which is longer\n"), look, begin_anew, look,
        partial(hub.write, "x86_64", "build.log", "and by now it is longer than the first one was\n"), look,
        partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    whole = "second\nand by now it is longer than the first one was\n"
    assert seen == ["first, which is longer\n", "second\n", whole]
    assert read(make_job()) == whole


def test_a_log_begun_anew_that_was_seen_empty_comes_whole(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    def begin_anew() -> None:
        hub.children()["x86_64"].output["build.log"] = b""

    hub.play(
        hub.begin, partial(hub.write, "x86_64", "build.log", "first\n"), begin_anew,
        partial(hub.write, "x86_64", "build.log", "second, and longer than the first\n"), partial(hub.finish, "x86_64"),
        partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert read(make_job()) == "second, and longer than the first\n"


def test_another_task_of_the_arch_begins_its_logs_anew(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """A builder that was restarted may make a new child of the same task."""

    def begin_another() -> None:
        first = hub.children()["x86_64"]
        first.state = CANCELED
        hub.add_task("buildArch", owner=7, parent=1, label="x86_64", arch="x86_64", state=OPEN, output={"build.log": b"anew\n"})

    hub.play(
        hub.begin, partial(hub.write, "x86_64", "build.log", "of old\n"), begin_another,
        partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert read(make_job()) == "anew\n"


def test_logs_of_an_earlier_build_do_not_stay_where_this_one_has_none(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    """What a failure is called, and what the record tells, is read from them."""
    job = make_job()
    job.logs.mkdir()
    for name in ("mock.log", "hw_info.log", "installed_pkgs.log", "koji.json", "build.log", "another.log"):
        (job.logs / name).write_text("an older build's\n")

    def fail() -> None:
        hub.fail("x86_64")
        hub.children()["x86_64"].output = {}

    hub.play(hub.begin, fail)
    with pytest.raises(BuildError, match="rpmbuild failed"):
        builder.build(job)
    assert {path.name for path in job.logs.iterdir()} == {"root.log", "build.log", "state.log", "koji.log", "another.log"}
    assert [path.name for path in job.logs.iterdir() if "an older build's" in path.read_text()] == ["another.log"]


def test_logs_are_called_as_our_own_builders_call_them(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    logs = ("mock_output.log", "state.log", "hw_info.log", "installed_pkgs.log", "dnf.librepo.log", "mock_config.log")
    hub.play(
        hub.begin, *(partial(hub.write, "x86_64", name, f"{name}\n") for name in logs),
        partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    found = {path.name for path in make_job().logs.iterdir()}
    assert {"mock.log", "state.log", "build.log", "root.log", "hw_info.log", "installed_pkgs.log"} <= found
    assert not found & {"mock_output.log", "dnf.librepo.log"}
    assert read(make_job(), "mock.log") == "mock_output.log\n"
    assert "state.log\n" in read(make_job(), "state.log")


def test_a_run_begins_its_logs_anew(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    logs = make_job().logs
    logs.mkdir()
    (logs / "build.log").write_text("an older build's\n")
    hub.play()
    with pytest.raises(KojiError):
        builder.build(make_job())
    assert read(make_job()) == ""
    hub.works = True
    for _ in range(2):
        builder.build(make_job())
        assert read(make_job()) == "build.log of x86_64\n"


def test_each_arch_has_its_own_logs(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    threads = [threading.Thread(target=builder.build, args=[make_job(arch)]) for arch in ("x86_64", "i386")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (read(make_job("x86_64")), read(make_job("i386"))) == ("build.log of x86_64\n", "build.log of i686\n")


@pytest.mark.parametrize("name", ["../build.log", "/tmp/build.log", "chroot/build.log"])
def test_a_log_elsewhere_is_not_written_anywhere(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path, name: str
) -> None:
    hub.play(
        hub.begin, partial(hub.write, "x86_64", name, "evil\n"), partial(hub.finish, "x86_64"), partial(hub.finish, "i686"),
        hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert not any(path.read_bytes() == b"evil\n" for path in tmp_path.rglob("*.log") if "hub" not in path.parts)


def test_our_own_lines_have_a_log_of_their_own(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.play(
        hub.begin, partial(hub.write, "x86_64", "state.log", "Start: rpmbuild\n"),
        partial(hub.write, "x86_64", "state.log", "Finish: rpmbuild\n"), partial(hub.finish, "x86_64"),
        partial(hub.finish, "i686"), hub.close,
    )  # fmt: skip
    builder.build(make_job())
    assert read(make_job(), "state.log") == "Start: rpmbuild\nFinish: rpmbuild\n"
    told = read(make_job(), "koji.log")
    assert "watches task 1, sent from here" in told
    assert "task 1 (build): FREE" in told and "task 1 (build): CLOSED" in told
