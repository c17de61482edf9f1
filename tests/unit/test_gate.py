"""The gate's pure parts: header bytes, signature packets, and each rule by what it lets pass and what it does not."""

import contextlib
import io
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.gates.artifact import Artifact, Dependency, Extent, Scriptlet, Signed, describe, list_signatures, recognize
from tproxy_rpms.gates.blob import MAGIC, Blob, BlobError, Entry, read_blob
from tproxy_rpms.gates.openpgp import HASHES, PUBKEYS, Packet, PacketError, read_packet
from tproxy_rpms.gates.rules import RULES, check_artifact
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Limits

from ..conftest import ROOT


def load_limits() -> Limits:
    limits = load_release("centos5", root=ROOT).target.limits
    assert limits is not None
    return limits


LIMITS = load_limits()
EXTENT = Extent(tags=60, size=3000, types=((1000, "string"),))
SIGNATURE_EXTENT = Extent(tags=7, size=300, types=((1000, "int32"),))
GOOD = Artifact(
    file="hello.rpm",
    name="hello",
    version="1.0",
    release="1.el5",
    arch="x86_64",
    source=False,
    lead_major=3,
    header=EXTENT,
    signature_header=SIGNATURE_EXTENT,
    payload_format="cpio",
    payload_compressor="gzip",
    payload="gzip",
    archive="070701",
    digest_number=1,
    digest_lengths=frozenset({32}),
    files=(("/usr/bin/hello", 100),),
    dependencies=(Dependency(kind="REQUIRE", name="rpmlib(CompressedFileNames)", version="3.0.4-1"),),
    scriptlets=(Scriptlet(kind="postin", interpreter="/bin/sh"),),
    signatures=(Signed(tag="RSAHEADER", says="V3 RSA/SHA256", algorithm="RSA"),),
)


def limits_of(**changes: Any) -> list[tuple[str, str]]:
    """The limits that a good artifact with some fields changed is beyond, each with its tag."""
    return [(finding.limit, finding.tag) for finding in check_artifact(replace(GOOD, **changes), LIMITS)]


def test_a_good_artifact_has_no_findings() -> None:
    assert limits_of() == []


def require(name: str, version: str = "", kind: str = "REQUIRE") -> dict[str, Any]:
    return {"dependencies": (Dependency(kind=kind, name=name, version=version),)}


def script(kind: str, interpreter: str, arguments: int = 0) -> dict[str, Any]:
    return {"scriptlets": (Scriptlet(kind=kind, interpreter=interpreter, arguments=arguments),)}


def sign(tag: str, says: str, algorithm: str = "") -> dict[str, Any]:
    return {"signatures": (Signed(tag=tag, says=says, algorithm=algorithm),)}


AT_THE_LIMIT: list[dict[str, Any]] = [
    {"lead_major": 4},
    {"header": replace(EXTENT, tags=65_535, size=16_777_215)},
    {"signature_header": replace(SIGNATURE_EXTENT, tags=32, size=8192)},
    {"payload": "bzip2", "payload_compressor": "bzip2"},
    {"archive": ""},
    {"digest_lengths": frozenset()},
    {"files": (("/big", 2_147_483_647),)},
    require("rpmlib(BuiltinLuaScripts)", "4.2.2-1"),
    require("a", "2:1.0+git_1.2-3"),
    require("config(hello)", "1"),
    script("pretrans", "<lua>"),
    script("postun", "/sbin/ldconfig"),
    script("postin", "/usr/bin/hello"),
    script("postin", "/bin/sh", 1),
    {"signatures": ()},
    sign("SIGPGP", "V3 RSA/MD5", "RSA"),
    sign("SIGGPG", "V4 DSA/SHA1", "DSA"),
    {"signatures": (*GOOD.signatures, Signed(tag="OPENPGP", says="1 in base64"))},
]


@pytest.mark.parametrize("changes", AT_THE_LIMIT, ids=str)
def test_what_is_just_within_a_limit_passes(changes: dict[str, Any]) -> None:
    assert limits_of(**changes) == []


