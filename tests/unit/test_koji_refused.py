"""A build that is whole, and that the destination tag has not taken: an admin tags it, and nothing is built again."""

from collections.abc import Callable
from functools import partial

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import KojiError

from .kojifake import URL, FakeHub
from .kojirun import BOTH

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]
SAID = "tag requires tproxy permission"


@pytest.fixture
def refused(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> KojiBuilder:
    """A builder that has been told that the tag refused its build."""
    hub.play(hub.begin, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), partial(hub.refuse, SAID))
    refuse(builder, make_job())
    return builder


def refuse(builder: KojiBuilder, job: Job) -> KojiError:
    """Return the error of a build that must be refused."""
    with pytest.raises(KojiError, match="was built, but t has not taken it") as caught:
        builder.build(job)
    assert not job.results.exists()
    return caught.value


@pytest.mark.parametrize("said", [SAID, "tag is locked", "policy violation (tag): denied"])
def test_it_is_told_with_what_the_tag_said_and_who_can_help(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, said: str
) -> None:
    hub.play(hub.begin, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), partial(hub.refuse, said))
    error = refuse(builder, make_job())
    assert error.message == f"hello for x86_64 was built, but t has not taken it (task 1 of {URL}: ActionNotAllowed: {said})"
    assert "koji grant-permission" in error.hint and "koji unlock-tag t" in error.hint
    assert "koji tag-build t hello-1-1" in error.hint and "scratch" not in error.hint


def test_as_long_as_it_is_not_tagged_each_run_says_so(refused: KojiBuilder, hub: FakeHub, make_job: Jobs) -> None:
    for arch in (*BOTH, *BOTH):
        refuse(refused, make_job(arch))
    assert (len(hub.list_parents()), hub.count("uploadWrapper")) == (1, 1)


@pytest.mark.parametrize("clone", ["clone", "fresh"])
def test_once_it_is_tagged_it_is_fetched(
    refused: KojiBuilder, hub: FakeHub, make_builder: Builders, make_job: Jobs, clone: str
) -> None:
    hub.tag_build("hello-1-1", 1)
    for arch, label in zip(BOTH, ("x86_64", "i686"), strict=True):
        assert [path.name for path in make_builder(clone).build(make_job(arch)).rpms] == [f"hello-1-1.{label}.rpm"]
    assert len(hub.list_parents()) == 1


def test_another_tag_is_not_enough(refused: KojiBuilder, hub: FakeHub, make_job: Jobs) -> None:
    hub.tag_build("hello-1-1", 2)
    refuse(refused, make_job())


def test_a_tag_that_takes_it_while_somebody_watches(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    """The permission was there in time: the admin tags it before the task's end is seen."""

    def refuse_and_tag() -> None:
        hub.refuse(SAID)
        hub.tag_build("hello-1-1", 1)

    hub.play(hub.begin, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), refuse_and_tag)
    assert make_builder().build(make_job()).rpms


def test_it_outlives_the_files_of_its_task_like_any_other(
    refused: KojiBuilder, hub: FakeHub, files: str, make_builder: Builders, make_job: Jobs
) -> None:
    hub.tag_build("hello-1-1", 1)
    hub.clear_outputs()
    assert make_builder(files=files).build(make_job()).rpms


def test_a_target_that_has_gone_meanwhile(refused: KojiBuilder, hub: FakeHub, make_job: Jobs) -> None:
    hub.targets.clear()
    with pytest.raises(KojiError, match="was built, but DEST_TAG has not taken it"):
        refused.build(make_job())
