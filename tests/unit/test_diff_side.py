"""What words name: releases, folders, snapshots, URLs, records; and what a set is read from."""

from pathlib import Path

import pytest

from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.gather import LINE
from tproxy_rpms.diff.pool import Pool
from tproxy_rpms.diff.read import list_rpms, make_set, read_set
from tproxy_rpms.diff.side import Bearings, FolderSide, RecordSide, Side, SnapshotSide, UrlSide, find_side, find_sides
from tproxy_rpms.errors import BuildError, ReleaseError, UserError
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.store import digest_file
from tproxy_rpms.tasks.diff import read_options

from .diffsets import make_package
from .handmade import Made, numbers, text, write_rpm

STATE = """\
now 1795609000
current {current}
history 2026-11-25T10:00:00Z aaaa000000000001 publish
history 2026-11-25T11:00:00Z aaaa000000000002 publish
history 2026-11-25T12:00:00Z bbbb000000000003 publish
"""


@pytest.fixture
def bearings(tmp_path: Path) -> Bearings:
    """A project with one release more than has a cut, and a place with three snapshots."""
    root, place = tmp_path / "project", tmp_path / "place"
    (root / "releases").mkdir(parents=True)
    for name in ("bookworm", "centos5"):
        (root / "releases" / f"{name}.toml").touch()
    put(root / "build" / "bookworm" / "repo" / "x86_64")
    for name in ("aaaa000000000001", "aaaa000000000002", "bbbb000000000003"):
        put(place / "snapshots" / name / "x86_64")
        (place / "snapshots" / name / "SHA256SUMS").write_text("")
    (place / "history").write_text(STATE.partition("\n")[2].partition("\n")[2].replace("history ", ""))
    (place / "current").symlink_to("snapshots/bbbb000000000003")
    work = tmp_path / "work"
    work.mkdir()
    return Bearings(
        root=root, top=root / "build", work=work, release="bookworm", publishing=Publishing(to=str(place))
    )  # fmt: skip