BEYOND: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"lead_major": 5}, ("lead_major", "lead")),
    ({"header": replace(EXTENT, tags=65_536)}, ("header_tags", "header")),
    ({"header": replace(EXTENT, size=16_777_216)}, ("header_bytes", "header")),
    ({"signature_header": replace(SIGNATURE_EXTENT, tags=33)}, ("signature_tags", "signature header")),
    ({"signature_header": replace(SIGNATURE_EXTENT, size=8193)}, ("signature_bytes", "signature header")),
    ({"header": replace(EXTENT, types=((5008, "int64"),))}, ("tag_types", "LONGFILESIZES")),
    ({"signature_header": replace(SIGNATURE_EXTENT, types=((271, "int64"),))}, ("tag_types", "LONGARCHIVESIZE")),
    ({"header": replace(EXTENT, types=((9999, "type 17"),))}, ("tag_types", "tag 9999")),
    ({"payload_format": "drpm"}, ("payload_formats", "PAYLOADFORMAT")),
    ({"payload_compressor": "xz"}, ("payloads", "PAYLOADCOMPRESSOR")),
    ({"payload": "28b52ffd0000"}, ("payloads", "payload")),
    ({"payload": "bzip2"}, ("payloads", "payload")),
    ({"archive": "07070X"}, ("archives", "payload")),
    ({"digest_number": 8}, ("file_digests", "FILEDIGESTALGO")),
    ({"digest_lengths": frozenset({32, 64})}, ("file_digests", "FILEDIGESTS")),
    ({"files": (("/big", 2_147_483_648),)}, ("file_size", "FILESIZES")),
    (require("rpmlib(LargeFiles)", "4.12.0-1"), ("rpmlib", "REQUIRENAME")),
    ({"version": "1~rc1"}, ("version_refuses", "VERSION")),
    ({"release": "1^2"}, ("version_refuses", "RELEASE")),
    (require("a", "1~2"), ("version_refuses", "REQUIREVERSION")),
    (require("a", "1~2", "TRIGGER"), ("version_refuses", "TRIGGERVERSION")),
    (require("(a or b)", kind="CONFLICT"), ("rich_dependencies", "CONFLICTNAME")),
    (script("preuntrans", "/bin/sh"), ("scriptlets", "%preuntrans")),
    (script("filetrigger", "<lua>"), ("scriptlets", "%filetrigger")),
    (script("pretrans", "<lua>", 1), ("argument_scriptlets", "%pretrans")),
    (script("postin", "/usr/bin/python3"), ("interpreters", "%postin")),
    (script("prein", "/usr/bin/hello"), ("interpreters", "%prein")),
    (sign("RSAHEADER", "V4 RSA/SHA256", "RSA"), ("signatures", "RSAHEADER")),
    (sign("DSAHEADER", "V4 DSA/SHA256", "DSA"), ("signatures", "DSAHEADER")),
    (sign("DSAHEADER", "V3 RSA/SHA256", "RSA"), ("signatures", "DSAHEADER")),
    (sign("RSAHEADER", "a packet of tag 1, no signature"), ("signatures", "RSAHEADER")),
    (sign("OPENPGP", "1 in base64"), ("signatures", "OPENPGP")),
]


@pytest.mark.parametrize(("changes", "expected"), BEYOND, ids=[str(changes) for changes, _ in BEYOND])
def test_what_is_beyond_a_limit_is_found_once(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert limits_of(**changes) == [expected]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_a_case_that_no_other_finds(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.gates.rules.RULES", tuple(other for other in RULES if other is not rule))
    assert any(limits_of(**changes) != [expected] for changes, expected in BEYOND)


def test_every_limit_has_a_case_and_a_source() -> None:
    judged = {limit for _, (limit, _) in BEYOND}
    assert judged == LIMITS.sources.keys()


def test_no_limits_no_findings() -> None:
    for changes, _ in BEYOND:
        assert check_artifact(replace(GOOD, **changes), None) == ()


VERSIONS = st.text("0123456789abc.+_-:~^", max_size=8)


@given(version=VERSIONS, release=VERSIONS, needed=VERSIONS)
def test_a_version_is_refused_exactly_when_it_has_such_a_character(version: str, release: str, needed: str) -> None:
    found = {
        finding.tag for finding in check_artifact(replace(GOOD, version=version, release=release, **require("a", needed)), LIMITS)
    }
    texts = {"VERSION": version, "RELEASE": release, "REQUIREVERSION": needed}
    assert found == {tag for tag, text in texts.items() if "~" in text or "^" in text}


@pytest.mark.parametrize(
    ("changes", "limit", "more"),
    [
        ({"payload": "xz", "payload_compressor": "xz"}, "payloads", ("xz",)),
        ({"digest_number": 8, "digest_lengths": frozenset({64})}, "file_digests", ("sha256",)),
        (require("rpmlib(LargeFiles)", "4.12.0-1"), "rpmlib", ("LargeFiles",)),
        (require("a", "1~2"), "version_refuses", None),
        (require("(a or b)"), "rich_dependencies", None),
        (script("filetrigger", "<lua>"), "scriptlets", ("filetrigger",)),
        (script("postin", "/usr/bin/python3"), "interpreters", ("/usr/bin/python3",)),
        (sign("RSAHEADER", "V4 RSA/SHA256", "RSA"), "signatures", ("V4 RSA/SHA256",)),
    ],
    ids=str,
)
def test_the_limits_are_data(changes: dict[str, Any], limit: str, more: tuple[str, ...] | None) -> None:
    wider: Any = (*getattr(LIMITS, limit), *more) if more else {"version_refuses": "", "rich_dependencies": True}[limit]
    artifact = replace(GOOD, **changes)
    assert {finding.limit for finding in check_artifact(artifact, LIMITS)} == {limit}
    assert check_artifact(artifact, replace(LIMITS, **{limit: wider})) == ()


# Headers.

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
