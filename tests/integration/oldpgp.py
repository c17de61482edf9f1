"""OpenPGP as rpm 4.4.2.3 reads it (rpmio/rpmpgp.c, lib/signature.c), its faults included; for tests alone.

Written from those rules with nothing but the standard library, so that it can stand for a CentOS 5 that cannot run here.
Red Hat's builds (4.4.2.3-9) link NSS where the upstream tag links beecrypt: what passes here passes in both.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

RSA, DSA = 1, 17
ELGAMAL = (16, 20)
HASHES = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}
# What stands before the digest in a PKCS #1 v1.5 signature (RFC 3447, 9.2).
PREFIXES = {
    1: "3020300c06082a864886f70d020505000410",
    2: "3021300906052b0e03021a05000414",
    8: "3031300d060960864801650304020105000420",
    9: "3041300d060960864801650304020205000430",
    10: "3051300d060960864801650304020305000440",
}
SIGNATURE, PUBLIC_KEY, USER_ID, SUBKEY = 2, 6, 13, 14
ARMOUR_HEADERS = ("Version: ", "Comment: ", "MessageID: ", "Hash: ", "Charset: ")


@dataclass(frozen=True, kw_only=True)
class Packet:
    """One OpenPGP packet: its tag, its body, and all its bytes."""

    tag: int
    body: bytes
    whole: bytes


@dataclass(frozen=True, kw_only=True)
class Key:
    """A public key as rpm's database holds it. The numbers are those of the last key *or subkey* of an algorithm: rpm's fault."""

    keyid: str = "0" * 16
    version: int = 0
    algorithm: int = 0
    created: int = 0
    user: str | None = None
    rsa: tuple[int, ...] = ()
    dsa: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature packet; `hashed` is what of it goes into the digest, without the trailer of version 4."""

    version: int
    algorithm: int
    hash: int
    kind: int
    keyid: str
    hashed: bytes
    start_of_digest: bytes
    numbers: tuple[int, ...]


def read_key(path: Path) -> Key:
    """The key that `rpm --import` of 4.4.2.3 takes from an armoured file. Raises ValueError with its message if it takes none."""
    key, packets = Key(), split_packets(read_armour(path))
    # rpm stops at a packet that it cannot read, and goes on with what it has.
    with suppress(IndexError, ValueError):
        for packet in packets:
            key = add_packet(key, packet)
    if key.keyid == "0" * 16 or not key.created or key.user is None:
        raise ValueError(f"{path.name}: import failed.")
    return key


def check_key(path: Path) -> list[str]:
    """What yum 3.2.22 (yum/pgpmsg.py) and rpm 4.4.2.3 have against a key file that `gpgkey=` names."""
    try:
        packets = list(split_packets(read_armour(path)))
        key = read_key(path)
    except ValueError as error:
        return [str(error)]
    problems = [
        f"{path.name}: pgp packet {place} is not user id or subkey (packet of type {packet.tag}): yum takes no such key"
        for place, packet in enumerate(packets[1:], 1)
        if packet.tag not in (SIGNATURE, USER_ID, SUBKEY)
    ]
    for packet in packets:
        if packet.tag in (PUBLIC_KEY, SUBKEY) and key_algorithm(packet) not in (RSA, 3, DSA, *ELGAMAL):
            problems.append(f"{path.name}: unknown public key algorithm {key_algorithm(packet)}")
        if packet.tag == SUBKEY and key_algorithm(packet) == key.algorithm:
            problems.append(
                f"{path.name}: rpm takes the numbers of a subkey for those of key {key.keyid}: all its signatures are BAD"
            )
    if key.algorithm == RSA and (bits := key.rsa[0].bit_length()) % 64:
        problems.append(f"{path.name}: RSA of {bits} bits, which is no multiple of 64")
    if key.algorithm == DSA and key.dsa[1].bit_length() > 160:
        problems.append(f"{path.name}: DSA with a q of more than 160 bits")
    return problems


