"""Detached OpenPGP signatures, checked by gpgv against a keyring of pinned keys alone."""

import bz2
import gzip
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast, get_args
from urllib.parse import urlsplit

from tproxy_rpms.release.model import Policy, Signature
from tproxy_rpms.sources.gpgv import run_gpgv
from tproxy_rpms.sources.keyring import Keyring
from tproxy_rpms.sources.place import CHUNK, DownloadError, mirror_url, read_small
from tproxy_rpms.store import write_whole

# From the best proof to none; of several signatures on a file, the best one counts.
Finding = Literal[
    "good",
    "weak",
    "expired signature",
    "expired key",
    "revoked key",
    "bad",
    "unsupported",
    "unknown key",
    "no key",
    "no signature",
    "not checked",
]
FINDINGS: tuple[Finding, ...] = get_args(Finding)

# Findings that prove, with whatever doubt, that a pinned key signed these very bytes.
SIGNED = ("good", "weak", "expired signature", "expired key")

# Findings that a newer copy of the key may mend: it may have got a longer life, or a new subkey.
OUTDATED = ("expired key", "unknown key")

# RFC 4880, 9.4: what gpgv's status lines call a hash by.
HASHES: Mapping[str, str] = {
    "1": "MD5",
    "2": "SHA1",
    "3": "RIPEMD160",
    "8": "SHA256",
    "9": "SHA384",
    "10": "SHA512",
    "11": "SHA224",
}
WEAK_HASHES = ("MD5", "SHA1", "RIPEMD160")

OPENERS: Mapping[str, Callable[..., Any]] = {
    ".xz": lzma.open,
    ".txz": lzma.open,
    ".bz2": bz2.open,
    ".tbz2": bz2.open,
    ".gz": gzip.open,
    ".tgz": gzip.open,
}

ARMOUR = b"-----BEGIN PGP SIGNATURE-----"

# In gpgv's ERRSIG lines: there is no public key for it (doc/DETAILS of GnuPG).
NO_PUBLIC_KEY = "9"


@dataclass(frozen=True, kw_only=True)
class SignatureVerdict:
    """What a signature proved.

    Fields:
        finding: `good`; `weak` (valid, by SHA-1 or a key of too few bits); valid but expired; or why there is no proof:
            `unsupported` is made in a way that gpgv refuses to check, such as MD5.
        detail: what gpgv or the download said. signer: the primary key's fingerprint. made: seconds since 1970, 0 if unknown.
        key: algorithm and bits of the key that signed, such as RSA-3072. digest: the hash algorithm. over: what was signed.
        acceptable: whether the policy lets the cut go on. Under `require` only `good` is: who wants to rely on a weak or
            expired signature says `report`, and it is then in the record as what it is.
    """

    policy: Policy
    finding: Finding
    detail: str
    signer: str
    key: str
    digest: str
    made: int
    over: str
    acceptable: bool


def verify_signature(signature: Signature, path: Path, *, keys: Path, mirrors: Sequence[str] = ()) -> SignatureVerdict:
    """Return what the detached signature of a file proves. Never raises for a signature that does not: that is a finding.

    Args:
        keys: a folder in the user's cache for keys. mirrors: folders or URL prefixes that are asked first.

    A signature that proves something is kept beside the file (see `kept_signature`), for a check without a network.
    """
    if signature.policy == "none":
        return make_verdict(signature, "not checked")
    said, verdicts = [], []
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-gpg-") as scratch:
        keyring = Keyring(home=Path(scratch), cache=keys)
        for url in list_places(signature, path, mirrors):
            try:
                detached = trim_signature(read_small(url))
            except DownloadError as error:
                said.append(str(error))
                continue
            if not detached:
                said.append(f"{url}: no OpenPGP signature")
                continue
            verdict = check_signature(signature, detached, path, keyring=keyring, mirrors=mirrors)
            if verdict.finding in SIGNED:
                write_whole(kept_signature(path), detached)
                return verdict
            verdicts.append(verdict)
            if verdict.finding == "no key":
                break
    if verdicts:
        return min(verdicts, key=rank)
    return make_verdict(signature, "no signature", detail="; ".join(said) or "no URL")


def kept_signature(path: Path) -> Path:
    """Return where the signature of a file is kept."""
    return path.with_name(f"{path.name}.signature")


def list_places(signature: Signature, path: Path, mirrors: Sequence[str]) -> Iterator[str]:
    """Yield the URLs that a signature may come from, in order: what was kept, the mirrors, what the release names."""
    if kept_signature(path).is_file():
        yield kept_signature(path).absolute().as_uri()
    for mirror in mirrors:
        for name in dict.fromkeys(urlsplit(url).path.rsplit("/", 1)[-1] for url in signature.urls):
            yield mirror_url(mirror, name)
    yield from signature.urls


def trim_signature(data: bytes) -> bytes:
    """Return the signature without the text before it that Squid's .asc have; nothing if it is none, but a page, say."""
    start = data.find(ARMOUR)
    # RFC 4880, 4.2: the first bit of a packet is set.
    return data[start:] if start >= 0 else data if data[:1] >= b"\x80" else b""


