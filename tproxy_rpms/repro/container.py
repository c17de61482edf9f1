"""What is inside of a file: archives and compressed data taken apart, as far as that costs little.

Formats: gzip RFC 1952; ar as in ar(5); cpio's newc as in cpio(5); ELF as in elf(5); bzImage as in the kernel's
Documentation/x86/boot.rst ("HdrS" at 0x202).
"""

import bz2
import io
import lzma
import re
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

# The most bytes that compressed data may grow to, and the most members that an archive may have.
MOST_BYTES, MOST_MEMBERS = 256 << 20, 20_000

GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
ELF, CPIO, AR = b"\x7fELF", (b"070701", b"070702"), b"!<arch>\n"

# A cpio archive somewhere in data: magic and thirteen numbers of eight hex digits.
EMBEDDED_CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}")
HEADER_SIZE = 110

INITRAMFS = "initramfs"

# What reading something damaged raises.
DAMAGE = (
    ValueError, LookupError, OSError, EOFError, struct.error, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member of an archive, or one section of a program.

    Fields:
        traits: a cause → the value that it would differ in: ("mtime", 1793491200).
    """

    name: str
    content: bytes
    traits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Container:
    """A file taken apart.

    Fields:
        kind: its format. head: bytes beside the members that count, such as gzip's header.
        ordered: whether the order of the members is its own, so that another order is a difference.
    """

    kind: str
    members: tuple[Member, ...]
    head: bytes = b""
    ordered: bool = False


def open_container(data: bytes) -> Container | None:
    """Return a file taken apart; None for what is no container, or is damaged, or too large."""
    for opener in OPENERS:
        try:
            container = opener(data)
        except DAMAGE:
            continue
        if container is not None and len(container.members) <= MOST_MEMBERS:
            return container
    return None


def open_gzip(data: bytes) -> Container | None:
    """Return gzip's header and its content."""
    if not data.startswith(GZIP):
        return None
    unpacker = zlib.decompressobj(31)
    content = unpacker.decompress(data, MOST_BYTES)
    head = data[: measure_gzip_header(data)]
    return Container(kind="gzip", members=(Member(name="content", content=content),), head=head) if unpacker.eof else None


def measure_gzip_header(data: bytes) -> int:
    """Return the bytes of a gzip header: ten, and a name or a comment that end with a zero."""
    size, flags = 10, data[3]
    if flags & 4:
        size += 2 + struct.unpack_from("<H", data, size)[0]
    for flag in (8, 16):
        size = data.index(b"\0", size) + 1 if flags & flag else size
    return size


def open_compressed(data: bytes) -> Container | None:
    """Return the content of bzip2, xz or zstd data."""
    for kind, magic in (("bzip2", BZIP2), ("xz", XZ), ("zstd", ZSTD)):
        if data.startswith(magic):
            content = unpack(data, magic)
            return Container(kind=kind, members=(Member(name="content", content=content),)) if content else None
    return None


def unpack(data: bytes, magic: bytes) -> bytes:
    """Return what compressed data begins with; what lies behind it does not matter."""
    if magic == GZIP:
        return zlib.decompressobj(31).decompress(data, MOST_BYTES)
    if magic == BZIP2:
        return bz2.BZ2Decompressor().decompress(data, MOST_BYTES)
    if magic == XZ:
        return lzma.LZMADecompressor().decompress(data, MOST_BYTES)
    # zstd writes each frame before it meets the garbage behind the last one.
    return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout[:MOST_BYTES]


def open_tar(data: bytes) -> Container | None:
    """Return the members of a tar archive."""
    if data[257:262] != b"ustar":
        return None
    members = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isfile() else None
            owner = f"{info.uname}({info.uid}):{info.gname}({info.gid})"
            traits = (("mtime", str(info.mtime)), ("mode", f"{info.mode:o}"), ("user", owner))
            content = stream.read() if stream else info.linkname.encode()
            members.append(Member(name=info.name, content=content, traits=traits))
    return Container(kind="tar", members=tuple(members), ordered=True)


def open_ar(data: bytes) -> Container | None:
    """Return the members of a static library; its index, which has a time of its own, is one of them."""
    if not data.startswith(AR):
        return None
    members, at = [], len(AR)
    while at + 60 <= len(data):
        name, mtime, uid, gid, mode, size = (
            data[at + start : at + end].decode().strip()
            for start, end in ((0, 16), (16, 28), (28, 34), (34, 40), (40, 48), (48, 58))
        )
        content = data[at + 60 : at + 60 + int(size)]
        traits = (("mtime", mtime), ("user", f"{uid}:{gid}"), ("mode", mode))
        members.append(Member(name=name or "index", content=content, traits=traits))
        at += 60 + int(size) + int(size) % 2
    return Container(kind="ar", members=tuple(members), ordered=True)


def open_zip(data: bytes) -> Container | None:
    """Return the members of a zip archive."""
    if not data.startswith(b"PK\x03\x04"):
        return None
    members = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.file_size > MOST_BYTES:
                return None
            traits = (("mtime", str(info.date_time)), ("mode", f"{info.external_attr >> 16:o}"))
            members.append(Member(name=info.filename, content=archive.read(info), traits=traits))
    return Container(kind="zip", members=tuple(members), ordered=True)


def open_cpio(data: bytes) -> Container | None:
    """Return the members of a cpio archive that a file begins with."""
    return read_cpio(data) if data.startswith(CPIO) else None


def read_cpio(data: bytes) -> Container:
    """Return the members of a newc archive; bytes behind its trailer do not matter."""
    members: list[Member] = []
    at = 0
    while data[at : at + 6] in CPIO:
        numbers = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        inode, mode, uid, gid, _links, mtime, size, *_devices, name_size, _check = numbers
        name = data[at + HEADER_SIZE : at + HEADER_SIZE + name_size - 1].decode(errors="backslashreplace")
        start = align(at + HEADER_SIZE + name_size)
        if name == "TRAILER!!!":
            return Container(kind="cpio", members=tuple(members), ordered=True)
        traits = (("mtime", str(mtime)), ("mode", f"{mode:o}"), ("user", f"{uid}:{gid}"), ("inode", str(inode)))
        members.append(Member(name=name, content=data[start : start + size], traits=traits))
        at = align(start + size)
    raise ValueError("a cpio archive without trailer")


def align(offset: int) -> int:
    """Return an offset rounded up to four bytes."""
    return offset + -offset % 4


def open_elf(data: bytes) -> Container | None:
    """Return the sections of a program, library or object that have bytes in the file; an initramfs in them comes first."""
    if not data.startswith(ELF) or len(data) < 64:
        return None
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    if wide:
        table, size, count, names_at = struct.unpack_from(order + "40xQ10xHHH", data)
    else:
        table, size, count, names_at = struct.unpack_from(order + "32xI10xHHH", data)
    form = order + ("IIQQQQ" if wide else "IIIIII")
    headers = [struct.unpack_from(form, data, table + size * index) for index in range(count)]
    if not headers or names_at >= len(headers):
        return None
    names = data[headers[names_at][4] :]
    sections = []
    for name_at, kind, _flags, _address, offset, length in headers:
        name = names[name_at : names.index(b"\0", name_at)].decode(errors="backslashreplace")
        if kind not in (0, 8):  # SHT_NULL, SHT_NOBITS
            sections.append(Member(name=name or "section", content=data[offset : offset + length]))
    return Container(kind="ELF", members=(*split_initramfs(sections), Member(name="ELF headers", content=data[:64])))


def split_initramfs(sections: Sequence[Member]) -> Iterator[Member]:
    """Yield sections, and what is an initramfs in one of the kernel's as a member of its own."""
    for section in sections:
        found = find_initramfs(section.content) if section.name.startswith(".init") else None
        if found is None:
            yield section
            continue
        start, end, archive = found
        yield Member(name=INITRAMFS, content=archive)
        yield Member(name=section.name, content=section.content[:start] + section.content[end:])


def open_kernel(data: bytes) -> Container | None:
    """Return the kernel in a bzImage."""
    if data[0x202:0x206] != b"HdrS":
        return None
    for magic in (GZIP, XZ, ZSTD, BZIP2):
        at = data.find(magic, 0x400)
        content = unpack(data[at:], magic) if at > 0 else b""
        if content:
            head = data[at : at + 10] if magic == GZIP else b""
            return Container(
                kind="gzip" if magic == GZIP else "kernel", head=head,
                members=(Member(name="vmlinux", content=content), Member(name="setup", content=data[0x1F1:at])),
            )  # fmt: skip
    return None


def open_image(data: bytes) -> Container | None:
    """Return an initramfs that lies somewhere in data of another kind, and what is around it."""
    found = find_initramfs(data)
    if found is None:
        return None
    start, end, archive = found
    return Container(
        kind="image",
        members=(Member(name=INITRAMFS, content=archive), Member(name="around", content=data[:start] + data[end:])),
    )


def find_initramfs(data: bytes) -> tuple[int, int, bytes] | None:
    """Return where an initramfs lies in data, from byte to byte, and its archive, unpacked; None if there is none."""
    found = EMBEDDED_CPIO.search(data)
    if found:
        end = data.find(b"TRAILER!!!", found.start())
        return (found.start(), end + 11, data[found.start() : align(end + 11)]) if end > 0 else None
    for magic in (GZIP, XZ, ZSTD, BZIP2):
        at = data.find(magic)
        while at >= 0:
            start = peek(data[at : at + (1 << 16)], magic)
            if start.startswith(CPIO):
                return at, len(data), unpack(data[at:], magic)
            at = data.find(magic, at + 1)
    return None


def peek(data: bytes, magic: bytes) -> bytes:
    """Return the first bytes of what may be compressed data, or nothing."""
    try:
        return unpack(data, magic)[:16]
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return b""


OPENERS: tuple[Callable[[bytes], Container | None], ...] = (
    open_gzip, open_compressed, open_cpio, open_ar, open_zip, open_tar, open_elf, open_kernel, open_image,
)  # fmt: skip
