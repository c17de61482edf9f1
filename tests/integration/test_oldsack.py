"""The reader that stands for CentOS 5 judges metadata rightly: tampered, of two minds, and what createrepo_c's options make."""

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from .oldclient import read_repository
from .oldrepository import GOOD, NEVRAS, Signed, find, make_repository, make_signed, nevras, rewrite, run_sql, sha1

DAMAGE = "[Errno -1] Metadata file does not match checksum"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return make_signed(tmp_path_factory.mktemp("signed"))


@pytest.mark.parametrize(
    ("options", "expected", "packages"),
    [
        (
            (*GOOD, "--general-compress-type", "gz"),
            [
                f"{kind}_db: {kind}.sqlite.gz is no .bz2: yum empties it as it unpacks it"
                for kind in ("filelists", "other", "primary")
            ],
            [],
        ),
        (
            (*GOOD, "--general-compress-type", "xz"),
            [
                "filelists: Parsing filelists.xml error: not well-formed (invalid token): line 1, column 0",
                "filelists_db: filelists.sqlite.xz is no .bz2: yum empties it as it unpacks it",
                "other: Parsing other.xml error: not well-formed (invalid token): line 1, column 0",
                "other_db: other.sqlite.xz is no .bz2: yum empties it as it unpacks it",
                "primary: Parsing primary.xml error: not well-formed (invalid token): line 1, column 0",
                "primary_db: primary.sqlite.xz is no .bz2: yum empties it as it unpacks it",
            ],
            [],
        ),
        (
            ("--checksum", "sha256", "--database"),
            [
                f"{kind}: [Errno -3] Error performing checksum (sha256)"
                for kind in ("filelists", "filelists_db", "group_gz", "other", "other_db", "primary", "primary_db")
            ],
            [],
        ),
        (
            ("--checksum", "sha256", "--repomd-checksum", "sha", "--database"),
            [
                f"hello-1-1.{arch}.rpm: Package does not match intended download (checksum of unknown type sha256)"
                for arch in ("noarch", "src")
            ],
            NEVRAS,
        ),
    ],
)
def test_options_of_createrepo_that_old_yum_cannot_take(
    options: tuple[str, ...],
    expected: list[str],
    packages: list[str],
    signed: Signed,
    tmp_path: Path,
) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], "--simple-md-filenames", *options)
    found = read_repository(folder, [signed[1]])
    assert (sorted(found.problems), nevras(found)) == (expected, packages)


@pytest.mark.parametrize(
    ("kind", "expected", "packages"),
    [
        ("primary.xml.gz", f"primary: {DAMAGE}", NEVRAS),
        ("primary.sqlite.bz2", f"primary_db: {DAMAGE}", []),
        ("filelists.sqlite.bz2", f"filelists_db: {DAMAGE}", NEVRAS),
        ("other.xml.gz", f"other: {DAMAGE}", NEVRAS),
        ("comps.xml.gz", f"group_gz: {DAMAGE}", NEVRAS),
    ],
)
def test_tampered_metadata_is_told(kind: str, expected: str, packages: list[str], signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD)
    path = find(folder, kind)
    path.write_bytes(path.read_bytes() + b"\0")
    found = read_repository(folder, [signed[1]])
    assert nevras(found) == packages
    assert [problem for problem in found.problems if "nothing about" not in problem] == [expected]


@pytest.mark.parametrize(
    ("pack", "expected"),
    [
        (lambda content: bz2.compress(content + b"\0"), f"primary_db: {DAMAGE} (once unpacked)"),
        (gzip.compress, "primary_db: what lies in primary.sqlite.bz2 is not bzip2"),
    ],
)
def test_a_database_that_unpacks_to_something_else_is_told(
    pack: Callable[[bytes], bytes], expected: str, signed: Signed, tmp_path: Path
) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD, "--simple-md-filenames")
    path, repomd = folder / "repodata/primary.sqlite.bz2", folder / "repodata/repomd.xml"
    old, new = path.read_bytes(), pack(bz2.decompress(path.read_bytes()))
    path.write_bytes(new)
    repomd.write_text(repomd.read_text().replace(f">{sha1(old)}<", f">{sha1(new)}<"))
    found = read_repository(folder, [signed[1]])
    assert (nevras(found), found.problems) == ([], (expected,))


