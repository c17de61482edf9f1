"""The program of docs/external-key.md that signs on another host: what it makes is what each target verifies."""

from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import SigningError
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.file import sign_file
from tproxy_rpms.signing.signatory import open_signatory

from ..conftest import ROOT
from .signing import EL5, MODERN, sign
from .signingkeys import TestKey, make_key

PROGRAM = ROOT / "docs" / "examples" / "sign-by-ssh.sh"

# In the place of ssh: the other host is this one, with the key in a home of its own.
SSH = """\
#!/bin/sh
[ "$1 $2 $3" = "-o BatchMode=yes signer@sign.example.org" ] || exit 255
GNUPGHOME={home} exec sh -c "$4"
"""


@pytest.fixture(params=[(EL5, "gpg1", 2048), (MODERN, "gpg", 4096)], ids=["el5", "modern"])
def signed_elsewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release that is signed by a key of another host."""
    release, program, bits = request.param
    key: TestKey = make_key(tmp_path / "home", bits=bits, program=program)
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH.format(home=key.home))
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    command = (str(PROGRAM), "signer@sign.example.org", key.fingerprint)
    return replace(release, signing=Signing(key=key.fingerprint, command=command, public=key.export(tmp_path / "public.asc")))


def test_packages_and_the_manifest_are_signed(signed_elsewhere: Release, packages: tuple[Path, ...], tmp_path: Path) -> None:
    assert len(sign(signed_elsewhere, packages, tmp_path / "signed")) == len(packages)
    (tmp_path / "file").write_text("x")
    signature = sign_file(tmp_path / "file", signer=open_signatory(signed_elsewhere).manifest)
    assert signature.startswith("-----BEGIN PGP SIGNATURE-----\n")


def test_a_host_that_lets_nobody_in_is_told(signed_elsewhere: Release) -> None:
    assert signed_elsewhere.signing
    command = (str(PROGRAM), "nobody@sign.example.org", signed_elsewhere.signing.key)
    refused = replace(signed_elsewhere, signing=replace(signed_elsewhere.signing, command=command))
    with pytest.raises(SigningError, match="does not sign: status 255"):
        open_signatory(refused).package.sign(b"x")
