"""The record and the SBOM of a cut that was faked of real RPMs: what they tell, what not, and that they are always the same."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tproxy_rpms.publish.recorded import read_record
from tproxy_rpms.release.load import load_release
from tproxy_rpms.store import digest_file, write_stamp
from tproxy_rpms.tasks.record import create, make

from .faked import SIGNER, FakedCut

DESCRIPTOR = {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}


@pytest.fixture
def faked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakedCut:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FakedCut(tmp_path, tmp_path / "cache")


def by_name(resources: list[Any]) -> dict[str, Any]:
    found = {one["name"]: one for one in resources}
    assert len(found) == len(resources)
    return found


def dependencies(faked: FakedCut) -> dict[str, Any]:
    return by_name(faked.statement()["predicate"]["buildDefinition"]["resolvedDependencies"])


def versions(faked: FakedCut) -> dict[str, str]:
    found: dict[str, str] = faked.statement()["predicate"]["runDetails"]["builder"]["version"]
    return found


def sbom(faked: FakedCut) -> Any:
    return json.loads((faked.cut.record.parent / "small.cdx.json").read_text())


def test_a_record_has_the_shape_of_its_specifications(faked: FakedCut) -> None:
    make(faked.cut)
    statement = faked.statement()
    assert statement.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert statement["predicate"].keys() == {"buildDefinition", "runDetails"}
    assert definition.keys() == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert details.keys() == {"builder", "metadata", "byproducts"}
    assert details["builder"].keys() == {"id", "version"}
    assert details["builder"]["id"] == "https://tproxy-rpms.example.org/builder/chroot/v1"
    assert details["metadata"]["finishedOn"] == "2027-01-15T08:00:00Z"
    assert details["metadata"]["invocationId"].startswith("urn:uuid:")
    for one in (*statement["subject"], *definition["resolvedDependencies"], *details["byproducts"]):
        assert one.keys() <= DESCRIPTOR
        assert one["digest"]
        assert all(value == value.lower() for value in one["digest"].values())


def test_every_file_of_the_repositories_is_a_subject(faked: FakedCut) -> None:
    make(faked.cut)
    repositories = faked.cut.build / "repo"
    found = {str(path.relative_to(repositories)): path for path in repositories.rglob("*") if path.is_file()}
    subjects = by_name(faked.statement()["subject"])
    assert subjects.keys() == found.keys()
    assert len(found) == 6
    for name, path in found.items():
        assert subjects[name]["digest"] == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_source_is_told_with_its_digests_and_signer(faked: FakedCut) -> None:
    make(faked.cut)
    source = dependencies(faked)["hello.txt"]
    data = b"hello\n"
    assert source["digest"] == {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest()}
    assert source["uri"] == "https://example.org/hello.txt"
    assert source["downloadLocation"] == "https://mirror.example.org/hello.txt"
    signature = source["annotations"]["signature"]
    assert (signature["policy"], signature["finding"], signature["signer"]) == ("require", "good", SIGNER)
    assert (source["annotations"]["source"], source["annotations"]["version"]) == ("hello", "1")


def test_the_files_of_the_project_are_told_and_patches_in_their_order(faked: FakedCut) -> None:
    make(faked.cut)
    found = dependencies(faked)
    for name, role in {
        "releases/small.toml": "release",
        "targets/debian-12.toml": "target",
        "specs/squid.spec.j2": "spec",
        "specs/preamble.j2": "spec",
        "specs/files/squid/squid.init": "spec",
        "patches/hello/series": "series",
        "patches/hello/b.patch": "patch",
    }.items():
        assert found[name]["annotations"]["role"] == role
        assert found[name]["digest"]["sha256"] == digest_file(faked.root / name)
    assert "specs/kernel.spec.j2" not in found
    assert [found[f"patches/hello/{name}.patch"]["annotations"]["order"] for name in ("b", "a")] == [1, 2]
    assert found["tproxy_rpms/builders/inner.sh"]["annotations"]["role"] == "code"


def test_roots_and_commands_are_told(faked: FakedCut) -> None:
    make(faked.cut)
    root = dependencies(faked)["root/i386"]
    assert root["digest"]["sha256"] == hashlib.sha256(b"i386").hexdigest()
    assert root["annotations"]["packages"] == {"gcc": "4:12.2.0-3", "libc6-dev": "2.36-9+deb12u10"}
    definition = faked.statement()["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["command"] == ["doit", "release=small"]
    (command,) = definition["internalParameters"]["builds"]["hello-x86_64"]["commands"]
    assert command == "rpmbuild --rebuild --define '_smp_mflags -j3' /results/.job.src.rpm"
    assert faked.statement()["predicate"]["runDetails"]["builder"]["version"]["rpm"].startswith("4.")


def test_the_command_names_the_release_that_is_cut_not_what_it_extends(faked: FakedCut, tmp_path: Path) -> None:
    for folder, given in ((faked.root / "releases", "alpha"), (tmp_path, "alpha.toml")):
        path = folder / "alpha.toml"
        path.write_text('schema = 1\nextends = "small"\n')
        release = replace(load_release(str(path), root=faked.root), name="small")
        make(replace(faked.cut, release=release))
        assert faked.statement()["predicate"]["buildDefinition"]["externalParameters"]["command"] == ["doit", f"release={given}"]


def test_logs_reports_and_the_sbom_are_byproducts(faked: FakedCut) -> None:
    make(faked.cut)
    found = by_name(faked.statement()["predicate"]["runDetails"]["byproducts"])
    for name in ("logs/hello-i386/build.log", "gates/hello-SRPM.json", "sources/hello.verdict.json", "record/small.cdx.json"):
        assert found[name]["digest"]["sha256"] == digest_file(faked.cut.build / name)


def test_the_recorded_release_stands_alone_and_reads_back_the_same(faked: FakedCut, tmp_path: Path) -> None:
    make(faked.cut)
    alone = tmp_path / "small.toml"
    alone.write_text(read_record(faked.cut.record).text)
    again, release = load_release(str(alone), root=faked.root), faked.cut.release
    assert (again.packages, again.target, again.epoch, again.arches) == (
        release.packages, release.target, release.epoch, release.arches,
    )  # fmt: skip
    assert again.sources["hello"].digests == release.sources["hello"].digests


def test_what_the_cache_gave_is_marked_as_taken(faked: FakedCut) -> None:
    times = {"started": "2026-11-02T10:00:00Z", "finished": "2026-11-02T10:01:00Z", "jobs": 2}
    faked.leave_origin("x86_64", origin="built", fingerprint="ab" * 32, **times)
    faked.leave_origin("i386", origin="taken", fingerprint="cd" * 32, started="2020-01-01T00:00:00Z", **{"from": "/srv/cache/x"})
    make(faked.cut)
    builds = faked.statement()["predicate"]["buildDefinition"]["internalParameters"]["builds"]
    assert builds["hello-x86_64"]["origin"] == "built"
    assert builds["hello-i386"]["origin"] == "taken"
    assert builds["hello-i386"]["fingerprint"] == "cd" * 32
    assert (builds["hello-x86_64"]["started"], builds["hello-x86_64"]["jobs"]) == ("2026-11-02T10:00:00Z", 2)
    assert faked.statement()["predicate"]["runDetails"]["metadata"]["startedOn"] == "2026-11-02T10:00:00Z"
    subjects = by_name(faked.statement()["subject"])
    assert subjects["x86_64/hello-1-1.noarch.rpm"]["annotations"]["origin"] == "built"
    assert subjects["i386/hello-1-1.noarch.rpm"]["annotations"] == {"package": "hello", "arch": "i386", "origin": "taken"}


def test_without_a_word_of_the_cache_it_was_built_at_an_unknown_time(faked: FakedCut) -> None:
    make(faked.cut)
    build = faked.statement()["predicate"]["buildDefinition"]["internalParameters"]["builds"]["hello-i386"]
    assert build["origin"] == "built"
    assert "started" not in build
    assert "startedOn" not in faked.statement()["predicate"]["runDetails"]["metadata"]


def test_neither_credentials_nor_folders_of_this_host_are_told(faked: FakedCut, tmp_path: Path) -> None:
    make(faked.cut)
    for path in faked.cut.record.parent.iterdir():
        text = path.read_text()
        assert "example.org/hello.txt" in text
        for word in ("secret", "user:", str(tmp_path)):
            assert word not in text, (path.name, word)
    assert 'mirror = "https://mirror.example.org"' in read_record(faked.cut.record).text
    release = replace(faked.cut.release, mirror="/srv/private-mirror")
    make(replace(faked.cut, release=release))
    assert "private-mirror" not in faked.cut.record.read_text()


def test_commit_and_changed_files_are_told(faked: FakedCut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.tasks.record.STOCK", faked.root)  # as if it were a checkout
    make(faked.cut)
    assert "tproxy-rpms" not in dependencies(faked)
    (faked.root / ".gitignore").write_text("/build/\n")
    faked.git("init", "-q")
    faked.git("add", "-A")
    faked.git("commit", "-qm", "all")
    make(faked.cut)
    checkout = dependencies(faked)["tproxy-rpms"]
    assert checkout["digest"] == {"gitCommit": faked.git("rev-parse", "HEAD").strip()}
    assert checkout["annotations"]["dirty"] is False
    (faked.root / "specs" / "squid.spec.j2").write_text("changed")
    (faked.root / "new").touch()
    make(faked.cut)
    assert dependencies(faked)["tproxy-rpms"]["annotations"]["changed"] == ["new", "specs/squid.spec.j2"]
    assert "project" not in versions(faked)


def test_a_projects_own_commit_is_not_taken_for_that_of_the_stock(faked: FakedCut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.tasks.record.STOCK", faked.root / "elsewhere")  # as a wheel has it
    faked.git("init", "-q")
    (faked.root / ".gitignore").write_text("/build/\n")
    faked.git("add", "-A")
    faked.git("commit", "-qm", "all")
    (faked.root / "specs" / "squid.spec.j2").write_text("changed")
    make(faked.cut)
    assert "tproxy-rpms" not in dependencies(faked)
    assert versions(faked)["project"] == faked.git("rev-parse", "HEAD").strip() + ", changed: specs/squid.spec.j2"


def test_a_target_from_elsewhere_is_carried_along(faked: FakedCut, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (faked.root / "targets" / "debian-12.toml").rename(mine / "own.toml")
    faked.write_release((faked.root / "releases" / "small.toml").read_text().replace('"debian-12"', f'"{mine}/own.toml"'))
    cut = replace(faked.cut, release=replace(load_release("small", root=faked.root), target=faked.cut.release.target))
    make(cut)
    record = read_record(cut.record)
    (target,) = (one for one in record.files if one.role == "target")
    assert target.name == "outside/targets/own.toml"
    assert target.content == (mine / "own.toml").read_bytes()
    assert 'target = "targets/own.toml"' in record.text
    assert str(tmp_path) not in cut.record.read_text()


def test_the_step_is_up_to_date_until_another_step_gave_something_else(faked: FakedCut) -> None:
    (step,) = create(faked.cut)
    task = step.to_doit(faked.cut)
    assert task["task_dep"] == ["repo:x86_64", "repo:i386", "repo:SRPMS"]
    (current,), (act,) = task["uptodate"], task["actions"]
    assert not current()
    assert act() is None
    assert current()
    faked.leave_origin("i386", origin="taken")
    assert not current()
    act()
    report = faked.cut.gates / "hello-i386.json"
    report.write_text('{"ok": true}')
    write_stamp(faked.cut.stamp("gate", "hello", "i386"), inputs={}, outputs=[report])
    assert not current()
    act()
    faked.cut.record.write_text(faked.cut.record.read_text().replace("taken", "built"))
    assert not current()


def test_the_sbom_is_accepted_by_a_strict_validator(faked: FakedCut) -> None:
    make(faked.cut)
    text = (faked.cut.record.parent / "small.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"bom-ref"', '"bomref"')) is not None


def test_the_sbom_tells_of_packages_and_sources_and_what_depends_on_what(faked: FakedCut) -> None:
    make(faked.cut)
    content = sbom(faked)
    assert content["metadata"]["timestamp"] == "2026-11-01T00:00:00+00:00"
    assert content["metadata"]["component"]["name"] == "small"
    components = {one["bom-ref"]: one for one in content["components"]}
    rpm = components["rpm/x86_64/hello-1-1.noarch.rpm"]
    assert rpm["purl"] == "pkg:rpm/hello@1-1?arch=noarch&distro=debian-12"
    assert rpm["licenses"] == [{"license": {"id": "MIT"}}]
    assert rpm["hashes"] == [{"alg": "SHA-256", "content": digest_file(faked.rpm)}]
    source = components["source/hello.txt"]
    assert source["cpe"] == "cpe:2.3:a:squid-cache:squid:1:*:*:*:*:*:*:*"
    assert {one["url"] for one in source["externalReferences"]} == {
        "https://example.org/hello.txt", "http://example.org/hello.txt",
    }  # fmt: skip
    assert {one["alg"] for one in source["hashes"]} == {"SHA-256", "MD5"}
    assert {one["diff"]["url"] for one in source["pedigree"]["patches"]} == {"patches/hello/a.patch", "patches/hello/b.patch"}
    assert f"1. patches/hello/b.patch sha256:{digest_file(faked.root / 'patches/hello/b.patch')}" in source["pedigree"]["notes"]
    gcc = components["root/i386/gcc"]
    assert (gcc["purl"], gcc["scope"]) == ("pkg:deb/debian/gcc@4:12.2.0-3?arch=i386&distro=bookworm", "excluded")
    graph = {one["ref"]: one.get("dependsOn", []) for one in content["dependencies"]}
    assert graph["release/small"] == ["rpm/i386/hello-1-1.noarch.rpm", "rpm/x86_64/hello-1-1.noarch.rpm"]
    assert graph["rpm/i386/hello-1-1.noarch.rpm"] == ["rpm/SRPMS/hello-1-1.src.rpm"]
    assert graph["rpm/SRPMS/hello-1-1.src.rpm"] == ["source/hello.txt"]


def test_the_same_cut_gives_the_same_sbom_and_another_one_another_number(faked: FakedCut) -> None:
    make(faked.cut)
    path = faked.cut.record.parent / "small.cdx.json"
    first, number = path.read_bytes(), sbom(faked)["serialNumber"]
    path.unlink()
    make(faked.cut)
    assert path.read_bytes() == first
    package = faked.cut.build / "repo" / "i386" / faked.rpm.name
    shutil.copy(faked.srpm, package)
    write_stamp(faked.cut.stamp("repo", "i386"), inputs={}, outputs=[package])
    make(faked.cut)
    assert sbom(faked)["serialNumber"] != number
