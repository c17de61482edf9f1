"""RPM files made byte by byte: what rpmbuild would never write can be written here."""

import gzip
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .test_content import make_cpio

INT16, INT32, STRING, BINARY, STRINGS, I18N = 3, 4, 6, 7, 8, 9
ALIGNMENT = {INT16: 2, INT32: 4}
REGION = struct.Struct(">iIiI")
Tag = tuple[int, int, bytes]  # type, count, bytes


def text(*values: str, kind: int = STRING) -> Tag:
    return kind, len(values), b"".join(value.encode() + b"\0" for value in values)


def numbers(*values: int, kind: int = INT32) -> Tag:
    return kind, len(values), struct.pack(f">{len(values)}{'I' if kind == INT32 else 'H'}", *values)


def pack_header(tags: Sequence[tuple[int, Tag]], *, region: int, behind: bytes = b"") -> bytes:
    """A header with its region, as rpm writes it: the index in the order given, the region's trailer last."""
    index, data = b"", b""
    for tag, (kind, count, raw) in tags:
        data += b"\0" * (-len(data) % ALIGNMENT.get(kind, 1))
        index += REGION.pack(tag, kind, len(data), count)
        data += raw
    index = REGION.pack(region, BINARY, len(data), 16) + index
    data += REGION.pack(region, BINARY, -len(index), 16) + behind
    return bytes.fromhex("8eade80100000000") + struct.pack(">II", len(index) // 16, len(data)) + index + data


@dataclass(frozen=True, kw_only=True)
class Made:
    """What an RPM is made of; everything has a value that makes a whole RPM.

    Fields:
        tags: tag → what it is instead of, or besides, the usual; None leaves it out. signature: the same of the signature header.
        files: path → content. digests: what the header says of them, if not the truth. level: of the payload's gzip.
        behind: bytes behind the payload. slack: bytes behind the header's data.
    """

    tags: Mapping[int, Tag | None] = field(default_factory=dict)
    signature: Mapping[int, Tag | None] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=lambda: {"/usr/a": b"one\n", "/usr/b": b"two\n"})
    digests: Sequence[str] = ()
    level: int = 9
    inode: int = 1
    behind: bytes = b""
    slack: bytes = b""


def make_tags(made: Made) -> dict[int, Tag]:
    """The tags of a header as rpm 4.18 has them, in their order."""
    files = made.files
    count = len(files)
    split = [path.rpartition("/") for path in files]
    folders = sorted({folder + "/" for folder, *_ in split})
    digests = made.digests or [hashlib.sha256(content).hexdigest() for content in files.values()]
    return {
        1000: text("hello"), 1001: text("1"), 1002: text("1"), 1004: text("A package", kind=I18N), 1006: numbers(1_700_000_000),
        1007: text("buildhost"), 1009: numbers(sum(map(len, files.values()))), 1014: text("MIT"), 1021: text("linux"),
        1022: text("noarch"), 1028: numbers(*map(len, files.values())), 1030: numbers(*[0o100644] * count, kind=INT16),
        1033: numbers(*[0] * count, kind=INT16), 1034: numbers(*[1] * count), 1035: text(*digests, kind=STRINGS),
        1036: text(*[""] * count, kind=STRINGS), 1037: numbers(*[0] * count), 1039: text(*["root"] * count, kind=STRINGS),
        1040: text(*["root"] * count, kind=STRINGS), 1044: text("hello-1-1.src.rpm"), 1045: numbers(*[0] * count),
        1064: text("4.18.0"), 1094: text("buildhost 1700000000"), 1095: numbers(*[made.inode] * count),
        1096: numbers(*range(made.inode, made.inode + count)), 1097: text(*[""] * count, kind=STRINGS),
        1116: numbers(*[folders.index(folder + "/") for folder, *_ in split]),
        1117: text(*[name for *_, name in split], kind=STRINGS), 1118: text(*folders, kind=STRINGS), 1124: text("cpio"),
        1125: text("gzip"), 1126: text("9"), 5011: numbers(8),
    }  # fmt: skip


def write_rpm(path: Path, made: Made) -> Path:
    """Write an RPM; its digests and its size are true but for what `signature` says."""
    tags = make_tags(made)
    archive = make_cpio(*((f".{name}", content) for name, content in made.files.items()), inode=made.inode)
    payload = gzip.compress(archive, made.level, mtime=0) + made.behind
    tags |= {5092: text(hashlib.sha256(payload).hexdigest(), kind=STRINGS)}
    kept = {tag: value for tag, value in (tags | dict(made.tags)).items() if value}
    header = pack_header(list(kept.items()), region=63, behind=made.slack)
    signature: dict[int, Tag | None] = {
        269: text(hashlib.sha1(header).hexdigest()), 273: text(hashlib.sha256(header).hexdigest()),
        1000: numbers(len(header) + len(payload)), 1004: (BINARY, 16, hashlib.md5(header + payload).digest()),
        1007: numbers(len(archive)),
    }  # fmt: skip
    signed = {tag: value for tag, value in (signature | dict(made.signature)).items() if value}
    head = pack_header(sorted(signed.items()), region=62)
    lead = struct.pack(">4sBBhh66shh16s", bytes.fromhex("edabeedb"), 3, 0, 0, 255, b"hello-1-1", 1, 5, b"")
    path.write_bytes(lead + head + b"\0" * (-len(head) % 8) + header + payload)
    return path
