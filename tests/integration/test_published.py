"""Published repositories as `doit repro --against` reads them: folders, real HTTP, every compression, and lies."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.errors import FetchError
from tproxy_rpms.repro.published import decompress, find_published
from tproxy_rpms.store import digest_file

from .package import build_package
from .server import serve_folder

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
    for below in ("x86_64", "SRPMS"):
        subprocess.run(["createrepo_c", "--quiet", *options, str(folder / below)], check=True)
    return folder


@pytest.mark.parametrize("location", ["{}", "file://{}"])
def test_a_folder_gives_its_own_files(location: str, tree: Path, tmp_path: Path) -> None:
    found = find_published(location.format(tree), [*NAMES, "other-1-1.noarch.rpm"], scratch=tmp_path)
    assert [path.name for path in found] == NAMES
    assert all(path.is_relative_to(tree) for path in found)


@pytest.mark.parametrize("compression", ["gz", "xz", "bz2"])
@pytest.mark.parametrize("checksum", ["sha", "sha256"])
def test_a_tree_behind_a_url_gives_copies(compression: str, checksum: str, tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published", "--general-compress-type", compression, "--checksum", checksum)
    with serve_folder(published) as url:
        found = find_published(url, NAMES, scratch=tmp_path / "scratch")
        assert [path.name for path in found] == NAMES
        assert {digest_file(path) for path in found} == {digest_file(path) for path in published.rglob("*.rpm")}
        before = [path.stat().st_mtime_ns for path in found]
        assert [path.stat().st_mtime_ns for path in find_published(url, NAMES, scratch=tmp_path / "scratch")] == before
        one = find_published(f"{url}/x86_64/", NAMES, scratch=tmp_path / "one")
    assert [path.name for path in one] == NAMES[:1]


def test_a_file_that_is_not_what_its_metadata_says_is_refused(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    rpm = published / "x86_64" / "Packages" / NAMES[0]
    rpm.write_bytes(rpm.read_bytes()[:-1] + b"?")
    with (
        serve_folder(published) as url,
        pytest.raises(FetchError, match=r"hello-1-1\.noarch\.rpm: sha256 .* but its repository says"),
    ):
        find_published(url, NAMES, scratch=tmp_path / "scratch")
    assert not (tmp_path / "scratch" / NAMES[0]).exists()


def test_metadata_that_is_not_what_repomd_says_is_refused(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    (primary,) = (published / "x86_64" / "repodata").glob("*primary.xml.*")
    primary.write_bytes(primary.read_bytes() + b"?")
    with serve_folder(published) as url, pytest.raises(FetchError, match=r"primary\.xml.*but its repository says"):
        find_published(url, NAMES, scratch=tmp_path / "scratch")


@pytest.mark.parametrize("href", ["../../../evil.rpm", "/etc/passwd", "http://elsewhere.invalid/evil.rpm", "%2e%2e/evil.rpm"])
def test_a_file_outside_of_its_repository_is_refused(href: str, tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    repomd = published / "x86_64" / "repodata" / "repomd.xml"
    (primary,) = (published / "x86_64" / "repodata").glob("*primary.xml.*")
    repomd.write_text(repomd.read_text().replace(f"repodata/{primary.name}", href))
    with serve_folder(published) as url, pytest.raises(FetchError, match="no file of it"):
        find_published(url, NAMES, scratch=tmp_path / "scratch")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("nothing", "no RPM in there"),
        ("ftp://example.invalid/", "no http or https"),
        ("http://127.0.0.1:1/", "no repository there"),
    ],
)
def test_a_place_without_a_repository_is_told(location: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=says):
        find_published(location if "://" in location else str(tmp_path / location), NAMES, scratch=tmp_path / "scratch")


def test_garbage_instead_of_metadata_is_told(tree: Path, tmp_path: Path) -> None:
    published = publish(tree, tmp_path / "published")
    (published / "x86_64" / "repodata" / "repomd.xml").write_text("<html>not found")
    with serve_folder(published) as url, pytest.raises(FetchError, match="no readable metadata"):
        find_published(url, NAMES, scratch=tmp_path / "scratch")


def test_zstd_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "primary"
    path.write_bytes(subprocess.run(["zstd", "-c"], input=b"<xml/>", capture_output=True, check=True).stdout)
    assert decompress(path, "http://example.org/repodata/primary.xml.zst") == b"<xml/>"
    path.write_bytes(b"no zstd")
    with pytest.raises(FetchError, match="cannot be decompressed"):
        decompress(path, "http://example.org/repodata/primary.xml.zst")
