"""Signing with real keys: every profile and kind of key, what is refused, and what stays as it is."""

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import GateError, SigningError
from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.gates.gate import check_artifacts
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.file import has_signature, sign_file
from tproxy_rpms.signing.key import read_key
from tproxy_rpms.signing.profile import PROFILES
from tproxy_rpms.signing.signatory import open_signatory
from tproxy_rpms.signing.verify import has_same_content, read_layout, verify_package

from .signing import EL5, MODERN, sign, signed_by
from .signingkeys import TestKey, make_key


@pytest.mark.parametrize(
    ("release", "kind", "bits", "program", "digest", "says"),
    [
        (EL5, "RSA", 2048, "gpg1", "", "V3 RSA/SHA256"),
        (EL5, "RSA", 4096, "gpg1", "SHA1", "V3 RSA/SHA1"),
        (EL5, "DSA", 1024, "gpg1", "", "V4 DSA/SHA1"),
        (EL5, "DSA", 1024, "gpg", "SHA256", "V4 DSA/SHA1"),
        (MODERN, "RSA", 4096, "gpg", "", "V4 RSA/SHA256"),
        (MODERN, "RSA", 4096, "gpg", "SHA512", "V4 RSA/SHA512"),
        (MODERN, "EdDSA", 0, "gpg", "", "V4 EdDSA/SHA256"),
    ],
)
def test_every_kind_of_key_signs_as_its_profile_says(
    release: Release,
    kind: str,
    bits: int,
    program: str,
    digest: str,
    says: str,
    packages: tuple[Path, ...],
    ed25519: TestKey,
    tmp_path: Path,
) -> None:
    key = make_key(tmp_path / "home", kind=kind, bits=bits, program=program)
    modern = Signing(key=ed25519.fingerprint, home=ed25519.home) if kind == "DSA" else None
    before = [path.read_bytes() for path in packages]
    signed = sign(signed_by(release, key, digest=digest, modern=modern), packages, tmp_path / "signed")
    assert [path.name for path in signed] == sorted(path.name for path in packages)
    for path in signed:
        signatures = read_artifact(path).signatures
        assert {one.says for one in signatures} == {says}
        # Old rpm knows no digest of the payload: header and payload are signed together besides.
        assert len(signatures) == (2 if release is EL5 else 1)
        assert path.stat().st_mtime == release.epoch
    assert [path.read_bytes() for path in packages] == before
    assert all(has_same_content(*pair) for pair in zip(sorted(packages), signed, strict=True))


