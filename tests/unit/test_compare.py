"""Two RPMs made byte by byte: equivalent is what differs in nothing but the published list, and says the truth there."""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tproxy_rpms.errors import BuildError
from tproxy_rpms.repro.compare import compare_rpms
from tproxy_rpms.repro.excuse import holds
from tproxy_rpms.repro.package import Value, find_slack, read_rpm
from tproxy_rpms.repro.payload import compare_archives, wraps_nothing_else
from tproxy_rpms.repro.tags import BINARY, EXCUSED, INT32, NOT_EXCUSED, STRING, STRINGS, find_excuse
from tproxy_rpms.repro.verdict import CAUSES, Comparison, Surroundings

from .handmade import Made, Tag, numbers, text, write_rpm

UNKNOWN = (Surroundings(), Surroundings())
PACKET = bytes.fromhex("8813040108000a0502") + b"\x11" * 12  # a V4 RSA/SHA256 signature, as far as anyone looks


def compare(folder: Path, first: Made, second: Made) -> Comparison:
    """The comparison, whose verdict must be the same the other way round."""
    paths = write_rpm(folder / "first.rpm", first), write_rpm(folder / "second.rpm", second)
    comparison = compare_rpms(*paths, surroundings=UNKNOWN)
    assert compare_rpms(*reversed(paths), surroundings=UNKNOWN).verdict == comparison.verdict
    assert all(one.cause in CAUSES for one in comparison.differences)
    assert (comparison.verdict == "identical") == (paths[0].read_bytes() == paths[1].read_bytes()) == (not comparison.differences)
    assert (comparison.verdict == "different") == any(not one.excused for one in comparison.differences)
    return comparison


def told(comparison: Comparison) -> dict[str, str]:
    return {one.place: one.cause for one in comparison.differences}


def test_the_same_is_identical(tmp_path: Path) -> None:
    assert compare(tmp_path, Made(), Made()).verdict == "identical"


def test_host_and_time_are_excused_and_what_follows_from_them(tmp_path: Path) -> None:
    second = Made(tags={1006: numbers(1_800_000_000), 1007: text("elsewhere.example.org"), 1094: text("elsewhere 18")})
    comparison = compare(tmp_path, Made(), second)
    assert comparison.verdict == "equivalent"
    assert told(comparison) == {
        "BUILDTIME": "build time", "BUILDHOST": "host name", "COOKIE": "consequence", "SHA1HEADER": "consequence",
        "SHA256HEADER": "consequence", "SIGSIZE": "consequence", "SIGMD5": "consequence",
    }  # fmt: skip


TAGS: dict[str, dict[int, Tag | None]] = {
    "NAME": {1000: text("hallo")}, "SUMMARY": {1004: text("Another", kind=9)}, "RPMVERSION": {1064: text("4.18.1")},
    "SOURCERPM": {1044: text("hello-1-2.src.rpm")}, "PAYLOADDIGEST": {5092: text("0" * 64, kind=STRINGS)},
    "no BUILDHOST": {1007: None}, "no COOKIE": {1094: None}, "a new tag": {1015: text("a distribution")},
    "BUILDTIME of another type": {1006: text("1700000000")}, "two BUILDTIMEs": {1006: numbers(1_700_000_000, 2)},
    "BUILDHOST as a list": {1007: text("buildhost", kind=STRINGS)}, "two BUILDHOSTs": {1007: text("a", "b", kind=STRINGS)},
    "BUILDTIME that no calendar has": {1006: (5, 1, b"\xff" * 8)},
}  # fmt: skip


@pytest.mark.parametrize("name", TAGS)
def test_every_other_tag_makes_a_difference_though_all_digests_are_true(name: str, tmp_path: Path) -> None:
    comparison = compare(tmp_path, Made(), Made(tags=TAGS[name]))
    assert comparison.verdict == "different"


@pytest.mark.parametrize("name", ["BUILDTIME of another type", "two BUILDTIMEs", "BUILDHOST as a list", "two BUILDHOSTs"])
def test_an_excused_tag_of_a_wrong_form_on_both_sides_excuses_nothing(name: str, tmp_path: Path) -> None:
    ((tag, value),) = TAGS[name].items()
    assert value
    other = value[0], value[1], value[2][:-2] + b"9" + value[2][-1:]
    assert compare(tmp_path, Made(tags={tag: value}), Made(tags={tag: other})).verdict == "different"


