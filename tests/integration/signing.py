"""Packages signed for a release as the tasks do it."""

from dataclasses import replace
from pathlib import Path

from tproxy_rpms.gates.gate import check_artifacts
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.package import sign_packages
from tproxy_rpms.signing.signatory import open_signatory

from ..conftest import ROOT
from .signingkeys import TestKey

EL5, MODERN = load_release("centos5", root=ROOT), load_release("bookworm", root=ROOT)


def signed_by(release: Release, key: TestKey, **more: object) -> Release:
    return replace(release, signing=Signing(key=key.fingerprint, home=key.home, **more))  # type: ignore[arg-type]


def sign(release: Release, packages: tuple[Path, ...], folder: Path) -> tuple[Path, ...]:
    """Sign for a release as the tasks do: open, sign, pass the gate."""
    signatory = open_signatory(release)
    signed = sign_packages(packages, folder, signer=signatory.package, profile=signatory.profile, epoch=release.epoch)
    report = folder.with_suffix(".json")
    check_artifacts(signed, target=release.target, report=report, signatures=signatory.profile.signatures)
    return signed
