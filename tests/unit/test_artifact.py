"""An RPM's bytes: headers, signature packets, and what is read out of them."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.gates.artifact import Artifact, describe, list_signatures, recognize
from tproxy_rpms.gates.blob import MAGIC, Blob, BlobError, Entry, read_blob
from tproxy_rpms.gates.openpgp import HASHES, PUBKEYS, Packet, PacketError, read_packet
from tproxy_rpms.gates.rules import check_artifact
from tproxy_rpms.release.load import load_release

from ..conftest import ROOT

LIMITS = load_release("centos5", root=ROOT).target.limits

TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=12)
ENTRIES = st.one_of(
    st.lists(TEXTS, max_size=4).map(lambda texts: Entry(type="string array", texts=tuple(texts))),
    TEXTS.map(lambda text: Entry(type="string", texts=(text,))),
    st.lists(st.integers(0, 2**32 - 1), max_size=4).map(lambda numbers: Entry(type="int32", numbers=tuple(numbers))),
    st.lists(st.integers(0, 2**64 - 1), max_size=4).map(lambda numbers: Entry(type="int64", numbers=tuple(numbers))),
    st.lists(st.integers(0, 2**16 - 1), max_size=4).map(lambda numbers: Entry(type="int16", numbers=tuple(numbers))),
    st.binary(max_size=20).map(lambda data: Entry(type="bin", data=data)),
)
KINDS = {"int16": (3, 2, "H"), "int32": (4, 4, "I"), "int64": (5, 8, "Q")}


def write_blob(entries: dict[int, Entry]) -> bytes:
    """A header as rpm writes it."""
    index, data = b"", b""
    for tag, entry in entries.items():
        if entry.type in KINDS:
            kind, width, letter = KINDS[entry.type]
            data += bytes(-len(data) % width)
            count, value = len(entry.numbers), struct.pack(f">{len(entry.numbers)}{letter}", *entry.numbers)
        elif entry.type == "bin":
            kind, count, value = 7, len(entry.data), entry.data
        else:
            kind, count = {"string": 6, "string array": 8}[entry.type], len(entry.texts)
            value = b"".join(text.encode() + b"\0" for text in entry.texts)
        index += struct.pack(">iIiI", tag, kind, len(data), count)
        data += value
    return MAGIC + struct.pack(">II", len(entries), len(data)) + index + data


@given(st.dictionaries(st.integers(100, 6000), ENTRIES, max_size=6))
def test_a_header_reads_back_as_it_was_written(entries: dict[int, Entry]) -> None:
    blob = read_blob(io.BytesIO(write_blob(entries) + b"what follows"))
    assert blob.entries == entries
    assert blob.tags == len(entries)


@given(st.dictionaries(st.integers(100, 6000), ENTRIES, min_size=1, max_size=6), st.data())
def test_a_damaged_header_is_an_error_of_its_own_or_another_header(entries: dict[int, Entry], data: st.DataObject) -> None:
    content = bytearray(write_blob(entries))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(content), bytes(content[: data.draw(st.integers(0, len(content)))])):
        with contextlib.suppress(BlobError):
            assert isinstance(read_blob(io.BytesIO(damaged)), Blob)


# Signature packets.


def frame(body: bytes, *, new: bool = False, tag: int = 2, width: int = 2) -> bytes:
    """A packet in the old format, or in the new one."""
    if new:
        return bytes([0xC0 | tag]) + (bytes([len(body)]) if len(body) < 192 else b"\xff" + struct.pack(">I", len(body))) + body
    return bytes([0x80 | tag << 2 | {1: 0, 2: 1, 4: 2}[width]]) + len(body).to_bytes(width, "big") + body


def v3(pubkey: int, digest: int, numbers: bytes = b"\0\x08\xff") -> bytes:
    return bytes([3, 5, 0]) + bytes(4) + bytes(8) + bytes([pubkey, digest]) + bytes(2) + numbers


def v4(pubkey: int, digest: int, version: int = 4) -> bytes:
    return bytes([version, 0, pubkey, digest]) + b"\0\0" + b"\0\0" + bytes(2) + b"\0\x08\xff"


PUBKEY, HASH = st.sampled_from(sorted(PUBKEYS)), st.sampled_from(sorted(HASHES))


@given(PUBKEY, HASH, st.booleans(), st.sampled_from([1, 2, 4]), st.binary(max_size=250), st.sampled_from([3, 4, 6]))
def test_a_packet_says_what_was_put_in(pubkey: int, digest: int, new: bool, width: int, more: bytes, version: int) -> None:
    body = v3(pubkey, digest) if version == 3 else v4(pubkey, digest, version)
    body += more if width > 1 else b""
    packet = read_packet(frame(body, new=new, width=width) + b"a second packet")
    assert packet == Packet(version=version, pubkey=PUBKEYS[pubkey], hash=HASHES[digest])
    assert str(packet) == f"V{version} {PUBKEYS[pubkey]}/{HASHES[digest]}"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_packet_or_an_error_of_its_own(data: bytes) -> None:
    with contextlib.suppress(PacketError):
        assert read_packet(data).version in range(256)


@given(PUBKEY, HASH, st.integers(0, 30))
def test_a_packet_that_is_cut_off_is_an_error(pubkey: int, digest: int, size: int) -> None:
    whole = frame(v3(pubkey, digest))
    if size < len(whole):
        with pytest.raises(PacketError):
            read_packet(whole[:size])


def test_unknown_algorithms_keep_their_numbers() -> None:
    assert str(read_packet(frame(v4(99, 77)))) == "V4 99/77"


def test_another_packet_is_no_signature() -> None:
    with pytest.raises(PacketError, match="tag 6"):
        read_packet(frame(v4(1, 2), tag=6))


def test_signatures_are_found_in_their_tags() -> None:
    blob = Blob(
        entries={
            267: Entry(type="bin", data=frame(v4(17, 2))),
            1002: Entry(type="bin", data=frame(v3(1, 8))),
            1005: Entry(type="bin", data=b"rubbish"),
            278: Entry(type="string array", texts=("a", "b")),
        },
        tags=4,
        size=0,
    )
    assert [(signed.tag, signed.says, signed.algorithm) for signed in list_signatures(blob)] == [
        ("DSAHEADER", "V4 DSA/SHA1", "DSA"),
        ("SIGPGP", "V3 RSA/SHA256", "RSA"),
        ("SIGGPG", "no OpenPGP packet", ""),
        ("OPENPGP", "2 in base64", ""),
    ]


# What only headers made by hand can have: a regular file between 2 and 4 GiB, a ghost, digests without their tag.


def make_artifact(entries: dict[int, Entry]) -> Artifact:
    header = read_blob(io.BytesIO(write_blob(entries)))
    return describe("made.rpm", 3, Blob(entries={}, tags=0, size=0), header, b"")


def test_files_have_paths_sizes_and_no_ghosts_among_them() -> None:
    artifact = make_artifact({
        1028: Entry(type="int32", numbers=(3_000_000_000, 3_000_000_000, 5)),
        1035: Entry(type="string array", texts=("a" * 64, "", "a" * 64)),
        1037: Entry(type="int32", numbers=(0, 64, 0)),
        1116: Entry(type="int32", numbers=(0, 1, 1)),
        1117: Entry(type="string array", texts=("image", "ghost", "small")),
        1118: Entry(type="string array", texts=("/var/", "/srv/")),
    })  # fmt: skip
    assert artifact.files == (("/var/image", 3_000_000_000), ("/srv/small", 5))
    assert (artifact.digest_number, artifact.digest_lengths) == (1, {64})
    found = {(finding.limit, finding.tag, finding.value) for finding in check_artifact(artifact, LIMITS)}
    assert found == {
        ("file_size", "FILESIZES", "/var/image, 3000000000 bytes"),
        ("file_digests", "FILEDIGESTS", "sha256"),
        ("payloads", "payload", "nothing"),
    }


def test_sizes_of_large_files_are_read_from_their_own_tag() -> None:
    artifact = make_artifact({
        1037: Entry(type="int32", numbers=(0,)),
        1116: Entry(type="int32", numbers=(0,)),
        1117: Entry(type="string array", texts=("image",)),
        1118: Entry(type="string array", texts=("/var/",)),
        5008: Entry(type="int64", numbers=(5_000_000_000,)),
    })  # fmt: skip
    assert artifact.files == (("/var/image", 5_000_000_000),)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"]\0\0\x80\0", "lzma"),
        (b"070701", "none"),
        (b"\x89PNG\r\n\x1a\n", "89504e470d0a"),
        (b"", "nothing"),
    ],
)
def test_a_payload_is_known_by_its_magic(payload: bytes, name: str) -> None:
    assert recognize(payload) == name
