"""Detached OpenPGP signatures, checked by gpgv against a keyring of pinned keys alone."""

import bz2
import contextlib
import gzip
import lzma
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

from tproxy_rpms.process import clean_environment, require_tool, run_command
from tproxy_rpms.release.model import Policy, Signature
from tproxy_rpms.sources.place import DownloadError, read_small

Finding = Literal[
    "good",
    "weak",
    "expired signature",
    "expired key",
    "revoked key",
    "unknown key",
    "bad",
    "no signature",
    "no key",
    "not checked",
]

# Findings that prove, with whatever doubt, that a pinned key signed these very bytes.
SIGNED = ("good", "weak", "expired signature", "expired key")

# RFC 4880, 9.1 and 9.4: what gpgv's status lines call an algorithm by.
PUBLIC_KEYS: Mapping[str, str] = {"1": "RSA", "3": "RSA", "17": "DSA", "19": "ECDSA", "22": "EdDSA"}
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
LEAST_BITS: Mapping[str, int] = {"RSA": 2048, "DSA": 2048}

OPENERS: Mapping[str, Callable[..., Any]] = {".xz": lzma.open, ".bz2": bz2.open, ".gz": gzip.open}


@dataclass(frozen=True, kw_only=True)
class SignatureVerdict:
    """What a signature proved.

    Fields:
        finding: `good`; `weak` (valid, by MD5, SHA-1 or a key of too few bits); valid but expired; or why there is no proof.
        detail: what gpgv or the download said. signer: the primary key's fingerprint. made: seconds since 1970, 0 if unknown.
        key: algorithm and bits, such as RSA-3072. digest: the hash algorithm. over: what was signed.
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


def verify_signature(signature: Signature, path: Path, *, keys: Path) -> SignatureVerdict:
    """Return what the detached signature of a file proves. Never raises for a signature that does not: that is a finding."""
    if signature.policy == "none":
        return make_verdict(signature, "not checked")
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-gpg-") as scratch:
        home = Path(scratch)
        home.chmod(0o700)
        detached = fetch_first(signature.urls, home / "signature")
        if detached:
            return make_verdict(signature, "no signature", detail=detached)
        missing = build_keyring(signature, home, keys=keys)
        if not (home / "keyring.gpg").exists():
            return make_verdict(signature, "no key", detail=missing)
        return judge(signature, run_gpgv(path, home, over=signature.over), home)


def fetch_first(urls: tuple[str, ...], path: Path) -> str:
    """Download the first URL that answers to `path`. Returns what all of them said if none does, else an empty text."""
    said = []
    for url in urls:
        try:
            path.write_bytes(read_small(url))
            return ""
        except DownloadError as error:
            said.append(str(error))
    return "; ".join(said) or "no URL"


def build_keyring(signature: Signature, home: Path, *, keys: Path) -> str:
    """Write keyring.gpg of the pinned keys that can be had, from the cache or their places. Returns what failed, for people.

    A key from any place counts when its primary fingerprint is pinned; all else that comes along is left out.
    """
    keys.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    for fingerprint in signature.signers:
        cached = keys / f"{fingerprint}.gpg"
        for place in () if cached.exists() else signature.keys:
            try:
                offered = Path(place).read_bytes() if place.startswith("/") else read_small(place)
            except (DownloadError, OSError) as error:
                said.append(f"{place}: {error}")
                continue
            exported = extract_key(offered, fingerprint, home)
            if exported:
                cached.write_bytes(exported)
                break
            said.append(f"{place}: does not hold {fingerprint}")
        if cached.exists():
            with (home / "keyring.gpg").open("ab") as keyring:
                keyring.write(cached.read_bytes())
    return "; ".join(dict.fromkeys(said)) or "no place named where the key may come from"


def extract_key(offered: bytes, fingerprint: str, home: Path) -> bytes:
    """Return the binary export of just the key with this primary fingerprint, or nothing if it is not among what is offered."""
    gpg = [require_tool("gpg", package="gnupg"), "--homedir", str(home), "--batch", "--quiet", "--no-autostart"]
    store = home / "offered"
    store.write_bytes(offered)
    run_command([*gpg, "--import", store], check=False)
    listed = run_command([*gpg, "--with-colons", "--list-keys", fingerprint], check=False).stdout.splitlines()
    primaries = [listed[number + 1].split(":")[9] for number, line in enumerate(listed[:-1]) if line.startswith("pub:")]
    if fingerprint not in primaries:
        return b""
    output = home / "export"
    output.unlink(missing_ok=True)
    run_command([*gpg, "--output", output, "--export", f"{fingerprint}!"], check=False)
    if not output.exists():
        run_command([*gpg, "--output", output, "--export", fingerprint])
    return output.read_bytes()


def run_gpgv(path: Path, home: Path, *, over: str) -> list[list[str]]:
    """Return gpgv's status lines as words, the file (or what is in it) streamed to its standard input."""
    argv = [
        require_tool("gpgv", package="gpgv"), "--homedir", str(home), "--keyring", str(home / "keyring.gpg"),
        "--status-fd", "1", str(home / "signature"), "-",
    ]  # fmt: skip
    opener = OPENERS.get(path.suffix) if over == "uncompressed" else None
    # Squid's .asc has lines of text before the armour: gpgv takes it after gpg has found the packets.
    armoured = (home / "signature").read_bytes()
    start = armoured.find(b"-----BEGIN PGP SIGNATURE-----")
    if start > 0:
        (home / "signature").write_bytes(armoured[start:])
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment()
    ) as gpgv:
        assert gpgv.stdin and gpgv.stdout
        # gpgv may give up early; its status says why.
        source = cast("IO[bytes]", opener(path, "rb") if opener else path.open("rb"))
        with source, gpgv.stdin, contextlib.suppress(BrokenPipeError):
            shutil.copyfileobj(source, gpgv.stdin, 1 << 20)
        output = gpgv.stdout.read().decode(errors="replace")
    return [line.split()[1:] for line in output.splitlines() if line.startswith("[GNUPG:] ")]


