"""One header structure of an RPM file, read from its bytes.

librpm would do it, but shows a header as its own version understands it: types are converted, tags renamed, what its policy
dislikes is not shown at all. A gate for another rpm needs what is in the file. The format is described in rpm's
docs/manual/format_header.md: a magic of 8 bytes, the number of index entries, the number of bytes of data, entries of four
32-bit numbers (tag, type, offset, count), the data.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = bytes.fromhex("8eade80100000000")
TYPES = {
    0: "null", 1: "char", 2: "int8", 3: "int16", 4: "int32", 5: "int64",
    6: "string", 7: "bin", 8: "string array", 9: "i18n string",
}  # fmt: skip
NUMBERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q"}

# More than any rpm writes (its own limits are 65,535 tags and 256 MiB): what claims more is damaged.
MOST_ENTRIES, MOST_BYTES = 1 << 17, 1 << 28


class BlobError(ValueError):
    """The bytes are no header."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A tag's value: its type's name, and texts, numbers or bytes."""

    type: str
    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    data: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A header: tag → entry, the number of index entries, the bytes of data."""

    entries: Mapping[int, Entry]
    tags: int
    size: int

    def text(self, tag: int, default: str = "") -> str:
        """Return a tag's first text."""
        return next(iter(self.texts(tag)), default)

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return a tag's texts; none if it is not there."""
        return self.entries[tag].texts if tag in self.entries else ()

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return a tag's numbers; none if it is not there."""
        return self.entries[tag].numbers if tag in self.entries else ()


def read_blob(stream: BinaryIO) -> Blob:
    """Return the header that begins where the stream stands. Raises BlobError for what is none."""
    head = read_exactly(stream, 16)
    if not head.startswith(MAGIC):
        raise BlobError(f"no header magic but {head[:8].hex()}")
    tags, size = struct.unpack(">II", head[8:])
    if tags > MOST_ENTRIES or size > MOST_BYTES:
        raise BlobError(f"a header of {tags} tags and {size} bytes")
    index, data = read_exactly(stream, 16 * tags), read_exactly(stream, size)
    entries = {}
    for tag, kind, offset, count in struct.iter_unpack(">iIiI", index):
        entries[tag] = read_entry(data, kind=kind, offset=offset, count=count, tag=tag)
    return Blob(entries=entries, tags=tags, size=size)


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Return that many bytes. Raises BlobError at the end of the file."""
    data = stream.read(size)
    if len(data) != size:
        raise BlobError(f"the file ends {size - len(data)} bytes too early")
    return data


def read_entry(data: bytes, *, kind: int, offset: int, count: int, tag: int) -> Entry:
    """Return one value out of a header's data. Raises BlobError for one that lies outside."""
    name = TYPES.get(kind, f"type {kind}")
    if not 0 <= offset <= len(data) or count > len(data):
        raise BlobError(f"tag {tag}: {count} values at {offset} are outside of the header's {len(data)} bytes")
    if kind in NUMBERS:
        form = f">{count}{NUMBERS[kind]}"
        if offset + struct.calcsize(form) > len(data):
            raise BlobError(f"tag {tag}: the numbers run out of the header")
        return Entry(type=name, numbers=struct.unpack_from(form, data, offset))
    if kind == 7:
        return Entry(type=name, data=data[offset : offset + count])
    if kind in (6, 8, 9):
        return Entry(type=name, texts=split_texts(data, offset=offset, count=count, tag=tag))
    return Entry(type=name)


def split_texts(data: bytes, *, offset: int, count: int, tag: int) -> tuple[str, ...]:
    """Return texts that each end with a zero byte; bytes that are no UTF-8 stay recognizable."""
    texts = []
    for _ in range(count):
        end = data.find(b"\0", offset)
        if end < 0:
            raise BlobError(f"tag {tag}: a text without end")
        texts.append(data[offset:end].decode(errors="backslashreplace"))
        offset = end + 1
    return tuple(texts)
