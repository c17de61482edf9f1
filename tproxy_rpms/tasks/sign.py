"""Sign the RPMs and SRPMs for the target's rpm, and have other tools verify it; the unsigned ones stay."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tproxy_rpms.store import digest_code, read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step, Telling

# Where GnuPG of any age keeps public keys.
KEYRINGS = ("pubring.kbx", "pubring.gpg", "public-keys.d/pubring.db")


def create(cut: Cut) -> Iterator[Step | Telling]:
    """Yield a step for each package and arch, and one for each SRPM; one that tells what is missing if nobody signs."""
    if cut.release.signing is None:
        yield Telling(stage="sign", doc="the release names no key", run=partial(complain, cut))
        return
    for name in cut.release.packages:
        for arch in (*cut.release.arches, "SRPM"):
            made_by = cut.made_by(name, arch)
            yield Step(
                stage="sign",
                name=f"{name}:{arch}",
                doc=f"{name} {arch}, profile {cut.release.target.signing}",
                after=(":".join(made_by), f"gate:{name}:{arch}"),
                inputs=partial(inputs, cut, made_by),
                run=partial(sign_step, cut, f"{name}-{arch}", made_by),
            )


def complain(cut: Cut) -> None:
    """Raise SigningError: the release names no key."""
    from tproxy_rpms.signing.signatory import require_signing

    require_signing(cut.release)


def inputs(cut: Cut, made_by: tuple[str, ...]) -> dict[str, object]:
    """What shapes signed copies."""
    return {"artifacts": cut.recorded(*made_by), "keyring": describe_keyring(cut)} | describe_signing(cut)


def describe_signing(cut: Cut) -> dict[str, object]:
    """Return what of the release and of our code decides how is signed; where a key lies plays no part."""
    signing = cut.release.signing
    return {
        "key": signing.key if signing else "",
        "digest": signing.digest if signing else "",
        "profile": cut.release.target.signing,
        "code": digest_code("signing", "gates"),
    }


def describe_keyring(cut: Cut) -> list[object]:
    """Return what tells that a public key may have changed, by a longer life, say: size and time of the files that have it."""
    signing = cut.release.signing
    keys = [key for key in (signing, signing.modern if signing else None) if key]
    homes = [key.home or Path(os.environ.get("GNUPGHOME") or Path.home() / ".gnupg") for key in keys]
    paths = [key.public for key in keys if key.public] + [home / name for home in homes for name in KEYRINGS]
    states = [(str(path), path.stat()) for path in paths if path.is_file()]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]


def sign_step(cut: Cut, name: str, made_by: tuple[str, ...]) -> tuple[Path, ...]:
    """Sign what another step made."""
    return sign_into(cut, cut.build / "signed" / name, list(read_outputs(cut.stamp(*made_by))))


def sign_into(cut: Cut, folder: Path, rpms: Sequence[Path]) -> tuple[Path, ...]:
    """Make `folder` hold signed copies of these RPMs, checked by other tools and the gate; return them and the gate's report."""
    from tproxy_rpms.gates.gate import check_artifacts
    from tproxy_rpms.signing.package import sign_packages

    signatory = cut.signatory
    signed = sign_packages(rpms, folder, signer=signatory.package, profile=signatory.profile, epoch=cut.release.epoch)
    report = cut.gates / f"{folder.name}.signed.json"
    check_artifacts(signed, target=cut.release.target, report=report, signatures=signatory.profile.signatures)
    return (*signed, report)