def test_rpm_itself_takes_the_signatures(packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
    signed = sign(signed_by(MODERN, ed25519), packages, tmp_path / "signed")
    database = ["--define", f"_dbpath {tmp_path}/db"]
    subprocess.run(["rpmkeys", *database, "--import", ed25519.export(tmp_path / "key.asc")], check=True)
    for path in signed:
        said = subprocess.run(["rpmkeys", *database, "-K", "-v", path], capture_output=True, text=True, check=True).stdout
        assert f"Header V4 EdDSA/SHA256 Signature, key ID {ed25519.fingerprint[-8:].lower()}: OK" in said


def test_signing_again_keeps_the_bytes(packages: tuple[Path, ...], old_rsa: TestKey, tmp_path: Path) -> None:
    release = signed_by(EL5, old_rsa)
    first = {path.name: path.read_bytes() for path in sign(release, packages, tmp_path / "signed")}
    time.sleep(1.1)  # a signature has the second in it
    assert {path.name: path.read_bytes() for path in sign(release, packages, tmp_path / "signed")} == first
    # In another folder it is signed anew, so that the same bytes above were no accident.
    assert {path.name: path.read_bytes() for path in sign(release, packages, tmp_path / "other")} != first


@pytest.mark.parametrize("where", ["signature", "header", "payload"])
def test_a_copy_that_was_changed_is_signed_anew(where: str, packages: tuple[Path, ...], old_rsa: TestKey, tmp_path: Path) -> None:
    release = signed_by(EL5, old_rsa)
    (path, _) = sign(release, packages, tmp_path / "signed")
    data, layout = bytearray(path.read_bytes()), read_layout(path)
    place = {
        "header": layout.payload - 100,
        "payload": layout.payload + 20,
        "signature": data.index(layout.signatures["RSAHEADER"]) + 40,
    }
    data[place[where]] ^= 1
    path.write_bytes(data)
    key, profile = open_signatory(release).key, PROFILES["el5"]
    with pytest.raises(GateError, match=rf"{path.name}: "):
        verify_package(path, key, profile)
    sign(release, packages, tmp_path / "signed")
    verify_package(path, key, profile)


def test_another_key_signs_everything_anew(packages: tuple[Path, ...], old_rsa: TestKey, tmp_path: Path) -> None:
    sign(signed_by(EL5, old_rsa), packages, tmp_path / "signed")
    other = make_key(tmp_path / "home", bits=2048, program="gpg1")
    release = signed_by(EL5, other)
    for path in sign(release, packages, tmp_path / "signed"):
        verify_package(path, open_signatory(release).key, PROFILES["el5"])
        with pytest.raises(GateError, match="it is by another key"):
            verify_package(path, read_key(signed_by(EL5, old_rsa).signing, PROFILES["el5"]), PROFILES["el5"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("release", "kind", "bits", "program", "message"),
    [
        (EL5, "EdDSA", 0, "gpg", "Ed25519: not what the profile el5 signs with"),
        (EL5, "DSA", 2048, "gpg", "DSA-2048: not what the profile el5 signs with"),
        (MODERN, "RSA", 2048, "gpg", "RSA-2048: not what the profile modern signs with"),
        (MODERN, "DSA", 1024, "gpg", "DSA-1024: not what the profile modern signs with"),
    ],
)
def test_a_key_that_the_target_does_not_verify_is_refused(
    release: Release, kind: str, bits: int, program: str, message: str, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "home", kind=kind, bits=bits, program=program)
    with pytest.raises(SigningError, match=message) as caught:
        open_signatory(signed_by(release, key))
    assert "RSA" in caught.value.hint and caught.value.exit_code == 17


def test_a_weak_key_needs_another_one_for_the_manifest(ed25519: TestKey, tmp_path: Path) -> None:
    key = make_key(tmp_path / "home", kind="DSA", bits=1024)
    with pytest.raises(SigningError, match=r"signing\.modern: .*DSA-1024 is too weak for the manifest"):
        open_signatory(signed_by(EL5, key))
    signatory = open_signatory(signed_by(EL5, key, modern=Signing(key=ed25519.fingerprint, home=ed25519.home)))
    (tmp_path / "SHA256SUMS").write_text("manifest\n")
    signature = tmp_path / "SHA256SUMS.asc"
    signature.write_text(sign_file(tmp_path / "SHA256SUMS", signer=signatory.manifest))
    assert has_signature(tmp_path / "SHA256SUMS", signature, signer=signatory.manifest)
    assert not has_signature(tmp_path / "SHA256SUMS", signature, signer=signatory.metadata)
    # As somebody does it by hand, with GnuPG alone.
    argv = ["gpgv", "--keyring", tmp_path / "keys.gpg", signature, tmp_path / "SHA256SUMS"]
    (tmp_path / "keys.gpg").write_bytes(ed25519.run("--export", ed25519.fingerprint))
    subprocess.run(argv, check=True, capture_output=True)


def test_a_key_that_is_not_there_is_told_with_its_place(ed25519: TestKey, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir(mode=0o700)
    for home, message in ((tmp_path / "empty", "not in .*/empty"), (tmp_path / "none", "no such folder")):
        with pytest.raises(SigningError, match=message):
            open_signatory(replace(MODERN, signing=Signing(key=ed25519.fingerprint, home=home)))
    public = tmp_path / "empty" / "offered"
    ed25519.export(public)
    subprocess.run(["gpg", "--homedir", tmp_path / "empty", "--batch", "-q", "--import", public], check=True)
    signatory = open_signatory(replace(MODERN, signing=Signing(key=ed25519.fingerprint, home=tmp_path / "empty")))
    with pytest.raises(SigningError, match="there is no secret key"):
        signatory.package.sign(b"x")


def test_an_expired_key_is_refused_and_a_longer_life_helps(packages: tuple[Path, ...], tmp_path: Path) -> None:
    key = make_key(tmp_path / "home", kind="EdDSA", expires="seconds=1")
    time.sleep(1.5)
    with pytest.raises(SigningError, match=rf"{key.fingerprint}: expired on \d{{4}}-") as caught:
        open_signatory(signed_by(MODERN, key))
    assert "quick-set-expire" in caught.value.hint
    key.run("--quick-set-expire", key.fingerprint, "1y")
    assert sign(signed_by(MODERN, key), packages, tmp_path / "signed")


def test_a_file_with_several_keys_gives_the_right_one(ed25519: TestKey, old_rsa: TestKey, tmp_path: Path) -> None:
    weak = make_key(tmp_path / "home", kind="DSA", bits=1024)
    files = [key.export(tmp_path / f"{number}.asc").read_bytes() for number, key in enumerate((weak, ed25519, old_rsa))]
    (tmp_path / "all.asc").write_bytes(b"".join(files))
    key = read_key(Signing(key=ed25519.fingerprint, command=("true",), public=tmp_path / "all.asc"), PROFILES["modern"])
    assert key.part.fingerprint == ed25519.fingerprint
    assert key.binary == ed25519.run("--export", ed25519.fingerprint)


def test_a_revoked_key_is_refused(tmp_path: Path) -> None:
    key = make_key(tmp_path / "home", kind="EdDSA")
    text = (key.home / "openpgp-revocs.d" / f"{key.fingerprint}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
    key.run("--import", stdin=text)
    with pytest.raises(SigningError, match="revoked"):
        open_signatory(signed_by(MODERN, key))


def test_a_subkey_signs_for_modern_targets_alone(packages: tuple[Path, ...], tmp_path: Path) -> None:
    key = make_key(tmp_path / "home", bits=4096)
    key.run("--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", key.fingerprint, "ed25519", "sign", "1y")
    signatory = open_signatory(signed_by(MODERN, key))
    assert str(signatory.key.part) == "Ed25519"
    for path in sign(signed_by(MODERN, key), packages, tmp_path / "signed"):
        assert {one.says for one in read_artifact(path).signatures} == {"V4 EdDSA/SHA256"}
    assert str(open_signatory(signed_by(EL5, key)).key.part) == "RSA-4096"
    with pytest.raises(SigningError, match="is a subkey: name its primary key"):
        open_signatory(replace(MODERN, signing=Signing(key=signatory.key.part.fingerprint, home=key.home)))


def test_an_unsigned_package_does_not_pass_for_signed(packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
    profile = PROFILES["modern"]
    with pytest.raises(GateError, match="signatures = none"):
        check_artifacts(packages, target=MODERN.target, report=tmp_path / "report", signatures=profile.signatures)
    with pytest.raises(GateError, match="0 signatures, not 1"):
        verify_package(packages[0], open_signatory(signed_by(MODERN, ed25519)).key, profile)


def test_rpm_itself_finds_what_header_signatures_do_not_cover(
    packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path
) -> None:
    """Under modern the payload has a digest in the signed header, and no signature of its own."""
    release = signed_by(MODERN, ed25519)
    (path, _) = sign(release, packages, tmp_path / "signed")
    data = bytearray(path.read_bytes())
    data[read_layout(path).payload + 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(GateError, match=r"rpm finds: .*Payload SHA256 digest: BAD"):
        verify_package(path, open_signatory(release).key, PROFILES["modern"])


def test_another_digest_signs_everything_anew(packages: tuple[Path, ...], old_rsa: TestKey, tmp_path: Path) -> None:
    for digest in ("SHA256", "SHA1", "SHA256"):
        for path in sign(signed_by(EL5, old_rsa, digest=digest), packages, tmp_path / "signed"):
            assert {one.says for one in read_artifact(path).signatures} == {f"V3 RSA/{digest}"}


def revoke_subkey(key: TestKey, number: int) -> None:
    """Revoke a subkey, which GnuPG does by talk alone."""
    argv = [
        "gpg",
        "--homedir",
        str(key.home),
        "--command-fd",
        "0",
        "--status-fd",
        "2",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]
    talk = f"key {number}\nrevkey\ny\n0\n\ny\nsave\n"
    subprocess.run([*argv, "--no-tty", "--edit-key", key.fingerprint], input=talk, text=True, check=True, capture_output=True)


def test_subkeys_that_are_revoked_do_no_harm(packages: tuple[Path, ...], tmp_path: Path) -> None:
    """rpm 4.18 imports no key with a revoked subkey; hosts get none. What such a one has signed is not good any more."""
    key = make_key(tmp_path / "home", bits=4096)
    add = ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", key.fingerprint, "ed25519", "sign"]
    key.run(*add)
    release = signed_by(MODERN, key)
    first = open_signatory(release).key
    (path, _) = sign(release, packages, tmp_path / "signed")
    revoke_subkey(key, 1)
    whole = tmp_path / "whole.asc"
    key.export(whole)
    database = ["--define", f"_dbpath {tmp_path}/db"]
    assert subprocess.run(["rpmkeys", *database, "--import", whole], capture_output=True).returncode != 0
    second = open_signatory(release).key
    assert first.part != second.part == second.part and second.part.primary
    with pytest.raises(GateError, match="it is by another key"):
        verify_package(path, second, PROFILES["modern"])
    for path in sign(release, packages, tmp_path / "signed"):
        assert {one.says for one in read_artifact(path).signatures} == {"V4 RSA/SHA256"}
    assert second.renewed >= first.renewed > 0


def test_a_longer_life_is_a_newer_key(tmp_path: Path) -> None:
    key = make_key(tmp_path / "home", kind="EdDSA", expires="2d")
    release = signed_by(MODERN, key)
    first = open_signatory(release).key
    time.sleep(1.1)
    key.run("--quick-set-expire", key.fingerprint, "1y")
    second = open_signatory(release).key
    assert second.renewed > first.renewed and second.expires > first.expires > time.time()
