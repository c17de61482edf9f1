"""An RPM as rpm 4.4.2.3 reads and checks it (lib/package.c, rpmchecksig.c, signature.c); for tests alone, see oldpgp.py."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .oldpgp import HASHES, Key, Signature, read_signature, verify_dsa, verify_rsa

LEAD, LEAD_MAGIC, MAGIC = 96, b"\xed\xab\xee\xdb", b"\x8e\xad\xe8\x01\0\0\0\0"
SIGNATURES, IMMUTABLE = 62, 63
DSAHEADER, RSAHEADER, SHA1HEADER = 267, 268, 269
SIZE, PGP, MD5, GPG = 1000, 1002, 1004, 1005
BROKEN_MD5 = (1001, 1003)
INT32, STRING, BINARY, STRINGS, I18N = 4, 6, 7, 8, 9
# In the order in which rpm prefers them when it installs (rpmReadPackageFile).
SIGNED = {DSAHEADER: "Header ", RSAHEADER: "Header ", GPG: "", PGP: ""}
ALIGN = {3: 2, INT32: 4, 5: 8}
WIDTH = {0: 0, 1: 1, 2: 1, 3: 2, INT32: 4, 5: 8, BINARY: 1}


class DamagedError(Exception):
    """rpm 4.4.2.3 stops reading the file here; the text is its message."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header: where each tag's value lies in its data, and the bytes that its digest covers, if it has a region."""

    tags: dict[int, tuple[int, int, int]]
    data: bytes
    region: bytes
    end: int

    def binary(self, tag: int) -> bytes | None:
        """The bytes of a tag, of one string without its end; none without the tag."""
        if tag not in self.tags:
            return None
        kind, offset, count = self.tags[tag]
        size = WIDTH.get(kind, 1) * count
        if kind in (STRING, STRINGS, I18N):
            size = self.data.index(b"\0", offset) - offset
        return self.data[offset : offset + size]

    def text(self, tag: int) -> str | None:
        """A tag's first string."""
        value = self.binary(tag)
        return None if value is None else value.decode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class Rpm:
    """A package in its parts; `signed` is header and payload as they lie in the file, `start` where that begins."""

    signature: Header
    header: Header
    signed: bytes
    start: int


def read_rpm(data: bytes) -> Rpm:
    """A package's parts. Raises DamagedError where rpm stops."""
    if len(data) < LEAD or data[:4] != LEAD_MAGIC or data[78:80] != b"\0\5":
        raise DamagedError("not an rpm package")
    if data[4] not in (2, 3, 4):
        raise DamagedError(f"packaging version {data[4]} is not supported by this version of RPM")
    signature = read_header(data, LEAD, name="sigh", region=SIGNATURES, most_tags=32, most_bytes=8192)
    start = signature.end + -signature.end % 8
    header = read_header(data, start, name="hdr", region=IMMUTABLE, most_tags=0xFFFF, most_bytes=0xFFFFFF)
    return Rpm(signature=signature, header=header, signed=data[start:], start=start)


def read_header(data: bytes, start: int, *, name: str, region: int, most_tags: int, most_bytes: int) -> Header:
    """The header that begins at `start`. Raises DamagedError as rpmReadSignature, headerCheck and headerLoad do."""
    if data[start : start + 8] != MAGIC or len(data) < start + 16:
        raise DamagedError(f"{name} magic: BAD")
    count, size = struct.unpack_from(">II", data, start + 8)
    if not 0 < count <= most_tags:
        raise DamagedError(f"{name} tags: BAD, no. of tags({count}) out of range")
    if size > most_bytes:
        raise DamagedError(f"{name} data: BAD, no. of bytes({size}) out of range")
    index, end = start + 16, start + 16 + 16 * count + size
    if len(data) < end:
        raise DamagedError(f"{name} blob({16 * count + size}): BAD, read returned {len(data) - index}")
    entries = [struct.unpack_from(">4I", data, index + 16 * place) for place in range(count)]
    store = data[index + 16 * count : end]
    for place, entry in enumerate(entries):
        check_entry(entry, store, place=place, name=name)
    covered = read_region(entries, store, region=region, name=name)
    return Header(tags={tag: tuple(rest) for tag, *rest in entries}, data=store, end=end,
                  region=cut_region(data[index:end], count, *covered) if covered else b"")  # fmt: skip


def check_entry(entry: tuple[int, ...], store: bytes, *, place: int, name: str) -> None:
    """Whether a tag's value lies in its header. Raises DamagedError."""
    tag, kind, offset, count = entry
    bad = f"{name} tag[{place}]: BAD, tag {tag} type {kind} offset {offset} count {count}"
    if kind > 9 or offset % ALIGN.get(kind, 1) or offset > len(store) or count > 0xFFFFFF:
        raise DamagedError(bad)
    end = offset + WIDTH.get(kind, 0) * count
    for _ in range(count if kind in (STRING, STRINGS, I18N) else 0):
        end = store.find(b"\0", max(end, offset)) + 1
        if not end:
            raise DamagedError(bad)
    if offset == len(store) or end > len(store):
        raise DamagedError(f"{name} load: BAD")


