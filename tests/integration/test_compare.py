"""Two RPMs compared: what makes them equivalent, what can never be excused, and files that are no whole RPM."""

import gzip
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.errors import BuildError
from tproxy_rpms.repro.compare import compare_rpms, compare_sets
from tproxy_rpms.repro.package import RpmFile, read_rpm
from tproxy_rpms.repro.tags import EXCUSED, find_excuse
from tproxy_rpms.repro.verdict import CAUSES, Comparison, Surroundings
from tproxy_rpms.store import digest_file

from . import package
from .package import GOOD_MACROS, build_package
from .test_gate_signatures import Key

UNKNOWN = (Surroundings(), Surroundings())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An RPM and its SRPM."""
    return build_package(tmp_path_factory.mktemp("first"))


def compare(first: Path, second: Path) -> Comparison:
    comparison = compare_rpms(first, second, surroundings=UNKNOWN)
    assert all(difference.cause in CAUSES for difference in comparison.differences)
    assert compare_rpms(second, first, surroundings=UNKNOWN).verdict == comparison.verdict
    return comparison


def places(comparison: Comparison) -> dict[str, str]:
    return {difference.place: difference.cause for difference in comparison.differences}


def test_the_same_bytes_are_identical_and_say_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for path in pair:
        copy = shutil.copy(path, tmp_path)
        comparison = compare(path, Path(copy))
        assert (comparison.verdict, comparison.differences) == ("identical", ())
        assert comparison.first == comparison.second == digest_file(path)


def excused_bytes(parts: RpmFile) -> Iterator[int]:
    """Yield the offsets of the values of excused tags that are not counted again."""
    at = 96
    for header, where in ((parts.signature, "signature header"), (parts.header, "header")):
        data = at + 16 + 16 * len(header.order)
        for index in range(len(header.order)):
            tag, _, offset, _ = struct.unpack_from(">iIiI", header.raw, 16 + 16 * index)
            excuse = find_excuse(tag, where)  # type: ignore[arg-type]
            if tag == 1004:  # bytes by chance, and no digest covers what tag they are: they may pass for a signature
                yield from range(at + 16 + 16 * index, at + 20 + 16 * index)
            if excuse and excuse.check in ("", "links", "region"):
                yield from range(data + offset, data + offset + len(header.values[tag][0].raw))
        at += len(header.raw) + (len(parts.padding) if where == "signature header" else 0)


def test_no_flipped_byte_is_ever_excused_but_in_excused_tags(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Every byte of the headers, and some hundred of the payload."""
    rpm = pair[0]
    data, parts = rpm.read_bytes(), read_rpm(rpm)
    excused = set(excused_bytes(parts))
    assert excused
    generator = random.Random(4)
    offsets = [*range(parts.payload_at), *generator.sample(range(parts.payload_at, len(data)), min(parts.size, 200))]
    flipped = tmp_path / rpm.name
    verdicts = set()
    for offset in offsets:
        flipped.write_bytes(data[:offset] + bytes([data[offset] ^ (1 << generator.randrange(8))]) + data[offset + 1 :])
        try:
            verdict = compare_rpms(rpm, flipped, surroundings=UNKNOWN).verdict
        except BuildError as error:
            assert str(flipped) in error.message or str(rpm) in error.message
            continue
        verdicts.add(verdict)
        # A flipped byte of what digests cover makes these digests lie, so that not even excused tags pass alone.
        assert verdict == "different" or offset in excused, offset
    assert "identical" not in verdicts and "different" in verdicts


@pytest.mark.parametrize("kind", ["RSA", "old RSA", "old DSA", "EdDSA"])
def test_signed_and_unsigned_are_equivalent_and_no_file_is_touched(kind: str, pair: tuple[Path, Path], tmp_path: Path) -> None:
    kinds = {
        "RSA": ("RSA", 2048, "gpg"), "old RSA": ("RSA", 2048, "gpg1"), "old DSA": ("DSA", 1024, "gpg1"),
        "EdDSA": ("EDDSA\nKey-Curve: ed25519", 256, "gpg"),
    }  # fmt: skip
    algorithm, bits, program = kinds[kind]
    key = Key(tmp_path / "home", kind=algorithm, bits=bits, program=program)
    for path in pair:
        signed = key.sign(path, tmp_path)
        before = digest_file(path), digest_file(signed)
        comparison = compare(path, signed)
        assert comparison.verdict == "equivalent", comparison.differences
        assert "signature" in places(comparison).values()
        assert (digest_file(path), digest_file(signed)) == before