def put(folder: Path, name: str = "hello-1-1.rpm", made: Made | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_rpm(folder / name, made or Made())


def folder_of(side: Side) -> Path:
    assert isinstance(side, FolderSide)
    return side.folder


def test_no_word_is_what_is_served_against_the_releases_cut(bearings: Bearings, tmp_path: Path) -> None:
    place, cut = tmp_path / "place" / "snapshots", bearings.top / "bookworm" / "repo"
    served, own = find_sides([], bearings)
    assert (folder_of(served), folder_of(own)) == (place / "bbbb000000000003", cut)
    assert isinstance(served, FolderSide) and served.title == "snapshot bbbb000000000003, served"
    before, own = find_sides(["previous"], bearings)
    assert (folder_of(before), folder_of(own)) == (place / "aaaa000000000002", cut)
    one, other = find_sides(["bookworm", "bbb"], bearings)
    assert (folder_of(one), folder_of(other)) == (cut, place / "bbbb000000000003")
    with pytest.raises(UserError, match="two words, not 3: a b c"):
        find_sides(["a", "b", "c"], bearings)


def test_a_snapshot_has_one_name(bearings: Bearings) -> None:
    with pytest.raises(UserError, match="aaaa: 2 snapshots of that name"):
        find_side("aaaa", bearings)
    with pytest.raises(UserError, match="cccc: 0 snapshots of that name") as caught:
        find_side("cccc", bearings)
    assert "aaaa000000000001" in caught.value.hint


def test_a_remote_place_is_not_taken_for_a_folder(bearings: Bearings, monkeypatch: pytest.MonkeyPatch) -> None:
    from tproxy_rpms.publish.place import Place

    monkeypatch.setattr(Place, "act", lambda self, command: STATE.format(current="bbbb000000000003") + (
        "snapshot bbbb000000000003 1\n"))  # fmt: skip
    remote = Bearings(**{**vars(bearings), "publishing": Publishing(to="me@there:/srv/www")})
    side = find_side("current", remote)
    assert isinstance(side, SnapshotSide)
    assert (side.id, side.place.login, side.place.folder) == ("bbbb000000000003", "me@there", "/srv/www")


def test_a_place_where_nothing_is_served(bearings: Bearings, tmp_path: Path) -> None:
    (tmp_path / "place" / "current").unlink()
    with pytest.raises(UserError, match="nothing is served there"):
        find_side("current", bearings)


def test_a_folder_is_looked_for_where_the_command_was_given_then_in_the_project(bearings: Bearings) -> None:
    put(bearings.work / "abcd")
    put(bearings.root / "mine")
    assert folder_of(find_side("abcd", bearings)) == bearings.work / "abcd"  # and not the id of a snapshot
    assert folder_of(find_side("mine", bearings)) == bearings.root / "mine"
    put(bearings.work / "bookworm")
    assert folder_of(find_side("bookworm", bearings)) == bearings.top / "bookworm" / "repo"
    assert folder_of(find_side("./bookworm", bearings)) == bearings.work / "bookworm"
    assert folder_of(find_side((bearings.work / "abcd").as_uri(), bearings)) == bearings.work / "abcd"


def test_urls_and_records(bearings: Bearings) -> None:
    assert find_side("https://host/proxy", bearings) == UrlSide(url="https://host/proxy")
    with pytest.raises(UserError, match="ftp://host/: no URL that is read"):
        find_side("ftp://host/", bearings)
    record = bearings.work / "x.intoto.json"
    record.touch()
    assert find_side("x.intoto.json", bearings) == RecordSide(path=record)


def test_what_is_nothing_is_told_with_all_that_was_tried(bearings: Bearings) -> None:
    (bearings.work / "notes.txt").touch()
    with pytest.raises(UserError) as caught:
        find_side("bookwurm", bearings)
    message = caught.value.message
    assert "bookwurm: nothing to compare" in message
    assert "there are bookworm, centos5, rehearsal; did you mean bookworm?" in message
    assert f"no folder or file: {bearings.work}/bookwurm" in message and "up to 16 hex digits" in message
    with pytest.raises(UserError, match="did you mean current"):
        find_side("curent", bearings)
    with pytest.raises(UserError, match=r"notes\.txt: a file, but no record"):
        find_side("notes.txt", bearings)
    with pytest.raises(UserError, match="centos5: no finished cut") as caught:
        find_side("centos5", bearings)
    assert caught.value.hint == "make it: doit release=centos5"


def test_without_a_place_there_are_no_snapshots(bearings: Bearings) -> None:
    alone = Bearings(**{**vars(bearings), "publishing": None})
    for words in ([], ["current"], ["previous", "bookworm"]):
        with pytest.raises(ReleaseError, match=r"bookworm: publishing\.to: missing"):
            find_sides(words, alone)
    with pytest.raises(UserError, match="bookworm is not published"):
        find_side("aaaa", alone)


def test_options_may_stand_behind_the_names() -> None:
    assert read_options(["--json", "--exit-code"]) == {"json": True, "exit_code": True}
    with pytest.raises(UserError, match="no option --jsn") as caught:
        read_options(["--jsn"])
    assert "--json, --full, --exit-code" in caught.value.hint


def test_where_rpms_lie(tmp_path: Path) -> None:
    tree = tmp_path / "cut"
    one = put(tree / "repo" / "x86_64")
    source = put(tree / "repo" / "SRPMS" / "Packages")
    put(tree / "rpms")  # not published
    put(tree / "repo" / "x86_64" / ".part")  # being written
    put(tree / "repo", "tproxy-release.rpm")  # a second name of one
    expected = [("x86_64", one), ("SRPMS", source)]
    assert list_rpms(tree) == list_rpms(tree / "repo") == expected
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "current").symlink_to(tree / "repo")
    assert [path.name for _, path in list_rpms(tmp_path / "place")] == ["hello-1-1.rpm"] * 2
    assert list_rpms(tree / "repo" / "x86_64") == [("x86_64", one)]
    assert {name for name, _ in list_rpms(tree / "rpms")} == {""}
    with pytest.raises(UserError, match="no RPM in there"):
        read_set(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("arches", "repositories"),
    [
        (("x86_64", "noarch"), {"x86_64"}),
        (("i686", "noarch"), {"i386"}),
        (("src",), {"SRPMS"}),
        (("noarch",), {"noarch"}),
        (("x86_64", "i686", "noarch", "src"), {"x86_64", "i386", "noarch", "SRPMS"}),
    ],
)
def test_a_package_of_no_repository_belongs_to_that_of_its_arch(arches: tuple[str, ...], repositories: set[str]) -> None:
    packages = [make_package(arch=arch, repository="") for arch in arches]
    assert {one.repository for one in make_set(packages, title="", location="").packages} == repositories


