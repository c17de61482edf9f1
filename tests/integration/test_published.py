"""Published repositories as `doit repro --against` reads them: folders, real HTTP, every compression, and lies."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.errors import FetchError, HostError
from tproxy_rpms.repro.published import decompress, find_published
from tproxy_rpms.store import digest_file

from .package import build_package
from .server import serve, serve_folder

NAMES = ["hello-1-1.noarch.rpm", "hello-1-1.src.rpm"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with two repositories, of one RPM and of its SRPM."""
    folder = tmp_path_factory.mktemp("tree")
    for name, path in zip(("x86_64", "SRPMS"), build_package(tmp_path_factory.mktemp("build")), strict=True):
        (folder / name / "Packages").mkdir(parents=True)
        shutil.copy(path, folder / name / "Packages")
    return folder


def publish(tree: Path, folder: Path, *options: str) -> Path:
    shutil.copytree(tree, folder)
    # The environment's own createrepo_c knows no SHA-1.
    tool = "/usr/bin/createrepo_c" if "sha" in options else "createrepo_c"
    for below in ("x86_64", "SRPMS"):
        subprocess.run([tool, "--quiet", *options, str(folder / below)], check=True)
    return folder


@pytest.mark.parametrize("location", ["{}", "file://{}"])
def test_a_folder_gives_its_own_files(location: str, tree: Path, tmp_path: Path) -> None:
    names = [*NAMES, "other-1-1.noarch.rpm"]
    assert find_published(location.format(tree), names, arch="x86_64", scratch=tmp_path) == [tree / "x86_64/Packages" / NAMES[0]]
    assert find_published(location.format(tree), names, arch="SRPM", scratch=tmp_path) == [tree / "SRPMS/Packages" / NAMES[1]]
    found = find_published(location.format(tree), names, arch="i386", scratch=tmp_path)
    assert [path.name for path in found] == NAMES  # no i386/ there: the folder itself


