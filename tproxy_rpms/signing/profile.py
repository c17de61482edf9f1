"""What a target's rpm can verify: kinds of keys, and how they are made to sign. A target names its profile."""

from collections.abc import Mapping
from dataclasses import dataclass

from tproxy_rpms.release.model import Profile


@dataclass(frozen=True, kw_only=True)
class KeyKind:
    """A kind of key, and what signs packages with it.

    Fields:
        algorithm: as GnuPG names it. bits: the fewest and the most.
        program: GnuPG's own name of the program, `gpg` or `gpg1`. options: what it is told besides. digest: the hash.
        fixed_digest: whether no other hash will do.
    """

    algorithm: str
    bits: tuple[int, int]
    program: str
    digest: str
    options: tuple[str, ...] = ()
    fixed_digest: bool = False

    def __str__(self) -> str:
        low, high = self.bits
        if self.algorithm == "EdDSA":
            return "Ed25519"
        return f"{self.algorithm}-{low}" if low == high else f"{self.algorithm} of {low} to {high} bits"


@dataclass(frozen=True, kw_only=True)
class SigningProfile:
    """How packages are signed for a family of targets.

    Fields:
        kinds: the kinds of keys that will do. signatures: what verifies there, as `rpm --checksig` tells it.
        whole: whether header and payload are signed together once more, for an rpm that knows no digest of the payload.
        primary: whether the primary key itself must sign.
        trusted_rpm: whether today's rpm verifies such signatures, whatever the host's policy.
    """

    name: Profile
    kinds: tuple[KeyKind, ...]
    signatures: tuple[str, ...]
    whole: bool
    primary: bool
    trusted_rpm: bool

    def find_kind(self, algorithm: str, bits: int) -> KeyKind | None:
        """Return the kind that a key is of, or None if it will not do."""
        fits = (kind for kind in self.kinds if kind.algorithm == algorithm and kind.bits[0] <= bits <= kind.bits[1])
        return next(fits, None)


PROFILES: Mapping[Profile, SigningProfile] = {
    # rpm 4.4.2.3 hashes no trailer of an RSA signature in a V4 packet, so each is BAD there; V3 packets are what GnuPG 1 makes
    # and 2.1 does not any more. DSA is by SHA-1 alone (lib/signature.c 1205-1482).
    "el5": SigningProfile(
        name="el5",
        kinds=(
            KeyKind(algorithm="RSA", bits=(1024, 4096), program="gpg1", digest="SHA256", options=("--force-v3-sigs",)),
            KeyKind(algorithm="DSA", bits=(1024, 1024), program="gpg", digest="SHA1", fixed_digest=True),
        ),
        signatures=(
            "V3 RSA/SHA1", "V3 RSA/SHA256", "V3 RSA/SHA384", "V3 RSA/SHA512", "V3 DSA/SHA1", "V4 DSA/SHA1",
        ),
        whole=True,
        primary=True,
        trusted_rpm=False,
    ),
    "modern": SigningProfile(
        name="modern",
        kinds=(
            KeyKind(algorithm="RSA", bits=(4096, 16384), program="gpg", digest="SHA256"),
            KeyKind(algorithm="EdDSA", bits=(255, 256), program="gpg", digest="SHA256"),
        ),
        signatures=("V4 RSA/SHA256", "V4 RSA/SHA384", "V4 RSA/SHA512", "V4 EdDSA/SHA256", "V4 EdDSA/SHA384", "V4 EdDSA/SHA512"),
        whole=False,
        primary=False,
        trusted_rpm=True,
    ),
}  # fmt: skip
