"""The payload of an RPM: its files' content, read by librpm, which knows every compressor and archive that rpm has had."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from tproxy_rpms.errors import BuildError
from tproxy_rpms.librpm import load_rpm
from tproxy_rpms.repro.archive import CPIO, HEADER_SIZE, align

CHUNK = 1 << 20

# The most bytes of content that are held at once, of each RPM.
MOST = 256 << 20


@contextmanager
def open_payload(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield librpm's header and the payload as a stream, decompressed. Raises BuildError where it cannot be read."""
    rpm = load_rpm()

    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES | rpm._RPMVSF_NODIGESTS)
    try:
        with path.open("rb") as stream:
            header = transaction.hdrFromFdno(stream.fileno())
            yield header, rpm.fd(stream.fileno(), "r", header[rpm.RPMTAG_PAYLOADCOMPRESSOR] or "gzip")
    except (OSError, rpm.error) as error:
        raise BuildError(
            f"{path}: the payload cannot be read: {error}", hint="the file is damaged: build or fetch it again"
        ) from error


def read_files(path: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the content of some files of an RPM; those beyond MOST bytes in all are left out.

    Args:
        wanted: paths as the header has them.
    """
    rpm = load_rpm()

    found: dict[str, bytes] = {}
    room = MOST
    with open_payload(path) as (header, stream):
        archive = rpm.files(header).archive(stream)
        for entry in archive:
            name = str(entry.name)
            if name in wanted and archive.hascontent() and entry.size <= room:
                found[name] = read_bytes(archive, entry.size)  # to read on at the end is an error of xz
                room -= len(found[name])
    return found


def compare_archives(first: Path, second: Path) -> Literal["same", "inodes", "different"]:
    """Return whether two payloads hold the same archive, however compressed, or differ in inodes and devices alone.

    rpm before 4.10 packs the numbers that files had where they were built. They say nothing but which names are one file.
    """
    same = True
    with open_payload(first) as (_, ours), open_payload(second) as (_, theirs):
        for one, two in zip_longest(list_pieces(ours), list_pieces(theirs)):
            if one != two and (one is None or two is None or clear_numbers(one) != clear_numbers(two)):
                return "different"
            same = same and one == two
    return "same" if same else "inodes"


def list_pieces(stream: Any) -> Iterator[bytes]:
    """Yield an archive in pieces: each member's header with its name, and its content; what is no newc archive as it comes."""
    while head := read_bytes(stream, HEADER_SIZE):
        if not head.startswith(CPIO):
            yield b"\0" + head
            yield from (b"\0" + piece for piece in iter(lambda: read_bytes(stream, CHUNK), b""))
            return
        size, name_size = int(head[54:62], 16), int(head[94:102], 16)
        yield head + read_bytes(stream, align(HEADER_SIZE + name_size) - HEADER_SIZE)
        left = align(size)
        while left and (piece := read_bytes(stream, min(left, CHUNK))):
            left -= len(piece)
            yield b"\0" + piece


def clear_numbers(piece: bytes) -> bytes:
    """Return a member's header without its inode and device; content, which begins with a zero here, stays as it is."""
    return piece[:6] + piece[14:62] + piece[78:] if piece.startswith(CPIO) else piece


def read_bytes(stream: Any, size: int) -> bytes:
    """Return that many bytes of a stream, fewer only at its end."""
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data
