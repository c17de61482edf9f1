"""Who signs: GnuPG old and new with its passphrases and agents, and commands of the user's; and how each may fail."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import GateError, SigningError
from tproxy_rpms.release.model import Release, Signing
from tproxy_rpms.signing.armour import dearmour
from tproxy_rpms.signing.file import sign_file
from tproxy_rpms.signing.key import read_key
from tproxy_rpms.signing.package import sign_packages
from tproxy_rpms.signing.profile import PROFILES
from tproxy_rpms.signing.signatory import Signatory, open_signatory
from tproxy_rpms.signing.signer import make_package_signer
from tproxy_rpms.signing.verify import verify_package

from .signing import EL5, MODERN, sign, signed_by
from .signingkeys import TestKey, make_key


def test_old_gnupg_has_secret_keys_of_its_own(packages: tuple[Path, ...], tmp_path: Path) -> None:
    """A key of today's GnuPG signs nothing for CentOS 5: the cure says how it gets there."""
    key = make_key(tmp_path / "home", bits=2048)
    with pytest.raises(SigningError, match="gpg1 does not sign: there is no secret key") as caught:
        open_signatory(signed_by(EL5, key)).package.sign(b"x")
    assert "gpg1 --homedir HOME --import" in caught.value.hint
    secret = key.run("--pinentry-mode", "loopback", "--passphrase", "", "--export-secret-keys", key.fingerprint)
    subprocess.run(["gpg1", "--homedir", key.home, "--batch", "--import"], input=secret, check=True, capture_output=True)
    assert sign(signed_by(EL5, key), packages, tmp_path / "signed")


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


def test_a_signer_that_breaks_leaves_no_half_signed_package(packages: tuple[Path, ...], ed25519: TestKey, tmp_path: Path) -> None:
    signatory: Signatory = open_signatory(signed_by(MODERN, ed25519))
    broken = replace(signatory.package, argv=("false",), gnupg=False)
    with pytest.raises(SigningError, match=r"false does not sign hello-1-1\.noarch\.rpm: status 1"):
        sign_packages(packages, tmp_path / "signed", signer=broken, profile=signatory.profile, epoch=1)
    assert not list(tmp_path.glob("*signed*"))


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
