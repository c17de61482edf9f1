"""An RPM file in parts, byte by byte: lead, signature header, padding, header, and where the payload lies.

`gates/blob.py` reads what tags mean. A proof that two headers are equal needs more: the bytes of each value as they lie in
the file, tags that come twice, and bytes between the values that belong to no tag.
"""

import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tproxy_rpms.errors import BuildError
from tproxy_rpms.gates.artifact import read_lead
from tproxy_rpms.gates.blob import MOST_BYTES, MOST_ENTRIES, NUMBERS, Blob, BlobError, read_blob, read_exactly

CHUNK = 1 << 20
# Type of numbers → what they are aligned to, with zeros before them; all else follows without a gap.
ALIGNMENTS = {3: 2, 4: 4, 5: 8}

SIGSIZE, LONGSIGSIZE = 1000, 270
BASENAMES, DIRNAMES, DIRINDEXES, OLDFILENAMES = 1117, 1118, 1116, 1027


@dataclass(frozen=True, kw_only=True)
class Value:
    """One tag as it lies in a header: its type's number, how many values, and their bytes."""

    tag: int
    kind: int
    count: int
    raw: bytes


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header.

    Fields:
        values: tag → its values in the order of the index; more than one only in a damaged header.
        order: the tags in the order of the index.
        slack: bytes that belong to no tag and are no plain alignment, and those that belong to two.
        raw: all of its bytes. blob: the same, read.
    """

    values: dict[int, tuple[Value, ...]]
    order: tuple[int, ...]
    slack: tuple[bytes, ...]
    raw: bytes
    blob: Blob


@dataclass(frozen=True, kw_only=True)
class RpmFile:
    """An RPM file in parts; the payload goes from byte `payload_at` to the end, `size` bytes."""

    path: Path
    lead: bytes
    signature: Header
    padding: bytes
    header: Header
    payload_at: int
    size: int


def read_rpm(path: Path) -> RpmFile:
    """Return an RPM file in parts. Raises BuildError for a file that is none, or is cut short."""
    try:
        with path.open("rb") as stream:
            lead = read_exactly(stream, 96)
            read_lead(io.BytesIO(lead))
            signature = read_header(stream)
            padding = read_exactly(stream, -signature.blob.size % 8)
            header = read_header(stream)
            start = stream.tell()
            size = stream.seek(0, io.SEEK_END) - start
    except (OSError, BlobError) as error:
        raise BuildError(f"{path}: no readable RPM: {error}", hint="the file is damaged: fetch or build it again") from error
    made = RpmFile(
        path=path, lead=lead, signature=signature, padding=padding, header=header, payload_at=start, size=size
    )  # fmt: skip
    check_size(made)
    return made


def check_size(rpm_file: RpmFile) -> None:
    """Raise BuildError for a file that is shorter or longer than it says: librpm takes a short payload for a whole one."""
    actual = len(rpm_file.header.raw) + rpm_file.size
    for tag in (SIGSIZE, LONGSIGSIZE):
        for said in rpm_file.signature.blob.numbers(tag)[:1]:
            if said != actual:
                raise BuildError(
                    f"{rpm_file.path}: damaged RPM: header and payload have {actual:,} bytes, not the {said:,} of its SIGSIZE",
                    hint="fetch or build it again",
                )


def read_header(stream: BinaryIO) -> Header:
    """Return the header that begins where the stream stands. Raises BlobError for what is none."""
    head = read_exactly(stream, 16)
    tags, size = struct.unpack(">II", head[8:])
    if tags > MOST_ENTRIES or size > MOST_BYTES:
        raise BlobError(f"a header of {tags} tags and {size} bytes")
    raw = head + read_exactly(stream, 16 * tags + size)
    blob = read_blob(io.BytesIO(raw))
    index, data = raw[16 : 16 + 16 * tags], raw[16 + 16 * tags :]
    entries = tuple(struct.iter_unpack(">iIiI", index))
    values: dict[int, tuple[Value, ...]] = {}
    extents = []
    for tag, kind, offset, count in entries:
        end = offset + measure_value(data, kind=kind, offset=offset, count=count)
        extents.append((offset, end, ALIGNMENTS.get(kind, 1)))
        values[tag] = (*values.get(tag, ()), Value(tag=tag, kind=kind, count=count, raw=data[offset:end]))
    return Header(
        values=values, order=tuple(tag for tag, *_ in entries), slack=tuple(find_slack(data, extents)), raw=raw, blob=blob
    )  # fmt: skip


def measure_value(data: bytes, *, kind: int, offset: int, count: int) -> int:
    """Return how many bytes a value takes; `read_blob` has checked that it lies inside."""
    if kind in NUMBERS:
        return struct.calcsize(f">{count}{NUMBERS[kind]}")
    if kind == 7:
        return min(count, len(data) - offset)
    end = offset
    if kind in (6, 8, 9):
        for _ in range(count):
            end = data.index(b"\0", end) + 1
    return end - offset


def find_slack(data: bytes, extents: list[tuple[int, int, int]]) -> Iterator[bytes]:
    """Yield the bytes of a header's data that no tag points to, but for the zeros that align the next value, and overlaps."""
    reached = 0
    for start, end, alignment in [*sorted(extents), (len(data), len(data), 1)]:
        gap = data[reached:start]
        if gap.strip(b"\0") or (gap and start != reached + -reached % alignment):
            yield gap
        if start < reached and end > start:
            yield data[start : min(reached, end)]
        reached = max(reached, end)


def list_paths(header: Header) -> tuple[str, ...]:
    """Return the path of every file in the header's order; an SRPM's files have no folder."""
    blob = header.blob
    folders = blob.texts(DIRNAMES)
    pairs = zip(blob.numbers(DIRINDEXES), blob.texts(BASENAMES), strict=False)
    paths = tuple((folders[folder] if folder < len(folders) else "") + name for folder, name in pairs)
    return paths or blob.texts(OLDFILENAMES)


def count_again(rpm_file: RpmFile) -> dict[int, bytes]:
    """Return tag of the signature header → the bytes that it must have by what the file holds."""
    raw = rpm_file.header.raw
    size = len(raw) + rpm_file.size
    md5 = hashlib.md5(raw, usedforsecurity=False)
    with rpm_file.path.open("rb") as stream:
        stream.seek(rpm_file.payload_at)
        while chunk := stream.read(CHUNK):
            md5.update(chunk)
    texts = {
        269: hashlib.sha1(raw, usedforsecurity=False), 273: hashlib.sha256(raw), 279: hashlib.sha3_256(raw),
    }  # fmt: skip
    counted = {tag: digest.hexdigest().encode() + b"\0" for tag, digest in texts.items()}
    return counted | {1004: md5.digest(), SIGSIZE: (size % (1 << 32)).to_bytes(4), LONGSIGSIZE: size.to_bytes(8)}
