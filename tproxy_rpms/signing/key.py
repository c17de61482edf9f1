"""The public half of a signing key: where it comes from, what it is, and whether it may sign for a target today."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.errors import HostError, SigningError
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.model import Signing
from tproxy_rpms.signing.armour import armour
from tproxy_rpms.signing.profile import KeyKind, SigningProfile
from tproxy_rpms.sources.keyring import PUBLIC_KEYS


@dataclass(frozen=True, kw_only=True)
class Part:
    """A primary key or a subkey.

    Fields:
        validity: GnuPG's letter: `e` expired, `r` revoked, `d` disabled, `i` invalid. signs: whether it is made for signing.
        created, expires: seconds since 1970; 0 for one that never expires.
    """

    fingerprint: str
    primary: bool
    algorithm: str
    bits: int
    validity: str
    signs: bool
    created: int
    expires: int

    def __str__(self) -> str:
        return "Ed25519" if self.algorithm == "EdDSA" else f"{self.algorithm}-{self.bits}"


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A key that may sign.

    Fields:
        fingerprint: of the primary key. armoured, binary: the public key as hosts get it.
        part: what of it signs. kind: of what kind that is.
        expires: when it or the part does, 0 for never. renewed: when its owner last changed it; seconds since 1970.
    """

    fingerprint: str
    armoured: str
    binary: bytes
    part: Part
    kind: KeyKind
    expires: int
    renewed: int


def read_key(signing: Signing, profile: SigningProfile) -> SigningKey:
    """Return the key that a release names. Raises SigningError if it is not there, not valid, or of a kind that will not do."""
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-key-") as scratch:
        home = Path(scratch)
        gpg = [require_tool("gpg", package="gnupg"), "--homedir", str(home), "--batch", "--quiet", "--no-autostart"]
        (home / "offered").write_bytes(export_public(signing))
        imported = run_command([*gpg, "--import", home / "offered"], check=False)
        listing = run_command([*gpg, "--with-colons", "--with-subkey-fingerprint", "--list-keys"], check=False).stdout
        parts = list(read_parts(listing))
        if not any(part.primary and part.fingerprint == signing.key for part in parts):
            if "No space left" in imported.stderr:
                raise HostError(f"{home}: no space left on the disk", hint="make room, or set TMPDIR to where there is some")
            raise SigningError(f"signing.key: {signing.key}: {describe_absence(signing, parts)}", hint=find_cure(signing))
        own = list_own(parts, signing.key)
        part, kind = choose_part(signing, profile, own, now=time.time())
        # Hosts get what signs, and no other subkey: rpm 4.4.2.3 takes the numbers of the last RSA subkey for the primary key's
        # (rpmio/rpmpgp.c 634), and rpm 4.18 imports no key with a revoked one.
        run_command([*gpg, "--output", home / "binary", "--export", f"{part.fingerprint}!"])
        signatures = run_command([*gpg, "--with-colons", "--list-sigs", signing.key]).stdout
        binary = (home / "binary").read_bytes()
    armoured = armour(binary, "PUBLIC KEY BLOCK")
    lives = [one.expires for one in (own[0], part) if one.expires]
    return SigningKey(
        fingerprint=signing.key, armoured=armoured, binary=binary, part=part, kind=kind,
        expires=min(lives, default=0), renewed=find_newest(signatures, signing.key),
    )  # fmt: skip


def find_newest(listing: str, fingerprint: str) -> int:
    """Return when a key was last changed by its owner: the newest of its own signatures, seconds since 1970."""
    rows = (line.split(":") for line in listing.splitlines() if line.startswith("sig:"))
    return max((int(row[5] or 0) for row in rows if row[4] == fingerprint[-16:]), default=0)


def export_public(signing: Signing) -> bytes:
    """Return the public key from where the release says that it is, armoured or not; nothing if it is not there."""
    if signing.public:
        try:
            return signing.public.read_bytes()
        except OSError as error:
            text = f"signing.public: {signing.public}: {error.strerror}"
            raise SigningError(text, hint="write the public key there: gpg --armor --export KEY") from error
    if signing.home and not signing.home.is_dir():
        raise SigningError(f"signing.home: {signing.home}: no such folder", hint="name the GnuPG home that has the key")
    home = ["--homedir", str(signing.home)] if signing.home else []
    gpg = [require_tool("gpg", package="gnupg"), *home, "--batch", "--quiet", "--no-autostart", "--armor"]
    return run_command([*gpg, "--export", signing.key], env=os.environ, check=False).stdout.encode()


