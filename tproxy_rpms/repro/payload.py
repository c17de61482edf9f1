"""The payload of an RPM: its files' content, read by librpm, which knows every compressor and archive that rpm has had."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from tproxy_rpms.errors import BuildError
from tproxy_rpms.librpm import load_rpm
from tproxy_rpms.repro.archive import CPIO_HEADER, HEADER_SIZE, align
from tproxy_rpms.repro.stream import DAMAGE, find_kind, make_unpacker

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
        raise tell_damage(path, error) from error


def tell_damage(path: Path, error: Exception) -> BuildError:
    """Return the error of a payload that cannot be read."""
    return BuildError(f"{path}: the payload cannot be read: {error}", hint="the file is damaged: build or fetch it again")


def read_files(path: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the content of some files of an RPM, under each name of a hard link; those beyond MOST bytes in all are left out.

    Args:
        wanted: paths as the header has them.
    """
    rpm = load_rpm()

    found: dict[str, bytes] = {}
    room = MOST
    with open_payload(path) as (header, stream):
        archive = rpm.files(header).archive(stream)
        for entry in archive:
            names = {str(link.name) for link in entry.links or (entry,)} & set(wanted)
            if names and archive.hascontent() and entry.size <= room:
                content = read_bytes(archive, entry.size)  # to read on at the end is an error of xz
                found.update(dict.fromkeys(names, content))
                room -= len(content)
    return found


def compare_archives(first: Path, second: Path) -> Literal["same", "inodes", "different"]:
    """Return whether two payloads hold the same archive, however compressed, or differ in inodes and devices alone.

    rpm before 4.10 packs the numbers that files had where they were built. They say nothing but which names are one file.
    """
    same = True
    links: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    with open_payload(first) as (_, ours), open_payload(second) as (_, theirs):
        for one, two in zip_longest(list_pieces(ours, first), list_pieces(theirs, second)):
            if one is None or two is None or clear_numbers(one) != clear_numbers(two):
                return "different"
            nodes = get_node(one), get_node(two)
            if links[0].setdefault(nodes[0], nodes[1]) != nodes[1] or links[1].setdefault(nodes[1], nodes[0]) != nodes[0]:
                return "different"  # what is one file in one of them is not in the other
            same = same and one == two
    return "same" if same else "inodes"


def list_pieces(stream: Any, path: Path) -> Iterator[bytes]:
    """Yield an archive in pieces: each member's header with its name, and its content; what is no newc archive as it comes.

    Raises BuildError that names the file.
    """
    rpm = load_rpm()
    try:
        yield from iter_pieces(stream)
    except (OSError, rpm.error) as error:
        raise tell_damage(path, error) from error


def iter_pieces(stream: Any) -> Iterator[bytes]:
    """Yield what `list_pieces` does, and raise what librpm does."""
    while head := read_bytes(stream, HEADER_SIZE):
        if not CPIO_HEADER.fullmatch(head):
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
    return piece[:6] + piece[14:62] + piece[78:] if CPIO_HEADER.match(piece) else piece


def get_node(piece: bytes) -> bytes:
    """Return the inode and the device of a member's header, nothing for content."""
    return piece[6:14] + piece[62:78] if CPIO_HEADER.match(piece) else b""


def wraps_nothing_else(path: Path, start: int) -> bool:
    """Tell whether a payload that begins at a byte is one piece of compressed data and nothing behind it, which librpm skips.

    False for zstd, too: an rpm that has it renumbers inodes.
    """
    with path.open("rb") as stream:
        stream.seek(start)
        piece = stream.read(CHUNK)
        kind = find_kind(piece)
        if kind in (None, "zstd"):
            return False
        unpacker = make_unpacker(str(kind))
        try:
            while piece and not unpacker.eof:
                unpacker.decompress(piece)
                piece = stream.read(CHUNK)
        except DAMAGE:
            return False
        return unpacker.eof and not unpacker.unused_data and not piece


def read_bytes(stream: Any, size: int) -> bytes:
    """Return that many bytes of a stream, fewer only at its end."""
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data