def test_what_was_tampered_with_before_it_was_signed_is_different(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other, _ = build_package(tmp_path / "other", tags="Vendor: somebody")
    key = Key(tmp_path / "home", kind="RSA", bits=2048, program="gpg")
    comparison = compare(pair[0], key.sign(other, tmp_path))
    assert comparison.verdict == "different"
    assert places(comparison)["VENDOR"] == "tag"


def build_at(folder: Path, epoch: int, host: str, **macros: str) -> Path:
    """The package with a build time and host of its own; an RPM that names no SRPM by digest."""
    given = {
        "_buildhost": host, "use_source_date_epoch_as_buildtime": "1", "clamp_mtime_to_source_date_epoch": "0",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(epoch))
        rpm, _ = build_package(folder, **(given | macros))
        defines = {"_topdir": str(folder), "_tmppath": str(folder)} | GOOD_MACROS | given | macros
        argv = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        subprocess.run(["rpmbuild", "-bb", "--quiet", *argv, str(folder / "hello.spec")], check=True, capture_output=True)
    return rpm


def change_spec(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Change the package's spec for one test."""
    assert old in package.SPEC
    monkeypatch.setattr(package, "SPEC", package.SPEC.replace(old, new))


def set_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every file of the package carry one time."""
    change_spec(monkeypatch, "%global _unpack", "find %{{buildroot}} -exec touch -hd @1 {{}} +\n%global _unpack")


def test_build_time_and_host_alone_are_equivalent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_times(monkeypatch)
    comparison = compare(build_at(tmp_path / "one", 1_700_000_000, "a"), build_at(tmp_path / "two", 1_800_000_000, "much.longer"))
    assert comparison.verdict == "equivalent", comparison.differences
    told = places(comparison)
    assert (told["BUILDTIME"], told["BUILDHOST"]) == ("build time", "host name")
    assert all(difference.excused for difference in comparison.differences)


@pytest.mark.parametrize("payload", ["w9.gzdio", "w6.xzdio", "w3.zstdio", "w9.bzdio"])
def test_content_is_compared_in_every_payload(payload: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_times(monkeypatch)
    macros = {"_binary_payload": payload}
    first = build_at(tmp_path / "one", 1_700_000_000, "a", **macros)
    change_spec(monkeypatch, "cp %{{SOURCE0}} %{{buildroot}}/usr/share/hello\n", "echo other > %{{buildroot}}/usr/share/hello\n")
    comparison = compare(first, build_at(tmp_path / "two", 1_700_000_000, "a", **macros))
    assert comparison.verdict == "different"
    told = {difference.place: difference for difference in comparison.differences if difference.cause != "consequence"}
    assert told["/usr/share/hello"].cause == "content"
    assert "hello" in told["/usr/share/hello"].first and "other" in told["/usr/share/hello"].second


def test_another_compression_of_the_same_files_is_different_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_times(monkeypatch)
    first = build_at(tmp_path / "one", 1_700_000_000, "a", _binary_payload="w1.gzdio")
    second = build_at(tmp_path / "two", 1_700_000_000, "a", _binary_payload="w9.gzdio")
    comparison = compare(first, second)
    assert comparison.verdict == "different"
    assert {"compression"} == {one.cause for one in comparison.differences} - {"consequence"}


def test_a_payload_that_the_headers_do_not_tell_of_is_different(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """As with MD5 digests that were made to agree: nothing but the payload differs."""
    data, parts = pair[0].read_bytes(), read_rpm(pair[0])
    archive = bytearray(gzip.decompress(data[parts.payload_at :]))
    at = archive.index(b"hello\n")
    archive[at : at + 5] = b"jello"
    first, second = tmp_path / "first.rpm", tmp_path / "second.rpm"
    for path, content in ((first, gzip.decompress(data[parts.payload_at :])), (second, bytes(archive))):
        packed = gzip.compress(content, 0, mtime=0)
        path.write_bytes(set_size(data[: parts.payload_at], parts, len(packed)) + packed)
    assert compare(first, second).verdict == "different"


def set_size(head: bytes, parts: RpmFile, payload: int) -> bytes:
    """Return the bytes before the payload with the right SIGSIZE."""
    changed = bytearray(head)
    for index in range(len(parts.signature.order)):
        tag, _, offset, _ = struct.unpack_from(">iIiI", head, 96 + 16 + 16 * index)
        if tag == 1000:
            struct.pack_into(">I", changed, 96 + 16 + 16 * len(parts.signature.order) + offset, len(parts.header.raw) + payload)
    return bytes(changed)


def test_times_modes_and_missing_files_are_told_by_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_times(monkeypatch)
    first = build_at(tmp_path / "one", 1_700_000_000, "a")
    changes = "touch -d @2 %{{buildroot}}/usr/share/hello; chmod 600 %{{buildroot}}/usr/share/hello\n%global _unpack"
    text = package.SPEC.replace("%global _unpack", changes).replace("%ghost /usr/share/ghost\n", "/usr/share/hello-extra\n")
    monkeypatch.setattr(package, "SPEC", text)
    comparison = compare(first, build_at(tmp_path / "two", 1_700_000_000, "a"))
    found = {(one.place, one.cause, one.first, one.second) for one in comparison.differences if one.kind == "file"}
    assert ("/usr/share/hello", "mtime", "1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z") in found
    assert ("/usr/share/hello", "mode", "100644", "100600") in found
    assert {(place, cause) for place, cause, *_ in found} >= {
        ("/usr/share/ghost", "missing"),
        ("/usr/share/hello-extra", "missing"),
    }


@pytest.mark.parametrize("cut", [0, 50, 200, 3000, -1])
def test_a_file_that_is_cut_short_is_an_error_that_names_it(cut: int, pair: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / pair[0].name
    broken.write_bytes(pair[0].read_bytes()[:cut])
    with pytest.raises(BuildError, match=str(broken)):
        compare_rpms(pair[0], broken, surroundings=UNKNOWN)


def test_a_file_that_goes_on_behind_its_end_is_an_error(pair: tuple[Path, Path], tmp_path: Path) -> None:
    longer = tmp_path / pair[0].name
    longer.write_bytes(pair[0].read_bytes() + b"more")
    with pytest.raises(BuildError, match="damaged RPM"):
        compare_rpms(pair[0], longer, surroundings=UNKNOWN)


def test_sets_are_compared_by_name_and_what_is_missing_is_told(pair: tuple[Path, Path]) -> None:
    both = compare_sets(pair, pair, surroundings=UNKNOWN)
    assert [one.verdict for one in both] == ["identical", "identical"]
    one, other = compare_sets(pair[:1], pair[1:], surroundings=UNKNOWN)
    assert (one.verdict, other.verdict) == ("different", "different")
    assert (one.second, other.first) == ("", "")


def test_the_published_list_excuses_no_digest_of_the_payload_and_tells_why_of_each() -> None:
    names = {excuse.name for excuse in EXCUSED}
    assert not names & {"PAYLOADDIGEST", "PAYLOADDIGESTALT", "FILEDIGESTS", "FILEMTIMES", "SOURCEPKGID"}
    assert all(excuse.reason for excuse in EXCUSED)
    text = (Path(__file__).parents[2] / "docs" / "reproducible.md").read_text()
    told = {name for name in names if f"`{name}`" in text}
    assert names - told <= {"FILESIGNATURES", "FILESIGNATURELENGTH", "VERITYSIGNATURES", "VERITYSIGNATUREALGO", "RESERVED",
                            "RESERVEDSPACE", "HEADERSIGNATURES"}  # fmt: skip
