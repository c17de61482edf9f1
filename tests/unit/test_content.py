"""Why contents differ: every cause alone, with its place, in every kind of container; nothing makes it fall over."""

import bz2
import gzip
import io
import lzma
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.repro.clue import make_swaps
from tproxy_rpms.repro.container import open_container
from tproxy_rpms.repro.content import explain_content
from tproxy_rpms.repro.verdict import CAUSES, Difference, Surroundings

FIRST = Surroundings(directory="/builddir", host="buildhost", user="builder", uid=1000, locale="C.UTF-8", jobs=2)
SECOND = Surroundings(
    directory="/var/lib/another/place", host="elsewhere", user="somebody", uid=2345, locale="fr_FR.UTF-8", jobs=3
)
Maker = Callable[..., bytes]
BINARY = b"\x7f\x00\x01program\x00\xff\xfe" * 9


def explain(first: bytes, second: bytes, *, known: bool = True) -> tuple[Difference, ...]:
    surroundings = (FIRST, SECOND) if known else (Surroundings(), Surroundings())
    return explain_content(first, second, place="/f", swaps=make_swaps(*surroundings))


def causes(first: bytes, second: bytes, *, known: bool = True) -> set[tuple[str, str]]:
    return {(difference.place, difference.cause) for difference in explain(first, second, known=known)}


def make_tar(*members: tuple[str, bytes], mtime: int = 0, mode: int = 0o644, uid: int = 0, uname: str = "root") -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode, info.uid, info.uname = len(content), mtime, mode, uid, uname
            archive.addfile(info, io.BytesIO(content))
    return output.getvalue()


def make_cpio(*members: tuple[str, bytes], mtime: int = 0, inode: int = 1) -> bytes:
    output = b""
    for number, (name, content) in enumerate([*members, ("TRAILER!!!", b"")]):
        fields = (inode + number, 0o100644, 0, 0, 1, mtime, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        output += head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)
    return output


def make_ar(*members: tuple[str, bytes], mtime: int = 0) -> bytes:
    output = b"!<arch>\n"
    for name, content in members:
        head = (
            f"{name}/".ljust(16)
            + str(mtime).ljust(12)
            + "0".ljust(6)
            + "0".ljust(6)
            + "100644".ljust(8)
            + str(len(content)).ljust(10)
        )
        output += head.encode() + b"`\n" + content + b"\n" * (len(content) % 2)
    return output


def make_zip(content: bytes, year: int) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr(zipfile.ZipInfo("member", date_time=(year, 1, 1, 0, 0, 0)), content)
    return output.getvalue()


def make_kernel(content: bytes) -> bytes:
    """A file like a bzImage: a boot sector, HdrS, setup, and the compressed kernel with something behind it."""
    head = bytearray(0x600)
    head[0x202:0x206] = b"HdrS"
    return bytes(head) + gzip.compress(content, mtime=0) + b"behind"


@pytest.mark.parametrize(
    ("cause", "first", "second"),
    [
        ("build path", b"made in /builddir/BUILD/x", b"made in /var/lib/another/place/BUILD/x"),
        ("host name", b"host: buildhost\n", b"host: elsewhere\n"),
        ("user", b"by builder@x\n", b"by somebody@x\n"),
        ("user", b"uid=1000\n", b"uid=2345\n"),
        ("locale", b"LANG=C.UTF-8\n", b"LANG=fr_FR.UTF-8\n"),
        ("__DATE__", b"Nov 25 2026", b"Dec 30 2027"),
        ("__DATE__", b"Nov  1 2026", b"Dec 30 2027"),
        ("__DATE__", b"at 04:51:21", b"at 12:00:07"),
        ("__DATE__", b"2026-11-25T04:51:21Z", b"2027-12-30T12:00:07Z"),
        ("__DATE__", b"Wed Nov 25 04:51:21 UTC 2026", b"Thu Dec 30 12:00:07 UTC 2027"),
        ("__DATE__", b"Wed, 25 Nov 2026 04:51:21 +0100", b"Thu, 30 Dec 2027 12:00:07 +0000"),
        ("__DATE__", b"Wed Nov 25 04:51:21 AM CET 2026", b"Thu Dec 30 12:00:07 PM CET 2027"),
        ("__DATE__", b"November 25, 2026", b"May 3, 2027"),
        ("__DATE__", b"25 November 2026", b"3 December 2027"),
        ("__DATE__", b"25-Nov-2026", b"30-Dec-2027"),
        ("__DATE__", b"page of November 2026", b"page of September 2027"),
        ("__DATE__", b"2026/11/25", b"2027/12/30"),
        ("__DATE__", b"on 11/25/26.", b"on 12/30/27."),
        ("__DATE__", b"version-20261125", b"version-20271230"),
        ("__DATE__", b"20261125T045121Z", b"20271230T120007Z"),
        ("__DATE__", b"20261125045121", b"20271230120007"),
        ("__DATE__", b"stamp 1795582281", b"stamp 1830142281"),
    ],
)
@pytest.mark.parametrize("frame", [b"", BINARY], ids=["text", "binary"])
def test_a_cause_in_text_and_in_a_program_is_named(cause: str, first: bytes, second: bytes, frame: bytes) -> None:
    assert causes(frame + first + b"\0" * bool(frame) + frame, frame + second + b"\0" * bool(frame) + frame) == {("/f", cause)}


