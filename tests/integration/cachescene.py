"""A content cache with a finished build of real RPMs, and others that are not them."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.cache.content import ContentCache, open_cache
from tproxy_rpms.cache.entry import Built, Entry, Kept, read_entry, render_entry
from tproxy_rpms.cache.fingerprint import Inputs
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


def make_packages(folder: Path) -> Packages:
    """Build them, in a folder for each."""
    rpm, srpm = build_package(folder / "right")
    newer, _ = build_package(folder / "newer", version="2")
    top = folder / "foreign"
    (top / "SOURCES").mkdir(parents=True)
    (top / "SOURCES" / "hello.txt").write_text("hello\n")
    (top / "hello.spec").write_text(SPEC.replace("BuildArch: noarch\n", "").format(version="1", tags="", scriptlets="", size=1))
    argv = ["rpmbuild", "-bb", "--target", "i686", "--define", f"_topdir {top}", str(top / "hello.spec")]
    subprocess.run(argv, check=True, capture_output=True)
    (foreign,) = top.rglob("*.i686.rpm")
    return Packages(rpm=rpm, srpm=srpm, newer=newer, foreign=foreign)


def make_scene(tmp_path: Path, packages: Packages) -> Scene:
    """A finished build of the right package."""
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