def read_armour(path: Path) -> bytes:
    """The packets in a file's first armoured key. Raises ValueError as rpm's import refuses it (pgpReadPkts)."""
    refused = ValueError(f"{path.name}: import read failed.")
    lines = path.read_bytes().decode("latin-1").split("\n")
    begin, end = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
    if begin not in lines:
        raise refused
    lines = lines[lines.index(begin) + 1 :]
    while lines and lines[0].startswith(ARMOUR_HEADERS):
        del lines[0]
    # An empty line must follow, the base64 must end with a line of CRC, and the last line with a newline.
    sums = [place for place, line in enumerate(lines) if line.startswith("=")]
    if lines[:1] != [""] or not sums or lines[sums[0] + 1 : -1][:1] != [end]:
        raise refused
    with suppress(ValueError):
        packets = base64.b64decode("".join(lines[1 : sums[0]]))
        if crc24(packets) == int.from_bytes(base64.b64decode(lines[sums[0]][1:])):
            return packets
    raise refused


def crc24(data: bytes) -> int:
    """The checksum of an armour (RFC 4880, 6.1)."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc


def split_packets(data: bytes) -> Iterator[Packet]:
    """The packets in a run of bytes. Raises ValueError at one that rpm cannot read."""
    while data:
        if not data[0] & 0x80:
            raise ValueError("no OpenPGP packet")
        if data[0] & 0x40:
            tag, (prefix, length) = data[0] & 0x3F, read_length(data[1:])
        else:
            tag, prefix = data[0] >> 2 & 0xF, 1 << (data[0] & 3)
            length = int.from_bytes(data[1 : 1 + min(prefix, 4)])
        end = 1 + prefix + length
        if end > len(data):
            raise ValueError("a packet is longer than its file")
        yield Packet(tag=tag, body=data[1 + prefix : end], whole=data[:end])
        data = data[end:]


def read_length(data: bytes) -> tuple[int, int]:
    """How many bytes a new-style length takes, and the length."""
    if data[0] < 192:
        return 1, data[0]
    if data[0] < 255:
        return 2, (data[0] - 192 << 8) + data[1] + 192
    return 5, int.from_bytes(data[1:5])


def read_numbers(data: bytes, count: int) -> tuple[tuple[int, ...], int]:
    """Up to so many multiprecision integers, and how many bytes they took."""
    numbers: list[int] = []
    place = 0
    while place < len(data) and len(numbers) < count:
        size = (int.from_bytes(data[place : place + 2]) + 7) // 8
        numbers.append(int.from_bytes(data[place + 2 : place + 2 + size]))
        place += 2 + size
    return tuple(numbers), place


def key_algorithm(packet: Packet) -> int:
    """The algorithm of a key packet of version 3 or 4."""
    return packet.body[7 if packet.body[0] == 3 else 5]


def add_packet(key: Key, packet: Packet) -> Key:
    """What rpm knows of a key after one packet more. Raises ValueError for a key of a version that it does not know."""
    body = packet.body
    if packet.tag == USER_ID:
        return replace(key, user=body.decode("utf-8", "replace"))
    if packet.tag not in (PUBLIC_KEY, SUBKEY):
        return key
    if body[0] not in (3, 4):
        raise ValueError(f"a key of version {body[0]}")
    algorithm, start = key_algorithm(packet), 8 if body[0] == 3 else 6
    numbers, size = read_numbers(body[start:], {RSA: 2, DSA: 4}.get(algorithm, 0))
    if algorithm == RSA:
        key = replace(key, rsa=numbers)
    elif algorithm == DSA:
        key = replace(key, dsa=numbers)
    if packet.tag == SUBKEY:
        return key
    if body[0] == 3:
        keyid = f"{numbers[0] & (1 << 64) - 1:016x}" if algorithm == RSA else "0" * 16
    else:
        hashed = packet.whole[: len(packet.whole) - len(body) + start + size]
        keyid = hashlib.sha1(hashed).hexdigest()[-16:]
    return replace(key, keyid=keyid, version=body[0], algorithm=algorithm, created=int.from_bytes(body[1:5]))


def read_signature(data: bytes) -> Signature | None:
    """The first signature packet in a tag of an RPM; none if it is of a version that rpm 4.4.2.3 cannot verify."""
    body = next(split_packets(data)).body
    if body[0] == 3 and body[1] == 5:
        algorithm, hash_ = body[15], body[16]
        kind, keyid, hashed, rest = body[2], body[7:15].hex(), body[2:7], body[17:]
    elif body[0] == 4:
        kind, algorithm, hash_ = body[1], body[2], body[3]
        middle = 6 + int.from_bytes(body[4:6])
        end = middle + 2 + int.from_bytes(body[middle : middle + 2])
        hashed, rest = body[:middle], body[end:]
        keyid = find_issuer(body[6:middle]) or find_issuer(body[middle + 2 : end]) or "0" * 16
    else:
        return None
    numbers, _ = read_numbers(rest[2:], {RSA: 1, DSA: 2}.get(algorithm, 0))
    return Signature(
        version=body[0], algorithm=algorithm, hash=hash_, kind=kind, keyid=keyid,
        hashed=hashed, start_of_digest=rest[:2], numbers=numbers,
    )  # fmt: skip


def find_issuer(packets: bytes) -> str | None:
    """The key id in a run of subpackets. A fingerprint (subpacket 33) is unknown to rpm 4.4.2.3."""
    while packets:
        size, length = read_length(packets)
        if packets[size] == 16:
            return packets[size + 1 : size + 9].hex()
        packets = packets[size + length :]
    return None


def verify_rsa(signature: Signature, keys: dict[str, Key], content: bytes, hashed_by: str | None) -> str:
    """OK, BAD or NOKEY, as verifyRSASignature has it. The trailer of version 4 is not hashed: its code is compiled out."""
    if signature.algorithm != RSA or signature.hash not in PREFIXES or hashed_by is None:
        return "NOKEY"
    digest = hashlib.new(hashed_by, content + signature.hashed).digest()
    if digest[:2] != signature.start_of_digest:
        return "BAD"
    key = keys.get(signature.keyid)
    if key is None or key.algorithm != RSA:
        return "NOKEY"
    modulus, exponent = key.rsa
    (number,) = signature.numbers
    ending = bytes.fromhex(PREFIXES[signature.hash]) + digest
    # The padded digest is made as long as the signature in words, of 32 bits on i386 and of 64 on x86_64.
    sizes = {-(-number.bit_length() // bits) * bits // 8 for bits in (32, 64)}
    padded = {b"\0\1" + b"\xff" * (size - len(ending) - 3) + b"\0" + ending for size in sizes}
    good = number < modulus and {int.from_bytes(text) for text in padded} == {pow(number, exponent, modulus)}
    return "OK" if good else "BAD"


def verify_dsa(signature: Signature, keys: dict[str, Key], content: bytes) -> str:
    """OK, BAD or NOKEY, as verifyDSASignature has it: SHA-1 alone, version 3 or 4."""
    if signature.algorithm != DSA or HASHES.get(signature.hash) != "sha1":
        return "NOKEY"
    trailer = b"\x04\xff" + len(signature.hashed).to_bytes(4) if signature.version == 4 else b""
    digest = hashlib.sha1(content + signature.hashed + trailer).digest()
    if digest[:2] != signature.start_of_digest:
        return "BAD"
    key = keys.get(signature.keyid)
    if key is None or key.algorithm != DSA:
        return "NOKEY"
    (p, q, g, y), (r, s) = key.dsa, signature.numbers
    # NSS of that time takes no larger DSA.
    if q.bit_length() > 160 or not (0 < r < q and 0 < s < q):
        return "BAD"
    w = pow(s, -1, q)
    found = pow(g, int.from_bytes(digest) * w % q, p) * pow(y, r * w % q, p) % p % q
    return "OK" if found == r else "BAD"
