"""An RPM file as it is: lead, both headers, signatures, and what the payload's first bytes really are."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tproxy_rpms.errors import BuildError
from tproxy_rpms.gates.blob import Blob, BlobError, read_blob, read_exactly
from tproxy_rpms.gates.openpgp import Packet, PacketError, read_packet

LEAD = struct.Struct(">4sBBhh66shh16s")
LEAD_MAGIC = bytes.fromhex("edabeedb")
HEADER_SIGNATURE = 5  # the lead's only kind of signature since 1996

# Tags (rpm's include/rpm/rpmtag.h).
NAME, VERSION, RELEASE, EPOCH, ARCH = 1000, 1001, 1002, 1003, 1022
FILESIZES, FILEDIGESTS, FILEDIGESTALGO, LONGFILESIZES = 1028, 1035, 5011, 5008
FILEFLAGS, DIRINDEXES, BASENAMES, DIRNAMES = 1037, 1116, 1117, 1118
GHOST = 1 << 6
SOURCERPM, PAYLOADFORMAT, PAYLOADCOMPRESSOR = 1044, 1124, 1125
DEPENDENCIES = {
    "PROVIDE": (1047, 1113),
    "REQUIRE": (1049, 1050),
    "CONFLICT": (1054, 1055),
    "OBSOLETE": (1090, 1115),
    "TRIGGER": (1066, 1067),
}
SCRIPTLETS = {
    "prein": (1023, 1085), "postin": (1024, 1086), "preun": (1025, 1087), "postun": (1026, 1088), "verify": (1079, 1091),
    "pretrans": (1151, 1153), "posttrans": (1152, 1154), "preuntrans": (5103, 5105), "postuntrans": (5104, 5106),
    "trigger": (1065, 1092), "filetrigger": (5066, 5067), "transfiletrigger": (5076, 5077),
}  # fmt: skip
# In the signature header. OPENPGP came with rpm 6: signatures in base64, of any version.
SIGNATURES = {"DSAHEADER": 267, "RSAHEADER": 268, "SIGPGP": 1002, "SIGGPG": 1005}
OPENPGP = 278

COMPRESSORS = {
    "gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd", "lzma": b"\x5d\0\0", "none": b"0707",
}  # fmt: skip
# What is read of the payload: more than a bzip2 block, which decompresses only as a whole.
PEEK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How big a header is, and what types its tags have: (tag, type)."""

    tags: int
    size: int
    types: tuple[tuple[int, str], ...]


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One name of a kind (`REQUIRE`…), with its version or an empty text."""

    kind: str
    name: str
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Scriptlet:
    """A scriptlet: its kind, its interpreter (`/bin/sh` where none is named), and how many arguments this has."""

    kind: str
    interpreter: str
    arguments: int = 0


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signature: the tag it lies in, and what it says of itself (`V3 RSA/SHA256`), or what is wrong with the packet."""

    tag: str
    says: str
    algorithm: str = ""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What the gates ask of an RPM or SRPM.

    Fields:
        file: its name. payload_format, payload_compressor: what the header says; payload: what the bytes are.
        archive: the magic of what the payload holds, empty where we cannot decompress it.
        digest_number: rpm's number of the file digests (1 without the tag); digest_lengths: how many hex digits they have.
        files: path and size in bytes of what the payload unpacks.
    """

    file: str
    name: str
    version: str
    release: str
    arch: str
    source: bool
    lead_major: int
    header: Extent
    signature_header: Extent
    payload_format: str
    payload_compressor: str
    payload: str
    archive: str
    digest_number: int
    digest_lengths: frozenset[int]
    files: tuple[tuple[str, int], ...]
    dependencies: tuple[Dependency, ...]
    scriptlets: tuple[Scriptlet, ...]
    signatures: tuple[Signed, ...]


def read_artifact(path: Path) -> Artifact:
    """Return what an RPM file is. Raises BuildError for a file that is none."""
    try:
        with path.open("rb") as stream:
            lead = read_lead(stream)
            signature = read_blob(stream)
            read_exactly(stream, -signature.size % 8)
            header = read_blob(stream)
            return describe(path.name, lead, signature, header, stream.read(PEEK))
    except (OSError, BlobError) as error:
        raise BuildError(f"{path}: no readable RPM: {error}") from error


def read_lead(stream: BinaryIO) -> int:
    """Return the major number of the lead. Raises BlobError for what is no lead."""
    magic, major, _minor, _type, _arch, _name, _os, signature, _reserved = LEAD.unpack(read_exactly(stream, LEAD.size))
    if magic != LEAD_MAGIC:
        raise BlobError(f"no lead but {magic.hex()}")
    if signature != HEADER_SIGNATURE:
        raise BlobError(f"a signature of the kind {signature}")
    return int(major)


def describe(file: str, lead_major: int, signature: Blob, header: Blob, payload: bytes) -> Artifact:
    """Return the artifact that these parts make."""
    compressor = recognize(payload)
    return Artifact(
        file=file,
        name=header.text(NAME),
        version=header.text(VERSION),
        release=header.text(RELEASE),
        arch=header.text(ARCH),
        source=SOURCERPM not in header.entries,
        lead_major=lead_major,
        header=measure(header),
        signature_header=measure(signature),
        payload_format=header.text(PAYLOADFORMAT, "cpio"),
        payload_compressor=header.text(PAYLOADCOMPRESSOR, "gzip"),  # so does every rpm read a missing tag
        payload=compressor,
        archive=peek_archive(payload, compressor),
        digest_number=next(iter(header.numbers(FILEDIGESTALGO)), 1),
        digest_lengths=frozenset(len(digest) for digest in header.texts(FILEDIGESTS) if digest),
        files=tuple(list_files(header)),
        dependencies=tuple(list_dependencies(header)),
        scriptlets=tuple(list_scriptlets(header)),
        signatures=tuple(list_signatures(signature)),
    )


def measure(blob: Blob) -> Extent:
    """Return how big a header is."""
    return Extent(tags=blob.tags, size=blob.size, types=tuple((tag, entry.type) for tag, entry in blob.entries.items()))


def recognize(payload: bytes) -> str:
    """Return what a payload is compressed with by its first bytes, or these in hex."""
    known = (name for name, magic in COMPRESSORS.items() if payload.startswith(magic))
    return next(known, payload[:6].hex() or "nothing")


def peek_archive(payload: bytes, compressor: str) -> str:
    """Return the first six bytes of the archive in the payload, or nothing where it cannot be looked into."""
    openers: dict[str, Callable[[], bytes]] = {
        "none": lambda: payload,
        "gzip": lambda: zlib.decompressobj(31).decompress(payload, 6),
        "bzip2": lambda: bz2.BZ2Decompressor().decompress(payload, 6),
        "xz": lambda: lzma.LZMADecompressor().decompress(payload, 6),
    }
    try:
        return openers[compressor]()[:6].decode("ascii", "backslashreplace") if compressor in openers else ""
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise BlobError(f"the payload is no {compressor}: {error}") from error


def list_files(header: Blob) -> Iterator[tuple[str, int]]:
    """Yield path and size of each file but the ghosts; an SRPM's have no folder."""
    folders = header.texts(DIRNAMES)
    sizes = header.numbers(LONGFILESIZES) or header.numbers(FILESIZES)
    columns = (header.numbers(DIRINDEXES), header.texts(BASENAMES), sizes, header.numbers(FILEFLAGS))
    for folder, name, size, flags in zip(*columns, strict=False):
        if not flags & GHOST:
            yield (folders[folder] if folder < len(folders) else "") + name, size