@pytest.mark.parametrize(
    ("kind", "statement", "expected"),
    [
        (
            "primary",
            "UPDATE packages SET release = '2' WHERE pkgKey = 1",
            ["primary: XML and database differ about {} release"],
        ),
        ("primary", "DELETE FROM provides WHERE pkgKey = 1", ["primary: XML and database differ about {} relations"]),
        ("primary", "DELETE FROM files WHERE pkgKey = 1", ["primary: XML and database differ about {} files"]),
        ("primary", "DELETE FROM packages WHERE pkgKey = 1", ["primary: {} is in the XML alone"]),
        (
            "filelists",
            "UPDATE filelist SET filetypes = replace(filetypes, 'g', 'f') WHERE pkgKey = 1",
            ["filelists: XML and database differ about {}"],
        ),
        (
            "filelists",
            "DELETE FROM packages WHERE pkgKey = 1",
            ["filelists: {} is in the XML alone", "filelists: nothing about {}"],
        ),
        (
            "filelists",
            "INSERT INTO packages VALUES (3, 'one more')",
            ["filelists: one more is in the database alone"],
        ),
        ("other", "INSERT INTO changelog VALUES (1, 'x', 0, 'y')", ["other: XML and database differ about {}"]),
        ("primary", "ALTER TABLE packages RENAME COLUMN location_href TO location", ["primary_db: no such column: href"]),
        ("other", "DROP TABLE changelog", ["other_db: no such table: changelog"]),
        ("primary", "PRAGMA journal_mode = WAL", ["primary_db: file is encrypted or is not a database"]),
    ],
)
def test_a_database_that_says_other_than_the_xml_is_told(
    kind: str, statement: str, expected: list[str], signed: Signed, tmp_path: Path
) -> None:
    packages, key = signed
    folder = make_repository(tmp_path / "repo", packages, *GOOD)
    rewrite(folder, f"{kind}.sqlite.bz2", run_sql(folder, statement))
    pkgid = sha1(packages[0].read_bytes())
    problems = [problem for problem in read_repository(folder, [key]).problems if "intended download" not in problem]
    if "no such table" in expected[0]:
        problems = [problem for problem in problems if "nothing about" not in problem]
    assert problems == [text.format(pkgid) for text in expected]


def test_a_database_of_a_later_sqlite_is_told(signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD)
    rewrite(folder, "primary.sqlite.bz2", lambda content: content[:44] + (5).to_bytes(4) + content[48:])
    assert read_repository(folder, [signed[1]]).problems == ("primary_db: file is encrypted or is not a database",)


def test_the_xml_is_taken_with_a_database_of_another_version(signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD)
    repomd = folder / "repodata/repomd.xml"
    repomd.write_text(repomd.read_text().replace("<database_version>10<", "<database_version>11<"))
    for path in (folder / "repodata").glob("*.sqlite.bz2"):
        path.unlink()
    found = read_repository(folder, [signed[1]])
    assert (nevras(found), found.problems) == (NEVRAS, ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("</repomd>", "", ("Damaged repomd.xml file",)),
        ('type="primary', 'type="secondary', ("requested datatype primary not available",)),
        ('type="group', 'type="groups', ()),
    ],
)
def test_what_repomd_says_counts(old: str, new: str, expected: tuple[str, ...], signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD)
    repomd = folder / "repodata/repomd.xml"
    repomd.write_text(repomd.read_text().replace(old, new))
    assert read_repository(folder, [signed[1]]).problems == expected


def test_groups_that_are_no_xml_are_told(signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], *GOOD)
    rewrite(folder, "comps.xml.gz", lambda content: content.replace(b"</comps>", b""))
    expected = "group_gz: Failed to add groups file for repository: comps file is empty/damaged"
    assert read_repository(folder, [signed[1]]).problems == (expected,)


def test_an_xml_of_fewer_packages_than_it_says_is_told(signed: Signed, tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", signed[0], "--checksum", "sha", "--no-database")
    rewrite(folder, "other.xml.gz", lambda content: content.replace(b'packages="2"', b'packages="3"'))
    rewrite(folder, "primary.xml.gz", lambda content: content.replace(b"metadata/common", b"metadata/uncommon"))
    found = read_repository(folder, [signed[1]])
    root = '"{http://linux.duke.edu/metadata/uncommon}metadata"'
    assert found.problems == (f"primary: Unknown repodata type {root}", "other: the XML says packages=3 and has 2")
