"""A finished cut that nobody made: real RPMs of a tiny package, with the stamps, logs and verdicts that a cut leaves."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.root import RootStore
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch
from tproxy_rpms.sources.fetched import Fetched, write_fetched
from tproxy_rpms.sources.signature import SignatureVerdict
from tproxy_rpms.sources.verify import Verdict
from tproxy_rpms.store import digest_file, write_json, write_stamp
from tproxy_rpms.tasks.cut import Cut

from ..conftest import ROOT
from .package import build_package

SIGNER = "BFA7DD3E0D421C9DB6AB65270D3B3537C4790F9D"

RELEASE = """\
schema = 1
summary = "a small package"
epoch = 2026-11-01T00:00:00Z
revision = "1"
packager = "Test <test@example.org>"
target = "debian-12"
builder = "chroot"
mirror = "https://user:secret@mirror.example.org"

[sources.hello]
version = "1"
urls = ["https://example.org/hello.txt", "http://example.org/hello.txt"]
sha256 = "{sha256}"
md5 = "{md5}"

[sources.hello.signature]
urls = ["https://example.org/hello.txt.sig"]
signers = ["{signer}"]

[packages.hello]
spec = "squid"
sources = ["hello"]
patches = "hello"
"""

PATCH = "--- a/hello.txt\n+++ b/hello.txt\n@@ -1 +1 @@\n-hello\n+hello, world\n"
RUN = "2026-11-01T00:00:01.000Z run 'rpmbuild' '--rebuild' '--define' '_smp_mflags -j3' '/results/.job.src.rpm' \n"


class FakedCut:
    """A project folder with one package, and its cut for both arches."""

    def __init__(self, top: Path, cache: Path) -> None:
        self.root = top / "project"
        shutil.copytree(ROOT / "targets", self.root / "targets")
        shutil.copytree(ROOT / "specs", self.root / "specs")
        for name in ("releases", "patches/hello", "kconfig"):
            (self.root / name).mkdir(parents=True)
        (self.root / "patches" / "hello" / "series").write_text("b.patch\na.patch\n")
        for name in ("a", "b"):
            (self.root / "patches" / "hello" / f"{name}.patch").write_text(f"# {name}\n{PATCH}")
        self.rpm, self.srpm = build_package(top / "package")
        source = top / "package" / "SOURCES" / "hello.txt"
        text = RELEASE.replace("{sha256}", digest_file(source)).replace("{md5}", digest_file(source, "md5"))
        self.write_release(text.replace("{signer}", SIGNER))
        self.cut = Cut(release=load_release("small", root=self.root), root=self.root)
        self.leave_source(source)
        self.leave_roots(cache)
        self.leave_packages()

    def write_release(self, text: str) -> None:
        (self.root / "releases" / "small.toml").write_text(text)

    def leave_source(self, source: Path) -> None:
        """What fetch and verify leave."""
        cut = self.cut
        cut.sources.mkdir(parents=True)
        kept = cut.sources / "hello.txt"
        shutil.copy(source, kept)
        size, sha256 = kept.stat().st_size, digest_file(kept)
        origin = "https://user:secret@mirror.example.org/hello.txt"
        write_fetched(cut.sources, Fetched(source="hello", file=kept.name, version="1", sha256=sha256, size=size, origin=origin))
        signature = SignatureVerdict(
            policy="require", finding="good", detail=f"{cut.sources}/hello.txt", signer=SIGNER, key="RSA-3072", digest="SHA256",
            made=1, over="compressed", acceptable=True,
        )  # fmt: skip
        verdict = Verdict(
            source="hello", file=kept.name, version="1", origin=origin, size=size, sha256=sha256,
            digests={"sha256": "good", "md5": "good"}, vouched="", signature=signature, ok=True,
        )  # fmt: skip
        write_json(cut.sources / "hello.verdict.json", asdict(verdict))
        write_stamp(cut.stamp("fetch", "hello"), inputs={}, outputs=[kept, cut.sources / "hello.fetched.json"])
        write_stamp(cut.stamp("verify", "hello"), inputs={}, outputs=[cut.sources / "hello.verdict.json"])

    def leave_roots(self, cache: Path) -> None:
        """Archives in the user's cache, as RootStore records them."""
        store = RootStore(target=self.cut.release.target, cache=cache / "tproxy-rpms")
        for arch in self.cut.release.arches:
            archive = cache / "tproxy-rpms" / "roots" / f"{arch}.tar.zst"
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.write_text(arch)
            state = {"archive": archive.name, "size": archive.stat().st_size, "sha256": digest_file(archive), "provides": []}
            write_json(store.record(arch), state | {"packages": {"gcc": "4:12.2.0-3", "libc6-dev": "2.36-9+deb12u10"}})
            write_stamp(self.cut.stamp("root", arch), inputs={}, outputs=[archive])

    def leave_packages(self) -> None:
        """Packages, logs, reports, repositories."""
        for arch in self.cut.release.arches:
            self.leave("rpm", arch, self.rpm)
            logs = self.cut.build / "logs" / f"hello-{arch}"
            logs.mkdir(parents=True)
            (logs / "state.log").write_text(RUN)
            (logs / "build.log").write_text(f"made in {self.root}\n")
        self.leave("srpm", "SRPM", self.srpm)

    def leave(self, stage: str, arch: str, package: Path) -> None:
        """A package with its gate's report and its repository."""
        cut = self.cut
        made = cut.build / f"{stage}s" / arch / package.name
        repository = cut.build / "repo" / (arch if stage == "rpm" else "SRPMS")
        repomd, report = repository / "repodata" / "repomd.xml", cut.gates / f"hello-{arch}.json"
        for path in (made, repomd, report):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package, made)
        shutil.copy(package, repository)
        repomd.write_text(f"<repomd>{arch}</repomd>")
        report.write_text("{}")
        words = ("rpm", "hello", arch) if stage == "rpm" else ("srpm", "hello")
        write_stamp(cut.stamp(*words), inputs={}, outputs=[made])
        write_stamp(cut.stamp("gate", "hello", arch), inputs={}, outputs=[report])
        write_stamp(cut.stamp("repo", repository.name), inputs={}, outputs=[repository / package.name, repomd])
        os.utime(cut.stamp("repo", repository.name), (1_800_000_000, 1_800_000_000))

    def leave_origin(self, arch: Arch, **fields: object) -> None:
        """What the cache of finished builds leaves beside a package."""
        write_json(self.cut.build / "origins" / f"hello-{arch}.json", fields)

    def git(self, *words: str) -> str:
        """Run git in the project's folder, as nobody in particular."""
        argv = ["git", "-C", str(self.root), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def statement(self) -> Any:
        """The record as it was written."""
        return json.loads(self.cut.record.read_text())
