"""Where sources came from, and what speaks for them: who signed, and what is weak about it, in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.publish.statement import strip_credentials
from tproxy_rpms.release.model import Source
from tproxy_rpms.report.evidence import Evidence
from tproxy_rpms.sources.signature import WEAK_HASHES, Finding, SignatureVerdict
from tproxy_rpms.sources.verify import Verdict, name_verdict, read_verdict

Grade = Literal["good", "fair", "bad", "open"]

YEAR = 365.2425 * 86400

# What a finding means for who relies on it; `weak` says its reasons itself.
MEANINGS: dict[Finding, str] = {
    "expired signature": "the signature was valid and says itself that it no longer is",
    "expired key": "the key has expired: whether it was still in its owner's hands when it signed, nobody vouches for any more",
    "revoked key": "the key was revoked: its owner does not stand by it any more",
    "bad": "the signature does not fit the file",
    "unsupported": "the signature is made in a way that is not trusted any more, and was not checked",
    "unknown key": "the signature is by a key that the release does not pin",
    "no key": "the signer's key could not be had: the signature was not checked",
    "no signature": "no signature was found",
    "not checked": "the release asks for no check of the signature",
}


@dataclass(frozen=True, kw_only=True)
class SourceLine:
    """A source for people.

    Fields:
        word, grade: one word for what speaks for it, and how good that is. weaknesses: sentences.
        digests: name and value or what is wrong. signed: when its maker signed it, seconds since 1970, 0 if not known.
        age: years from then to the release's date, None if not known.
    """

    name: str
    version: str = ""
    file: str = ""
    origin: str = ""
    size: int = 0
    digests: tuple[tuple[str, str], ...] = ()
    word: str = "not fetched and verified yet"
    grade: Grade = "open"
    signer: str = ""
    made_with: str = ""
    signed: int = 0
    age: float | None = None
    weaknesses: tuple[str, ...] = ()


def gather_sources(evidence: Evidence) -> tuple[SourceLine, ...]:
    """Return a line for each source of the release."""
    return tuple(describe_source(evidence, source) for _, source in sorted(evidence.release.sources.items()))


def describe_source(evidence: Evidence, source: Source) -> SourceLine:
    """Return what is known of a source."""
    folder = evidence.folder / "sources"
    try:
        verdict = read_verdict(folder, source.name)
    except TproxyError:
        bare = SourceLine(name=source.name, version=source.version)
        return replace(bare, word="the verdict is damaged") if name_verdict(folder, source.name).exists() else bare
    signature = verdict.signature
    made = signature.made if signature else 0
    word, grade = grade_source(verdict)
    return SourceLine(
        name=source.name, version=verdict.version, file=verdict.file, origin=strip_credentials(verdict.origin), size=verdict.size,
        digests=tuple(list_digests(source, verdict)), word=word, grade=grade,
        signer=signature.signer if signature else "",
        made_with=", ".join(filter(None, (signature.key, signature.digest))) if signature else "",
        signed=made, age=(evidence.release.epoch - made) / YEAR if made else None,
        weaknesses=tuple(list_weaknesses(source, verdict)),
    )  # fmt: skip


def list_digests(source: Source, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield algorithm and hex, with what is wrong where the file is not what is pinned."""
    yield "sha256", verdict.sha256
    for algorithm, said in sorted(verdict.digests.items()):
        if said != "good":
            yield algorithm, f"{said}, pinned is {source.digests.get(algorithm, 'another')}"
        elif algorithm != "sha256":
            yield algorithm, source.digests.get(algorithm, "good")


def grade_source(verdict: Verdict) -> tuple[str, Grade]:
    """Return what speaks for a source in a few words, and how good that is."""
    if not verdict.ok:
        return "refused", "bad"
    if verdict.signature is None:
        return ("vouched for by the archive", "good") if verdict.vouched else ("pinned, not signed", "fair")
    finding = verdict.signature.finding
    if finding == "good":
        return "signed", "good"
    return f"signature: {finding}", "bad" if finding in ("bad", "revoked key") else "fair"


def list_weaknesses(source: Source, verdict: Verdict) -> Iterator[str]:
    """Yield what is weak about what speaks for a source."""
    wrong = [name for name, said in verdict.digests.items() if said != "good"]
    if wrong:
        yield f"its {', '.join(wrong)} is not the pinned one"
    if source.archive and not source.digests:
        yield "the release pins no digest: what the archive had on that day was taken, and its digest recorded"
    if verdict.vouched:
        yield "its maker's own signature was not looked at: the distribution's archive vouches for what it has packaged"
    elif verdict.signature is None:
        yield "nobody's signature is known: the digests in the release are all that speaks for it"
    else:
        yield from list_doubts(verdict.signature)
    if set(source.digests) and not set(source.digests) & {"sha256", "sha512"}:
        yield f"its pinned digests, {', '.join(sorted(source.digests))}, are of kinds that can be forged"


def list_doubts(signature: SignatureVerdict) -> Iterator[str]:
    """Yield what is weak about a signature."""
    if signature.finding == "weak":
        yield "the signature is valid, but weak: " + describe_weak(signature)
    elif signature.finding != "good":
        detail = f" ({signature.detail})" if signature.detail else ""
        yield MEANINGS[signature.finding] + detail
    if signature.finding in ("expired key", "expired signature") and signature.digest in WEAK_HASHES:
        yield f"the signature is over {signature.digest}, of which two files with the same digest can be made"
    if signature.finding != "good" and signature.policy == "report":
        yield "the release lets the cut go on nevertheless (policy report); the pinned digests are what counts"


def describe_weak(signature: SignatureVerdict) -> str:
    """Return why a valid signature is weak evidence."""
    reasons = []
    if signature.digest in WEAK_HASHES:
        reasons.append(f"it is over {signature.digest}, of which two files with the same digest can be made")
    keys = [word for word in signature.detail.split(", ") if word and word != signature.digest]
    if keys and signature.digest not in WEAK_HASHES:
        reasons.append(f"a key of too few bits ({' and '.join(keys)})")
    elif keys:
        reasons.append(f"the keys are {' and '.join(keys)}")
    return "; ".join(reasons) or signature.detail or "its kind is not trusted any more"
