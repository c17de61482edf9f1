"""Signing with real keys: every profile and kind of key, what is refused, what stays as it is, and whoever else may sign."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import GateError, SigningError
from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.gates.gate import check_artifacts
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.armour import dearmour
from tproxy_rpms.signing.file import has_signature, sign_file
from tproxy_rpms.signing.key import read_key
from tproxy_rpms.signing.package import sign_packages
from tproxy_rpms.signing.profile import PROFILES
from tproxy_rpms.signing.signatory import Signatory, open_signatory
from tproxy_rpms.signing.signer import make_package_signer
from tproxy_rpms.signing.verify import has_same_content, read_layout, verify_package

from ..conftest import ROOT
from .package import build_package
from .signingkeys import TestKey, make_key

EL5, MODERN = load_release("centos5", root=ROOT), load_release("bookworm", root=ROOT)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return build_package(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def ed25519(tmp_path_factory: pytest.TempPathFactory) -> TestKey:
    return make_key(tmp_path_factory.mktemp("keys") / "ed25519", kind="EdDSA")


@pytest.fixture(scope="module")
def old_rsa(tmp_path_factory: pytest.TempPathFactory) -> TestKey:
    return make_key(tmp_path_factory.mktemp("keys") / "rsa", bits=2048, program="gpg1")


def signed_by(release: Release, key: TestKey, **more: object) -> Release:
    return replace(release, signing=Signing(key=key.fingerprint, home=key.home, **more))  # type: ignore[arg-type]


def sign(release: Release, packages: tuple[Path, ...], folder: Path) -> tuple[Path, ...]:
    """Sign for a release as the tasks do: open, sign, pass the gate."""
    signatory = open_signatory(release)
    signed = sign_packages(packages, folder, signer=signatory.package, profile=signatory.profile, epoch=release.epoch)
    report = folder.with_suffix(".json")
    check_artifacts(signed, target=release.target, report=report, signatures=signatory.profile.signatures)
    return signed


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


def test_old_gnupg_has_secret_keys_of_its_own(packages: tuple[Path, ...], tmp_path: Path) -> None:
    """A key of today's GnuPG signs nothing for CentOS 5: the cure says how it gets there."""
    key = make_key(tmp_path / "home", bits=2048)
    with pytest.raises(SigningError, match="gpg1 does not sign: there is no secret key") as caught:
        open_signatory(signed_by(EL5, key)).package.sign(b"x")
    assert "gpg1 --homedir HOME --import" in caught.value.hint
    secret = key.run("--pinentry-mode", "loopback", "--passphrase", "", "--export-secret-keys", key.fingerprint)
    subprocess.run(["gpg1", "--homedir", key.home, "--batch", "--import"], input=secret, check=True, capture_output=True)
    assert sign(signed_by(EL5, key), packages, tmp_path / "signed")


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


