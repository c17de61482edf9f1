"""The gate on real RPMs: one fixture for each rule, made on the fly by the host's rpmbuild."""

import bz2
import json
import struct
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.errors import BuildError, GateError
from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.gates.gate import check_artifacts
from tproxy_rpms.gates.rules import Finding, check_artifact
from tproxy_rpms.packaging.spec import list_files
from tproxy_rpms.packaging.srpm import build_srpm
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Limits, Target

from ..conftest import ROOT, make_target
from .package import build_package
from .test_specs import render

MISSION = load_release("centos5", root=ROOT)


@pytest.fixture(scope="module")
def target() -> Target:
    return MISSION.target


@pytest.fixture(scope="module")
def limits(target: Target) -> Limits:
    assert target.limits is not None
    return target.limits


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build_package(tmp_path_factory.mktemp("clean"))


def brief(findings: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(finding.limit, finding.tag, finding.value) for finding in findings}


def test_a_clean_package_and_its_srpm_pass(clean: tuple[Path, Path], limits: Limits) -> None:
    for path in clean:
        artifact = read_artifact(path)
        assert check_artifact(artifact, limits) == ()
        assert (artifact.payload, artifact.archive, artifact.digest_lengths) == ("gzip", "070701", {32})
        assert artifact.source == path.name.endswith(".src.rpm")
    assert {scriptlet.kind for scriptlet in read_artifact(clean[0]).scriptlets} == {
        "pretrans", "postin", "preun", "postun", "posttrans", "verify", "trigger",
    }  # fmt: skip


@pytest.mark.parametrize("name", MISSION.packages)
def test_every_srpm_of_the_mission_passes(name: str, tmp_path: Path, limits: Limits) -> None:
    package = MISSION.packages[name]
    spec = render(MISSION, package, tmp_path)
    sources = [*tmp_path.glob("*.tar.*"), *list_files(package, root=ROOT)]
    artifact = read_artifact(build_srpm(MISSION, spec=spec.read_text(), name=name, sources=sources, output=tmp_path / "srpm"))
    assert check_artifact(artifact, limits) == ()
    assert (artifact.payload, artifact.digest_lengths, artifact.source) == ("gzip", {32}, True)


def test_bzip2_passes_too(tmp_path: Path, limits: Limits) -> None:
    rpm, _ = build_package(tmp_path, _binary_payload="w9.bzdio")
    artifact = read_artifact(rpm)
    assert check_artifact(artifact, limits) == ()
    assert (artifact.payload, artifact.archive) == ("bzip2", "070701")


