"""What a record tells of a build in Koji: hub, tasks, builder and root, and not a word of who has logged in."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.describe import JobContent
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.publish.evidence import Build, Evidence, Input
from tproxy_rpms.publish.origin import Origin
from tproxy_rpms.publish.record import write_record
from tproxy_rpms.publish.recorded import read_record
from tproxy_rpms.publish.tools import Checkout
from tproxy_rpms.release.model import Release

from ..conftest import make_release
from .kojifake import URL, FakeHub

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]
MOCK = "INFO: mock.py version 5.6 starting (python version = 3.11, NVR = mock-5.6), args: /usr/libexec/mock/mock -r " \
    "koji/t-build-42-5 --target x86_64 --rebuild /work/hello-1-1.src.rpm\n"  # fmt: skip
EXECUTED = (
    "Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild -bb --target x86_64 hello.spec'] with env {'A': 'b'}\n"
)


def write_logs(hub: FakeHub) -> None:
    """Have builders leave logs that tell how they were called."""
    make = hub.files_of
    logs = {"mock_output.log": MOCK.encode(), "build.log": EXECUTED.encode()}
    hub.files_of = lambda nvr, label: make(nvr, label) | logs


def test_a_finished_build_is_told_with_its_place_commands_and_root(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    write_logs(hub)
    builder.build(make_job())
    content = builder.describe_job(make_job().logs)
    assert content.place == {
        "hub": URL, "target": "t", "task": 1, "child": 2, "host": "one.example.org", "scratch": False, "tag": "t-build",
        "repo": 5, "buildroot": 42, "hub_version": "1.35.3",
    }  # fmt: skip
    assert content.packages == {"bash.x86_64": "2:3.2-33.el5", "gcc.x86_64": "4.1.2-55.el5"}
    assert content.commands == (
        "mock -r koji/t-build-42-5 --target x86_64 --rebuild /work/hello-1-1.src.rpm",
        "bash --login -c '/usr/bin/rpmbuild -bb --target x86_64 hello.spec'",
    )


def test_a_hub_that_has_forgotten_the_root(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.hook("before listBuildroots", hub.roots.clear)
    builder.build(make_job())
    content = builder.describe_job(make_job().logs)
    assert (content.place["task"], content.place["host"], content.place["buildroot"], content.packages) == (1, "", 0, {})


def test_a_build_that_has_left_nothing_is_told_as_such(builder: KojiBuilder, tmp_path: Path) -> None:
    assert builder.describe_job(tmp_path) == JobContent()


def test_a_failed_build_does_not_leave_an_older_ones_place(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path
) -> None:
    builder.build(make_job())
    hub.play()
    other = tmp_path / "other" / "hello-2-1.src.rpm"
    other.parent.mkdir()
    other.write_bytes(make_job().srpm.read_bytes() + b"\0")
    with pytest.raises(Exception, match="from another SRPM"):
        builder.build(make_job(srpm=other))
    assert builder.describe_job(make_job().logs).place == {}


def make_record(release: Release, content: JobContent, folder: Path) -> dict[str, Any]:
    """Return the record of a release with one build."""
    for name in ("test.toml", "target.toml", "sbom.json"):
        (folder / name).write_text("# a file\n")
    release = replace(release, files=(folder / "test.toml",))
    inputs = (
        Input(name="releases/test.toml", path=folder / "test.toml", role="release"),
        Input(name="targets/target.toml", path=folder / "target.toml", role="target"),
    )
    evidence = Evidence(
        release=release, root=folder, folder=folder, inputs=inputs, sources=(), patches={"hello": ()}, roots=(),
        builds=(Build(package="hello", arch="x86_64", origin=Origin(started="2026-11-01T00:00:00Z"), content=content),),
        outputs=(), byproducts=(), tools={}, checkout=Checkout(commit="", changed=()), finished="2026-11-01T00:01:00Z",
    )  # fmt: skip
    write_record(folder / "test.intoto.json", evidence, sbom=folder / "sbom.json")
    record: dict[str, Any] = json.loads((folder / "test.intoto.json").read_text())
    return record


def test_the_record_tells_where_and_not_who(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path) -> None:
    builder.build(make_job())
    folder = tmp_path / "record"
    folder.mkdir()
    record = make_record(builder.release, builder.describe_job(make_job().logs), folder)
    definition = record["predicate"]["buildDefinition"]
    (build,) = definition["internalParameters"]["builds"].values()
    assert (build["place"]["hub"], build["place"]["child"], build["packages"]["gcc.x86_64"]) == (URL, 2, "4.1.2-55.el5")
    assert f'hub = "{URL}"' in definition["externalParameters"]["releaseFile"]
    assert 'target = "t"' in definition["externalParameters"]["releaseFile"].partition("[koji]")[2]
    assert record["predicate"]["runDetails"]["builder"]["id"].endswith("/koji/v1")
    text = json.dumps(record)
    assert not any(word in text for word in (str(tmp_path / "password"), "password_file", "login", "secret", '"user"', "user = "))


@pytest.mark.parametrize(
    "login",
    [
        {"login": "certificate", "certificate": Path("/home/me/me.pem"), "ca": Path("/home/me/ca.pem")},
        {"login": "kerberos", "principal": "me@EXAMPLE.ORG", "keytab": Path("/home/me/me.keytab")},
    ],
)
def test_no_way_to_log_in_is_recorded(make_builder: Builders, tmp_path: Path, login: dict[str, Any]) -> None:
    release = make_builder(**{"user": "", "password_file": None} | login).release
    text = json.dumps(make_record(release, JobContent(), tmp_path))
    assert not any(word in text for word in ("/home/me", "EXAMPLE.ORG", "certificate", "kerberos", "keytab", "principal"))


def test_the_record_reads_back(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, tmp_path: Path) -> None:
    make_record(make_release(builder="koji", koji=builder.koji), JobContent(), tmp_path)
    record = read_record(tmp_path / "test.intoto.json")
    assert (record.release, record.arches) == ("test", ("x86_64", "i386"))
