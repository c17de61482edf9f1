"""Patch series: what is read, and what is said of a patch that does not apply."""

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tproxy_rpms.errors import PatchError
from tproxy_rpms.packaging.patches import check_patches, read_patches, read_series

GOOD = """\
--- a/dir/file.c
+++ b/dir/file.c
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""
SECOND = GOOD.replace("-two", "-TWO").replace("+TWO", "+2")
NEW = "--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+new\n"


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    path = tmp_path / "pkg-1.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for name, text in (("pkg-1/other.c", "other\n"), ("pkg-1/dir/file.c", "one\ntwo\nthree\n")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, BytesIO(text.encode()))
    return path


def write_series(folder: Path, **patches: str) -> Path:
    folder.mkdir()
    for name, text in patches.items():
        (folder / f"{name}.patch").write_text(text)
    (folder / "series").write_text("# why\n" + "".join(f"{name}.patch  # reason\n" for name in patches))
    return folder


def test_patches_apply_in_the_order_of_the_series(tmp_path: Path, tarball: Path) -> None:
    patches = read_series(write_series(tmp_path / "p", first=GOOD, second=SECOND, third=NEW))
    assert [patch.name for patch in patches] == ["first.patch", "second.patch", "third.patch"]
    check_patches(patches, tarball)
    with pytest.raises(PatchError, match=r"second\.patch"):
        check_patches(patches[1:], tarball)


def test_a_failing_hunk_is_named_with_its_patch_and_file(tmp_path: Path, tarball: Path) -> None:
    patches = read_series(write_series(tmp_path / "p", bad=GOOD.replace("-two", "-deux")))
    with pytest.raises(PatchError, match=r"(?s)bad\.patch.*dir/file\.c: Hunk #1 FAILED at 1") as caught:
        check_patches(patches, tarball)
    assert caught.value.exit_code == 13


def test_a_patch_for_a_missing_file_is_named(tmp_path: Path, tarball: Path) -> None:
    patches = read_series(write_series(tmp_path / "p", lost=GOOD.replace("dir/file.c", "no/such.c")))
    with pytest.raises(PatchError, match=r"lost\.patch"):
        check_patches(patches, tarball)


def test_a_series_and_its_folder_must_agree(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "p", here=GOOD)
    (folder / "series").write_text("gone.patch\n")
    with pytest.raises(PatchError, match=r"(?s)gone\.patch: no such file.*here\.patch: not listed"):
        read_series(folder)


def test_a_folder_without_series_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PatchError, match="series"):
        read_series(tmp_path)


def test_a_subfolder_holds_patches_for_targets_with_its_trait(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "p", every=GOOD)
    write_series(folder / "modern-toolchain", newer=SECOND)
    assert [patch.name for patch in read_patches(folder, {})] == ["every.patch"]
    assert [patch.name for patch in read_patches(folder, {"modern_toolchain": False})] == ["every.patch"]
    assert [patch.name for patch in read_patches(folder, {"modern_toolchain": True})] == ["every.patch", "newer.patch"]
    (folder / "series").unlink()
    (folder / "every.patch").unlink()
    assert [patch.name for patch in read_patches(folder, {"modern_toolchain": True})] == ["newer.patch"]
    assert read_patches(folder, {}) == ()


def test_two_patches_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "p", fix=GOOD)
    write_series(folder / "modern-toolchain", fix=SECOND)
    with pytest.raises(PatchError, match=r"(?s)p/fix\.patch.*modern-toolchain/fix\.patch"):
        read_patches(folder, {"modern_toolchain": True})


def test_a_folder_without_any_series_holds_no_patches_to_apply(tmp_path: Path) -> None:
    with pytest.raises(PatchError, match="series"):
        read_patches(tmp_path / "gone", {})
