"""The members of archives, and the content of compressed data.

Formats: ar as in ar(5); cpio's newc as in cpio(5).
"""

import io
import re
import tarfile
import zipfile

from tproxy_rpms.repro.member import MOST_MEMBERS, Container, Member, take
from tproxy_rpms.repro.stream import MOST_BYTES, read_streams

CPIO, AR = (b"070701", b"070702"), b"!<arch>\n"

# The header of a member of a cpio archive: magic and thirteen numbers of eight hex digits; and its last member's name.
CPIO_HEADER = re.compile(rb"07070[12][0-9A-Fa-f]{104}")
HEADER_SIZE, TRAILER = 110, b"TRAILER!!!"


def open_compressed(data: bytes) -> Container | None:
    """Return the content of compressed data, and what lies behind it."""
    stream = read_streams(data)
    if stream is None:
        return None
    members = [Member(name="content", content=stream.content)]
    if behind := data[stream.size :]:
        members.append(Member(name="behind", content=behind))
    return Container(kind=stream.kind, members=tuple(members), head=stream.head, packed=stream.packed)


def open_tar(data: bytes) -> Container | None:
    """Return the members of a tar archive."""
    if data[257:262] != b"ustar":
        return None
    members: list[Member] = []
    left = MOST_BYTES
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for info in archive:
            left = take(left, info.size, len(members))  # a sparse file may claim any size
            stream = archive.extractfile(info) if info.isfile() else None
            owner = f"{info.uname}({info.uid}):{info.gname}({info.gid})"
            traits = (("mtime", str(info.mtime)), ("mode", f"{info.mode:o}"), ("user", show_name(owner)))
            content = stream.read() if stream else info.linkname.encode(errors="surrogateescape")
            members.append(Member(name=show_name(info.name), content=content, traits=traits))
    return Container(kind="tar", members=tuple(members), ordered=True)


def show_name(name: str) -> str:
    """Return a name as tarfile has it with bytes that are no UTF-8 written out, so that it can be printed."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def open_ar(data: bytes) -> Container | None:
    """Return the members of a static library; its index, which has a time of its own, is one of them."""
    if not data.startswith(AR):
        return None
    members: list[Member] = []
    at, left = len(AR), MOST_BYTES
    while at + 60 <= len(data):
        name, mtime, uid, gid, mode, size = (
            data[at + start : at + end].decode().strip()
            for start, end in ((0, 16), (16, 28), (28, 34), (34, 40), (40, 48), (48, 58))
        )
        if not size.isdecimal() or at + 60 + int(size) > len(data):
            raise ValueError("a damaged ar archive")
        left = take(left, int(size), len(members))
        content = data[at + 60 : at + 60 + int(size)]
        traits = (("mtime", mtime), ("user", f"{uid}:{gid}"), ("mode", mode))
        members.append(Member(name=name or "index", content=content, traits=traits))
        at += 60 + int(size) + int(size) % 2
    return Container(kind="ar", members=tuple(members), ordered=True)


def open_zip(data: bytes) -> Container | None:
    """Return the members of a zip archive."""
    if not data.startswith(b"PK\x03\x04"):
        return None
    members: list[Member] = []
    left = MOST_BYTES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            left = take(left, info.file_size, len(members))
            traits = (("mtime", str(info.date_time)), ("mode", f"{info.external_attr >> 16:o}"))
            members.append(Member(name=info.filename, content=archive.read(info), traits=traits))
    return Container(kind="zip", members=tuple(members), ordered=True)


def open_cpio(data: bytes) -> Container | None:
    """Return the members of a cpio archive that a file begins with."""
    return read_cpio(data) if data.startswith(CPIO) else None


def read_cpio(data: bytes) -> Container:
    """Return the members of a newc archive, and what lies behind it but for zeros. Raises ValueError for a damaged one."""
    members: list[Member] = []
    at = 0
    while CPIO_HEADER.match(data, at) and len(members) < MOST_MEMBERS:
        numbers = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        inode, mode, uid, gid, _links, mtime, size, major, minor, _rmajor, _rminor, name_size, _check = numbers
        name = data[at + HEADER_SIZE : at + HEADER_SIZE + name_size - 1].decode(errors="backslashreplace")
        start = align(at + HEADER_SIZE + name_size)
        if name == TRAILER.decode():
            if data[start:].strip(b"\0"):
                members.append(Member(name="behind", content=data[start:]))
            return Container(kind="cpio", members=tuple(members), ordered=True)
        node = f"{inode} on {major}:{minor}"
        traits = (("mtime", str(mtime)), ("mode", f"{mode:o}"), ("user", f"{uid}:{gid}"), ("inode", node))
        members.append(Member(name=name, content=data[start : start + size], traits=traits))
        at = align(start + size)
    raise ValueError("a cpio archive without trailer")


def measure_cpio(data: bytes, at: int) -> int:
    """Return where the archive that begins at an offset of some data ends. Raises ValueError if it does not."""
    start = at
    while CPIO_HEADER.match(data, at):
        size, name_size = int(data[at + 54 : at + 62], 16), int(data[at + 94 : at + 102], 16)
        name_at, content_at = at + HEADER_SIZE, start + align(at + HEADER_SIZE + name_size - start)
        if data[name_at : name_at + name_size].rstrip(b"\0") == TRAILER:
            return min(content_at, len(data))
        at = start + align(content_at + size - start)
    raise ValueError("a cpio archive without trailer")


def align(offset: int) -> int:
    """Return an offset rounded up to four bytes."""
    return offset + -offset % 4
