"""Signatures made by the real gpg, judged through the real gpgv."""

import lzma
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.release.model import Archive, Signature, Source
from tproxy_rpms.sources.fetched import Fetched
from tproxy_rpms.sources.verify import Verdict, verify_source
from tproxy_rpms.store import digest_file, read_json

DATA = b"the source\n" * 1000


class Signer:
    """A key of its own in a GnuPG home of its own."""

    def __init__(self, home: Path, algorithm: str = "rsa3072", *, expire: str = "never", when: str = "") -> None:
        self.home, self.clock = home, ["--faked-system-time", f"{when}!"] if when else []
        home.mkdir(mode=0o700)
        self.gpg("--passphrase", "", "--quick-generate-key", "Test <test@example.org>", algorithm, "sign", expire)
        listed = self.gpg("--with-colons", "--list-keys").stdout
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
        self.key = home / "key.asc"
        self.gpg("--armor", "--output", str(self.key), "--export")

    def gpg(self, *argv: str) -> subprocess.CompletedProcess[str]:
        base = [
            "gpg",
            "--homedir",
            str(self.home),
            "--batch",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--allow-weak-key-signatures",
        ]
        return subprocess.run([*base, *self.clock, *argv], check=True, capture_output=True, text=True)

    def sign(self, data: Path, output: Path, *options: str) -> Path:
        self.gpg(*options, "--output", str(output), "--detach-sign", str(data))
        return output


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("gpg") / "signer")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("gpg") / "stranger")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "pkg-1.tar.xz"
    path.write_bytes(lzma.compress(DATA))
    return path


def verify(data: Path, signature: Signature | None, **changes: object) -> Verdict:
    digests = {"sha256": digest_file(data), "md5": digest_file(data, "md5")} | dict(changes.pop("digests", {}))  # type: ignore[call-overload]
    source = Source(name="pkg", version="1", urls=("https://example.org/pkg-1.tar.xz",), digests=digests, signature=signature)
    fetched = Fetched(
        source="pkg", file=data.name, version="1", sha256=digests["sha256"], size=data.stat().st_size, origin="test"
    )
    return verify_source(source, fetched, directory=data.parent, keys=data.parent / "keys")


def make_signature(signed: Path, signer: Signer, **changes: object) -> Signature:
    fields = {"urls": (signed.as_uri(),), "signers": (signer.fingerprint,), "keys": (str(signer.key),)}
    return Signature(**(fields | changes))  # type: ignore[arg-type]


def finding(verdict: Verdict) -> str:
    assert verdict.signature is not None
    return verdict.signature.finding


def test_a_good_signature(data: Path, signer: Signer) -> None:
    verdict = verify(data, make_signature(signer.sign(data, data.with_suffix(".sig")), signer))
    assert verdict.ok
    assert verdict.signature is not None
    assert (verdict.signature.finding, verdict.signature.signer, verdict.signature.key) == (
        "good",
        signer.fingerprint,
        "RSA-3072",
    )
    assert verdict.signature.made > 1_600_000_000
    assert read_json(data.parent / "pkg.verdict.json")["signature"]["finding"] == "good"


