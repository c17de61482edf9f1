"""Files taken apart: damaged and hostile ones end as no container, and no byte of a whole one is out of sight."""

import bz2
import gzip
import io
import lzma
import random
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tproxy_rpms.repro.container import open_container
from tproxy_rpms.repro.stream import measure_zstd, read_stream, read_streams

from .test_content import BINARY, causes, explain, make_ar, make_cpio, make_kernel, make_tar, make_zip

pytestmark = pytest.mark.timeout(60)
needs_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd on PATH")


def compress_zstd(data: bytes, *flags: str) -> bytes:
    return subprocess.run(["zstd", "-cq", *flags], input=data, capture_output=True, check=True).stdout


def compress_gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


COMPRESSORS = {"gzip": compress_gzip, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": compress_zstd}
each_compressor = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=needs_zstd if kind == "zstd" else ()) for kind in COMPRESSORS]
)
NOISE = random.Random(7).randbytes(5000)


@each_compressor
def test_compressed_data_ends_where_it_ends(kind: str) -> None:
    for content in (b"", b"x", b"x" * 400_000, NOISE, NOISE * 90):
        packed = COMPRESSORS[kind](content)
        stream = read_stream(packed + b"behind")
        assert (stream.kind, stream.content, stream.size) == (kind, content, len(packed))
        both = read_streams(packed + packed + b"behind")
        assert both is not None and (both.content, both.size) == (content * 2, len(packed) * 2)


@each_compressor
def test_what_lies_behind_compressed_data_is_not_another_compression(kind: str) -> None:
    packed = COMPRESSORS[kind](b"content")
    assert causes(packed + b"on buildhost", packed + b"on elsewhere") == {("/f > behind", "host name")}
    first, second = (packed + COMPRESSORS[kind](b" on " + host) for host in (b"buildhost", b"elsewhere"))
    assert causes(first, second) == {("/f > content", "host name")}


