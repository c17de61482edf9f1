"""Compressed data taken apart: its header, its content, and where it ends, so that what lies behind it is not taken for it.

Formats: gzip RFC 1952; zstd RFC 8878. Nothing grows beyond MOST_BYTES, whatever it claims.
"""

import bz2
import lzma
import struct
import subprocess
import tempfile
import zlib
from dataclasses import dataclass

# The most bytes that compressed data may grow to; xz may take as much memory, too.
MOST_BYTES = 256 << 20

MAGICS = {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh"}
# More pieces than any file has; each costs a copy of what is left.
MOST_PIECES = 64
# gzip's byte that only repeats the level of the compression.
EXTRA_FLAGS = 8


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Compressed data.

    Fields:
        kind: a key of MAGICS. head: gzip's header but for the byte that tells the level. packed: the compressed bytes behind it.
        size: bytes of both.
    """

    kind: str
    content: bytes
    head: bytes
    packed: bytes
    size: int


def find_kind(data: bytes) -> str | None:
    """Return what compressor data begins as."""
    return next((kind for kind, magic in MAGICS.items() if data.startswith(magic)), None)


def read_streams(data: bytes) -> Stream | None:
    """Return what data begins with, of one compressor, one piece after the other as such files may be; None for no such data.

    Raises ValueError and what the decompressors raise for damaged data, and for data that grows too large.
    """
    kind = find_kind(data)
    if kind is None:
        return None
    found = [read_stream(data)]
    while len(found) < MOST_PIECES and data.startswith(MAGICS[kind], at := sum(one.size for one in found)):
        try:
            found.append(read_stream(data[at:], room=MOST_BYTES - sum(len(one.content) for one in found)))
        except DAMAGE:
            break
    return Stream(
        kind=kind, size=sum(one.size for one in found), content=b"".join(one.content for one in found),
        head=b"".join(one.head for one in found), packed=b"".join(one.packed for one in found),
    )  # fmt: skip


def read_stream(data: bytes, *, room: int = MOST_BYTES) -> Stream:
    """Return the compressed data that data begins with.

    Raises ValueError for what is none, does not end, or grows beyond `room`; and what the decompressors raise.
    """
    kind = find_kind(data)
    if kind is None:
        raise ValueError("no compressed data")
    if kind == "zstd":
        size = measure_zstd(data)
        content = run_zstd(data[:size], most=room)
    else:
        unpacker = make_unpacker(kind)
        content = unpacker.decompress(data, room)
        if not unpacker.eof:
            raise ValueError(f"{kind} data without end, or that grows beyond {room} bytes")
        size = len(data) - len(unpacker.unused_data)
    start = measure_gzip_header(data) if kind == "gzip" else 0
    head = data[:EXTRA_FLAGS] + b"\0" + data[EXTRA_FLAGS + 1 : start] if start else b""
    return Stream(kind=kind, content=content, head=head, packed=data[start:size], size=size)


def make_unpacker(kind: str) -> "zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor":
    """Return what decompresses data of a kind."""
    if kind == "gzip":
        return zlib.decompressobj(31)
    return bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_BYTES)


def peek_stream(data: bytes, size: int) -> bytes:
    """Return the first bytes of the content of what may be compressed data, whole or not; nothing for what is none."""
    kind = find_kind(data)
    try:
        if kind == "zstd":
            return run_zstd(data, most=size, whole=False)
        return make_unpacker(kind).decompress(data, size) if kind else b""
    except DAMAGE:
        return b""


def measure_gzip_header(data: bytes) -> int:
    """Return the bytes of a gzip header: ten, and a name or a comment that end with a zero."""
    size, flags = 10, data[3]
    if flags & 4:
        size += 2 + int(struct.unpack_from("<H", data, size)[0])
    for flag in (8, 16):
        size = data.index(b"\0", size) + 1 if flags & flag else size
    return size + (2 if flags & 2 else 0)


def measure_zstd(data: bytes) -> int:
    """Return the bytes of a zstd frame (RFC 8878, 3.1.1): header, blocks, checksum. Raises ValueError if it does not end."""
    flags = data[4]
    single = flags >> 5 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
    last = 0
    while not last:
        if at + 3 > len(data):
            raise ValueError("a zstd frame without end")
        block = int.from_bytes(data[at : at + 3], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else size)  # a block of one byte, repeated, has only that byte
    return at + (4 if flags & 4 else 0)


def run_zstd(data: bytes, *, most: int, whole: bool = True) -> bytes:
    """Return what zstd makes of data: all of it, or at least its first bytes.

    Raises ValueError for damaged data and for what grows beyond `most`, both only if it shall be `whole`; OSError without zstd.
    """
    with tempfile.TemporaryFile() as source:
        source.write(data)
        source.seek(0)
        argv = ["zstd", "-dcq"]
        with subprocess.Popen(argv, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            content = process.stdout.read(most + 1)
            process.stdout.close()  # it ends when it writes on
            if (process.wait() or len(content) > most) and whole:
                raise ValueError("damaged zstd data, or more than it may grow to")
    return content[:most]


# What reading damaged data raises.
DAMAGE = (ValueError, LookupError, OSError, EOFError, struct.error, zlib.error, lzma.LZMAError)
