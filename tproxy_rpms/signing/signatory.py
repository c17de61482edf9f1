"""Who signs a release: keys, profile and signers, opened together."""

from dataclasses import dataclass

from tproxy_rpms.errors import SigningError
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.key import SigningKey, read_key
from tproxy_rpms.signing.profile import PROFILES, SigningProfile
from tproxy_rpms.signing.signer import Signer, make_file_signer, make_package_signer

# Below this, a signature by RSA is no longer strong evidence (NIST SP 800-131A).
STRONG_BITS = 2048


@dataclass(frozen=True, kw_only=True)
class Signatory:
    """Fields:
    key: of the packages and of the metadata. package, metadata: what signs these.
    manifest: what signs for people with today's tools; its key may be another.
    """

    profile: SigningProfile
    key: SigningKey
    package: Signer
    metadata: Signer
    manifest: Signer


def require_signing(release: Release) -> Signing:
    """Return who signs a release. Raises SigningError if it names nobody."""
    if release.signing is None:
        raise SigningError(
            f"{release.name}: signing.key: the release names no key",
            hint='add [signing] with key = "FINGERPRINT" to a release of yours',
        )
    return release.signing


def open_signatory(release: Release) -> Signatory:
    """Return who signs a release. Raises SigningError for a key that is not there, not valid, or not what the target verifies."""
    signing, profile = require_signing(release), PROFILES[release.target.signing]
    key = read_key(signing, profile)
    other = signing.modern
    modern = make_file_signer(other, read_key(other, PROFILES["modern"])) if other else make_file_signer(signing, key)
    if modern.key.part.algorithm == "DSA" or (modern.key.part.algorithm == "RSA" and modern.key.part.bits < STRONG_BITS):
        raise SigningError(
            f"signing.modern: {release.name}: missing: {modern.key.part} is too weak for the manifest that people verify by hand",
            hint="name a second key in [signing.modern]: RSA of 4096 bits, or Ed25519",
        )
    package = make_package_signer(signing, key, profile)
    return Signatory(profile=profile, key=key, package=package, metadata=make_file_signer(signing, key), manifest=modern)