BROKEN = {
    "zstd": (
        {"_binary_payload": "w3.zstdio"},
        {
            ("payloads", "PAYLOADCOMPRESSOR", "zstd"),
            ("payloads", "payload", "zstd"),
            ("rpmlib", "REQUIRENAME", "rpmlib(PayloadIsZstd)"),
        },
    ),
    "xz": (
        {"_binary_payload": "w2.xzdio"},
        {
            ("payloads", "PAYLOADCOMPRESSOR", "xz"),
            ("payloads", "payload", "xz"),
            ("rpmlib", "REQUIRENAME", "rpmlib(PayloadIsXz)"),
        },
    ),
    "sha256 file digests": (
        {"_binary_filedigest_algorithm": "8"},
        {("file_digests", "FILEDIGESTALGO", "8 (sha256)"), ("rpmlib", "REQUIRENAME", "rpmlib(FileDigests)")},
    ),
    "tilde": (
        {"version": "1.0~rc1"},
        {
            ("version_refuses", "VERSION", "1.0~rc1"),
            ("version_refuses", "PROVIDEVERSION", "hello 1.0~rc1-1"),
            ("rpmlib", "REQUIRENAME", "rpmlib(TildeInVersions)"),
        },
    ),
    "caret": (
        {"version": "1.0^git1"},
        {
            ("version_refuses", "VERSION", "1.0^git1"),
            ("version_refuses", "PROVIDEVERSION", "hello 1.0^git1-1"),
            ("rpmlib", "REQUIRENAME", "rpmlib(CaretInVersions)"),
        },
    ),
    "tilde in a dependency": (
        {
            "tags": "Obsoletes: older < 2~1\nConflicts: other = 3~2",
            "scriptlets": "%triggerin -- another < 4~5\nexit 0\n",
        },
        {
            ("version_refuses", "OBSOLETEVERSION", "older 2~1"),
            ("version_refuses", "CONFLICTVERSION", "other 3~2"),
            ("version_refuses", "TRIGGERVERSION", "another 4~5"),
            ("rpmlib", "REQUIRENAME", "rpmlib(TildeInVersions)"),
        },
    ),
    "rich dependency": (
        {"tags": "Requires: (a if b)"},
        {
            ("rich_dependencies", "REQUIRENAME", "(a if b)"),
            ("rpmlib", "REQUIRENAME", "rpmlib(RichDependencies)"),
        },
    ),
    "large file": (
        {"size": "5G"},
        {
            ("tag_types", "LONGFILESIZES", "int64"),
            ("tag_types", "LONGSIZE", "int64"),
            ("archives", "payload", "07070X"),
            ("rpmlib", "REQUIRENAME", "rpmlib(LargeFiles)"),
        },
    ),
    "file triggers": (
        {"scriptlets": "%filetriggerin -- /usr\nexit 0\n%transfiletriggerin -- /usr\nexit 0\n"},
        {("scriptlets", "%filetrigger", "/bin/sh"), ("scriptlets", "%transfiletrigger", "/bin/sh")},
    ),
    "interpreter that is not there": (
        {"scriptlets": "%post -p /usr/bin/python3\nexit 0\n%triggerun -p /usr/bin/sh -- filesystem\nexit 0\n"},
        {("interpreters", "%postin", "/usr/bin/python3"), ("interpreters", "%trigger", "/usr/bin/sh")},
    ),
    "its own interpreter before it is there": (
        {"scriptlets": "%pre -p /usr/bin/hello-sh\nexit 0\n%post -p /usr/bin/hello-sh\nexit 0\n"},
        {("interpreters", "%prein", "/usr/bin/hello-sh")},
    ),
    "interpreter with arguments": (
        {"scriptlets": '%posttrans -p "/bin/sh -e"\nexit 0\n%post -p "/bin/sh -e"\nexit 0\n'},
        {("argument_scriptlets", "%posttrans", "/bin/sh with 1 more")},
    ),
    "expanded scriptlet": (
        {"scriptlets": "%post -e\nexit 0\n"},
        {("rpmlib", "REQUIRENAME", "rpmlib(ScriptletExpansion)")},
    ),
    "capabilities": (
        {"scriptlets": "%caps(cap_net_raw=ep) /usr/share/hello-extra\n%post\nexit 0\n"},
        {("rpmlib", "REQUIRENAME", "rpmlib(FileCaps)")},
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_package_is_found_out(case: str, tmp_path: Path, limits: Limits) -> None:
    changes, expected = BROKEN[case]
    rpm, _ = build_package(tmp_path, **changes)
    findings = check_artifact(read_artifact(rpm), limits)
    assert brief(findings) == expected
    assert {finding.file for finding in findings} == {rpm.name}
    assert all(finding.source and finding.why and finding.cure for finding in findings)


def test_what_an_old_rpm_ignores_without_harm_passes(tmp_path: Path, limits: Limits) -> None:
    tags = "Recommends: a\nSuggests: b\nSupplements: c\nEnhances: d\nOrderWithRequires: e"
    rpm, _ = build_package(tmp_path, tags=tags)
    assert check_artifact(read_artifact(rpm), limits) == ()


def test_an_srpm_is_held_to_the_same(tmp_path: Path, limits: Limits) -> None:
    _, srpm = build_package(
        tmp_path, _source_payload="w3.zstdio", _source_filedigest_algorithm="8", version="1~rc1", tags="BuildRequires: (a or b)"
    )
    found = {(finding.limit, finding.tag) for finding in check_artifact(read_artifact(srpm), limits)}
    assert found == {
        ("payloads", "PAYLOADCOMPRESSOR"), ("payloads", "payload"), ("file_digests", "FILEDIGESTALGO"),
        ("version_refuses", "VERSION"), ("version_refuses", "PROVIDEVERSION"),
        ("rich_dependencies", "REQUIRENAME"), ("rpmlib", "REQUIRENAME"),
    }  # fmt: skip


def test_a_payload_that_is_not_what_the_header_says(clean: tuple[Path, Path], tmp_path: Path, limits: Limits) -> None:
    content = clean[0].read_bytes()
    start = content.rindex(b"\x1f\x8b\x08")
    for name, payload, value in (("zstd", b"\x28\xb5\x2f\xfd" + bytes(60), "zstd"), ("bzip2", bz2.compress(b"070701"), "bzip2")):
        lying = tmp_path / f"{name}.rpm"
        lying.write_bytes(content[:start] + payload)
        (finding,) = check_artifact(read_artifact(lying), limits)
        assert (finding.limit, finding.tag, finding.value) == ("payloads", "payload", value)


def grow_signature_header(content: bytes, *, tags: int, size: int) -> bytes:
    """An RPM with that many more tags in its signature header, each with `size` bytes that mean nothing."""
    count, length = struct.unpack(">II", content[104:112])
    index, data = content[112 : 112 + 16 * count], content[112 + 16 * count :][:length]
    rest = content[112 + 16 * count + length + -length % 8 :]
    for number in range(tags):
        index += struct.pack(">iIiI", 1100 + number, 7, len(data), size)
        data += bytes(size)
    head = content[:104] + struct.pack(">II", count + tags, len(data))
    return head + index + data + bytes(-len(data) % 8) + rest


@pytest.mark.parametrize(
    ("limit", "tags", "size", "major"),
    [("signature_bytes", 1, 8192, 3), ("signature_tags", 32, 8, 3), ("lead_major", 0, 0, 5), ("", 1, 1024, 4)],
)
def test_leads_and_signature_headers_that_are_too_much(
    limit: str, tags: int, size: int, major: int, clean: tuple[Path, Path], tmp_path: Path, limits: Limits
) -> None:
    content = grow_signature_header(clean[0].read_bytes(), tags=tags, size=size)
    path = tmp_path / "grown.rpm"
    path.write_bytes(content[:4] + bytes([major]) + content[5:])
    assert [finding.limit for finding in check_artifact(read_artifact(path), limits)] == ([limit] if limit else [])
    if limit in ("", "signature_bytes"):  # the other two are too much for today's rpm as well
        name = subprocess.run(["rpm", "-qp", "--qf", "%{name}", str(path)], capture_output=True, text=True, check=True)
        assert name.stdout == "hello"


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "no lead", "no header"])
def test_a_file_that_is_no_rpm_is_told_as_such(damage: str, clean: tuple[Path, Path], tmp_path: Path) -> None:
    content = clean[0].read_bytes()
    broken = {
        "text": b"hello\n" * 100, "empty": b"", "cut": content[:2000], "no lead": b"PK" + content[2:],
        "no header": content[:96] + bytes(16) + content[112:],
    }[damage]  # fmt: skip
    path = tmp_path / "x.rpm"
    path.write_bytes(broken)
    with pytest.raises(BuildError, match=r"x\.rpm: no readable RPM"):
        read_artifact(path)