def test_several_causes_in_one_file_are_all_named() -> None:
    first = b"in /builddir/x\non buildhost\nby builder\nsame\n"
    second = b"in /var/lib/another/place/x\non elsewhere\nby somebody\nsame\n"
    assert causes(first, second) == {("/f", "build path"), ("/f", "host name"), ("/f", "user")}


def test_what_nobody_knows_is_content_with_the_first_byte_that_differs() -> None:
    (difference,) = explain(b"same then ABC", b"same then XYZ")
    assert (difference.cause, difference.first, difference.second) == ("content", "byte 10: ABC", "byte 10: XYZ")
    (difference,) = explain(b"\0\1\2", b"\0\1\2\3")
    assert (difference.first, difference.second) == ("ends at byte 3", "byte 3: 03")


def test_a_known_cause_does_not_hide_what_else_differs() -> None:
    assert causes(b"buildhost\nA\n", b"elsewhere\nB\n") == {("/f", "host name"), ("/f", "content")}


def test_the_same_lines_in_another_order() -> None:
    assert causes(b"a\nb\nc\n", b"a\nc\nb\n") == {("/f", "archive order")}


def test_paths_are_recognized_where_the_builders_are_not_known() -> None:
    assert causes(b"/home/me/rpmbuild/BUILD/x.c", b"/builddir/build/BUILD/x.c", known=False) == {("/f", "build path")}


@pytest.mark.parametrize("make", [make_tar, make_cpio, make_ar], ids=["tar", "cpio", "ar"])
def test_archives_are_taken_apart(make: Maker) -> None:
    one, two = ("a", b"1"), ("b", b"22")
    name = "a/" if make is make_ar else "a"
    assert causes(make(one, mtime=1), make(one, mtime=2)) == {(f"/f > {name}", "mtime")}
    assert causes(make(one, two), make(two, one)) == {("/f", "archive order")} | (
        {("/f > a", "inode"), ("/f > b", "inode")} if make is make_cpio else set()
    )
    assert causes(make(("a", b"buildhost")), make(("a", b"elsewhere"))) == {(f"/f > {name}", "host name")}
    found = causes(make(one, two), make(one))
    assert ("/f > b/" if make is make_ar else "/f > b", "missing") in found


def test_traits_of_members_are_told() -> None:
    one = ("a", b"1")
    assert causes(make_tar(one, mode=0o644), make_tar(one, mode=0o640)) == {("/f > a", "mode")}
    assert causes(make_tar(one, uid=1000, uname="builder"), make_tar(one, uid=0)) == {("/f > a", "user")}
    assert causes(make_cpio(one, inode=1), make_cpio(one, inode=9)) == {("/f > a", "inode")}
    assert causes(make_zip(b"x", 2020), make_zip(b"x", 2021)) == {("/f > member", "mtime")}
    assert causes(make_ar(one, mtime=1), make_ar(one, mtime=999_999_999_999)) == {("/f > a/", "mtime")}


def test_gzip_headers_and_content_are_told_apart() -> None:
    assert causes(gzip.compress(b"x", mtime=1), gzip.compress(b"x", mtime=2)) == {("/f", "gzip header")}
    assert causes(gzip.compress(b"buildhost", mtime=1), gzip.compress(b"elsewhere", mtime=1)) == {("/f > content", "host name")}
    assert causes(gzip.compress(b"x" * 999, 1, mtime=0), gzip.compress(b"x" * 999, 9, mtime=0)) == {
        ("/f", "compression")  # that the level is in the header, too, is no cause of its own
    }


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, gzip.compress])
def test_compressed_content_is_looked_into(compress: Maker) -> None:
    first, second = (make_tar(("a", host)) for host in (b"buildhost", b"elsewhere"))
    found = {cause for cause in causes(compress(first), compress(second)) if cause[1] != "gzip header"}
    assert found == {("/f > content > a", "host name")}


