"""A tagged build outlives the files of its task: its RPMs and logs come from where Koji keeps them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import koji
import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import KojiError

from .kojiclient import FakeSession
from .kojifake import FakeHub

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]
RPM = "hello-1-1.x86_64.rpm"


@pytest.fixture
def cleared(hub: FakeHub, files: str, make_builder: Builders, make_job: Jobs) -> KojiBuilder:
    """A builder whose build was made by another clone, long ago."""
    make_builder("another").build(make_job())
    (make_job().results / RPM).unlink()
    hub.clear_outputs()
    return make_builder(files=files)


def test_rpms_and_logs_come_from_where_they_are_kept(hub: FakeHub, cleared: KojiBuilder, make_job: Jobs) -> None:
    hub.clock.slept += 400 * 86400
    assert [path.name for path in cleared.build(make_job()).rpms] == [RPM]
    assert (make_job().logs / "build.log").read_text() == "build.log of x86_64\n"
    assert len(hub.list_parents()) == 1
    assert [path.name for path in make_job().results.iterdir()] == [RPM]


def test_a_package_without_an_arch_is_kept_beside_the_others(
    hub: FakeHub, files: str, make_builder: Builders, make_job: Jobs
) -> None:
    hub.play(partial(hub.begin, arches="noarch"), partial(hub.finish, "noarch"), hub.close)
    builder = make_builder(files=files)
    builder.build(make_job())
    hub.clear_outputs()
    assert [path.name for path in builder.build(make_job("i386")).rpms] == ["hello-1-1.noarch.rpm"]
    assert (make_job("i386").logs / "build.log").read_text() == "build.log of noarch\n"


def test_what_is_kept_is_checked_like_all_else(hub: FakeHub, cleared: KojiBuilder, make_job: Jobs) -> None:
    (kept,) = hub.kept.rglob(RPM)
    data = kept.read_bytes()
    kept.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(KojiError, match=f"{RPM} of http://.*its MD5 is ") as caught:
        cleared.build(make_job())
    assert "disk" in caught.value.hint
    assert not make_job().results.exists() or not list(make_job().results.iterdir())


def test_a_file_that_is_not_where_it_should_be(hub: FakeHub, cleared: KojiBuilder, make_job: Jobs) -> None:
    (kept,) = hub.kept.rglob(RPM)
    kept.unlink()
    with pytest.raises(KojiError, match="404"):
        cleared.build(make_job())


def test_logs_that_were_not_kept_are_no_loss(hub: FakeHub, cleared: KojiBuilder, make_job: Jobs) -> None:
    for log in hub.kept.rglob("*.log"):
        log.unlink()
    assert cleared.build(make_job()).rpms
    assert (make_job().logs / "build.log").read_text() == ""
    assert not list(make_job().logs.glob("*.part"))


def test_without_a_place_its_key_is_named(hub: FakeHub, cleared: KojiBuilder, make_builder: Builders, make_job: Jobs) -> None:
    with pytest.raises(KojiError, match="hello-1-1: Koji has built it, but has cleared the files") as caught:
        make_builder().build(make_job())
    assert "koji.files" in caught.value.hint
    assert len(hub.list_parents()) == 1


def test_a_profiles_own_place_is_known(
    hub: FakeHub, files: str, cleared: KojiBuilder, make_builder: Builders, make_job: Jobs, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / ".koji").mkdir()
    (tmp_path / ".koji" / "config").write_text(f"[shop]\nserver = https://koji.example.org/kojihub\ntopurl = {files}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert make_builder(profile="shop").build(make_job()).rpms


def test_the_kept_build_of_another_srpm_is_in_the_way(hub: FakeHub, cleared: KojiBuilder, make_job: Jobs, tmp_path: Path) -> None:
    other = tmp_path / "other" / "hello-1-1.src.rpm"
    other.parent.mkdir()
    other.write_bytes(make_job().srpm.read_bytes() + b"\0")
    with pytest.raises(KojiError, match="from another SRPM"):
        cleared.build(make_job(srpm=other))


def test_links_that_lead_nowhere_are_no_files(
    hub: FakeHub, files: str, make_builder: Builders, make_job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task's files are links into its build: the hub stumbles over those whose build's folder is not there."""

    def stumble(*_: object, **named: object) -> object:
        if named.get("stat"):
            raise koji.xmlrpcplus.Fault(1, "<class 'FileNotFoundError'>: [Errno 2] No such file or directory")
        return []

    make_builder().build(make_job())
    monkeypatch.setattr(FakeSession, "listTaskOutput", stumble)
    assert [path.name for path in make_builder(files=files).build(make_job()).rpms] == [RPM]
    assert (make_job().logs / "build.log").read_text() == "build.log of x86_64\n"
