"""A build target stands for a root: what it is made of is written down, and one that cannot build an arch is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders import Remote, Varier, create_builder
from tproxy_rpms.builders.describe import Describer
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.builders.kojihosts import describe_hosts, list_hosts
from tproxy_rpms.builders.kojisession import open_session
from tproxy_rpms.errors import KojiError, UserError
from tproxy_rpms.release.koji import Koji

from ..conftest import make_release
from .kojifake import URL, FakeHub

Builders = Callable[..., KojiBuilder]


def test_what_a_root_is_made_of_is_written_down(hub: FakeHub, builder: KojiBuilder, tmp_path: Path) -> None:
    (listing,) = builder.make_root("i386", log=tmp_path / "logs" / "root-i386.log")
    told = json.loads(listing.read_text())
    assert (told["name"], told["build_tag"], told["dest_tag"], told["arches"]) == ("t", "t-build", "t", ["x86_64", "i686"])
    assert told["repositories"] == {"https://vault.example.org/5.11/os/$arch/": "bare"}
    assert told["groups"] == {"build": ["bash", "gcc"], "srpm-build": ["bash"]}
    assert (told["extra"], told["inherits"], told["repo"]) == ({"rpm.macro.dist": ".el5"}, ["t"], 5)
    assert "t-build" in (tmp_path / "logs" / "root-i386.log").read_text()


def test_a_target_without_a_repository_yet(hub: FakeHub, builder: KojiBuilder, tmp_path: Path) -> None:
    hub.repos.clear()
    (listing,) = builder.make_root("i386", log=tmp_path / "root.log")
    assert json.loads(listing.read_text())["repo"] == 0


def test_a_target_that_is_not_there_is_told_with_those_that_are(hub: FakeHub, make_builder: Builders, tmp_path: Path) -> None:
    with pytest.raises(KojiError, match=r"there is no build target el5 \(there are: t, t2\)") as caught:
        make_builder(target="el5").make_root("i386", log=tmp_path / "root.log")
    assert "koji add-target el5 BUILD_TAG DEST_TAG" in caught.value.hint


@pytest.mark.parametrize(
    ("arches", "scratch", "lacking"),
    [
        ("x86_64", False, "i686"), ("x86_64 i386", False, "i686"), ("", False, "x86_64 i686"), ("ppc64 i686", False, "x86_64"),
        ("x86_64", True, "i686"), ("", True, "x86_64 i686"),
    ],
)  # fmt: skip
def test_a_build_tag_that_lacks_an_arch(
    hub: FakeHub, make_builder: Builders, tmp_path: Path, arches: str, scratch: bool, lacking: str
) -> None:
    hub.tags[2]["arches"] = arches
    for arch in ("x86_64", "i386"):  # one task builds for both
        with pytest.raises(KojiError) as caught:
            make_builder(scratch=scratch).make_root(arch, log=tmp_path / "root.log")
        said = f"t-build, the build tag of t, has the arches {arches or 'none'}; the release takes {lacking}"
        assert caught.value.message == said
        assert caught.value.hint == "koji edit-tag --arches='x86_64 i686' t-build"


def test_scratch_builds_say_themselves_which_ix86_they_are_for(hub: FakeHub, make_builder: Builders, tmp_path: Path) -> None:
    hub.tags[2]["arches"] = "x86_64 i386"
    assert make_builder(scratch=True).make_root("i386", log=tmp_path / "root.log")


def test_only_the_releases_own_arches_are_asked_for(hub: FakeHub, builder: KojiBuilder, tmp_path: Path) -> None:
    hub.tags[2]["arches"] = "x86_64"
    one = replace(builder, release=replace(builder.release, arches=("x86_64",)))
    assert one.make_root("x86_64", log=tmp_path / "root.log")


def test_a_root_is_another_one_for_another_target_or_hub_or_kind_of_build(make_builder: Builders) -> None:
    builders = [
        make_builder(), make_builder(target="t2"), make_builder(hub="https://other.example.org/kojihub"),
        make_builder(hub="", profile="shop"), make_builder(scratch=True),
    ]  # fmt: skip
    inputs = [json.dumps(dict(builder.root_inputs("i386"))) for builder in builders]
    assert len(set(inputs)) == len(builders)
    assert not any("password" in text or "builder" in text for text in inputs)


def test_nobody_knows_beforehand_what_a_root_will_hold(builder: KojiBuilder, tmp_path: Path) -> None:
    """So finished builds are neither kept for others nor taken from them."""
    assert builder.identify_root("i386") is None
    assert builder.describe_root("i386", log=tmp_path / "root.log") is None


def test_the_builder_is_found_by_its_name_and_is_all_that_tasks_ask_for(tmp_path: Path, table: Koji) -> None:
    made = create_builder(make_release(builder="koji", koji=table), cache=tmp_path, work=tmp_path)
    assert isinstance(made, KojiBuilder)
    assert all(isinstance(made, kind) for kind in (Remote, Varier, Describer))
    with pytest.raises(UserError, match="test: koji: missing"):
        create_builder(make_release(builder="koji"), cache=tmp_path, work=tmp_path)


def test_ccache_is_refused(hub: FakeHub, builder: KojiBuilder, make_job: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no ccache"):
        builder.build(make_job(ccache=tmp_path))  # type: ignore[arg-type]  # it is a Job
    assert hub.calls == []


def test_a_small_system_of_the_target_is_made_by_this_hosts_mock(
    builder: KojiBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Mock:
        def make_userland(self, arch: str, *, log: Path) -> Path:
            asked.append(arch)
            return log

    monkeypatch.setattr("tproxy_rpms.builders.mock.create", lambda *_, **__: Mock())
    assert builder.make_userland("i386", log=tmp_path) == tmp_path
    assert asked == ["i386"]


def test_an_older_hub_is_asked_when_each_enabled_builder_was_heard_of(hub: FakeHub, table: Koji) -> None:
    hub.tells_updates = False
    hub.hosts.append(hub.hosts[0] | {"id": 2, "name": "two.example.org", "enabled": False})
    hub.hosts.append(hub.hosts[0] | {"id": 3, "name": "three.example.org", "seen": 7200.0})
    with open_session(table) as session:
        assert [(host.works, host.silent) for host in list_hosts(session, "noarch")] == [(True, 0), (False, None), (False, 7200)]
        assert describe_hosts(session, "i386").count("three.example.org has said nothing for 120 minutes") == 1
    assert hub.count("getLastHostUpdate") == 4


def test_builders_are_told_as_far_as_they_build_for_an_arch(hub: FakeHub, table: Koji) -> None:
    hub.hosts.append(hub.hosts[0] | {"id": 2, "name": "two.example.org", "arches": "ppc64", "enabled": False})
    with open_session(table) as session:
        (one,) = list_hosts(session, "i386")
        assert (one.name, one.works) == ("one.example.org", True)
        assert [host.works for host in list_hosts(session, "noarch")] == [True, False]
        assert describe_hosts(session, "noarch") == "one.example.org is ready; two.example.org is disabled"
        assert describe_hosts(session, "arm") == "no builder of the hub builds for arm in its channel"
        assert session.baseurl == URL