def describe_absence(signing: Signing, parts: list[Part]) -> str:
    """Return why there is no such key, for people."""
    owner = next((part for part in parts if part.fingerprint == signing.key), None)
    if owner:
        return "is a subkey: name its primary key"
    place = signing.public or signing.home or "the user's GnuPG home"
    return f"not in {place}"


def find_cure(signing: Signing) -> str:
    """Return what to do about a key that is not there."""
    if signing.public:
        return "write the public key with this fingerprint there"
    return "import the key there, name the home that has it (signing.home), or mend the fingerprint"


def list_own(parts: list[Part], fingerprint: str) -> list[Part]:
    """Return a primary key with its subkeys, which come behind it: a file may hold more keys than one."""
    start = next(number for number, part in enumerate(parts) if part.fingerprint == fingerprint)
    end = next((number for number in range(start + 1, len(parts)) if parts[number].primary), len(parts))
    return parts[start:end]


def choose_part(signing: Signing, profile: SigningProfile, parts: list[Part], *, now: float) -> tuple[Part, KeyKind]:
    """Return what of a key signs: the newest part that may and that the profile takes. Raises SigningError if there is none."""
    primary = next(part for part in parts if part.primary)
    complain_of_validity(primary, now=now)
    able = [part for part in parts if part.signs and (part.primary or not profile.primary)]
    if not able:
        raise SigningError(
            f"signing.key: {signing.key}: cannot sign" + (" itself, only its subkeys can" if profile.primary else ""),
            hint=f"the profile {profile.name} wants a key that signs" + (" by its primary key" if profile.primary else ""),
        )
    # As GnuPG does: the newest subkey that may sign, and the primary key if there is none.
    valid = [part for part in able if part.validity not in "erdi" and not expired(part, now)]
    for part in sorted(valid, key=lambda part: (not part.primary, part.created), reverse=True):
        kind = profile.find_kind(part.algorithm, part.bits)
        if kind is not None:
            return part, kind
    for part in able:
        complain_of_validity(part, now=now)
    raise SigningError(
        f"signing.key: {signing.key}: {' and '.join(map(str, valid))}: not what the profile {profile.name} signs with",
        hint=f"it takes {' or '.join(str(kind) for kind in profile.kinds)}",
    )


def complain_of_validity(part: Part, *, now: float) -> None:
    """Raise SigningError for a part that is expired, revoked or not valid."""
    cure = "give it a longer life (gpg --quick-set-expire), or name another key"
    if part.validity == "e" or expired(part, now):
        ended = time.strftime("%Y-%m-%d", time.gmtime(part.expires))
        raise SigningError(f"signing.key: {part.fingerprint}: expired on {ended}", hint=cure)
    words = {"r": "revoked", "d": "disabled", "i": "not valid"}
    if part.validity in words:
        raise SigningError(f"signing.key: {part.fingerprint}: {words[part.validity]}", hint="name another key")


def expired(part: Part, now: float) -> bool:
    """Tell whether a part's time is up."""
    return bool(part.expires) and part.expires <= now


def read_parts(listing: str) -> Iterator[Part]:
    """Yield primary keys and subkeys of a colon listing (doc/DETAILS of GnuPG)."""
    fields: list[str] = []
    for line in listing.splitlines():
        words = line.split(":")
        if words[0] in ("pub", "sub"):
            fields = words
        elif words[0] == "fpr" and fields:
            yield Part(
                fingerprint=words[9],
                primary=fields[0] == "pub",
                algorithm=PUBLIC_KEYS.get(fields[3], f"algorithm {fields[3]}"),
                bits=int(fields[2] or 0),
                validity=fields[1] or "-",
                signs="s" in fields[11],
                created=int(fields[5] or 0),
                expires=int(fields[6] or 0),
            )
            fields = []
