"""The gate on real RPMs: one fixture for each rule, made on the fly by the host's rpmbuild, rpmsign and GnuPG."""

import bz2
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.errors import BuildError, GateError
from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.gates.gate import check_artifacts
from tproxy_rpms.gates.rules import Finding, check_artifact
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Limits, Target

from ..conftest import ROOT, make_target

SPEC = """\
Name: hello
Version: {version}
Release: 1
Summary: Hello
License: MIT
Source0: hello.txt
BuildArch: noarch
AutoReqProv: no
{tags}
%description
Hello.
%install
mkdir -p %{{buildroot}}/usr/share %{{buildroot}}/usr/bin
cp %{{SOURCE0}} %{{buildroot}}/usr/share/hello
cp %{{SOURCE0}} %{{buildroot}}/usr/bin/hello-sh
cp %{{SOURCE0}} %{{buildroot}}/usr/share/hello-extra
truncate -s {size} %{{buildroot}}/usr/share/ghost
%global _unpackaged_files_terminate_build 0
%files
%attr(0755,root,root) /usr/bin/hello-sh
/usr/share/hello
%ghost /usr/share/ghost
{scriptlets}
"""

GOOD_MACROS = {
    "_binary_payload": "w9.gzdio", "_source_payload": "w9.gzdio",
    "_binary_filedigest_algorithm": "1", "_source_filedigest_algorithm": "1",
}  # fmt: skip
GOOD_SCRIPTLETS = """\
%pretrans -p <lua>
print("before")
%post
exit 0
%preun -p /bin/bash
exit 0
%postun -p /sbin/ldconfig
%posttrans
exit 0
%verifyscript
exit 0
%triggerin -- filesystem
exit 0
"""