def check_signature(
    signature: Signature, detached: bytes, path: Path, *, keyring: Keyring, mirrors: Sequence[str]
) -> SignatureVerdict:
    """Return the verdict on one signature; keys that look outdated are asked for once again."""
    (keyring.home / "signature").write_bytes(detached)
    verdict = None
    for fresh in (False, True):
        missing = keyring.gather(signature, mirrors=mirrors, fresh=fresh)
        if not keyring.path.exists():
            return make_verdict(signature, "no key", detail=missing)
        verdict = judge(signature, check_stream(path, keyring, over=signature.over), keyring)
        if verdict.finding not in OUTDATED:
            break
    assert verdict is not None
    return verdict


def check_stream(path: Path, keyring: Keyring, *, over: str) -> list[list[str]]:
    """Return gpgv's status lines as words, the file (or what is in it) streamed to it.

    A file that does not unpack is told by a line of our own, UNPACKING, with the reason.
    """
    opener = OPENERS.get(path.suffix) if over == "uncompressed" else None
    broken = []

    def feed(stream: IO[bytes]) -> None:
        try:
            with cast("IO[bytes]", opener(path, "rb") if opener else path.open("rb")) as source:
                shutil.copyfileobj(source, stream, CHUNK)
        except BrokenPipeError:
            raise
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            broken.append(["UNPACKING", *str(error).split()])

    status = run_gpgv(keyring.home, keyring=keyring.path, signature=keyring.home / "signature", feed=feed)
    return broken or status


def judge(signature: Signature, status: list[list[str]], keyring: Keyring) -> SignatureVerdict:
    """Return the verdict for gpgv's status lines (doc/DETAILS of GnuPG): that on the best of the signatures."""
    if status and status[0][:1] == ["UNPACKING"]:
        return make_verdict(signature, "bad", detail=f"the file does not unpack: {' '.join(status[0][1:])}")
    groups: list[dict[str, list[str]]] = []
    for line in status:
        if line[:1] == ["NEWSIG"]:
            groups.append({})
        elif line and groups:
            groups[-1][line[0]] = line[1:]
    verdicts = [judge_one(signature, words, keyring) for words in groups]
    return min(verdicts, key=rank, default=make_verdict(signature, "no signature", detail="no detached signature in it"))


def judge_one(signature: Signature, words: Mapping[str, list[str]], keyring: Keyring) -> SignatureVerdict:
    """Return the verdict on one signature, from its status lines: keyword → the words after it."""
    valid = words.get("VALIDSIG")
    if valid is None:
        return judge_unproven(signature, words)
    # VALIDSIG: fingerprint, date, time, expiry, version, reserved, key algorithm, hash, class, primary fingerprint
    primary = valid[9] if len(valid) > 9 else valid[0]
    if primary not in signature.signers:
        return make_verdict(signature, "unknown key", detail=f"made by {primary}, which is not pinned")
    used, above = keyring.describe(valid[0]), keyring.describe(primary)
    digest = HASHES.get(valid[7], f"hash {valid[7]}")
    weak = digest in WEAK_HASHES or used.weak or above.weak
    finding: Finding = "weak" if weak else "good"
    if "REVKEYSIG" in words:
        finding = "revoked key"
    elif "EXPSIG" in words:
        finding = "expired signature"
    elif "EXPKEYSIG" in words:
        finding = "expired key"
    detail = ", ".join(dict.fromkeys((digest, str(used), str(above)))) if weak else ""
    return make_verdict(signature, finding, detail=detail, signer=primary, key=str(used), digest=digest, made=int(valid[2]))


def judge_unproven(signature: Signature, words: Mapping[str, list[str]]) -> SignatureVerdict:
    """Return the verdict on a signature that gpgv did not find valid."""
    if "BADSIG" in words:
        return make_verdict(signature, "bad", detail="the signature does not fit the file")
    if "ERRSIG" in words:
        # ERRSIG: key, key algorithm, hash, class, time, reason, fingerprint
        key, _, number, _, made, reason = words["ERRSIG"][:6]
        digest = HASHES.get(number, f"hash {number}")
        if reason == NO_PUBLIC_KEY:
            return make_verdict(signature, "unknown key", detail=f"made by key {key}", digest=digest, made=int(made))
        detail = f"made by key {key} with {digest}: gpgv does not check it (reason {reason})"
        return make_verdict(signature, "unsupported", detail=detail, digest=digest, made=int(made))
    return make_verdict(signature, "no signature", detail="no detached signature in it")


def rank(verdict: SignatureVerdict) -> int:
    """Return the place of a verdict's finding, the best proof first."""
    return FINDINGS.index(verdict.finding)


def make_verdict(
    signature: Signature, finding: Finding, *, detail: str = "", signer: str = "", key: str = "", digest: str = "", made: int = 0
) -> SignatureVerdict:
    """Return a verdict with the policy applied."""
    return SignatureVerdict(
        policy=signature.policy,
        finding=finding,
        detail=detail,
        signer=signer,
        key=key,
        digest=digest,
        made=made,
        over=signature.over,
        acceptable=finding == "good" or signature.policy != "require",
    )
