"""What speaks for a source, and what is weak about it, in words."""

from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.release.model import Archive, Source
from tproxy_rpms.report.source import MEANINGS, describe_source, grade_source, list_weaknesses
from tproxy_rpms.sources.signature import FINDINGS, Finding
from tproxy_rpms.sources.verify import Verdict, name_verdict, read_verdict

from .handcut import SIGNATURE, make_signature, make_source, make_verdict, write_cut, write_verdict


def tell(source: Source, verdict: Verdict) -> str:
    return "; ".join(list_weaknesses(source, verdict))


@pytest.mark.parametrize(
    ("finding", "changes", "grade", "words"),
    [
        ("good", {}, "good", ""),
        ("weak", {"digest": "SHA1", "detail": "SHA1, RSA-4096"}, "fair", "weak: it is over SHA1, of which two files"),
        ("weak", {"key": "DSA-1024", "detail": "SHA256, DSA-1024"}, "fair", "weak: a key of too few bits (DSA-1024)"),
        (
            "weak",
            {"digest": "MD5", "detail": "MD5, RSA-1024, DSA-1024"},
            "fair",
            "over MD5, of which two files with the same digest",
        ),
        ("expired key", {"digest": "SHA1"}, "fair", "the key has expired"),
        ("expired key", {"digest": "SHA1"}, "fair", "over SHA1"),
        ("expired signature", {}, "fair", "says itself that it no longer is"),
        ("revoked key", {}, "bad", "was revoked"),
        ("bad", {"detail": "the signature does not fit the file"}, "bad", "does not fit"),
        ("unsupported", {"detail": "made with MD5"}, "fair", "not trusted any more, and was not checked (made with MD5)"),
        ("no signature", {}, "fair", "no signature was found"),
        ("no signature", {}, "fair", "the pinned digests are what counts"),
        ("not checked", {"policy": "none"}, "fair", "asks for no check"),
    ],
)
def test_each_finding_has_its_words(finding: Finding, changes: dict[str, Any], grade: str, words: str) -> None:
    verdict = make_verdict("a", signature=make_signature(finding, **changes))
    told = tell(make_source("a", signature=SIGNATURE), verdict)
    assert words in told
    assert bool(told) == (finding != "good")
    assert grade_source(verdict)[1] == grade


def test_no_finding_is_without_words() -> None:
    assert {"good", "weak"} | MEANINGS.keys() == set(FINDINGS)


def test_what_is_not_signed_says_what_counts() -> None:
    assert (
        tell(make_source("a"), make_verdict("a"))
        == "nobody's signature is known: the digests in the release are all that speaks for it"
    )
    assert grade_source(make_verdict("a")) == ("pinned, not signed", "fair")


def test_what_the_archive_vouches_for_is_pinned_or_says_that_it_is_not() -> None:
    archive = Archive(kind="source", package="a")
    verdict = make_verdict("a", vouched="the archive's signature, for a=1")
    assert "pins no digest" in tell(make_source("a", urls=(), digests={}, archive=archive), verdict)
    told = tell(make_source("a", urls=(), archive=archive), verdict)
    assert "pins no digest" not in told and "maker's own signature was not looked at" in told


def test_a_digest_that_differs_is_refused_and_named() -> None:
    verdict = make_verdict("a", digests={"sha256": "22" * 32, "md5": "good"}, ok=False)
    assert grade_source(verdict) == ("refused", "bad")
    assert "its sha256 is not the pinned one" in tell(make_source("a"), verdict)


def test_digests_that_can_be_forged_are_no_pin() -> None:
    assert "md5, are of kinds that can be forged" in tell(make_source("a", digests={"md5": "1"}), make_verdict("a"))
    assert "forged" not in tell(make_source("a", digests={"md5": "1", "sha512": "2"}), make_verdict("a"))


@pytest.mark.parametrize(
    "text", ["{}", '{"schema": 1}', "{", "[]", "null", '{"signature": {}}', '{"signature": 1, "digests": []}']
)
def test_a_damaged_verdict_is_told_as_that(tmp_path: Path, text: str) -> None:
    evidence = write_cut(tmp_path)
    assert describe_source(evidence, make_source("a")).word == "not fetched and verified yet"
    path = name_verdict(tmp_path / "sources", "a")
    path.write_text(text)
    line = describe_source(evidence, make_source("a"))
    assert (line.word, line.grade, line.version) == ("the verdict is damaged", "open", "1.0")
    with pytest.raises(VerifyError, match="missing or damaged"):
        read_verdict(path.parent, "a")


def test_a_verdict_is_read_as_it_was_left(tmp_path: Path) -> None:
    verdict = make_verdict("a", signature=make_signature("weak"))
    write_verdict(tmp_path, verdict)
    assert read_verdict(tmp_path / "sources", "a") == verdict