LIES: dict[str, tuple[int, Tag]] = {
    "SIGMD5": (1004, (BINARY, 16, b"\1" * 16)), "SHA1HEADER": (269, text("0" * 40)), "SHA256HEADER": (273, text("0" * 64)),
    "SHA3_256HEADER": (279, text("0" * 64)), "LONGSIGSIZE": (270, (5, 0, b"")),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("other", [False, True], ids=["one lies", "both lie alike"])
def test_a_digest_that_lies_makes_a_difference(name: str, other: bool, tmp_path: Path) -> None:
    tag, value = LIES[name]
    host = {1007: text("elsewhere")}
    lie = Made(tags=host, signature={tag: value})
    comparison = compare(tmp_path, Made(signature={tag: value} if other else {}), lie)
    assert comparison.verdict == "different"
    assert told(comparison)[name] in ("tag", "consequence")
    assert [one.excused for one in comparison.differences if one.place == name] == [False]
    assert compare(tmp_path, Made(), Made(tags=host)).verdict == "equivalent"


SIGNATURES: dict[str, tuple[dict[int, Tag | None], str]] = {
    "RSA": ({268: (BINARY, len(PACKET), PACKET), 1002: (BINARY, len(PACKET), PACKET)}, "equivalent"),
    "DSA": ({267: (BINARY, len(PACKET), PACKET), 1005: (BINARY, len(PACKET), PACKET)}, "equivalent"),
    "rpm 6": ({278: text("iBMEAQgACgUCERERERERERERERER", kind=STRINGS)}, "equivalent"),
    "room": ({1008: (BINARY, 4096, b"\0" * 4096)}, "equivalent"),
    "room that is used": ({1008: (BINARY, 4, b"\0\0\1\0")}, "different"),
    "bytes that are no signature": ({1002: (BINARY, 9, b"something")}, "different"),
    "a signature of another type": ({268: text("something")}, "different"),
    "no signature in base64": ({278: text("c29tZXRoaW5n", kind=STRINGS)}, "different"),
    "no base64": ({278: text("é", kind=STRINGS)}, "different"),
    "a tag that nobody knows": ({1077: text("something")}, "different"),
    "another size of the archive": ({1007: numbers(9)}, "different"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_and_their_room_may_be_missing_and_nothing_else(name: str, tmp_path: Path) -> None:
    signature, verdict = SIGNATURES[name]
    assert compare(tmp_path, Made(), Made(signature=signature)).verdict == verdict


@pytest.mark.parametrize("slack", [b"\0", b"\0" * 7, b"hidden"])
def test_bytes_that_belong_to_no_tag_make_a_difference(slack: bytes, tmp_path: Path) -> None:
    comparison = compare(tmp_path, Made(), Made(slack=slack, tags={1007: text("elsewhere")}))
    assert comparison.verdict == "different"
    assert told(comparison)["bytes of no tag"] == "tag"


def test_only_what_aligns_numbers_lies_between_values() -> None:
    assert list(find_slack(b"a\0\0\0" + b"1234", [(0, 2, 1), (4, 8, 4)])) == []
    assert list(find_slack(b"a\0\0\0" + b"1234", [(0, 2, 1), (4, 8, 1)])) == [b"\0\0"]
    assert list(find_slack(b"a\0b\0" + b"1234", [(0, 2, 1), (4, 8, 4)])) == [b"b\0"]
    assert list(find_slack(b"a\0" + b"\0" * 10 + b"1234", [(0, 2, 1), (12, 16, 4)])) == [b"\0" * 10]
    assert list(find_slack(b"abcd", [(0, 3, 1), (2, 4, 1)])) == [b"c"]
    assert list(find_slack(b"abcd", [(0, 2, 1)])) == [b"cd"]


def test_files_are_told_with_causes(tmp_path: Path) -> None:
    files = {"/usr/a": b"one\n", "/usr/b": b"TWO\n", "/etc/c": b"new"}
    found = told(compare(tmp_path, Made(), Made(files=files)))
    assert (found["/usr/b"], found["/etc/c"]) == ("content", "missing")
    assert {found["PAYLOADDIGEST"], found["FILEDIGESTS"], found["BASENAMES"], found["SIZE"]} == {"consequence"}
    assert "/usr/a" not in found
    moved = told(compare(tmp_path, Made(), Made(files={"/usr/b": b"two\n", "/usr/a": b"one\n"})))
    assert moved["the payload"] == "archive order"


def test_content_that_the_headers_keep_quiet_about_is_different(tmp_path: Path) -> None:
    digests = ["0" * 64, "1" * 64]
    files = {"/usr/a": b"one\n", "/usr/b": b"TWO\n"}
    quiet: dict[int, Tag | None] = {5092: text("2" * 64, kind=STRINGS)}
    comparison = compare(tmp_path, Made(digests=digests, tags=quiet), Made(digests=digests, tags=quiet, files=files))
    assert comparison.verdict == "different"
    assert told(comparison)["the payload"] == "content"


def test_the_same_archive_compressed_otherwise_is_compression(tmp_path: Path) -> None:
    files = {"/usr/a": b"one two three\n" * 900}
    comparison = compare(tmp_path, Made(files=files), Made(files=files, level=1))
    assert (comparison.verdict, told(comparison)["the payload"]) == ("different", "compression")


def test_bytes_behind_the_payload_are_different_whatever_else_is_excused(tmp_path: Path) -> None:
    quiet: dict[int, Tag | None] = {5092: text("2" * 64, kind=STRINGS)}
    assert compare(tmp_path, Made(tags=quiet), Made(tags=quiet, inode=40)).verdict == "equivalent"
    hidden = compare(tmp_path, Made(tags=quiet), Made(tags=quiet, inode=40, behind=b"hidden"))
    assert hidden.verdict == "different"
    rpm = read_rpm(tmp_path / "second.rpm")
    assert not wraps_nothing_else(rpm.path, rpm.payload_at)
    rpm = read_rpm(tmp_path / "first.rpm")
    assert wraps_nothing_else(rpm.path, rpm.payload_at) and not wraps_nothing_else(rpm.path, rpm.payload_at - 1)


def test_inodes_are_excused_only_with_devices_beside_them(tmp_path: Path) -> None:
    without: dict[int, Tag | None] = {5092: text("2" * 64, kind=STRINGS), 1095: None}
    linked = without | {1096: numbers(7, 7)}
    assert compare(tmp_path, Made(tags=without), Made(tags=linked)).verdict == "different"


def test_a_broken_payload_names_its_file_whichever_it_is(tmp_path: Path) -> None:
    good = write_rpm(tmp_path / "good.rpm", Made())
    data, start = good.read_bytes(), read_rpm(good).payload_at
    bad = tmp_path / "bad.rpm"
    bad.write_bytes(data[: start + 30] + bytes([data[start + 30] ^ 0xFF]) + data[start + 31 :])
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(BuildError, match=r"bad\.rpm: the payload cannot be read"):
            compare_archives(*pair)
        with pytest.raises(BuildError, match=r"bad\.rpm"):
            compare_rpms(*pair, surroundings=UNKNOWN)


@pytest.mark.parametrize("end", [b"", b"x"])
def test_truncated_and_extended_files_are_errors_that_name_the_file(end: bytes, tmp_path: Path) -> None:
    good = write_rpm(tmp_path / "good.rpm", Made())
    bad = tmp_path / "bad.rpm"
    for cut in [len(good.read_bytes())] if end else [*range(0, 500, 7), len(good.read_bytes()) - 1]:
        bad.write_bytes(good.read_bytes()[:cut] + end)
        for pair in ((good, bad), (bad, good)):
            with pytest.raises(BuildError, match=r"bad\.rpm") as caught:
                compare_rpms(*pair, surroundings=UNKNOWN)
            assert caught.value.hint


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_seen_and_excused_by_no_chance(data: st.DataObject, tmp_path: Path) -> None:
    good = write_rpm(tmp_path / "good.rpm", Made(signature=SIGNATURES["room"][0]))
    content = bytearray(good.read_bytes())
    parts = read_rpm(good)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    bad = tmp_path / "bad.rpm"
    bad.write_bytes(content)
    try:
        verdicts = {compare_rpms(*pair, surroundings=UNKNOWN).verdict for pair in ((good, bad), (bad, good))}
    except BuildError as error:
        assert "bad.rpm" in error.message
        return
    md5 = next(index for index, tag in enumerate(parts.signature.order) if tag == 1004)
    if at in range(96 + 16 + 16 * md5, 96 + 16 + 16 * md5 + 4):  # bytes by chance that may pass for a signature
        assert "identical" not in verdicts
        return
    region = range(96 + 16 + 16 * len(parts.signature.order), 96 + len(parts.signature.raw))
    assert verdicts == {"different"} or (verdicts == {"equivalent"} and at in region)


def make_value(kind: int, raw: bytes, count: int | None = None) -> Value:
    return Value(tag=0, kind=kind, count=count if count is not None else len(raw) if kind == BINARY else 1, raw=raw)


def test_excuses_hold_for_their_type_alone() -> None:
    for excuse in EXCUSED:
        assert find_excuse(excuse.number, excuse.where) is excuse
        if excuse.where == "header":
            continue
        assert holds(excuse, [], {})
        for kind in {INT32, STRING, BINARY, STRINGS, 5} - {excuse.kind}:
            assert not holds(excuse, [make_value(kind, PACKET)], {excuse.number: PACKET})
        good = [make_value(excuse.kind, PACKET)] if excuse.check in ("counted", "signature") else []
        assert excuse.kind == STRINGS or not good or holds(excuse, good, {excuse.number: PACKET})
        assert not holds(excuse, good * 2, {excuse.number: PACKET}) or not good
        assert excuse.check != "counted" or not holds(excuse, good, {excuse.number: PACKET + b"x"})


def test_no_excuse_is_on_the_list_of_what_has_none() -> None:
    assert not {excuse.name for excuse in EXCUSED} & set(NOT_EXCUSED)
    assert {"PAYLOADDIGEST", "PAYLOADDIGESTALT"} <= set(NOT_EXCUSED)
    assert all(find_excuse(number, where) is None for number in (5092, 5097, 1035) for where in ("header", "signature header"))


def test_the_region_of_signatures_ends_an_index() -> None:
    excuse = find_excuse(62, "signature header")
    assert excuse
    region = struct.pack(">iIiI", 62, BINARY, -96, 16)
    assert holds(excuse, [make_value(BINARY, region)], {})
    for wrong in (struct.pack(">iIiI", 62, BINARY, 96, 16), struct.pack(">iIiI", 63, BINARY, -96, 16), region[:-1] + b"\x11"):
        assert not holds(excuse, [make_value(BINARY, wrong)], {})
