"""The content cache with real RPMs: what was kept comes back, whoever else is at work; its folder costs no build either."""

import errno
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.cache import files
from tproxy_rpms.cache.content import open_cache

from .cachescene import BUILT, EPOCH, Packages, Scene, flip, make_packages, make_scene


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return make_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def scene(tmp_path: Path, packages: Packages) -> Scene:
    return make_scene(tmp_path, packages)


def test_what_was_kept_comes_back_with_its_logs(scene: Scene) -> None:
    assert scene.take() is None
    scene.keep()
    assert scene.lines == []
    os.utime(scene.place, (1, 1))
    entry = scene.take()
    assert entry is not None
    assert entry.built == BUILT
    (rpm,) = scene.job.results.iterdir()
    assert rpm.read_bytes() == scene.result.rpms[0].read_bytes()
    assert (rpm.stat().st_mode & 0o777, rpm.stat().st_mtime) == (0o644, EPOCH)
    assert {log.name: log.read_text() for log in scene.job.logs.iterdir()} == {
        name: f"this is {name}\n" for name in ("root.log", "build.log")
    }
    assert scene.lines == [f"hello for x86_64: taken from the cache, {scene.place}"]
    assert time.time() - scene.place.stat().st_mtime < 60
    assert {path.name for path in scene.place.parent.iterdir()} == {scene.inputs.fingerprint}


def test_other_inputs_find_nothing(scene: Scene) -> None:
    scene.keep()
    assert scene.cache.take(replace(scene.inputs, epoch=1), scene.job) is None
    assert scene.lines == []


def test_the_first_of_two_stays_and_neither_leaves_a_trace(scene: Scene) -> None:
    scene.keep()
    before = (scene.place / "entry.json").stat().st_ino
    scene.keep()
    assert (scene.place / "entry.json").stat().st_ino == before
    assert [path.name for path in scene.place.parent.iterdir()] == [scene.inputs.fingerprint]
    assert scene.lines == []


def use_often(number: int, scene: Scene, start: Any, lines: Any) -> None:
    """What one of many machines does: builds and keeps, takes, and some prune."""
    start.wait()
    cache = open_cache(str(scene.cache.folder), tell=lines.put)
    job = replace(scene.job, results=scene.job.results / str(number), logs=scene.job.logs / str(number))
    for _ in range(20):
        cache.keep(scene.inputs, scene.result, BUILT)
        cache.take(scene.inputs, job)
        if number % 3 == 0:
            shutil.rmtree(scene.place, ignore_errors=True)


def test_many_writers_readers_and_pruners_at_once(scene: Scene) -> None:
    context = multiprocessing.get_context("fork")
    start, lines = context.Event(), context.SimpleQueue()
    writers = [context.Process(target=use_often, args=(number, scene, start, lines)) for number in range(6)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    scene.keep()
    assert scene.take() is not None
    assert [path.name for path in scene.place.parent.iterdir()] == [scene.inputs.fingerprint]
    told = []
    while not lines.empty():
        told.append(lines.get())
    assert any("taken from the cache" in line for line in told)
    assert not [line for line in told if "SHA-256" in line or "damaged" in line]


def test_all_that_is_made_has_the_rights_of_the_folder(scene: Scene) -> None:
    scene.cache.folder.mkdir()
    scene.cache.folder.chmod(0o2775)
    before = os.umask(0o077)
    try:
        scene.keep()
    finally:
        os.umask(before)
    made = list(scene.cache.folder.rglob("*"))
    assert {path.stat().st_mode & 0o7777 for path in made if path.is_dir()} == {0o2775}
    assert {path.stat().st_mode & 0o7777 for path in made if path.is_file()} == {0o664}


def test_what_killed_runs_left_is_swept_but_not_what_others_are_at_work_on(scene: Scene) -> None:
    old, young = (scene.place.with_name(f".{name}.part") for name in ("old", "young"))
    for folder in (old, young):
        (folder / "rpms").mkdir(parents=True)
    os.utime(old, (1, 1))
    scene.keep()
    assert {path.name for path in scene.place.parent.iterdir()} == {young.name, scene.inputs.fingerprint}


def test_a_folder_that_is_not_there_is_one_warning(scene: Scene, tmp_path: Path) -> None:
    cache = open_cache(str(tmp_path / "gone" / "cache"), tell=scene.lines.append)
    for _ in range(2):
        assert cache.take(scene.inputs, scene.job) is None
        cache.keep(scene.inputs, scene.result, BUILT)
    (line,) = scene.lines
    assert "gone/cache" in line
    assert "No such file or directory" in line
    assert line.endswith("; going on without it")


def test_an_entry_that_may_not_be_read_is_left_to_those_who_may(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.keep()
    opened = os.open

    def refuse(path: str, *arguments: int, **options: int) -> int:
        if str(path).startswith(str(scene.place)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(files.os, "open", refuse)
    assert scene.take() is None
    monkeypatch.undo()
    (line,) = scene.lines
    assert "Permission denied" in line
    assert not scene.job.results.exists()
    assert scene.take() is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "disk", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.root
def test_a_full_cache_keeps_nothing_and_says_so(scene: Scene, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (60 << 10))
    cache = open_cache(str(small_disk), tell=scene.lines.append)
    cache.keep(scene.inputs, scene.result, BUILT)
    (line,) = scene.lines
    assert "No space left on device" in line
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == [small_disk / "filler"]
    assert cache.take(scene.inputs, scene.job) is None


@pytest.mark.root
def test_a_folder_that_is_only_read_from_gives_and_keeps_nothing(scene: Scene, small_disk: Path) -> None:
    cache = open_cache(str(small_disk), tell=scene.lines.append)
    cache.keep(scene.inputs, scene.result, BUILT)
    flipped = replace(scene.inputs, epoch=2)
    cache.keep(flipped, scene.result, BUILT)
    flip(cache.place(flipped) / "logs" / "build.log", 0)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert cache.take(scene.inputs, scene.job) is not None
    assert cache.take(flipped, scene.job) is None
    for _ in range(2):
        cache.keep(replace(scene.inputs, epoch=3), scene.result, BUILT)
    taken, damaged, unwritable = scene.lines
    assert "taken from the cache" in taken
    assert "not to be removed (Read-only file system), built anew" in damaged
    assert "Read-only file system" in unwritable


@pytest.mark.root
def test_a_full_disk_of_our_own_is_no_fault_of_the_entry(scene: Scene, small_disk: Path) -> None:
    scene.keep()
    (small_disk / "filler").write_bytes(b"x" * (60 << 10))
    assert scene.cache.take(scene.inputs, replace(scene.job, results=small_disk / "results")) is None
    (line,) = scene.lines
    assert "No space left on device" in line
    assert scene.take() is not None
