"""Verification: a source on the disk against what the release pins, and the verdict that is left beside it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.download import digest_all
from tproxy_rpms.sources.fetched import Fetched
from tproxy_rpms.sources.signature import SignatureVerdict, verify_signature
from tproxy_rpms.store import read_json, write_json


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is known of a source.

    Fields:
        digests: algorithm → `good`, or the hex that the file has instead of the pinned one.
        vouched: who vouches for a source that no release pins: the archive's package. signature: None without one.
        ok: whether the cut may go on.
    """

    source: str
    file: str
    version: str
    origin: str
    size: int
    sha256: str
    digests: dict[str, str]
    vouched: str
    signature: SignatureVerdict | None
    ok: bool


def read_verdict(directory: Path, name: str) -> Verdict:
    """Return the verdict that was left beside a source. Raises VerifyError when there is none that is whole."""
    import msgspec

    path = name_verdict(directory, name)
    try:
        return msgspec.convert(read_json(path), Verdict)
    except msgspec.ValidationError as error:
        raise VerifyError(f"{path}: missing or damaged", hint=f"run doit verify:{name}") from error


def name_verdict(directory: Path, name: str) -> Path:
    """Return where the verdict on a source lies."""
    return directory / f"{name}.verdict.json"


def verify_source(source: Source, fetched: Fetched, *, directory: Path, keys: Path, mirrors: Sequence[str] = ()) -> Verdict:
    """Verify one source again from the disk and write NAME.verdict.json beside it, for a failure too.

    Args:
        directory: where the source lies. keys: a folder in the user's cache for downloaded keys.
        mirrors: folders or URL prefixes that are asked first for the signature, and for keys as FINGERPRINT.asc.

    Raises VerifyError when the file is missing or a digest differs, or when the policy is `require` and there is no good
    signature.
    """
    path = directory / fetched.file
    pinned = dict(source.digests) or {"sha256": fetched.sha256}
    if not path.is_file():
        name_verdict(directory, source.name).unlink(missing_ok=True)
        raise VerifyError(f"{path}: missing", hint=f"run doit fetch:{source.name}")
    found = digest_all(path, tuple(pinned))
    digests = {algorithm: "good" if found[algorithm] == digest else found[algorithm] for algorithm, digest in pinned.items()}
    signature = verify_signature(source.signature, path, keys=keys, mirrors=mirrors) if source.signature else None
    intact = set(digests.values()) == {"good"}
    verdict = Verdict(
        source=source.name,
        file=fetched.file,
        version=fetched.version,
        origin=fetched.origin,
        size=path.stat().st_size,
        sha256=found.get("sha256", ""),
        digests=digests,
        vouched=f"the archive's signature, for {fetched.package}" if source.archive else "",
        signature=signature,
        ok=intact and (signature is None or signature.acceptable),
    )
    write_json(name_verdict(directory, source.name), asdict(verdict))
    if not intact:
        wrong = "\n".join(
            f"{path}: {name} is {found[name]}, pinned is {pinned[name]}" for name, said in digests.items() if said != "good"
        )
        raise VerifyError(
            wrong, hint=f"run doit clean fetch:{source.name} and fetch it again; if it stays so, the file was exchanged"
        )
    if signature and not signature.acceptable:
        raise VerifyError(
            f"{path}: signature: {signature.finding}{f' ({signature.detail})' if signature.detail else ''}",
            hint=f"the policy of sources.{source.name}.signature is require; see {source.name}.verdict.json",
        )
    return verdict