def test_a_signature_over_what_is_in_the_compressed_file(data: Path, signer: Signer, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(DATA)
    signed = signer.sign(plain, tmp_path / "pkg-1.tar.sign")
    assert finding(verify(data, make_signature(signed, signer, over="uncompressed"))) == "good"
    with pytest.raises(VerifyError, match="signature: bad"):
        verify(data, make_signature(signed, signer, over="compressed"))


def test_text_before_the_armour_as_squid_has_it(data: Path, signer: Signer, tmp_path: Path) -> None:
    signed = signer.sign(data, tmp_path / "armoured", "--armor")
    signed.write_text("File: pkg-1.tar.xz\nMD5: none\n\n" + signed.read_text())
    assert finding(verify(data, make_signature(signed, signer))) == "good"


def test_a_file_that_was_changed_after_signing(data: Path, signer: Signer) -> None:
    signed = signer.sign(data, data.with_suffix(".sig"))
    data.write_bytes(lzma.compress(DATA + b"x"))
    with pytest.raises(VerifyError, match="signature: bad") as caught:
        verify(data, make_signature(signed, signer))
    assert caught.value.exit_code == 15
    assert read_json(data.parent / "pkg.verdict.json")["ok"] is False


def test_a_stranger_is_refused_even_if_his_key_lies_beside_the_pinned_one(
    data: Path, signer: Signer, stranger: Signer, tmp_path: Path
) -> None:
    both = tmp_path / "both.asc"
    both.write_bytes(stranger.key.read_bytes() + b"\n" + signer.key.read_bytes())
    signed = stranger.sign(data, tmp_path / "x.sig")
    with pytest.raises(VerifyError, match="unknown key"):
        verify(data, make_signature(signed, signer, keys=(str(both),)))


def test_a_key_from_any_place_counts_when_its_fingerprint_matches(
    data: Path, signer: Signer, stranger: Signer, tmp_path: Path
) -> None:
    signed = signer.sign(data, tmp_path / "x.sig")
    places = (str(tmp_path / "none.asc"), str(stranger.key), signer.key.as_uri())
    assert finding(verify(data, make_signature(signed, signer, keys=places))) == "good"
    # The key is kept: it is not asked for again.
    assert finding(verify(data, make_signature(signed, signer, keys=()))) == "good"


def test_no_key_to_be_had(data: Path, signer: Signer, stranger: Signer, tmp_path: Path) -> None:
    signature = make_signature(signer.sign(data, tmp_path / "x.sig"), signer, keys=(str(stranger.key),), policy="report")
    verdict = verify(data, signature)
    assert finding(verdict) == "no key"
    assert verdict.signature is not None
    assert f"does not hold {signer.fingerprint}" in verdict.signature.detail


def test_a_missing_signature(data: Path, signer: Signer, tmp_path: Path) -> None:
    signature = make_signature(tmp_path / "none.sig", signer)
    with pytest.raises(VerifyError, match="no signature"):
        verify(data, signature)
    assert verify(data, make_signature(tmp_path / "none.sig", signer, policy="report")).ok


def test_an_expired_key_is_reported_as_that(data: Path, tmp_path: Path) -> None:
    old = Signer(tmp_path / "old", expire="2011-03-27", when="20090401T000000")
    signature = make_signature(old.sign(data, tmp_path / "x.sig"), old, policy="report")
    verdict = verify(data, signature)
    assert (finding(verdict), verdict.ok) == ("expired key", True)
    with pytest.raises(VerifyError, match="expired key"):
        verify(data, make_signature(tmp_path / "x.sig", old))


def test_an_expired_signature_is_reported_as_that(data: Path, tmp_path: Path) -> None:
    then = Signer(tmp_path / "then", when="20200101T000000")
    signed = then.sign(data, tmp_path / "x.sig", "--default-sig-expire", "1d")
    verdict = verify(data, make_signature(signed, then, policy="report"))
    assert (finding(verdict), verdict.ok) == ("expired signature", True)
    with pytest.raises(VerifyError, match="expired signature"):
        verify(data, make_signature(signed, then))


@pytest.mark.parametrize(
    ("algorithm", "options", "detail"), [("dsa1024", ("--digest-algo", "SHA1"), "SHA1, DSA-1024"), ("rsa1024", (), "RSA-1024")]
)
def test_a_weak_signature_is_reported_as_that(
    data: Path, tmp_path: Path, algorithm: str, options: tuple[str, ...], detail: str
) -> None:
    weak = Signer(tmp_path / "weak", algorithm)
    signed = weak.sign(data, tmp_path / "x.sig", *options)
    verdict = verify(data, make_signature(signed, weak, policy="report"))
    assert finding(verdict) == "weak"
    assert verdict.signature is not None
    assert detail in verdict.signature.detail
    with pytest.raises(VerifyError, match="weak"):
        verify(data, make_signature(signed, weak))


def test_policy_none_does_not_look(data: Path, signer: Signer, tmp_path: Path) -> None:
    assert finding(verify(data, make_signature(tmp_path / "none.sig", signer, policy="none"))) == "not checked"


def test_a_digest_that_differs_is_named_and_recorded(data: Path) -> None:
    with pytest.raises(VerifyError, match=r"md5 is .*, pinned is 0000"):
        verify(data, None, digests={"md5": "0" * 32})
    verdict = read_json(data.parent / "pkg.verdict.json")
    assert verdict["digests"]["sha256"] == "good"
    assert verdict["digests"]["md5"] == digest_file(data, "md5")


def test_an_archives_source_says_who_vouches(data: Path) -> None:
    source = Source(name="pkg", archive=Archive(kind="source", package="pkg"))
    fetched = Fetched(
        source="pkg", file=data.name, version="1", sha256=digest_file(data), size=1, origin="archive:pkg=1-1", package="pkg=1-1"
    )
    verdict = verify_source(source, fetched, directory=data.parent, keys=data.parent / "keys")
    assert (verdict.ok, verdict.vouched) == (True, "the archive's signature, for pkg=1-1")
    data.write_bytes(b"exchanged")
    with pytest.raises(VerifyError, match="sha256 is"):
        verify_source(source, fetched, directory=data.parent, keys=data.parent / "keys")