def build(
    folder: Path, *, version: str = "1", tags: str = "", scriptlets: str = GOOD_SCRIPTLETS, size: str = "1", **macros: str
) -> tuple[Path, Path]:
    """An RPM and its SRPM, from a spec that EL5 can take but for what is given."""
    sources = folder / "SOURCES"
    sources.mkdir(parents=True)
    (sources / "hello.txt").write_text("hello\n")
    spec = folder / "hello.spec"
    spec.write_text(SPEC.format(version=version, tags=tags, scriptlets=scriptlets, size=size))
    defines = {"_topdir": str(folder), "_tmppath": str(folder)} | GOOD_MACROS | macros
    argv = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    result = subprocess.run(["rpmbuild", "-ba", "--nodeps", *argv, str(spec)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (rpm,), (srpm,) = (folder / "RPMS").rglob("*.rpm"), (folder / "SRPMS").glob("*.rpm")
    return rpm, srpm


@pytest.fixture(scope="module")
def target() -> Target:
    return load_release("centos5", root=ROOT).target


@pytest.fixture(scope="module")
def limits(target: Target) -> Limits:
    assert target.limits is not None
    return target.limits


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("clean"))


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


def test_bzip2_passes_too(tmp_path: Path, limits: Limits) -> None:
    rpm, _ = build(tmp_path, _binary_payload="w9.bzdio")
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
        {"tags": "Obsoletes: older < 2~1\nConflicts: other = 3~2"},
        {
            ("version_refuses", "OBSOLETEVERSION", "older 2~1"),
            ("version_refuses", "CONFLICTVERSION", "other 3~2"),
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
    rpm, _ = build(tmp_path, **changes)
    findings = check_artifact(read_artifact(rpm), limits)
    assert brief(findings) == expected
    assert {finding.file for finding in findings} == {rpm.name}
    assert all(finding.source and finding.why and finding.cure for finding in findings)


def test_what_an_old_rpm_ignores_without_harm_passes(tmp_path: Path, limits: Limits) -> None:
    tags = "Recommends: a\nSuggests: b\nSupplements: c\nEnhances: d\nOrderWithRequires: e"
    rpm, _ = build(tmp_path, tags=tags)
    assert check_artifact(read_artifact(rpm), limits) == ()


def test_an_srpm_is_held_to_the_same(tmp_path: Path, limits: Limits) -> None:
    _, srpm = build(
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


class Key:
    """A signing key of one kind, in a home of its own."""

    def __init__(self, home: Path, *, kind: str, bits: int, program: str) -> None:
        self.home, self.program = home, program
        home.mkdir(mode=0o700)
        batch = f"%no-protection\nKey-Type: {kind}\nKey-Length: {bits}\nName-Real: Gate\nName-Email: gate@example.org\n%commit\n"
        words = ["--quick-random"] if program == "gpg1" else []
        text = batch.removeprefix("%no-protection\n") if program == "gpg1" else batch
        argv = [program, "--homedir", str(home), "--batch", *words, "--gen-key"]
        subprocess.run(argv, input=text, text=True, check=True, capture_output=True)

    def sign(self, rpm: Path, folder: Path, *options: str) -> Path:
        """A signed copy, by the host's rpmsign."""
        signed = folder / rpm.name
        shutil.copy(rpm, signed)
        command = [shutil.which(self.program), self.program, "--batch", "--no-armor", "--homedir", str(self.home), *options]
        sign = " ".join(
            map(str, [*command, "-u", "gate@example.org", "-sbo", "%{__signature_filename}", "--", "%{__plaintext_filename}"])
        )
        argv = [
            "rpmsign",
            "--define",
            "_gpg_name gate@example.org",
            "--define",
            f"__gpg_sign_cmd {sign}",
            "--addsign",
            str(signed),
        ]
        result = subprocess.run(argv, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return signed


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Key]]:
    folder = tmp_path_factory.mktemp("keys")
    yield {
        "RSA": Key(folder / "rsa", kind="RSA", bits=2048, program="gpg"),
        "old RSA": Key(folder / "old-rsa", kind="RSA", bits=2048, program="gpg1"),
        "DSA": Key(folder / "dsa", kind="DSA", bits=2048, program="gpg"),
        "old DSA": Key(folder / "old-dsa", kind="DSA", bits=1024, program="gpg1"),
        "EdDSA": Key(folder / "eddsa", kind="EDDSA\nKey-Curve: ed25519", bits=256, program="gpg"),
    }


@pytest.mark.parametrize(
    ("key", "options", "says", "good"),
    [
        ("old RSA", ["--force-v3-sigs", "--digest-algo", "SHA256"], "V3 RSA/SHA256", True),
        ("old RSA", ["--force-v3-sigs", "--digest-algo", "SHA1"], "V3 RSA/SHA1", True),
        ("old RSA", ["--no-force-v3-sigs", "--digest-algo", "SHA1"], "V4 RSA/SHA1", False),
        ("RSA", ["--force-v3-sigs", "--digest-algo", "SHA256"], "V4 RSA/SHA256", False),
        ("old DSA", ["--digest-algo", "SHA1", "--no-force-v3-sigs"], "V4 DSA/SHA1", True),
        ("old DSA", ["--digest-algo", "SHA1", "--force-v3-sigs"], "V3 DSA/SHA1", True),
        ("DSA", ["--digest-algo", "SHA256"], "V4 DSA/SHA256", False),
        ("EdDSA", ["--digest-algo", "SHA256"], "V4 EdDSA/SHA256", False),
    ],
)
def test_signatures(
    key: str,
    options: list[str],
    says: str,
    good: bool,
    keys: dict[str, Key],
    clean: tuple[Path, Path],
    tmp_path: Path,
    limits: Limits,
) -> None:
    for path in clean:
        artifact = read_artifact(keys[key].sign(path, tmp_path, *options))
        assert artifact.signatures
        assert {signed.says for signed in artifact.signatures} == {says}
        findings = check_artifact(artifact, limits)
        expected = set() if good else {("signatures", signed.tag, says) for signed in artifact.signatures}
        assert brief(findings) == expected


def test_all_findings_of_all_files_come_at_once_and_stay_in_the_report(
    tmp_path: Path, clean: tuple[Path, Path], target: Target
) -> None:
    rpm, srpm = build(tmp_path / "broken", version="1~2", _binary_payload="w2.xzdio")
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


def test_a_target_without_limits_has_no_findings(tmp_path: Path) -> None:
    rpm, srpm = build(tmp_path / "new", version="1~2", _binary_payload="w3.zstdio", tags="Requires: (a or b)")
    report = tmp_path / "report.json"
    check_artifacts([rpm, srpm], target=make_target(), report=report)
    assert json.loads(report.read_text())["ok"] is True
