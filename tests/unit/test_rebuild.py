"""Rebuilding: what a record must be, that the checkout is the recorded one, and what is said of other bytes."""

import base64
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.errors import RebuildError, RecordError
from tproxy_rpms.publish.evidence import Input
from tproxy_rpms.publish.rebuild import (
    check_additions,
    check_files,
    compare_outputs,
    compare_surroundings,
    pin_sources,
    render_rows,
    require_same,
    target_name,
    write_release,
)
from tproxy_rpms.publish.recorded import Record, RecordedFile, RecordedSource, read_record
from tproxy_rpms.publish.statement import strip_credentials
from tproxy_rpms.release.model import Archive, Source
from tproxy_rpms.tasks import configure_doit
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.rebuild import ENDED, begin_folder, describe_failure, find_record, list_environment
from tproxy_rpms.tasks.reporter import LineReporter

from ..conftest import ROOT, make_release


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_statement() -> Any:
    """The least that a record has."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"name": "x86_64/hello.rpm", "digest": {"sha256": "a" * 64}}],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://tproxy-rpms.example.org/cut/v1",
                "externalParameters": {"release": "small", "releaseFile": 'target = "t"\n', "arches": ["x86_64"]},
                "resolvedDependencies": [
                    {
                        "name": "outside/targets/t.toml",
                        "digest": {"sha256": sha256(b"target")},
                        "content": base64.b64encode(b"target").decode(),
                        "annotations": {"role": "target"},
                    }
                ],
            },
            "runDetails": {"builder": {"id": "https://tproxy-rpms.example.org/builder/chroot/v1"}},
        },
    }


def write(folder: Path, statement: Any) -> Path:
    path = folder / "small.intoto.json"
    path.write_text(json.dumps(statement))
    return path


def test_the_least_record_is_read(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, make_statement()))
    assert record.outputs == {"x86_64/hello.rpm": "a" * 64}
    assert (record.release, record.arches, record.commit, record.files[0].content) == ("small", ("x86_64",), "", b"target")


def test_what_is_no_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"none\.json: No such file") as caught:
        read_record(tmp_path / "none.json")
    assert caught.value.exit_code == 16
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(RecordError, match=r"text\.json: no JSON"):
        read_record(tmp_path / "text.json")
    with pytest.raises(RecordError, match="no statement, but a JSON list"):
        read_record(write(tmp_path, []))


BROKEN = {
    "predicateType: is 'https://slsa.dev/provenance/v0.2'": lambda s: s.update(predicateType="https://slsa.dev/provenance/v0.2"),
    "_type: is None": lambda s: s.pop("_type"),
    "predicate.buildDefinition.buildType: is 'x'": lambda s: s["predicate"]["buildDefinition"].update(buildType="x"),
    "predicate.buildDefinition.buildType: is None": lambda s: s.update(predicate=[]),
    "not understood: KeyError: 'subject'": lambda s: s.pop("subject"),
    "the digest of x86_64/hello.rpm is no SHA-256": lambda s: s["subject"][0]["digest"].update(sha256="a" * 63),
    "'../up' leads out of its folder": lambda s: s["subject"][0].update(name="../up"),
    "'/up' leads out of its folder": lambda s: s["predicate"]["buildDefinition"]["resolvedDependencies"][0].update(name="/up"),
    "'../x' is no name of a release": lambda s: s["predicate"]["buildDefinition"]["externalParameters"].update(release="../x"),
    "'..' is no name of a release": lambda s: s["predicate"]["buildDefinition"]["externalParameters"].update(release=".."),
    "the digest of outside/targets/t.toml is not that of its content": (
        lambda s: s["predicate"]["buildDefinition"]["resolvedDependencies"][0].update(content="dGFyZ2V0cw==")
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_one_thing_wrong_with_a_record_is_told(tmp_path: Path, message: str) -> None:
    statement = make_statement()
    BROKEN[message](statement)
    with pytest.raises(RecordError) as caught:
        read_record(write(tmp_path, statement))
    assert message in caught.value.message


def make_record(folder: Path, **changes: Any) -> Record:
    record = read_record(write(folder, make_statement()))
    return replace(record, files=(), **changes)


def test_each_file_of_the_checkout_that_is_not_as_recorded_is_told_with_the_way_back(tmp_path: Path) -> None:
    names = ("specs/a.j2", "specs/b.j2", "patches/c.patch", "releases/small.toml")
    record = make_record(tmp_path, commit="c0ffee", changed=("patches/c.patch",))
    files = tuple(RecordedFile(name=name, role="release" if "rel" in name else "spec", sha256=sha256(b"then")) for name in names)
    record = replace(record, files=files)
    find = {name: tmp_path / name.replace("/", "-") for name in names}
    find["specs/a.j2"].write_text("then")
    find["specs/b.j2"].write_text("now")
    with pytest.raises(RecordError) as caught:
        check_files(record, find=find)
    lines = caught.value.message.splitlines()
    assert lines[1:] == [
        "patches/c.patch: missing",
        f"specs/b.j2: changed: has {sha256(b'now')}, recorded is {sha256(b'then')}",
    ]
    assert caught.value.hint == "git checkout c0ffee; but these were in no commit as they were: patches/c.patch"
    find["specs/b.j2"].write_text("then")
    find["patches/c.patch"].write_text("then")
    check_files(record, find=find)


def test_the_way_back_of_a_wheel_is_its_version_and_of_a_project_its_commit(tmp_path: Path) -> None:
    files = (RecordedFile(name="specs/a.j2", role="spec", sha256="a" * 64),)
    make = "./run python -m pip wheel --no-deps --no-build-isolation -w dist ."
    wheel = f"in a checkout of tproxy-rpms 0.1.0, {make}, and install that wheel"
    for versions, hint in (
        ({"python:tproxy-rpms": "0.1.0"}, wheel),
        ({"python:tproxy-rpms": "0.1.0", "project": "c0ffee"}, f"{wheel}; in the project, git checkout c0ffee"),
        ({}, "the record names no commit: find the files of that time"),
    ):
        record = replace(make_record(tmp_path, versions=versions, commit=""), files=files)
        with pytest.raises(RecordError) as caught:
            check_files(record, find={"specs/a.j2": tmp_path / "none"})
        assert caught.value.hint == hint
    assert make in (ROOT / "docs" / "own-project.md").read_text(), "as the page does it"


def test_a_file_that_would_go_in_and_did_not_then_is_told(tmp_path: Path) -> None:
    record = replace(make_record(tmp_path), files=(RecordedFile(name="specs/a.j2", role="spec", sha256="a" * 64),))
    known = [Input(name="specs/a.j2", path=tmp_path, role="spec"), Input(name="x/small.toml", path=tmp_path, role="release")]
    check_additions(record, known)
    with pytest.raises(RecordError, match=r"specs/files/hello/more: new") as caught:
        check_additions(record, [*known, Input(name="specs/files/hello/more", path=tmp_path, role="spec")])
    assert "names no commit" in caught.value.hint


def test_every_source_is_pinned_to_what_was_recorded(tmp_path: Path) -> None:
    sources = {
        "url": Source(name="url", version="1", urls=("https://example.org/x",), filename="x", digests={"sha256": "a" * 64}),
        "deb": Source(name="deb", archive=Archive(kind="source", package="deb")),
    }
    recorded = (
        RecordedSource(source="url", file="x", sha256="a" * 64),
        RecordedSource(source="deb", file="deb_1.orig.tar.xz", sha256="b" * 64, package="deb=1-2"),
    )
    release = make_release(sources=sources)
    pinned = pin_sources(release, make_record(tmp_path, sources=recorded)).sources
    assert pinned["url"] == sources["url"]
    assert (pinned["deb"].filename, pinned["deb"].digests) == ("deb_1.orig.tar.xz", {"sha256": "b" * 64})
    assert pinned["deb"].archive == Archive(kind="source", package="deb", version="1-2")
    with pytest.raises(RecordError, match="recorded are url, its release has deb, url"):
        pin_sources(release, make_record(tmp_path, sources=recorded[:1]))


def test_the_release_is_written_with_what_the_record_carries_and_its_locks(tmp_path: Path) -> None:
    lock = tmp_path / "hello-x86_64.json"
    lock.write_text("locked")
    record = read_record(write(tmp_path, make_statement()))
    own = RecordedFile(name="releases/small.lock/hello-x86_64.json", role="lock", sha256=sha256(b"locked"))
    record = replace(record, files=(*record.files, own))
    path = write_release(record, tmp_path / "out", find={own.name: lock})
    assert path == tmp_path / "out" / "small.toml"
    assert (tmp_path / "out" / "targets" / "t.toml").read_bytes() == b"target"
    assert (tmp_path / "out" / "small.lock" / "hello-x86_64.json").read_text() == "locked"
    assert target_name(record) == "t"
    with pytest.raises(RecordError, match="the record does not carry it"):
        write_release(replace(record, files=(replace(record.files[0], content=b""),)), tmp_path / "out", find={})
    with pytest.raises(RecordError, match="releaseFile: "):
        target_name(replace(record, text="[["))


def test_other_bytes_are_told_file_by_file_with_what_else_differs(tmp_path: Path) -> None:
    for name, text in {"x86_64/same": "same", "x86_64/other": "now", "SRPMS/more": "more"}.items():
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    outputs = {"x86_64/same": sha256(b"same"), "x86_64/other": sha256(b"then"), "x86_64/gone": "c" * 64}
    first = make_record(tmp_path, outputs=outputs, roots={"x86_64": {"gcc": "1", "make": "4"}}, versions={"rpm": "4"})
    rows = compare_outputs(first, tmp_path / "repo")
    assert {row.file: row.word for row in rows} == {
        "x86_64/same": "same", "x86_64/other": "different", "x86_64/gone": "missing", "SRPMS/more": "new",
    }  # fmt: skip
    second = replace(first, roots={"x86_64": {"gcc": "2", "make": "4", "perl": "5"}})
    with pytest.raises(RebuildError) as caught:
        require_same(rows, compare_surroundings(first, second))
    assert caught.value.exit_code == 24
    assert f"x86_64/other: different: recorded {sha256(b'then')}, rebuilt {sha256(b'now')}" in caught.value.findings
    assert len(caught.value.findings) == 3
    assert caught.value.hint.splitlines()[1:] == [
        "root for x86_64: gcc: recorded 1, here 2",
        "root for x86_64: perl: recorded none, here 5",
    ]
    with pytest.raises(RebuildError) as caught:
        require_same(rows, compare_surroundings(first, first))
    assert caught.value.hint == "build roots and tools are the same: compare the files"
    require_same([row for row in rows if row.word == "same"], [])
    assert render_rows(rows).splitlines()[-1].split() == ["same", "x86_64/same", *[sha256(b"same")[:16]] * 2]


def test_a_record_is_looked_for_where_doit_was_started_then_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, root = tmp_path / "here", tmp_path / "root"
    for folder in (here, root):
        folder.mkdir()
        (folder / "both.json").touch()
    (root / "one.json").touch()
    monkeypatch.setattr("doit.get_initial_workdir", lambda: str(here))
    assert find_record(["both.json"], root) == here / "both.json"
    assert find_record(["one.json"], root) == root / "one.json"
    for words in ([], ["one.json", "both.json"]):
        with pytest.raises(RecordError, match=f"rebuild takes one record, not {len(words)}"):
            find_record(words, root)


def test_a_rebuild_that_ended_begins_anew_and_one_that_was_stopped_goes_on(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    folder = begin_folder(tmp_path / "build", record)
    (folder / "work").touch()
    assert begin_folder(tmp_path / "build", record) == folder
    assert (folder / "work").exists()
    (folder / ENDED).touch()
    assert begin_folder(tmp_path / "build", record) == folder
    assert list(folder.iterdir()) == []


def test_the_cut_sees_no_cache_of_finished_builds_and_the_sources_that_were_kept(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    record = replace(record, path=tmp_path / "small" / "record" / "small.intoto.json")
    outside = {"PATH": "/bin", "TPROXY_RPMS_CACHE": "/srv/cache"}
    assert list_environment(record, outside) == {"PATH": "/bin"}
    (tmp_path / "small" / "sources").mkdir(parents=True)
    assert list_environment(record, outside) == {"PATH": "/bin", "TPROXY_RPMS_MIRROR": str(tmp_path / "small" / "sources")}
    assert list_environment(record, outside | {"TPROXY_RPMS_MIRROR": "/m"})["TPROXY_RPMS_MIRROR"] == "/m"


def test_a_cut_that_fails_gives_its_own_exit_code(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    assert [describe_failure(record, status).exit_code for status in (31, 20, -9)] == [31, 20, 30]


def test_credentials_go_from_every_url_of_a_text() -> None:
    text = (
        'mirror = "https://user:p%40ss@example.org/x" and ftp://token@example.org/, mail <a@example.org>, https://example.org/@v1'
    )
    assert strip_credentials(text) == (
        'mirror = "https://example.org/x" and ftp://example.org/, mail <a@example.org>, https://example.org/@v1'
    )


def test_a_build_folder_of_its_own_holds_all_of_a_release(tmp_path: Path) -> None:
    cut = Cut(release=make_release(), root=tmp_path / "project", folder=tmp_path / "elsewhere")
    assert cut.build == tmp_path / "elsewhere" / "test"
    assert cut.record == tmp_path / "elsewhere" / "test" / "record" / "test.intoto.json"
    assert os.fspath(configure_doit(cut)["dep_file"]) == str(tmp_path / "elsewhere" / ".doit" / "test.sqlite3")
    assert Cut(release=make_release(), root=tmp_path).build == tmp_path / "build" / "test"


def test_a_rebuild_takes_no_lock_of_the_release_that_is_not_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = Cut(release=make_release(), root=tmp_path)
    monkeypatch.setattr(LineReporter, "cut", cut, raising=False)
    reporter = LineReporter(None, {})
    reporter.initialize({}, ["rebuild"])
    assert not (cut.build / "lock").exists()
    reporter.initialize({}, ["record"])
    assert (cut.build / "lock").exists()