@pytest.mark.parametrize("compression", ["gz", "xz", "bz2"])
@pytest.mark.parametrize("checksum", ["sha", "sha256"])
def test_a_tree_behind_a_url_gives_copies(compression: str, checksum: str, tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published", "--general-compress-type", compression, "--checksum", checksum)
    with serve_folder(published) as url:
        (rpm,) = find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")
        (srpm,) = find_published(url, NAMES, arch="SRPM", scratch=tmp_path / "scratch")
        assert [rpm.name, srpm.name] == NAMES
        assert {digest_file(path) for path in (rpm, srpm)} == {digest_file(path) for path in published.rglob("*.rpm")}
        before = rpm.stat().st_mtime_ns
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")
        assert rpm.stat().st_mtime_ns == before
        one = find_published(f"{url}/x86_64/", NAMES, arch="x86_64", scratch=tmp_path / "one")
    assert [path.name for path in one] == NAMES[:1]


def test_a_noarch_package_is_its_own_archs(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    shutil.copytree(published / "x86_64", published / "i386")
    rpm = published / "i386" / "Packages" / NAMES[0]
    rpm.write_bytes(build_package(tmp_path / "build", size="2")[0].read_bytes())
    subprocess.run(["createrepo_c", "--quiet", str(published / "i386")], check=True)
    digests = {arch: digest_file(published / arch / "Packages" / NAMES[0]) for arch in ("x86_64", "i386")}
    assert len(set(digests.values())) == 2
    with serve_folder(published) as url:
        for location in (url, str(published)):
            for arch, digest in digests.items():
                (found,) = find_published(location, NAMES, arch=arch, scratch=tmp_path / "scratch")
                assert digest_file(found) == digest


def test_a_repository_without_the_packages_misses_them(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    (published / "i386").mkdir()
    subprocess.run(["createrepo_c", "--quiet", str(published / "i386")], check=True)
    with serve_folder(published) as url:
        assert find_published(url, NAMES, arch="i386", scratch=tmp_path / "scratch") == []


def test_a_server_in_trouble_is_no_repository_without_packages(tmp_path: Path) -> None:
    with serve() as mirror, pytest.raises(FetchError, match="HTTP 503") as caught:
        find_published(mirror.url("503"), NAMES, arch="i386", scratch=tmp_path / "scratch")
    assert "try again" in caught.value.hint
    assert len(mirror.requests) == 1  # it is not looked for elsewhere


def test_metadata_that_grows_out_of_bounds_is_refused(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.repro.published.MOST_METADATA", 100_000)
    for suffix, compress in (("gz", "gzip"), ("xz", "xz"), ("bz2", "bzip2"), ("zst", "zstd")):
        path = tmp_path / f"primary.xml.{suffix}"
        path.write_bytes(subprocess.run([compress, "-c"], input=bytes(10_000_000), capture_output=True, check=True).stdout)
        assert path.stat().st_size < 100_000
        with pytest.raises(FetchError, match=r"more than 100000 bytes|cannot be decompressed: prlimit"):
            decompress(path, f"http://example.org/{path.name}")
        assert all(file.stat().st_size <= 100_001 for file in tmp_path.iterdir())


def test_a_file_that_is_not_what_its_metadata_says_is_refused(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    rpm = published / "x86_64" / "Packages" / NAMES[0]
    rpm.write_bytes(rpm.read_bytes()[:-1] + b"?")
    with (
        serve_folder(published) as url,
        pytest.raises(FetchError, match=r"hello-1-1\.noarch\.rpm: sha256 .* but its repository says"),
    ):
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")
    assert not (tmp_path / "scratch" / NAMES[0]).exists()


def test_metadata_that_is_not_what_repomd_says_is_refused(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    (primary,) = (published / "x86_64" / "repodata").glob("*primary.xml.*")
    primary.write_bytes(primary.read_bytes() + b"?")
    with serve_folder(published) as url, pytest.raises(FetchError, match=r"primary\.xml.*but its repository says"):
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")


@pytest.mark.parametrize(
    "href", ["../../../evil.rpm", "/etc/passwd", "http://elsewhere.invalid/evil.rpm", "%2e%2e/evil.rpm", "http://[/evil.rpm"]
)
def test_a_file_outside_of_its_repository_is_refused(href: str, tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    repomd = published / "x86_64" / "repodata" / "repomd.xml"
    (primary,) = (published / "x86_64" / "repodata").glob("*primary.xml.*")
    repomd.write_text(repomd.read_text().replace(f"repodata/{primary.name}", href))
    with serve_folder(published) as url, pytest.raises(FetchError, match="no file of it"):
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("{}/nothing", "no RPM in there"),
        ("ftp://example.invalid/", "no http or https"),
        ("http://127.0.0.1:1/", "Connection refused"),
        ("http://[::1/", "Invalid IPv6 URL"),
    ],
)
def test_a_place_without_a_repository_is_told(location: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=says):
        find_published(location.format(tmp_path), NAMES, arch="x86_64", scratch=tmp_path / "scratch")


def test_a_server_without_a_repository_is_told_with_the_places(tmp_path: Path) -> None:
    with serve_folder(tmp_path) as url, pytest.raises(FetchError, match="no repository there") as caught:
        find_published(url, NAMES, arch="SRPM", scratch=tmp_path / "scratch")
    assert f"{url}/SRPMS/repodata/repomd.xml: HTTP 404" in caught.value.message
    assert f"{url}/repodata/repomd.xml: HTTP 404" in caught.value.message


def test_a_location_below_another_url_is_refused(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published", "--baseurl", "http://elsewhere.invalid/")
    with serve_folder(published) as url, pytest.raises(FetchError, match="no file of it"):
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")


def test_garbage_instead_of_metadata_is_told(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    (published / "x86_64" / "repodata" / "repomd.xml").write_text("<html>not found")
    with serve_folder(published) as url, pytest.raises(FetchError, match="no readable metadata"):
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")


def test_zstd_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "primary"
    path.write_bytes(subprocess.run(["zstd", "-c"], input=b"<xml/>", capture_output=True, check=True).stdout)
    assert decompress(path, "http://example.org/repodata/primary.xml.zst") == b"<xml/>"
    path.write_bytes(b"no zstd")
    with pytest.raises(FetchError, match="cannot be decompressed"):
        decompress(path, "http://example.org/repodata/primary.xml.zst")


def test_a_disk_that_takes_no_file_is_the_hosts_failure(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    (tmp_path / "scratch" / f"{NAMES[0]}.part").mkdir(parents=True)
    with serve_folder(published) as url, pytest.raises(HostError, match="scratch") as caught:
        find_published(url, NAMES, arch="x86_64", scratch=tmp_path / "scratch")
    assert "make room" in caught.value.hint
