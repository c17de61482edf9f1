"""RPMs of an rpm that keeps inodes and devices, as that of CentOS 5 does: equivalent as long as the hard links are the same."""

import re
import struct
import zlib
from pathlib import Path

from tproxy_rpms.repro.compare import compare_rpms
from tproxy_rpms.repro.package import count_again, read_rpm
from tproxy_rpms.repro.verdict import Comparison, Surroundings

from .package import build_package

INODES, DEVICES = 1096, 1095
HEADER = re.compile(rb"07070[12][0-9a-fA-F]{104}")


def renumber(rpm: Path, path: Path, *, add: int, device: int, extra: bytes = b"") -> Path:
    """Write a copy of an RPM whose files have other inodes and devices, in the header and in the archive."""
    parts = read_rpm(rpm)
    data = bytearray(rpm.read_bytes()[: parts.payload_at])
    start = len(data) - len(parts.header.raw)
    at = start + 16 + 16 * len(parts.header.order)
    for index in range(len(parts.header.order)):
        tag, _, offset, count = struct.unpack_from(">iIiI", data, start + 16 + 16 * index)
        for number in range(count if tag in (INODES, DEVICES) else 0):
            place = at + offset + 4 * number
            (old,) = struct.unpack_from(">I", data, place)
            struct.pack_into(">I", data, place, old + add if tag == INODES else device)
    archive = zlib.decompressobj(31).decompress(rpm.read_bytes()[parts.payload_at :])

    def change(match: re.Match[bytes]) -> bytes:
        head = match[0]
        return head[:6] + b"%08x" % (int(head[6:14], 16) + add) + head[14:62] + b"%08x%08x" % (0, device) + head[78:]

    packer = zlib.compressobj(9, wbits=31)
    payload = packer.compress(HEADER.sub(change, archive) + extra) + packer.flush()
    size = len(parts.header.raw) + len(payload)
    for index in range(len(parts.signature.order)):
        tag, _, offset, _ = struct.unpack_from(">iIiI", data, 96 + 16 + 16 * index)
        if tag == 1000:
            struct.pack_into(">I", data, 96 + 16 + 16 * len(parts.signature.order) + offset, size)
    path.write_bytes(bytes(data) + payload)
    return correct_digests(path)


def correct_digests(path: Path) -> Path:
    """Have the signature header tell the digests that the file now has."""
    data = path.read_bytes()
    parts = read_rpm(path)
    for tag, counted in count_again(parts).items():
        for value in parts.signature.values.get(tag, ()):
            data = data.replace(value.raw, counted)
    path.write_bytes(data)
    return path


def compare(first: Path, second: Path) -> Comparison:
    return compare_rpms(first, second, surroundings=(Surroundings(), Surroundings()))


def test_other_inodes_and_devices_are_equivalent(tmp_path: Path) -> None:
    rpm, _ = build_package(tmp_path / "build")
    first = renumber(rpm, tmp_path / "first.rpm", add=1000, device=41)
    second = renumber(rpm, tmp_path / "second.rpm", add=7000, device=52)
    comparison = compare(first, second)
    assert comparison.verdict == "equivalent", comparison.differences
    assert {"FILEINODES", "FILEDEVICES", "the payload"} <= {difference.place for difference in comparison.differences}


def test_another_byte_beside_the_inodes_is_different(tmp_path: Path) -> None:
    rpm, _ = build_package(tmp_path / "build")
    first = renumber(rpm, tmp_path / "first.rpm", add=1000, device=41)
    second = renumber(rpm, tmp_path / "second.rpm", add=7000, device=52, extra=b"more")
    assert compare(first, second).verdict == "different"


def test_other_hard_links_are_different(tmp_path: Path) -> None:
    rpm, _ = build_package(tmp_path / "build")
    first = renumber(rpm, tmp_path / "first.rpm", add=1000, device=41)
    data = first.read_bytes()
    parts = read_rpm(first)
    (inodes,) = parts.header.values[INODES]
    assert len(set(struct.unpack(f">{inodes.count}I", inodes.raw))) == inodes.count
    linked = inodes.raw[:4] * 2 + inodes.raw[8:]
    second = tmp_path / "second.rpm"
    second.write_bytes(data.replace(inodes.raw, linked))
    correct_digests(second)
    assert compare(first, second).verdict == "different"