def read_region(entries: list[tuple[int, ...]], store: bytes, *, region: int, name: str) -> tuple[int, int] | tuple[()]:
    """How many tags and bytes of data a header's region has; nothing without one. Raises DamagedError."""
    tag, kind, offset, count = entries[0]
    if (tag, kind, count) != (region, BINARY, 16):
        return ()
    if offset + 16 > len(store):
        raise DamagedError(f"{name} region offset: BAD, tag {tag} type {kind} offset {offset} count {count}")
    tag, kind, back, count = struct.unpack_from(">IIiI", store, offset)
    if (tag, kind, count) not in ((region, BINARY, 16), *([(61, BINARY, 16)] if region == SIGNATURES else [])):
        raise DamagedError(f"{name} region trailer: BAD, tag {tag} type {kind} offset {-back} count {count}")
    if back % 16 or not 0 < -back // 16 <= len(entries):
        raise DamagedError(f"{name} region size: BAD, ril({-back // 16}) > il({len(entries)})")
    return -back // 16, offset + 16


def cut_region(blob: bytes, count: int, tags: int, size: int) -> bytes:
    """The bytes of a region as rpm hashes them: as if it were a header of its own."""
    data = 16 * count
    return MAGIC + struct.pack(">II", tags, size) + blob[: 16 * tags] + blob[data : data + size]


def check_rpm(path: Path, keys: Sequence[Key]) -> list[str]:
    """What `rpm --checksig` of 4.4.2.3, and yum's gpgcheck=1, have against a package, in their words; empty if nothing.

    `keys` are those in rpm's database. The SIZE tag, which that rpm reads and does not check, is held to the file too.
    """
    try:
        rpm = read_rpm(path.read_bytes())
        problems = check_digests(rpm) + check_signatures(rpm, {key.keyid: key for key in keys})
    except DamagedError as error:
        problems = [str(error)]
    return [f"{path.name}: {text}" for text in problems]


def check_digests(rpm: Rpm) -> list[str]:
    """Digests that do not fit, and those that are missing."""
    problems = []
    size, md5, sha1 = rpm.signature.binary(SIZE), rpm.signature.binary(MD5), rpm.signature.text(SHA1HEADER)
    expected = None if size is None else int.from_bytes(size)
    if expected != len(rpm.signed):
        problems.append(f"Header+Payload size: BAD Expected({expected}) != ({len(rpm.signed)})")
    found = hashlib.md5(rpm.signed).hexdigest()
    if md5 is None or md5.hex() != found:
        problems.append(f"MD5 digest: BAD Expected({md5.hex() if md5 else None}) != ({found})")
    if not rpm.header.region:
        problems.append("Header SHA1 digest: NOKEY (no immutable region)")
    elif sha1 != (found := hashlib.sha1(rpm.header.region).hexdigest()):
        problems.append(f"Header SHA1 digest: BAD Expected({sha1}) != ({found})")
    if any(tag in rpm.signature.tags for tag in BROKEN_MD5):
        problems.append("Broken MD5 digest: UNSUPPORTED")
    return problems


def check_signatures(rpm: Rpm, keys: dict[str, Key]) -> list[str]:
    """Signatures that do not verify, or that there is none."""
    tags = [tag for tag in SIGNED if tag in rpm.signature.tags]
    if not tags:
        return ["Package is not signed"]
    read = {tag: read_signature(rpm.signature.binary(tag) or b"") for tag in tags}
    if bad := [tag for tag, signature in read.items() if signature is None]:
        return [f"skipping package with unverifiable signature (tag {bad[0]})"]
    signatures = {tag: signature for tag, signature in read.items() if signature}
    # rpm starts its digests by the first signature, before it has looked at the others (rpmVerifySignatures).
    first = signatures[tags[0]]
    hashed_by = HASHES.get(first.hash) if tags[0] in (RSAHEADER, PGP) else None
    problems = []
    for tag, signature in signatures.items():
        content = rpm.header.region if SIGNED[tag] else rpm.signed
        if tag in (DSAHEADER, GPG):
            result = verify_dsa(signature, keys, content) if content else "NOKEY"
        else:
            known = "md5" if tag == PGP and HASHES.get(signature.hash) == "md5" else hashed_by
            result = verify_rsa(signature, keys, content, known) if content else "NOKEY"
        if result != "OK":
            problems.append(f"{describe(tag, signature)} signature: {result}, key ID {signature.keyid[-8:]}")
    # When it installs it starts MD5 alone for such a signature (rpmReadPackageFile), which other hashes cannot pass.
    if tags[0] == PGP and HASHES.get(first.hash) != "md5":
        problems.append(f"{describe(PGP, first)} signature: NOKEY at installation, as there is no header signature")
    return problems


def describe(tag: int, signature: Signature) -> str:
    """How rpm calls a signature."""
    if tag in (DSAHEADER, GPG):
        return f"{SIGNED[tag]}V{signature.version} DSA"
    name = HASHES.get(signature.hash, "")
    return f"{SIGNED[tag]}V{signature.version} RSA/{name.upper()}"


def read_nevra(rpm: Rpm) -> tuple[str, str, str, str, str]:
    """Name, epoch, version, release and architecture as yum makes them from a header (pkgTupleFromHeader)."""
    name, version, release, arch = (rpm.header.text(tag) or "" for tag in (1000, 1001, 1002, 1022))
    epoch = rpm.header.binary(1003)
    return name, str(int.from_bytes(epoch or b"")), version, release, arch if rpm.header.text(1044) else "src"
