"""The content cache with real RPMs: what was kept comes back, and what is wrong with an entry or its folder costs no build."""

import errno
import multiprocessing
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import rpm

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.cache import files
from tproxy_rpms.cache.content import ContentCache, open_cache
from tproxy_rpms.cache.entry import Built, Entry, Kept, read_entry, render_entry
from tproxy_rpms.cache.fingerprint import Inputs
from tproxy_rpms.errors import BuildError
from tproxy_rpms.packaging import header
from tproxy_rpms.store import digest_file

from .package import SPEC, build_package

EPOCH = 1_000_000_000
BUILT = Built(started="2026-11-01T00:00:00Z", finished="2026-11-01T00:01:00Z", jobs=2)


def flip(path: Path, index: int) -> None:
    data = bytearray(path.read_bytes())
    data[index] ^= 1
    path.write_bytes(data)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A finished build, and a job that wants the same elsewhere."""

    inputs: Inputs
    result: Result
    job: Job
    cache: ContentCache
    lines: list[str]

    @property
    def place(self) -> Path:
        return self.cache.place(self.inputs)

    def keep(self) -> None:
        self.cache.keep(self.inputs, self.result, BUILT)

    def take(self) -> Entry | None:
        return self.cache.take(self.inputs, self.job)

    def lie(self, *rpms: Path, name: str = "") -> None:
        """Let the entry be one of these RPMs, right in all its digests."""
        shutil.rmtree(self.place / "rpms")
        (self.place / "rpms").mkdir()
        kept = {}
        for one in rpms:
            path = self.place / "rpms" / (name or one.name)
            shutil.copyfile(one, path)
            kept[path.name] = Kept(sha256=digest_file(path), size=path.stat().st_size)
        entry = replace(read_entry(self.place / "entry.json", self.inputs), rpms=kept)
        (self.place / "entry.json").write_text(render_entry(entry, self.inputs))


@dataclass(frozen=True, kw_only=True)
class Packages:
    """RPMs of the host's rpmbuild: the right one with its SRPM, and others that are not it."""

    rpm: Path
    srpm: Path
    newer: Path
    foreign: Path


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    rpm, srpm = build_package(tmp_path_factory.mktemp("right"))
    newer, _ = build_package(tmp_path_factory.mktemp("newer"), version="2")
    top = tmp_path_factory.mktemp("foreign")
    (top / "SOURCES").mkdir()
    (top / "SOURCES" / "hello.txt").write_text("hello\n")
    (top / "hello.spec").write_text(SPEC.replace("BuildArch: noarch\n", "").format(version="1", tags="", scriptlets="", size=1))
    argv = ["rpmbuild", "-bb", "--target", "i686", "--define", f"_topdir {top}", str(top / "hello.spec")]
    subprocess.run(argv, check=True, capture_output=True)
    (foreign,) = top.rglob("*.i686.rpm")
    return Packages(rpm=rpm, srpm=srpm, newer=newer, foreign=foreign)


@pytest.fixture
def scene(tmp_path: Path, packages: Packages) -> Scene:
    inputs = Inputs(builder="chroot", code="c", arch="x86_64", epoch=EPOCH, srpm="s", root={"content": "r"}, requires={})
    logs = tuple(tmp_path / "built" / name for name in ("root.log", "build.log", "hw_info.log"))
    logs[0].parent.mkdir()
    for log in logs:
        log.write_text(f"this is {log.name}\n")
    job = Job(
        package="hello",
        srpm=packages.srpm,
        arch="x86_64",
        results=tmp_path / "results",
        logs=tmp_path / "logs",
        jobs=1,
        epoch=EPOCH,
    )
    lines: list[str] = []
    cache = open_cache(str(tmp_path / "cache"), tell=lines.append)
    return Scene(inputs=inputs, result=Result(rpms=(packages.rpm,), logs=logs), job=job, cache=cache, lines=lines)


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
