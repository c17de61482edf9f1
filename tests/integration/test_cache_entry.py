"""What is wrong with an entry of the content cache costs no build: it is told, dropped and replaced."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rpm

from tproxy_rpms.errors import BuildError
from tproxy_rpms.packaging import header

from .cachescene import BUILT, Packages, Scene, flip, make_packages, make_scene


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return make_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def scene(tmp_path: Path, packages: Packages) -> Scene:
    return make_scene(tmp_path, packages)


def flip_rpm(scene: Scene, packages: Packages) -> None:
    flip(scene.place / "rpms" / packages.rpm.name, -1)


def shorten_rpm(scene: Scene, packages: Packages) -> None:
    os.truncate(scene.place / "rpms" / packages.rpm.name, packages.rpm.stat().st_size - 1)


def lengthen_rpm(scene: Scene, packages: Packages) -> None:
    os.truncate(scene.place / "rpms" / packages.rpm.name, packages.rpm.stat().st_size + 1)


def lose_rpm(scene: Scene, packages: Packages) -> None:
    (scene.place / "rpms" / packages.rpm.name).unlink()


def lose_rpms(scene: Scene, packages: Packages) -> None:
    shutil.rmtree(scene.place / "rpms")


def add_rpm(scene: Scene, packages: Packages) -> None:
    shutil.copy(packages.newer, scene.place / "rpms")


def add_file(scene: Scene, packages: Packages) -> None:
    (scene.place / "note").touch()


def flip_log(scene: Scene, packages: Packages) -> None:
    flip(scene.place / "logs" / "build.log", 0)


def lose_log(scene: Scene, packages: Packages) -> None:
    (scene.place / "logs" / "build.log").unlink()


def link_rpm(scene: Scene, packages: Packages) -> None:
    lose_rpm(scene, packages)
    (scene.place / "rpms" / packages.rpm.name).symlink_to(packages.rpm)


def pipe_rpm(scene: Scene, packages: Packages) -> None:
    lose_rpm(scene, packages)
    os.mkfifo(scene.place / "rpms" / packages.rpm.name)


def put_folder_for_rpm(scene: Scene, packages: Packages) -> None:
    lose_rpm(scene, packages)
    (scene.place / "rpms" / packages.rpm.name).mkdir()


def lose_entry(scene: Scene, packages: Packages) -> None:
    (scene.place / "entry.json").unlink()


def shorten_entry(scene: Scene, packages: Packages) -> None:
    os.truncate(scene.place / "entry.json", 100)


def put_other_inputs(scene: Scene, packages: Packages) -> None:
    other = replace(scene.inputs, srpm="another")
    scene.cache.keep(other, scene.result, BUILT)
    shutil.rmtree(scene.place)
    scene.cache.place(other).rename(scene.place)


def put_file_for_entry(scene: Scene, packages: Packages) -> None:
    shutil.rmtree(scene.place)
    scene.place.write_text("no folder")


def lie_with_another_version(scene: Scene, packages: Packages) -> None:
    scene.lie(packages.newer)


def lie_about_the_name(scene: Scene, packages: Packages) -> None:
    scene.lie(packages.newer, name=packages.rpm.name)


def lie_about_the_arch(scene: Scene, packages: Packages) -> None:
    scene.lie(packages.rpm, packages.foreign)


def lie_with_the_srpm(scene: Scene, packages: Packages) -> None:
    scene.lie(packages.srpm, name="hello-1-1.noarch.rpm")


def lie_with_a_damaged_payload(scene: Scene, packages: Packages) -> None:
    damaged = scene.job.results.with_name(packages.rpm.name)
    shutil.copyfile(packages.rpm, damaged)
    flip(damaged, -1)
    scene.lie(damaged)


def lie_with_no_rpm(scene: Scene, packages: Packages) -> None:
    text = scene.job.results.with_name(packages.rpm.name)
    text.write_text("no RPM")
    scene.lie(text)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_rpm, r"hello-1-1.noarch.rpm: its SHA-256 is [0-9a-f]{64}, kept was"),
        (shorten_rpm, r"hello-1-1.noarch.rpm: not \d+ bytes"),
        (lengthen_rpm, r"hello-1-1.noarch.rpm: not \d+ bytes"),
        (lose_rpm, "not just the files that entry.json lists: rpms/hello-1-1.noarch.rpm"),
        (lose_rpms, "rpms: No such file"),
        (add_rpm, "not just the files that entry.json lists: rpms/hello-2-1.noarch.rpm"),
        (add_file, "not just the files that entry.json lists: note"),
        (flip_log, "build.log: its SHA-256 is"),
        (lose_log, "not just the files that entry.json lists: logs/build.log"),
        (link_rpm, "hello-1-1.noarch.rpm: Too many levels of symbolic links"),
        (pipe_rpm, "hello-1-1.noarch.rpm: not a plain file"),
        (put_folder_for_rpm, "hello-1-1.noarch.rpm: not a plain file"),
        (lose_entry, "entry.json: No such file"),
        (shorten_entry, "entry.json is damaged"),
        (put_other_inputs, "entry.json tells of another srpm"),
        (put_file_for_entry, "entry.json: Not a directory"),
        (lie_with_another_version, "hello-2-1.noarch.rpm: built from hello-2-1.src.rpm, asked for was hello-1-1.src.rpm"),
        (lie_about_the_name, "hello-1-1.noarch.rpm: its header says hello-2-1.noarch.rpm"),
        (lie_about_the_arch, "hello-1-1.i686.rpm: its header says i686, asked for was x86_64"),
        (lie_with_the_srpm, "hello-1-1.noarch.rpm: (built from nothing: it is an SRPM|its header says)"),
        (lie_with_a_damaged_payload, "hello-1-1.noarch.rpm: its MD5 is [0-9a-f]{32}, its header says"),
        (lie_with_no_rpm, "hello-1-1.noarch.rpm: no readable RPM"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_damaged_or_lying_entry_is_told_dropped_and_replaced(
    scene: Scene, packages: Packages, damage: Callable[[Scene, Packages], None], told: str
) -> None:
    scene.keep()
    damage(scene, packages)
    for folder in (scene.job.results, scene.job.logs):
        folder.mkdir()
        (folder / "old").touch()
    assert scene.take() is None
    (line,) = scene.lines
    assert re.search(f"^cache: hello for x86_64: .*{told}.*; dropped, built anew: {scene.place}$", line)
    assert list(scene.place.parent.iterdir()) == []
    for folder in (scene.job.results, scene.job.logs):
        assert [path.name for path in folder.iterdir()] == ["old"]
    assert {path.name for path in scene.job.results.parent.iterdir()} >= {"results", "logs"}
    assert not list(scene.job.results.parent.glob(".*"))
    scene.keep()
    assert scene.take() is not None
    assert [path.name for path in scene.job.results.iterdir()] == [packages.rpm.name]


def test_a_payload_is_held_against_its_own_digest_where_there_is_no_md5(
    packages: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = header.load_header

    class WithoutMd5:
        """The header of a package that rpm 6 writes."""

        def __init__(self, path: Path, *, flags: int) -> None:
            self.real = load(path, flags=flags)

        def __getitem__(self, tag: int) -> Any:
            return None if tag == rpm.RPMTAG_SIGMD5 else self.real[tag]

    monkeypatch.setattr(header, "load_header", WithoutMd5)
    header.check_digests(packages.rpm)
    damaged = tmp_path / packages.rpm.name
    shutil.copyfile(packages.rpm, damaged)
    flip(damaged, -1)
    with pytest.raises(BuildError, match="its payload's SHA-256 is"):
        header.check_digests(damaged)
