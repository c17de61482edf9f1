"""The reader that stands for CentOS 5 goes through repositories and mirrorlists rightly, with their packages and keys."""

import shutil
import subprocess
from pathlib import Path

import pytest

from .oldclient import read_mirrorlist, read_repository
from .oldrepository import GOOD, NEVRAS, Signed, make_repository, make_signed, nevras, rewrite
from .package import build_package
from .server import serve, serve_folder

TAGS = """\
Epoch: 3
Provides: other = 2:1.5-2
Requires(pre): something >= 1.4
Requires: %{nil}/a/file
Conflicts: foe < 5
Obsoletes: ancestor <= 0.9
Packager: Someone <someone@example.org>
Vendor: T & Co
URL: http://example.org/?a=1&b=2
"""
CHANGELOG = """
%changelog
* Thu Jan 01 2009 Someone <someone@example.org> - 1-1
- First & <best>
* Wed Dec 31 2008 Another <another@example.org> - 0-1
- Before
"""


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return make_signed(tmp_path_factory.mktemp("signed"))


@pytest.mark.parametrize("options", [GOOD, ("--checksum", "sha1", "--database"), ("--checksum", "md5", "--no-database")])
def test_a_good_repository_has_no_problem(options: tuple[str, ...], signed: Signed, tmp_path: Path) -> None:
    packages, key = signed
    folder = make_repository(tmp_path / "repo", packages, *options)
    found = read_repository(folder, [key])
    assert (nevras(found), found.problems) == (NEVRAS, ())
    assert {package.location for package in found.packages} == {path.name for path in packages}
    with serve_folder(tmp_path) as url:
        assert read_repository(f"{url}/repo/", [key]) == read_repository(f"{url}/repo", [key]) == found


def test_all_that_a_package_can_say_agrees_in_xml_and_database(tmp_path: Path) -> None:
    packages = build_package(tmp_path / "build", tags=TAGS, scriptlets=CHANGELOG)
    folder = make_repository(tmp_path / "repo", packages, *GOOD)
    found = read_repository(folder, None)
    assert (nevras(found), found.problems) == (["hello-3:1-1.noarch", "hello-3:1-1.src"], ())


def test_packages_are_checked_with_the_keys_given(signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD)
    problems = read_repository(folder, []).problems
    keyid = signed[1].keyid[-8:]
    assert problems == tuple(f"{path.name}: Header V3 RSA/SHA256 signature: NOKEY, key ID {keyid}" for path in sorted(signed[0]))
    assert read_repository(folder, None).problems == ()


def test_a_repository_that_is_not_there_is_told(tmp_path: Path) -> None:
    with serve_folder(tmp_path) as url:
        (problem,) = read_repository(url, []).problems
    assert problem == "failure: repodata/repomd.xml from repository: HTTP Error 404: File not found"


def test_packages_may_lie_elsewhere(signed: Signed, tmp_path: Path) -> None:
    packages, key = signed
    folder = make_repository(tmp_path / "repo", packages, *GOOD, "--baseurl", packages[0].parent.as_uri())
    for path in packages:
        (folder / path.name).unlink()
    found = read_repository(folder, [key])
    assert (nevras(found), found.problems) == (NEVRAS, ())


def test_a_package_that_is_missing_or_changed_is_told(signed: Signed, tmp_path: Path) -> None:
    packages, key = signed
    folder = make_repository(tmp_path / "repo", packages, *GOOD)
    (folder / packages[1].name).unlink()
    changed = folder / packages[0].name
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    with serve_folder(folder) as url:
        missing, *rest = sorted(read_repository(url, [key]).problems)
    assert missing == f"failure: {packages[1].name} from repository: HTTP Error 404: File not found"
    texts = [text.removeprefix(f"{changed.name}: ").partition(" Expected(")[0] for text in rest]
    assert texts == ["MD5 digest: BAD", "Package does not match intended download (checksum)"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (rb'rel="1"', b'rel="2"', "Package does not match intended download (name, version or architecture)"),
        (rb'<size package="', b'<size package="1', "size is {size}, and 1{size} in the metadata"),
        (rb'<rpm:header-range start="', b'<rpm:header-range start="1', "header range is not where the header lies"),
        (rb'<location href="', b'<location href="../repo/', "location is outside of the repository"),
    ],
)
def test_metadata_that_does_not_fit_a_package_is_told(
    old: bytes, new: bytes, expected: str, signed: Signed, tmp_path: Path
) -> None:
    packages, key = signed
    folder = make_repository(tmp_path / "repo", packages[:1], "--checksum", "sha", "--no-database")
    rewrite(folder, "primary.xml.gz", lambda content: content.replace(old, new))
    (problem,) = read_repository(folder, [key]).problems
    assert problem.endswith(f"{packages[0].name}: {expected.format(size=packages[0].stat().st_size)}")


def test_a_repository_older_than_what_a_client_has_is_not_taken(signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD, "--revision", "1", "--set-timestamp-to-revision")
    assert read_repository(folder, [signed[1]], known=1).problems == ()
    found = read_repository(folder, [signed[1]], known=2)
    assert found.timestamp == 1
    assert found.problems == ("Not using downloaded repomd.xml because it is older than what we have: 2, 1",)


def test_two_packages_of_one_file_name_are_told(signed: Signed, tmp_path: Path) -> None:
    packages, key = signed
    folder = tmp_path / "repo"
    other = build_package(tmp_path / "other", tags="Vendor: other")[0]
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    shutil.copy(packages[0], folder / "a")
    shutil.copy(other, folder / "b")
    subprocess.run(["/usr/bin/createrepo_c", "-q", *GOOD, str(folder)], check=True)
    problems = read_repository(folder, [key]).problems
    assert problems == (f"{other.name}: 2 packages of this file name", f"{other.name}: Package is not signed")


def test_a_mirrorlist_is_taken_line_by_line() -> None:
    lines = [
        b"# a comment",
        b"  # another",
        b"",
        b"  ",
        b"http://one.example.org/el$releasever/$ARCH",
        b"https://two.example.org/$basearch/",
        b"HTTP://three.example.org/$unknown/",
        b" http://blank.example.org/",
        b"rsync://four.example.org/",
        b"five.example.org/",
        b"http://six.example.org/\r",
        b"file:///srv/seven",
    ]
    with serve() as mirror:
        mirror.files = {"mirrors": b"\n".join(lines), "one": b"http://one.example.org/snapshots/1/", "none": b"# nothing\n"}
        assert read_mirrorlist(mirror.url("mirrors"), basearch="i386") == [
            "http://one.example.org/el5/i386/",
            "https://two.example.org/i386/",
            "HTTP://three.example.org/$unknown/",
            "http://six.example.org/\r/",
            "file:///srv/seven/",
        ]
        assert read_mirrorlist(mirror.url("one")) == ["http://one.example.org/snapshots/1/"]
        assert read_mirrorlist(mirror.url("none")) == []
    with pytest.raises(ValueError, match="takes a mirrorlist with metalink in its URL for a metalink"):
        read_mirrorlist("http://one.example.org/metalink")


def test_a_repository_is_followed_from_its_mirrorlist(signed: Signed, tmp_path: Path) -> None:
    make_repository(tmp_path / "snapshot-1", signed[0], *GOOD)
    with serve_folder(tmp_path) as url:
        (tmp_path / "latest").write_text(f"{url}/snapshot-1\n")
        (base,) = read_mirrorlist(f"{url}/latest")
        found = read_repository(base, [signed[1]])
    assert (nevras(found), found.problems) == (NEVRAS, ())