def test_what_lies_twice_is_one_package(tmp_path: Path) -> None:
    for name in ("hello-x86_64", "hello-i386"):
        put(tmp_path / "rpms" / name)
    found = read_set(tmp_path / "rpms")
    assert len(found.packages) == 1
    assert not compare_sets(found, found).differ
    put(tmp_path / "rpms" / "other", made=Made(level=1))
    assert len(read_set(tmp_path / "rpms").packages) == 2


def test_a_package_is_read_by_its_header(tmp_path: Path) -> None:
    tags = {
        1003: numbers(7), 1049: text("iptables", "rpmlib(X)", kind=8), 1050: text("1.4", "", kind=8), 1048: numbers(12, 1 << 24),
        1024: text("exit 0"), 1086: text("/bin/sh"), 1037: numbers(1 | 16, 0),
    }  # fmt: skip
    path = write_rpm(tmp_path / "hello.rpm", Made(tags=tags, files={"/etc/a": b"one\n", "/usr/b": b"two22\n"}))
    (package,) = read_set(tmp_path).packages
    assert (package.nevra, package.repository, package.size) == ("hello-7:1-1.noarch", "noarch", path.stat().st_size)
    assert package.sha256 == digest_file(path) and package.contents
    contents = package.contents
    assert contents.installed == 10 and contents.digest_number == 8 and list(contents.scriptlets) == ["postin"]
    assert sorted(map(str, contents.relations)) == ["iptables >= 1.4", "rpmlib(X)"]
    first, second = contents.files
    assert (first.path, first.kind, first.mode & 0o7777, first.size) == ("/etc/a", "file", 0o644, 4)
    assert (first.flags, second.flags) == (("config", "noreplace"), ())
    assert second.digest and second.digest != first.digest


def test_signing_leaves_the_body_alone(tmp_path: Path) -> None:
    plain = put(tmp_path / "plain")
    signed = put(tmp_path / "signed", made=Made(signature={268: (7, 3, b"abc")}))
    other = put(tmp_path / "other", made=Made(tags={1007: text("elsewhere")}))
    bodies = []
    for path in (plain, signed, other):
        (package,) = read_set(path.parent).packages
        assert package.contents
        bodies.append(package.contents.body)
    assert bodies[0] == bodies[1] != bodies[2]
    assert len({digest_file(path) for path in (plain, signed, other)}) == 3


def test_a_damaged_rpm_is_no_package(tmp_path: Path) -> None:
    path = put(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BuildError, match=r"hello-1-1\.rpm"):
        read_set(tmp_path)


@pytest.mark.parametrize("path", ["../x.rpm", "x86_64/../x.rpm", "x86_64/.x.rpm", "x86_64/a/../../x.rpm", "etc/x.rpm", "x.rpm"])
def test_a_manifest_cannot_lead_out_of_its_snapshot(path: str) -> None:
    assert LINE.fullmatch(f"{'0' * 64}  x86_64/Packages/h/x.rpm")
    assert not LINE.fullmatch(f"{'0' * 64}  {path}")


def test_what_is_here_is_found_by_name_and_digest(tmp_path: Path) -> None:
    one, other = put(tmp_path / "a", "x.rpm"), put(tmp_path / "b", "x.rpm", Made(level=1))
    pool = Pool([one])
    assert pool.find("x.rpm", digest=digest_file(other)) is None
    pool.add([other])
    assert pool.find("x.rpm", digest=digest_file(other)) == other
    assert pool.find("x.rpm", digest=digest_file(one, "sha1"), algorithm="sha1") == one
    assert pool.find("y.rpm", digest=digest_file(one)) is None
