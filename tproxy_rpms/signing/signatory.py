"""Who signs a release: keys, profile and signers, opened together."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.errors import GateError, SigningError
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.key import SigningKey, read_key
from tproxy_rpms.signing.profile import PROFILES, SigningProfile
from tproxy_rpms.signing.signer import Signer, make_file_signer, make_package_signer
from tproxy_rpms.signing.verify import verify_file

# Below this, a signature by RSA is no longer strong evidence (NIST SP 800-131A).
STRONG_BITS = 2048


@dataclass(frozen=True, kw_only=True)
class Signatory:
    """Who signs a release.

    Fields:
        key: of the packages and of the metadata. package, metadata: what signs these.
        manifest: what signs for people with today's tools; its key may be another.
    """

    profile: SigningProfile
    key: SigningKey
    package: Signer
    metadata: Signer
    manifest: Signer

    def try_out(self) -> None:
        """Sign a few bytes with each key, and look at the signatures. Raises SigningError for one that is not good."""
        for signer in (self.package, *([self.manifest] if self.manifest.key != self.key else [])):
            with tempfile.TemporaryDirectory(prefix="tproxy-rpms-trial-") as scratch:
                path = Path(scratch) / "trial"
                path.write_bytes(b"tproxy-rpms")
                try:
                    verify_file(path, signer.sign(path.read_bytes()), signer.key)
                except GateError as error:
                    hint = "the signer must sign with the key that the release names"
                    raise SigningError(f"signing.key: {signer.key.fingerprint}: {error.message}", hint=hint) from error


def require_signing(release: Release) -> Signing:
    """Return who signs a release. Raises SigningError if it names nobody."""
    if release.signing is None:
        raise SigningError(
            f"{release.name}: signing.key: the release names no key",
            hint='add [signing] with key = "FINGERPRINT" to a release of yours',
        )
    return release.signing


def read_manifest_key(release: Release) -> SigningKey:
    """Return the key that manifests are signed with; nobody needs to unlock it. Raises SigningError as `open_signatory` does."""
    signing = require_signing(release)
    return read_key(signing.modern, PROFILES["modern"]) if signing.modern else read_key(signing, PROFILES[release.target.signing])


def read_keys(release: Release) -> tuple[SigningKey, SigningKey]:
    """Return the keys of the packages and of the manifest, which may be one. Raises SigningError as `open_signatory` does."""
    signing = require_signing(release)
    key = read_key(signing, PROFILES[release.target.signing])
    return key, read_key(signing.modern, PROFILES["modern"]) if signing.modern else key


def open_signatory(release: Release) -> Signatory:
    """Return who signs a release. Raises SigningError for a key that is not there, not valid, or not what the target verifies."""
    signing, profile = require_signing(release), PROFILES[release.target.signing]
    key, other = read_keys(release)
    if other.part.algorithm == "DSA" or (other.part.algorithm == "RSA" and other.part.bits < STRONG_BITS):
        raise SigningError(
            f"signing.modern: {release.name}: missing: {other.part} is too weak for the manifest that people verify by hand",
            hint="name a second key in [signing.modern]: RSA of 4096 bits, or Ed25519",
        )
    return Signatory(
        profile=profile,
        key=key,
        package=make_package_signer(signing, key, profile),
        metadata=make_file_signer(signing, key),
        manifest=make_file_signer(signing.modern or signing, other),
    )