@pytest.mark.parametrize(("release", "program", "bits"), [(EL5, "gpg1", 2048), (MODERN, "gpg", 4096)])
class TestPassphrase:
    """Keys with a passphrase: out of a file, out of an agent, wrong, or locked."""

    def make(self, tmp_path: Path, program: str, bits: int) -> TestKey:
        key = make_key(tmp_path / "home", bits=bits, program=program, passphrase="open sesame")
        subprocess.run(["gpgconf", "--homedir", key.home, "--kill", "gpg-agent"], check=True)
        (key.home / "gpg-agent.conf").write_text("allow-preset-passphrase\npinentry-program /bin/false\n")
        return key

    def test_a_file_unlocks_it(
        self, release: Release, program: str, bits: int, packages: tuple[Path, ...], tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_text("open sesame\n")
        release = signed_by(release, self.make(tmp_path, program, bits), passphrase_file=secret)
        assert sign(release, packages, tmp_path / "signed")
        argv = open_signatory(release).package.argv
        assert str(secret) in argv and not any("open sesame" in word for word in argv)

    def test_a_wrong_one_is_told(self, release: Release, program: str, bits: int, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("open barley\n")
        release = signed_by(release, self.make(tmp_path, program, bits), passphrase_file=secret)
        with pytest.raises(SigningError, match="the passphrase or PIN is wrong") as caught:
            open_signatory(release).package.sign(b"x")
        assert "barley" not in str(caught.value)
        assert "signing.passphrase_file" in caught.value.hint

    def test_a_file_that_is_not_there_is_told(self, release: Release, program: str, bits: int, tmp_path: Path) -> None:
        release = signed_by(release, self.make(tmp_path, program, bits), passphrase_file=tmp_path / "none")
        with pytest.raises(SigningError, match=r"passphrase_file: .*/none: no such file"):
            open_signatory(release)

    def test_a_locked_one_is_told(self, release: Release, program: str, bits: int, tmp_path: Path) -> None:
        release = signed_by(release, self.make(tmp_path, program, bits))
        with pytest.raises(SigningError, match="it is locked") as caught:
            open_signatory(release).package.sign(b"x")
        assert "unlock it in its agent" in caught.value.hint

    def test_an_agent_that_is_unlocked_signs(
        self, release: Release, program: str, bits: int, packages: tuple[Path, ...], tmp_path: Path
    ) -> None:
        key = self.make(tmp_path, program, bits)
        preset = Path("/usr/lib/gnupg/gpg-preset-passphrase")
        if not preset.exists():
            pytest.skip("no gpg-preset-passphrase on this host")
        # Old GnuPG asks the agent by fingerprint, today's by keygrip.
        listing = key.run("--with-colons", "--with-keygrip", "--list-keys").decode() if program == "gpg" else ""
        names = [line.split(":")[9] for line in listing.splitlines() if line.startswith("grp:")] or [key.fingerprint]
        subprocess.run(["gpgconf", "--homedir", key.home, "--launch", "gpg-agent"], check=True)
        environment = os.environ | {"GNUPGHOME": str(key.home)}
        subprocess.run([preset, "--preset", names[0]], input=b"open sesame", env=environment, check=True)
        assert sign(signed_by(release, key), packages, tmp_path / "signed")


class TestCommand:
    """Another program signs: it gets the data, and only a signature comes back."""

    def release(self, tmp_path: Path, key: TestKey, script: str, *, target: Release = MODERN) -> Release:
        program = tmp_path / "signer"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        public = key.export(tmp_path / "public.asc")
        return replace(target, signing=Signing(key=key.fingerprint, command=(str(program), "an argument"), public=public))

    @pytest.mark.parametrize("armour", ["--no-armor", "--armor"])
    def test_it_signs(self, armour: str, packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
        log = tmp_path / "log"
        script = f'echo "$1: $TPROXY_RPMS_SIGN" >>{log}\nexec gpg --homedir {ed25519.home} --batch {armour} --detach-sign'
        release = self.release(tmp_path, ed25519, script)
        if armour == "--no-armor":
            for path in sign(release, packages, tmp_path / "signed"):
                verify_package(path, open_signatory(release).key, PROFILES["modern"])
            assert set(log.read_text().splitlines()) == {"an argument: package modern"}
        (tmp_path / "file").write_text("x")
        assert sign_file(tmp_path / "file", signer=open_signatory(release).manifest).startswith("-----BEGIN PGP SIGNATURE-----\n")
        assert log.read_text().splitlines()[-1] == "an argument: file"

    def test_its_own_words_are_told(self, ed25519: TestKey, tmp_path: Path) -> None:
        release = self.release(tmp_path, ed25519, "echo the vault is closed >&2; exit 3")
        with pytest.raises(SigningError, match=r"signer does not sign: status 3, no signature\nthe vault is closed"):
            open_signatory(release).package.sign(b"x")

    def test_nothing_at_all_is_no_signature(self, ed25519: TestKey, tmp_path: Path) -> None:
        with pytest.raises(SigningError, match="no signature"):
            open_signatory(self.release(tmp_path, ed25519, "exit 0")).package.sign(b"x")

    def test_one_that_hangs_at_a_package_is_ended(
        self, packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tproxy_rpms.signing.signer.PATIENCE", 0.5)
        with pytest.raises(SigningError, match=r"no signature in 0\.5 seconds"):
            sign(self.release(tmp_path, ed25519, "sleep 100"), packages, tmp_path / "signed")

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ("<html>504 Gateway Timeout</html>", "it is no signature"),
            ("-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----", "gives no signature"),
        ],
    )
    def test_what_is_no_signature_is_found_out_at_once(self, answer: str, message: str, ed25519: TestKey, tmp_path: Path) -> None:
        (tmp_path / "answer").write_text(answer)
        signatory = open_signatory(self.release(tmp_path, ed25519, f"cat {tmp_path}/answer"))
        with pytest.raises(SigningError, match=message):
            signatory.try_out()

    def test_one_signature_is_made_at_a_time(self, packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
        busy = tmp_path / "busy"
        script = f"mkdir {busy} || exit 9; sleep 0.2; gpg --homedir {ed25519.home} --batch --detach-sign; rmdir {busy}"
        signatory = open_signatory(self.release(tmp_path, ed25519, script))

        def work(number: int) -> None:
            if number % 2:
                signatory.metadata.sign(b"x")
            else:
                folder = tmp_path / f"signed-{number}"
                sign_packages(packages, folder, signer=signatory.package, profile=signatory.profile, epoch=1)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))

    def test_one_that_hangs_is_ended(self, ed25519: TestKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tproxy_rpms.signing.signer.PATIENCE", 0.5)
        with pytest.raises(SigningError, match=r"no signature in 0\.5 seconds"):
            open_signatory(self.release(tmp_path, ed25519, "sleep 100")).package.sign(b"x")

    def test_another_keys_signature_is_found_out(self, packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
        other = make_key(tmp_path / "home", kind="EdDSA")
        release = self.release(tmp_path, ed25519, f"exec gpg --homedir {other.home} --batch --detach-sign")
        with pytest.raises(GateError, match="it is by another key"):
            sign(release, packages, tmp_path / "signed")

    def test_the_wrong_profile_is_refused_by_the_gate(self, packages: tuple[Path, ...], old_rsa: TestKey, tmp_path: Path) -> None:
        """The key is right and the signature good, but CentOS 5's rpm takes no RSA in V4 packets."""
        script = f"exec gpg1 --homedir {old_rsa.home} --batch --no-force-v3-sigs --digest-algo SHA256 --detach-sign"
        with pytest.raises(GateError, match=r"V4 RSA/SHA256: .*sign for the profile el5"):
            sign(self.release(tmp_path, old_rsa, script, target=EL5), packages, tmp_path / "signed")
        script = script.replace("--no-force", "--force")
        assert sign(self.release(tmp_path, old_rsa, script, target=EL5), packages, tmp_path / "signed")

    def test_a_public_key_that_is_not_there_is_told(self, ed25519: TestKey, tmp_path: Path) -> None:
        signing = Signing(key=ed25519.fingerprint, command=("true",), public=tmp_path / "none")
        with pytest.raises(SigningError, match=r"signing\.public: .*/none: No such file"):
            open_signatory(replace(MODERN, signing=signing))


def test_an_unsigned_package_does_not_pass_for_signed(packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
    profile = PROFILES["modern"]
    with pytest.raises(GateError, match="signatures = none"):
        check_artifacts(packages, target=MODERN.target, report=tmp_path / "report", signatures=profile.signatures)
    with pytest.raises(GateError, match="0 signatures, not 1"):
        verify_package(packages[0], open_signatory(signed_by(MODERN, ed25519)).key, profile)


def test_a_signer_that_breaks_leaves_no_half_signed_package(packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
    signatory: Signatory = open_signatory(signed_by(MODERN, ed25519))
    broken = replace(signatory.package, argv=("false",), gnupg=False)
    with pytest.raises(SigningError, match=r"false does not sign hello-1-1\.noarch\.rpm: status 1"):
        sign_packages(packages, tmp_path / "signed", signer=broken, profile=signatory.profile, epoch=1)
    assert not list(tmp_path.glob("*signed*"))


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


def test_a_folder_for_temporary_files_may_have_a_blank(
    packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b%c"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    assert sign(signed_by(MODERN, ed25519), packages, tmp_path / "signed")


def test_what_fails_while_a_package_is_signed_is_told_as_it_is(
    packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path
) -> None:
    """rpmsign has words of its own about a terminal that is not there; they are no cause."""
    home = tmp_path / "home"
    shutil.copytree(ed25519.home, home, ignore=shutil.ignore_patterns("S.*"))
    signatory = open_signatory(replace(MODERN, signing=Signing(key=ed25519.fingerprint, home=home)))
    shutil.rmtree(home / "private-keys-v1.d")
    with pytest.raises(SigningError, match=r"gpg does not sign hello-1-1\.noarch\.rpm: there is no secret key"):
        sign_packages(packages, tmp_path / "signed", signer=signatory.package, profile=signatory.profile, epoch=1)


def test_a_signature_from_armour_is_the_binary_one(ed25519: TestKey, tmp_path: Path) -> None:
    signing = Signing(key=ed25519.fingerprint, home=ed25519.home)
    key = read_key(signing, PROFILES["modern"])
    (tmp_path / "file").write_bytes(bytes(range(256)))
    text = sign_file(tmp_path / "file", signer=make_package_signer(signing, key, PROFILES["modern"]))
    (tmp_path / "file.asc").write_text(text)
    shutil.copy(ed25519.home / "pubring.kbx", tmp_path)
    dearmoured = subprocess.run(["gpg", "--dearmor"], input=text.encode(), capture_output=True, check=True).stdout
    assert dearmour(text.encode()) == dearmoured