def test_all_findings_of_all_files_come_at_once_and_stay_in_the_report(
    tmp_path: Path, clean: tuple[Path, Path], target: Target
) -> None:
    rpm, srpm = build_package(tmp_path / "broken", version="1~2", _binary_payload="w2.xzdio")
    report = tmp_path / "gates" / "hello-x86_64.json"
    with pytest.raises(GateError) as caught:
        check_artifacts([rpm, srpm, clean[0]], target=target, report=report)
    assert caught.value.exit_code == 21
    assert str(report) in caught.value.hint
    text = str(caught.value)
    assert f"{rpm.name}: PAYLOADCOMPRESSOR = xz: rpm 4.4.2.3 reads gzip, bzip2 (lib/psm.c" in text
    assert f"{srpm.name}: VERSION = 1~2: rpm 4.4.2.3 takes ~ for a separator" in text
    assert clean[0].name not in text
    content = json.loads(report.read_text())
    assert (content["ok"], content["target"], content["reader"]) == (False, "centos-5", "rpm 4.4.2.3")
    assert len(content["findings"]) == len(caught.value.findings)
    assert {row["file"] for row in content["artifacts"]} == {rpm.name, srpm.name, clean[0].name}


def test_a_damaged_file_is_a_finding_beside_the_others(tmp_path: Path, clean: tuple[Path, Path]) -> None:
    damaged, report = tmp_path / "damaged.rpm", tmp_path / "report.json"
    damaged.write_bytes(clean[0].read_bytes()[:1000])
    with pytest.raises(
        GateError, match=r"^damaged\.rpm: file = damaged: no readable RPM: the file ends \d+ bytes too early; build it"
    ):
        check_artifacts([clean[0], damaged], target=make_target(), report=report)
    content = json.loads(report.read_text())
    assert [row["file"] for row in content["artifacts"]] == [clean[0].name]
    assert [finding["file"] for finding in content["findings"]] == ["damaged.rpm"]


def test_a_target_without_limits_has_no_findings(tmp_path: Path) -> None:
    rpm, srpm = build_package(tmp_path / "new", version="1~2", _binary_payload="w3.zstdio", tags="Requires: (a or b)")
    report = tmp_path / "report.json"
    check_artifacts([rpm, srpm], target=make_target(), report=report)
    assert json.loads(report.read_text())["ok"] is True
