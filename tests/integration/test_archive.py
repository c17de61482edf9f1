"""Sources from a real apt archive on the disk, made by the test: newest first, the next when the mirror lags."""

import gzip
import hashlib
import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.console import Console
from tproxy_rpms.errors import FetchError
from tproxy_rpms.release.model import Archive, Source
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.sources.archive import fetch_from_archive, fetch_pinned
from tproxy_rpms.sources.fetched import read_fetched

MEMBER = "usr/src/linux-source-6.1.tar.xz"


class Repository:
    """A Debian archive of suite `test` with a binary and a source package in two versions each."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.pool = top / "pool"
        self.pool.mkdir(parents=True)
        self.packages, self.sources = "", ""
        for version in ("6.1.9-1", "6.1.10-1"):
            self.add_binary(version)
        for upstream in ("1.8.9", "1.8.10"):
            self.add_source(upstream)
        for folder, name, text in (("binary-amd64", "Packages", self.packages), ("source", "Sources", self.sources)):
            index = top / "dists" / "test" / "main" / folder
            index.mkdir(parents=True)
            (index / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
            (index / name).write_text(text)
        self.write_release()

    def add_binary(self, version: str) -> None:
        tree = self.top / "tree"
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (tree / MEMBER).parent.mkdir(parents=True, exist_ok=True)
        (tree / MEMBER).write_bytes(f"linux {version}".encode())
        control = f"Package: linux-source-6.1\nVersion: {version}\nArchitecture: all\n"
        control += "Maintainer: T <t@example.org>\nDescription: test\n"
        (tree / "DEBIAN" / "control").write_text(control)
        path = self.pool / f"linux-source-6.1_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(path)], check=True, stdout=subprocess.DEVNULL)
        self.packages += f"{control}Filename: pool/{path.name}\nSize: {path.stat().st_size}\nSHA256: {sha256(path)}\n\n"

    def add_source(self, upstream: str) -> None:
        lines = ""
        for name in (f"iptables_{upstream}-1.dsc", f"iptables_{upstream}.orig.tar.xz", f"iptables_{upstream}-1.debian.tar.xz"):
            path = self.pool / name
            with tarfile.open(path, "w:xz") as archive:
                archive.addfile(tarfile.TarInfo(f"{name}/file"), io.BytesIO())
            lines += f" {sha256(path)} {path.stat().st_size} {name}\n"
        self.sources += f"Package: iptables\nBinary: iptables\nVersion: {upstream}-1\nArchitecture: any\nFormat: 3.0 (quilt)\n"
        self.sources += f"Directory: pool\nChecksums-Sha256:\n{lines}\n"

    def write_release(self) -> None:
        suite = self.top / "dists" / "test"
        indexes = [path for path in sorted((suite / "main").rglob("*")) if path.is_file()]
        sums = "".join(f" {sha256(path)} {path.stat().st_size} {path.relative_to(suite)}\n" for path in indexes)
        date = "Thu, 01 Jan 2026 00:00:00 UTC"
        (suite / "Release").write_text(
            f"Origin: Test\nSuite: test\nCodename: test\nDate: {date}\nArchitectures: amd64\nComponents: main\nSHA256:\n{sums}"
        )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "archive")


@pytest.fixture
def apt(repository: Repository, tmp_path: Path) -> PrivateApt:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "sources.list").write_text(f"deb [trusted=yes] file://{repository.top} host main\n")
    apt = PrivateApt.create(suite="test", cache=tmp_path / "cache", etc=etc, codename="host")
    with (apt.top / "apt.conf").open("a") as configuration:
        configuration.write('APT::Architecture "amd64";\nAPT::Architectures "amd64";\n')
    return apt


LINUX = Source(name="linux", archive=Archive(kind="binary", package="linux-source-6.1", member=MEMBER))
IPTABLES = Source(name="iptables", archive=Archive(kind="source", package="iptables"))


def test_the_newest_binary_package_gives_its_member(apt: PrivateApt, tmp_path: Path) -> None:
    fetched = fetch_from_archive(LINUX, directory=tmp_path / "out", apt=apt)
    assert (fetched.file, fetched.version, fetched.package) == ("linux-source-6.1.tar.xz", "6.1.10", "linux-source-6.1=6.1.10-1")
    path = tmp_path / "out" / fetched.file
    assert path.read_bytes() == b"linux 6.1.10-1"
    assert fetched.sha256 == sha256(path)
    assert read_fetched(tmp_path / "out", "linux") == fetched
    assert {found.name for found in (tmp_path / "out").iterdir()} == {"linux-source-6.1.tar.xz", "linux.fetched.json"}


def test_the_newest_source_package_gives_upstreams_tarball(apt: PrivateApt, repository: Repository, tmp_path: Path) -> None:
    fetched = fetch_from_archive(IPTABLES, directory=tmp_path / "out", apt=apt)
    assert (fetched.file, fetched.version) == ("iptables_1.8.10.orig.tar.xz", "1.8.10")
    assert (tmp_path / "out" / fetched.file).read_bytes() == (repository.pool / fetched.file).read_bytes()


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_mirror_that_lags_gives_the_next_older_one(
    apt: PrivateApt, repository: Repository, tmp_path: Path, damage: str
) -> None:
    for name in ("linux-source-6.1_6.1.10-1_all.deb", "iptables_1.8.10.orig.tar.xz"):
        path = repository.pool / name
        path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    assert fetch_from_archive(LINUX, directory=tmp_path / "out", apt=apt).package == "linux-source-6.1=6.1.9-1"
    assert fetch_from_archive(IPTABLES, directory=tmp_path / "out", apt=apt).package == "iptables=1.8.9-1"


def test_when_no_version_can_be_had_each_is_told(apt: PrivateApt, repository: Repository, tmp_path: Path) -> None:
    for path in repository.pool.glob("*.deb"):
        path.unlink()
    with pytest.raises(FetchError, match=r"(?s)linux-source-6\.1=6\.1\.10-1: .*linux-source-6\.1=6\.1\.9-1: ") as caught:
        fetch_from_archive(LINUX, directory=tmp_path / "out", apt=apt)
    assert caught.value.exit_code == 31
    assert list((tmp_path / "out").iterdir()) == []


def test_a_package_that_is_not_in_the_archive(apt: PrivateApt, tmp_path: Path) -> None:
    source = Source(name="x", archive=Archive(kind="source", package="no-such-package"))
    with pytest.raises(FetchError, match="no-such-package: the host's archive has no such source package"):
        fetch_from_archive(source, directory=tmp_path / "out", apt=apt)


def test_a_member_that_is_not_in_the_package(apt: PrivateApt, tmp_path: Path) -> None:
    source = Source(name="linux", archive=Archive(kind="binary", package="linux-source-6.1", member="usr/src/other.tar.xz"))
    with pytest.raises(FetchError, match=r"no file usr/src/other\.tar\.xz in it"):
        fetch_from_archive(source, directory=tmp_path / "out", apt=apt)


PINNED = replace(
    LINUX,
    filename="linux-source-6.1.tar.xz",
    digests={"sha256": hashlib.sha256(b"linux 6.1.9-1").hexdigest()},
    archive=replace(LINUX.archive, version="6.1.9-1"),
)


def test_a_pinned_version_is_taken_though_there_is_a_newer_one(apt: PrivateApt, tmp_path: Path) -> None:
    fetched = fetch_from_archive(PINNED, directory=tmp_path / "out", apt=apt)
    assert fetched.package == "linux-source-6.1=6.1.9-1"
    assert (tmp_path / "out" / fetched.file).read_bytes() == b"linux 6.1.9-1"


def test_another_version_than_the_pinned_one_is_refused_with_the_cure(apt: PrivateApt, tmp_path: Path) -> None:
    gone = replace(PINNED, archive=replace(PINNED.archive, version="6.1.8-1"))
    with pytest.raises(FetchError) as caught:
        fetch_from_archive(gone, directory=tmp_path / "out", apt=apt)
    text = "linux: pinned is linux-source-6.1=6.1.8-1, but the host's archive has 6.1.10-1, 6.1.9-1"
    assert caught.value.message == text
    assert (
        f"TPROXY_RPMS_MIRROR=FOLDER names a folder that has linux-source-6.1.tar.xz with the SHA-256 {gone.digests['sha256']}"
        in (caught.value.hint)
    )
    assert list((tmp_path / "out").iterdir()) == []


def test_the_pinned_version_with_other_bytes_is_refused(apt: PrivateApt, tmp_path: Path) -> None:
    other = replace(PINNED, digests={"sha256": "0" * 64})
    with pytest.raises(FetchError, match=f"of 6.1.9-1 has the SHA-256 {PINNED.digests['sha256']}, pinned is linux-source"):
        fetch_from_archive(other, directory=tmp_path / "out", apt=apt)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_mirror_has_what_the_archive_has_no_more(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / PINNED.filename).write_bytes(b"linux 6.1.9-1")
    fetched = fetch_pinned(PINNED, directory=tmp_path / "out", mirrors=[str(mirror)], console=Console())
    assert fetched is not None
    assert (fetched.version, fetched.package) == ("6.1.9", "linux-source-6.1=6.1.9-1")
    assert fetched.origin == (mirror / PINNED.filename).as_uri()
    assert read_fetched(tmp_path / "out", "linux") == fetched
    (mirror / PINNED.filename).write_bytes(b"linux 6.1.9-2")
    assert fetch_pinned(PINNED, directory=tmp_path / "other", mirrors=[str(mirror)], console=Console()) is None
    assert fetch_pinned(LINUX, directory=tmp_path / "other", mirrors=[str(mirror)], console=Console()) is None