def test_another_level_of_compression_is_no_other_content() -> None:
    data = bytes(range(256)) * 400
    assert causes(bz2.compress(data, 1), bz2.compress(data, 9)) == {("/f", "compression")}


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd on PATH")
def test_zstd_is_looked_into() -> None:
    first, second = (
        subprocess.run(["zstd", "-c"], input=host, capture_output=True).stdout for host in (b"buildhost", b"elsewhere")
    )
    assert causes(first, second) == {("/f > content", "host name")}


@pytest.mark.parametrize("pack", [bytes, lambda data: gzip.compress(data, mtime=0)], ids=["raw", "gzip"])
@pytest.mark.parametrize("frame", ["image", "kernel"])
def test_an_embedded_initramfs_is_found(pack: Maker, frame: str) -> None:
    first, second = (BINARY * 30 + pack(make_cpio(("init", b"#!"), mtime=mtime)) + BINARY for mtime in (1, 2))
    inside = "initramfs > init" if pack is bytes else "initramfs > content > init"
    if frame == "image":
        assert causes(first, second) == {(f"/f > {inside}", "embedded initramfs")}
        return
    assert causes(make_kernel(first), make_kernel(second)) == {(f"/f > vmlinux > {inside}", "embedded initramfs")}


def make_program(folder: Path, source: str, *flags: str) -> bytes:
    path = folder / "program.so"
    subprocess.run(["gcc", "-shared", "-o", path, "-x", "c", "-", *flags], input=source, text=True, check=True)
    return path.read_bytes()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on PATH")
def test_programs_are_told_by_their_sections(tmp_path: Path) -> None:
    first, second = (make_program(tmp_path, "int x;", f"-Wl,--build-id=0x{number * 20}") for number in ("11", "22"))
    assert causes(first, second) == {("/f > .note.gnu.build-id", "build-id")}
    first, second = (make_program(tmp_path, f'char *host = "{host}";', "-Wl,--build-id") for host in ("buildhost", "elsewhere"))
    found = explain(first, second)
    assert [(one.place, one.cause) for one in found if one.cause != "consequence"] == [("/f > .rodata", "host name")]
    assert ("/f > .note.gnu.build-id", "consequence") in {(one.place, one.cause) for one in found}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on PATH")
def test_an_initramfs_in_a_section_of_a_kernel_is_found(tmp_path: Path) -> None:
    made = []
    for mtime in (1, 2):
        (tmp_path / "cpio.gz").write_bytes(gzip.compress(make_cpio(("init", b"#!"), mtime=mtime), mtime=0))
        source = f'__asm__(".section .init.ramfs,\\"a\\"\\n.incbin \\"{tmp_path}/cpio.gz\\"\\n.previous\\n");'
        made.append(make_program(tmp_path, source, "-Wl,--build-id=none"))
    assert causes(*made) == {("/f > initramfs > content > init", "embedded initramfs")}


@pytest.mark.parametrize(
    "make", [make_tar, make_cpio, make_ar, lambda *m: gzip.compress(m[0][1]), lambda *m: make_kernel(m[0][1])]
)
def test_damaged_containers_are_content(make: Maker) -> None:
    whole = make(("a", b"buildhost" * 50))
    for cut in (7, 20, 33, len(whole) // 2, len(whole) - 3):
        assert explain(whole, whole[:cut])
        assert explain(whole[:cut], whole[:cut] + b"?")


def test_containers_in_containers_end_somewhere() -> None:
    first, second = b"buildhost", b"elsewhere"
    for _ in range(9):
        first, second = gzip.compress(first, mtime=0), gzip.compress(second, mtime=0)
    assert explain(first, second)


MAGICS = (
    b"", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"070701", b"!<arch>\n", b"\x7fELF\x02\x01", b"PK\x03\x04",
    b"0" * 257 + b"ustar",
)  # fmt: skip


@given(first=st.binary(max_size=300), second=st.binary(max_size=300), magic=st.sampled_from(MAGICS))
def test_there_is_a_reason_exactly_for_what_differs(first: bytes, second: bytes, magic: bytes) -> None:
    found = explain(magic + first, magic + second)
    assert bool(found) == (first != second)
    assert all(difference.cause in CAUSES for difference in found)
    assert bool(explain(magic + second, magic + first)) == bool(found)


@given(data=st.binary(max_size=500))
def test_no_bytes_make_the_openers_fall_over(data: bytes) -> None:
    for magic in (b"", b"\x1f\x8b\x08", b"070701", b"!<arch>\n", b"\x7fELF\x02\x01\x01", struct.pack("<512x2xI", 0x53726448)):
        open_container(magic + data)