@each_compressor
def test_compressed_data_that_is_cut_or_grows_too_large_is_no_container(kind: str) -> None:
    packed = COMPRESSORS[kind](NOISE)
    for cut in (len(packed) - 1, len(packed) // 2, 12):
        assert open_container(packed[:cut]) is None
        assert {cause for _, cause in causes(packed[:cut], packed[: cut - 1])} == {"content"}
    with pytest.raises(ValueError, match="grow"):
        read_stream(COMPRESSORS[kind](b"\0" * 100_000), room=99_999)
    assert read_stream(COMPRESSORS[kind](b"\0" * 100_000), room=100_001).content == b"\0" * 100_000


@needs_zstd
@pytest.mark.parametrize("flags", [(), ("--no-check",), ("-19",), ("--no-content-size",), ("--fast=3",), ("--long=27",)])
def test_zstd_frames_of_every_form_are_measured(flags: tuple[str, ...]) -> None:
    for content in (b"", b"a", NOISE[:300], NOISE * 3, b"\0" * 300_000):
        packed = compress_zstd(content, *flags)
        assert measure_zstd(packed + b"\xff" * 9) == len(packed)


def test_only_the_level_of_gzip_is_compression_and_no_header() -> None:
    (difference,) = explain(gzip.compress(BINARY * 9, 1, mtime=0), gzip.compress(BINARY * 9, 9, mtime=0))
    assert (difference.place, difference.cause) == ("/f", "compression")
    both = causes(gzip.compress(BINARY * 9, 1, mtime=1), gzip.compress(BINARY * 9, 9, mtime=2))
    assert both == {("/f", "gzip header"), ("/f", "compression")}


def test_gzip_headers_with_everything_in_them_are_measured() -> None:
    body = compress_gzip(b"content")[10:]
    head = b"\x1f\x8b\x08" + bytes([2 | 4 | 8 | 16]) + b"\0\0\0\0\0\xff" + b"\x03\0abc" + b"name\0" + b"comment\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    stream = read_stream(head + body)
    assert (stream.content, stream.head, stream.packed) == (b"content", head, body)
    (difference,) = explain(head + body, compress_gzip(b"content"))
    assert (difference.place, difference.cause) == ("/f", "gzip header")


def make_xz_kernel(content: bytes, *, version: int = 0x20F) -> bytes:
    """A bzImage with an xz kernel at the place that its header tells, as Debian's is; decoys of gzip's magic around it."""
    head = bytearray(0x600)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    struct.pack_into("<I", head, 0x248, 0x200)
    head[0x500:0x503] = b"\x1f\x8b\x08"
    return bytes(head) + lzma.compress(content, format=lzma.FORMAT_XZ) + b"behind"


@pytest.mark.parametrize("version", [0x20F, 0x207])
def test_a_kernel_is_found_whatever_looks_like_compressed_data_before_it(version: int) -> None:
    first, second = (make_xz_kernel(BINARY + host + BINARY, version=version) for host in (b" buildhost ", b" elsewhere "))
    assert causes(first, second) == {("/f > vmlinux", "host name")}
    assert causes(first[:-6] + b"buildhost", first[:-6] + b"elsewhere") == {("/f > behind", "host name")}
    assert causes(b"A" + first[1:], b"B" + first[1:]) == {("/f > setup", "content")}


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_an_initramfs_is_found_at_any_offset_with_any_content(offset: int) -> None:
    first, second = (
        BINARY + b"\0" * offset + make_cpio(("init", b"TRAILER!!!"), ("b", b"12345"), mtime=mtime) + BINARY for mtime in (1, 2)
    )
    assert causes(first, second) == {(f"/f > initramfs > {name}", "embedded initramfs") for name in ("init", "b")}


def test_the_gzip_header_of_an_initramfs_is_told_as_such() -> None:
    first, second = (BINARY + gzip.compress(make_cpio(("init", b"#!")), mtime=mtime) + BINARY for mtime in (1, 2))
    assert causes(first, second) == {("/f > initramfs", "gzip header")}


def test_what_lies_behind_a_cpio_archive_is_looked_into() -> None:
    early = make_cpio(("microcode", b"1")) + b"\0" * 512
    first, second = (early + compress_gzip(make_cpio(("init", host))) for host in (b"buildhost", b"elsewhere"))
    assert causes(first, second) == {("/f > behind > initramfs > content > init", "host name")}


def test_the_device_of_cpio_members_counts_as_the_inode_does() -> None:
    archive = make_cpio(("a", b"1"))
    other = archive[:62] + b"00000008" + archive[70:]
    assert causes(archive, other) == {("/f > a", "inode")}


def test_names_that_are_no_text_can_be_printed() -> None:
    made = []
    for mtime in (1, 2):
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "caf\udce9"
            for info in (tarfile.TarInfo("caf\udce9"), link):
                info.mtime, info.uname = mtime, "r\udce9"
                archive.addfile(info)
        made.append(output.getvalue())
    found = explain(*made)
    assert {(one.place, one.cause) for one in found} == {("/f > caf\\xe9", "mtime"), ("/f > link", "mtime")}
    assert all(one.place.encode() for one in found)


def test_a_member_too_many_is_told_of_the_side_that_has_it() -> None:
    one = ("a", b"1")
    (difference,) = explain(make_tar(one), make_tar(one, one))
    assert (difference.place, difference.cause, difference.first) == ("/f > a", "missing", "1 in the second alone")


@pytest.mark.parametrize("ending", [(b"a\nb\n", b"a\r\nb\r\n"), (b"a\nb\n", b"a\nb")])
def test_other_ends_of_lines_are_no_other_order(ending: tuple[bytes, bytes]) -> None:
    assert causes(*ending) == {("/f", "content")}


def change(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def make_sparse(size: int) -> bytes:
    """A tar archive with a sparse file of any size in a few bytes."""
    head = bytearray(make_tar(("a", b""))[:512])
    head[156:157] = b"S"
    head[483:495] = b"\x80\0\0\0" + size.to_bytes(8)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + b"\0" * 1024


def make_overlap(sections: int) -> bytes:
    """A program each of whose sections is the whole file: as much memory as their product."""
    size = 64 + sections * 64
    data = bytearray(size)
    data[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", data, 40, 64)
    struct.pack_into("<HHH", data, 58, 64, sections, 0)
    for index in range(sections):
        struct.pack_into("<IIQQQQ", data, 64 + 64 * index, 0, 1, 0, 0, 0, size)
    return bytes(data)


def make_encrypted() -> bytes:
    """A zip archive with a member that wants a password."""
    data = bytearray(make_zip(b"x" * 30, 2020))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def make_zip_of(method: int) -> bytes:
    """A zip archive whose member is compressed by a method that nobody has."""
    data = bytearray(make_zip(b"x", 2020))
    data[8] = data[data.index(b"PK\x01\x02") + 10] = method
    return bytes(data)


HOSTILE = {
    "ar, negative size": change(make_ar(("a", b"1" * 90)), 8 + 48, b"-60       "),
    "ar, no number": change(make_ar(("a", b"1")), 8 + 48, b"1_0       "),
    "ar, too large": change(make_ar(("a", b"1")), 8 + 48, b"9999999999"),
    "tar, sparse": make_sparse(257 << 20),
    "ELF, overlapping sections": make_overlap(900),
    "zip, encrypted": make_encrypted(),
    "zip, unknown method": make_zip_of(99),
    "zip, cut": make_zip(b"x", 2020)[:-5],
    "cpio, negative size": change(make_cpio(("a", b"1" * 99)), 54, b"-0000098")[:-124],
    "cpio, name without end": change(make_cpio(("a", b"1")), 94, b"ffffffff")[:-124],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_containers_are_none_and_still_have_a_reason(name: str) -> None:
    data = HOSTILE[name]
    assert open_container(data) is None
    assert causes(data, data + b"x") == {("/f", "content")}


def test_numbers_that_only_look_like_numbers_are_shown_as_they_are() -> None:
    archive = make_ar(("a", b"1"))
    (difference,) = explain(change(archive, 8 + 16, "²".encode()), archive)
    assert (difference.cause, difference.first) == ("mtime", "²")


WHOLE: dict[str, Callable[[], bytes]] = {
    "tar": lambda: make_tar(("a", b"1"), ("b", b"2" * 700)), "cpio": lambda: make_cpio(("a", b"1"), ("b", b"2" * 70)),
    "ar": lambda: make_ar(("a", b"1"), ("b", b"2" * 70)), "zip": lambda: make_zip(b"member", 2021),
    "gzip": lambda: compress_gzip(b"content"), "xz": lambda: lzma.compress(b"content"), "bzip2": lambda: bz2.compress(b"content"),
    "kernel": lambda: make_kernel(make_cpio(("a", b"1"))), "ELF": lambda: make_overlap(3) + b"\0" * 600,
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_raises_and_each_has_a_reason_on_both_sides(kind: str, data: st.DataObject) -> None:
    whole = WHOLE[kind]()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    assert bool(explain(whole, bytes(damaged))) == bool(explain(bytes(damaged), whole)) == (whole != damaged)


def test_containers_are_opened_to_a_depth_and_no_deeper() -> None:
    first, second = b"on buildhost", b"on elsewhere"
    for _ in range(6):
        first, second = compress_gzip(first), compress_gzip(second)
    assert causes(first, second) == {("/f" + " > content" * 6, "host name")}
    first, second = compress_gzip(first), compress_gzip(second)
    assert causes(first, second) == {("/f" + " > content" * 6, "content")}


def test_archives_of_too_many_members_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.repro.member.MOST_MEMBERS", 3)
    monkeypatch.setattr("tproxy_rpms.repro.archive.MOST_MEMBERS", 3)
    members = [(f"f{number}", b"") for number in range(4)]
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    for few, many in ((make_tar(*members[:3]), make_tar(*members)), (make_ar(*members[:3]), make_ar(*members))):
        assert open_container(few) is not None
        assert open_container(many) is None
    assert open_container(output.getvalue()) is None
