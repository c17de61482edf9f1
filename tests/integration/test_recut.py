"""The content cache through the real doit: what one clone has built, another takes; nothing of it is believed unseen."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .project import Project

pytestmark = [pytest.mark.chroot, pytest.mark.timeout(600)]

STEP = "rpm:hello:x86_64"


class Clones:
    """Folders with the same small release, and one cache."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.cache = top / "cache"
        self.first = Project(self.make_folder("first"))

    def make_folder(self, name: str) -> Path:
        (self.top / name).mkdir()
        return self.top / name

    def clone(self, name: str) -> Project:
        """Another folder of the same files; of what was built, nothing is in it."""
        folder = self.top / name
        shutil.copytree(self.first.folder, folder, ignore=shutil.ignore_patterns("build"))
        project = object.__new__(Project)
        project.folder = folder
        return project

    def entries(self) -> list[Path]:
        return sorted(self.cache.glob("rpms/*/*"))


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clones:
    made = Clones(tmp_path)
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(made.cache))
    return made


def read_origin(project: Project, arch: str = "x86_64") -> Any:
    return json.loads((project.folder / "build" / "small" / "origins" / f"hello-{arch}.json").read_text())


def state_log(project: Project) -> str:
    return (project.folder / "build" / "small" / "logs" / "hello-x86_64" / "state.log").read_text()


def test_a_second_clone_takes_what_the_first_has_built(clones: Clones) -> None:
    assert "taken" not in clones.first.doit(STEP)
    (entry,) = clones.entries()
    second = clones.clone("second")
    output = second.doit(STEP)
    assert f"hello for x86_64: taken from the cache, {entry}" in output
    assert second.rpm("x86_64").read_bytes() == clones.first.rpm("x86_64").read_bytes()
    assert "end rpmbuild status 0" in state_log(second)
    assert state_log(second) == state_log(clones.first)  # its times are those of the first: no rpmbuild ran here
    first, origin = read_origin(clones.first), read_origin(second)
    assert (first["origin"], first["from"]) == ("built", "")
    assert (origin["origin"], origin["from"]) == ("taken", str(clones.cache))
    same = ("fingerprint", "inputs", "started", "finished", "jobs")
    assert [origin[name] for name in same] == [first[name] for name in same]
    assert origin["fingerprint"] == entry.name
    assert str(clones.top) not in json.dumps(origin["inputs"])
    assert str(clones.top) not in (entry / "entry.json").read_text()
    assert "0 steps done" in second.doit(STEP)


def test_a_damaged_entry_is_told_and_built_anew(clones: Clones) -> None:
    clones.first.doit(STEP)
    (entry,) = clones.entries()
    (kept,) = (entry / "rpms").iterdir()
    good = kept.read_bytes()
    kept.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    second = clones.clone("second")
    output = second.doit(STEP)
    assert f"hello for x86_64: {kept.name}: its SHA-256 is " in output
    assert f"; dropped, built anew: {entry}" in output
    assert read_origin(second)["origin"] == "built"
    assert state_log(second) != state_log(clones.first)
    assert second.rpm("x86_64").read_bytes() == good
    assert kept.read_bytes() == good
    assert "taken from the cache" in clones.clone("third").doit(STEP)


def test_what_shapes_a_package_is_never_taken_from_before_it_changed(clones: Clones) -> None:
    clones.first.doit(STEP)
    clones.first.set_source({"hello.c": "int main(void) { return 1; }\n"})
    assert "taken" not in clones.first.doit(STEP)
    assert len(clones.entries()) == 2
    assert len({(entry / "rpms" / clones.first.rpm("x86_64").name).read_bytes() for entry in clones.entries()}) == 2


def test_ccache_neither_takes_nor_keeps(clones: Clones) -> None:
    clones.first.doit("ccache=on", STEP)
    assert clones.entries() == []
    assert read_origin(clones.first)["fingerprint"] == ""
    clones.first.doit(STEP)
    assert len(clones.entries()) == 1
    second = clones.clone("second")
    assert "taken" not in second.doit("ccache=on", STEP)
    assert read_origin(second)["origin"] == "built"


def test_a_folder_that_is_gone_costs_a_warning_and_cleaning_leaves_one_alone(
    clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(clones.top / "not" / "mounted"))
    output = clones.first.doit("rpm")
    assert output.count("not/mounted: ") == 1
    assert output.count("; going on without it") == 1
    assert "rpm:hello:i386 done" in output
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(clones.cache))
    clones.clone("second").doit("rpm")
    assert len(clones.entries()) == 2
    third = clones.clone("third")
    assert third.doit("rpm").count("taken from the cache") == 2
    third.doit("clean", "rpm")
    assert not list((third.folder / "build" / "small").rglob("*.x86_64.rpm"))
    assert third.doit("rpm").count("taken from the cache") == 2


def test_a_variable_that_names_no_folder_ends_the_run_at_once(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPROXY_RPMS_CACHE", "build/cache")
    output = clones.first.doit(STEP, status=10)
    assert "TPROXY_RPMS_CACHE=build/cache: not an absolute path" in output
    assert "hint: name a folder by its whole path" in output
    assert not (clones.first.folder / "build" / "small").exists()