def list_dependencies(header: Blob) -> Iterator[Dependency]:
    """Yield every dependency that decides; weak ones are left out: an rpm that knows none of them works without."""
    for kind, (name_tag, version_tag) in DEPENDENCIES.items():
        for name, version in zip(header.texts(name_tag), header.texts(version_tag), strict=False):
            yield Dependency(kind=kind, name=name, version=version)


def list_scriptlets(header: Blob) -> Iterator[Scriptlet]:
    """Yield every scriptlet. Triggers have one interpreter each, all others one with its arguments."""
    for kind, (script_tag, interpreter_tag) in SCRIPTLETS.items():
        if script_tag not in header.entries and interpreter_tag not in header.entries:
            continue
        words = header.texts(interpreter_tag) or ("/bin/sh",)
        if kind.endswith("trigger"):
            yield from (Scriptlet(kind=kind, interpreter=word) for word in dict.fromkeys(words))
        else:
            yield Scriptlet(kind=kind, interpreter=words[0], arguments=len(words) - 1)


def list_signatures(signature: Blob) -> Iterator[Signed]:
    """Yield the signatures of a signature header, in the order in which an old rpm takes the first that is there."""
    for tag, number in SIGNATURES.items():
        if number in signature.entries:
            yield read_signature(tag, signature.entries[number].data)
    if OPENPGP in signature.entries:
        yield Signed(tag="OPENPGP", says=f"{len(signature.texts(OPENPGP))} in base64")


def read_signature(tag: str, data: bytes) -> Signed:
    """Return what a packet says of itself, or what is wrong with it."""
    try:
        packet: Packet = read_packet(data)
    except PacketError as error:
        return Signed(tag=tag, says=str(error))
    return Signed(tag=tag, says=str(packet), algorithm=packet.pubkey)
