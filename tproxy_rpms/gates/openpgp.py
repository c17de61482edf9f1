"""What an OpenPGP signature packet says of itself: version, algorithms; never whether it is good (RFC 4880, 4.2 and 5.2)."""

import struct
from dataclasses import dataclass

SIGNATURE = 2
PUBKEYS = {1: "RSA", 3: "RSA-S", 17: "DSA", 19: "ECDSA", 22: "EdDSA", 27: "Ed25519", 28: "Ed448"}
HASHES = {
    1: "MD5",
    2: "SHA1",
    3: "RIPEMD160",
    8: "SHA256",
    9: "SHA384",
    10: "SHA512",
    11: "SHA224",
    12: "SHA3-256",
    14: "SHA3-512",
}


class PacketError(ValueError):
    """The bytes are no signature packet."""


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A signature packet: its version, and OpenPGP's names of its algorithms (or their numbers)."""

    version: int
    pubkey: str
    hash: str

    def __str__(self) -> str:
        return f"V{self.version} {self.pubkey}/{self.hash}"


def read_packet(data: bytes) -> Packet:
    """Return the first packet, which is the one that rpm goes by. Raises PacketError for what is no signature."""
    tag, body = read_frame(data)
    if tag != SIGNATURE:
        raise PacketError(f"a packet of tag {tag}, no signature")
    if len(body) < 6:
        raise PacketError("a signature packet that ends too early")
    version = body[0]
    if version == 3:
        return read_v3(body)
    # V4 and V6 agree in the first four bytes.
    return Packet(version=version, pubkey=name(PUBKEYS, body[2]), hash=name(HASHES, body[3]))


def read_v3(body: bytes) -> Packet:
    """Return a V3 signature: version, 5, type, time (4), key id (8), algorithms, the hash's first bytes (2), numbers."""
    if body[1] != 5 or len(body) < 19:
        raise PacketError(f"a V3 signature that hashes {body[1]} bytes of {len(body)}")
    return Packet(version=3, pubkey=name(PUBKEYS, body[15]), hash=name(HASHES, body[16]))


def read_frame(data: bytes) -> tuple[int, bytes]:
    """Return the tag and the body of the first packet, in the old or the new format. Raises PacketError for a broken one."""
    if len(data) < 2 or not data[0] & 0x80:
        raise PacketError("no OpenPGP packet")
    try:
        if data[0] & 0x40:
            tag, (start, size) = data[0] & 0x3F, read_new_length(data)
        else:
            tag, (start, size) = data[0] >> 2 & 0xF, read_old_length(data)
    except (IndexError, struct.error):
        raise PacketError("a packet that ends too early") from None
    if start + size > len(data):
        raise PacketError(f"a packet of {size} bytes in {len(data) - start}")
    return tag, data[start : start + size]


def read_old_length(data: bytes) -> tuple[int, int]:
    """Return where the body starts and how long it is, in the old format (RFC 4880, 4.2.1)."""
    kind = data[0] & 3
    if kind == 3:
        return 1, len(data) - 1
    width = 1 << kind
    (size,) = struct.unpack_from({1: ">B", 2: ">H", 4: ">I"}[width], data, 1)
    return 1 + width, size


def read_new_length(data: bytes) -> tuple[int, int]:
    """Return where the body starts and how long it is, in the new format (RFC 4880, 4.2.2)."""
    first = data[1]
    if first < 192:
        return 2, first
    if first < 224:
        return 3, ((first - 192) << 8) + data[2] + 192
    if first == 255:
        (size,) = struct.unpack_from(">I", data, 2)
        return 6, size
    raise PacketError("a packet of unknown length")


def name(names: dict[int, str], number: int) -> str:
    """Return an algorithm's name, or its number."""
    return names.get(number, str(number))
