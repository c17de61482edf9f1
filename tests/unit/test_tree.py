"""Unpacking a kernel: what configuring needs, and nothing that leaves the folder."""

import io
import random
import tarfile
from pathlib import Path

import pytest

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.kernel.tree import unpack_tree


def make_tarball(path: Path, *members: tarfile.TarInfo | str) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for member in members:
            entry = tarfile.TarInfo(member) if isinstance(member, str) else member
            entry.size = 2 if entry.isfile() else 0
            archive.addfile(entry, io.BytesIO(b"x\n"))
    return path


def make_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def make_device(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.CHRTYPE
    return member


def test_what_configuring_needs_is_unpacked_without_the_top_folder(tmp_path: Path) -> None:
    names = [
        "linux/Makefile",
        "linux/net/Kconfig",
        "linux/net/core/sock.c",
        "linux/scripts/kconfig/conf.c",
        "linux/arch/arm/boot/a.dts",
    ]
    tree = unpack_tree(make_tarball(tmp_path / "linux.tar.xz", *names), tmp_path / "tree")
    found = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert found == {"Makefile", "net/Kconfig", "scripts/kconfig/conf.c"}


def test_links_inside_the_tree_are_kept(tmp_path: Path) -> None:
    tree = unpack_tree(
        make_tarball(tmp_path / "a.tar.xz", "linux/scripts/dtc/a", make_link("linux/scripts/b", "dtc/a")), tmp_path / "tree"
    )
    assert (tree / "scripts" / "b").read_text() == "x\n"


@pytest.mark.parametrize(
    "member",
    [
        "../evil",
        "linux/../../evil",
        "/etc/evil",
        "linux/scripts/../../evil",
        make_link("linux/scripts/evil", "../../../etc/passwd"),
        make_link("linux/scripts/evil", "../.."),
        make_link("linux/scripts/evil", "../../linux/scripts"),
        make_link("linux/scripts/evil", "sub/../../.."),
        make_link("linux/scripts/evil", "/etc/passwd"),
        make_link("linux/drivers/evil", "/etc/passwd"),
        make_link("linux/scripts/evil", "../outside", tarfile.LNKTYPE),
        make_device("linux/scripts/evil"),
    ],
    ids=[
        "parent",
        "hidden parent",
        "absolute",
        "parent of the top folder",
        "link up",
        "link to beside the top folder",
        "link by way of the top folder",
        "link up behind a name",
        "absolute link",
        "link that is not needed",
        "hard link",
        "device",
    ],
)
def test_a_hostile_member_is_refused_and_nothing_is_left(tmp_path: Path, member: tarfile.TarInfo | str) -> None:
    tarball = make_tarball(tmp_path / "evil.tar.xz", "linux/Makefile", member)
    with pytest.raises(VerifyError, match="evil"):
        unpack_tree(tarball, tmp_path / "out" / "tree")
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    tarball = make_tarball(tmp_path / "a.tar.xz", make_link("linux/scripts/here", "."), "linux/scripts/here/evil")
    with pytest.raises(VerifyError, match="here/evil: would be written through a link"):
        unpack_tree(tarball, tmp_path / "out" / "tree")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("mode", ["xz", "bz2", "gz"])
def test_every_compression_is_read_and_a_torn_tarball_refused(tmp_path: Path, mode: str) -> None:
    tarball = tmp_path / f"a.tar.{mode}"
    content = random.Random(1).randbytes(100_000)
    with tarfile.open(tarball, f"w:{mode}") as archive:  # type: ignore[call-overload]  # the mode is built here
        member = tarfile.TarInfo("linux/Makefile")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    assert (unpack_tree(tarball, tmp_path / "tree") / "Makefile").read_bytes() == content
    whole = tarball.read_bytes()
    for torn in (whole[:50_000], whole[:-1]):  # the last bytes are a checksum, behind the last member
        tarball.write_bytes(torn)
        with pytest.raises(VerifyError, match=r"a.tar"):
            unpack_tree(tarball, tmp_path / "torn")
        assert not (tmp_path / "torn").exists()


def test_a_failed_unpacking_leaves_the_old_tree(tmp_path: Path) -> None:
    good = make_tarball(tmp_path / "good.tar.xz", "linux/Makefile")
    unpack_tree(good, tmp_path / "tree")
    with pytest.raises(VerifyError):
        unpack_tree(make_tarball(tmp_path / "bad.tar.xz", "../evil"), tmp_path / "tree")
    assert (tmp_path / "tree" / "Makefile").exists()


def test_what_is_no_tarball_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "x.tar.xz").write_bytes(b"<html>")
    with pytest.raises(VerifyError, match=r"x\.tar\.xz"):
        unpack_tree(tmp_path / "x.tar.xz", tmp_path / "tree")
