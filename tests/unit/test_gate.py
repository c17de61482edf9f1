"""The gate's rules: what each lets pass, what it does not, and that the target's limits decide."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.gates.artifact import Artifact, Dependency, Extent, Scriptlet, Signed
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