def judge(signature: Signature, status: list[list[str]], home: Path) -> SignatureVerdict:
    """Return the verdict for gpgv's status lines (doc/DETAILS of GnuPG)."""
    words = {line[0]: line[1:] for line in status if line}
    valid = words.get("VALIDSIG")
    if valid is None:
        if "BADSIG" in words:
            return make_verdict(signature, "bad", detail="the signature does not fit the file")
        if "NO_PUBKEY" in words or "ERRSIG" in words:
            return make_verdict(signature, "unknown key", detail=f"made by key {(words.get('NO_PUBKEY') or words['ERRSIG'])[0]}")
        return make_verdict(signature, "no signature", detail="no OpenPGP signature in what was fetched")
    primary = valid[9] if len(valid) > 9 else valid[0]
    if primary not in signature.signers:
        return make_verdict(signature, "unknown key", detail=f"made by {primary}, which is not pinned")
    key, bits = describe_key(primary, home)
    digest = HASHES.get(valid[7], f"hash {valid[7]}")
    finding: Finding = "good"
    detail = ""
    if "REVKEYSIG" in words:
        finding = "revoked key"
    elif "EXPSIG" in words:
        finding = "expired signature"
    elif "EXPKEYSIG" in words:
        finding = "expired key"
    elif digest in WEAK_HASHES or bits < LEAST_BITS.get(key, 0):
        finding = "weak"
    if digest in WEAK_HASHES or bits < LEAST_BITS.get(key, 0):
        detail = f"{digest}, {key}-{bits}"
    return make_verdict(signature, finding, detail=detail, signer=primary, key=f"{key}-{bits}", digest=digest, made=int(valid[2]))


def describe_key(fingerprint: str, home: Path) -> tuple[str, int]:
    """Return a key's algorithm and bits."""
    gpg = [require_tool("gpg", package="gnupg"), "--homedir", str(home), "--batch", "--quiet", "--no-autostart", "--with-colons"]
    shown = run_command(
        [*gpg, "--no-default-keyring", "--keyring", str(home / "keyring.gpg"), "--list-keys", fingerprint], check=False
    ).stdout
    fields = next((line.split(":") for line in shown.splitlines() if line.startswith("pub:")), ["", "", "0", "0"])
    return PUBLIC_KEYS.get(fields[3], f"algorithm {fields[3]}"), int(fields[2])


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
