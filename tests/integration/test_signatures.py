"""Signatures made by the real gpg, judged through the real gpgv."""

import lzma
import subprocess
from pathlib import Path
from typing import cast

import pytest

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.release.model import Archive, Signature, Source
from tproxy_rpms.sources.fetched import Fetched
from tproxy_rpms.sources.signature import kept_signature
from tproxy_rpms.sources.verify import Verdict, verify_source
from tproxy_rpms.store import digest_file, read_json

from .server import serve

DATA = b"the source\n" * 1000


class Signer:
    """A key of its own in a GnuPG home of its own."""

    def __init__(
        self, home: Path, algorithm: str = "rsa3072", *, expire: str = "never", when: str = "", usage: str = "sign"
    ) -> None:
        self.home, self.clock = home, ["--faked-system-time", f"{when}!"] if when else []
        home.mkdir(mode=0o700)
        self.gpg("--passphrase", "", "--quick-generate-key", "Test <test@example.org>", algorithm, usage, expire)
        listed = self.gpg("--with-colons", "--list-keys").stdout
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
        self.key = home / "key.asc"
        self.export()

    def export(self) -> None:
        """Publish the key as it is now."""
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
    mirrors = cast("tuple[str, ...]", changes.pop("mirrors", ()))
    return verify_source(source, fetched, directory=data.parent, keys=data.parent / "keys", mirrors=mirrors)


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


def test_md5_is_told_as_what_gpgv_does_not_check(data: Path, signer: Signer, tmp_path: Path) -> None:
    signed = signer.sign(data, tmp_path / "x.sig", "--digest-algo", "MD5", "--allow-weak-digest-algos")
    verdict = verify(data, make_signature(signed, signer, policy="report"))
    assert finding(verdict) == "unsupported"
    assert verdict.signature is not None
    assert (verdict.signature.digest, "with MD5" in verdict.signature.detail) == ("MD5", True)
    with pytest.raises(VerifyError, match="unsupported"):
        verify(data, make_signature(signed, signer))


def test_a_subkey_signs_for_its_primary_key(data: Path, tmp_path: Path) -> None:
    owner = Signer(tmp_path / "owner", expire="never", usage="cert")
    owner.gpg("--passphrase", "", "--quick-add-key", owner.fingerprint, "rsa2048", "sign", "never")
    owner.export()
    verdict = verify(data, make_signature(owner.sign(data, tmp_path / "x.sig"), owner))
    assert verdict.signature is not None
    assert (verdict.signature.finding, verdict.signature.signer, verdict.signature.key) == ("good", owner.fingerprint, "RSA-2048")


def test_a_weak_subkey_makes_a_weak_signature(data: Path, tmp_path: Path) -> None:
    owner = Signer(tmp_path / "owner", usage="cert")
    owner.gpg("--passphrase", "", "--quick-add-key", owner.fingerprint, "rsa1024", "sign", "never")
    owner.export()
    verdict = verify(data, make_signature(owner.sign(data, tmp_path / "x.sig"), owner, policy="report"))
    assert verdict.signature is not None
    assert (verdict.signature.finding, verdict.signature.detail) == ("weak", "SHA512, RSA-1024, RSA-3072")


def test_a_subkeys_fingerprint_is_no_pin(data: Path, tmp_path: Path) -> None:
    owner = Signer(tmp_path / "owner", usage="cert")
    owner.gpg("--passphrase", "", "--quick-add-key", owner.fingerprint, "rsa2048", "sign", "never")
    owner.export()
    listed = owner.gpg("--with-colons", "--list-keys").stdout
    subkey = [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")][1]
    signed = owner.sign(data, tmp_path / "x.sig")
    assert finding(verify(data, make_signature(signed, owner, signers=(subkey,), policy="report"))) == "no key"


def test_of_several_signatures_the_best_counts(data: Path, signer: Signer, stranger: Signer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    parts = {
        "good": signer.sign(data, tmp_path / "good.sig"),
        "unknown": stranger.sign(data, tmp_path / "unknown.sig"),
        "bad": signer.sign(other, tmp_path / "bad.sig"),
    }
    for names, expected in ((("unknown", "good"), "good"), (("good", "unknown"), "good"), (("unknown", "bad"), "bad")):
        signed = tmp_path / f"{'-'.join(names)}.sig"
        signed.write_bytes(b"".join(parts[name].read_bytes() for name in names))
        kept_signature(data).unlink(missing_ok=True)
        assert finding(verify(data, make_signature(signed, signer, policy="report"))) == expected


def test_a_signed_message_is_no_signature_of_the_file(data: Path, signer: Signer, tmp_path: Path) -> None:
    message = tmp_path / "message"
    signer.gpg("--output", str(message), "--sign", str(data))
    with pytest.raises(VerifyError, match="no signature"):
        verify(data, make_signature(message, signer))


def test_a_page_instead_of_a_signature_is_passed_over(data: Path, signer: Signer, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("<html>Not here</html>")
    signed = signer.sign(data, tmp_path / "x.sig")
    assert finding(verify(data, make_signature(page, signer, urls=(page.as_uri(), signed.as_uri())))) == "good"
    kept_signature(data).unlink()
    with pytest.raises(VerifyError, match="page: no OpenPGP signature"):
        verify(data, make_signature(page, signer))


def test_a_signature_of_another_file_does_not_hide_the_right_one(data: Path, signer: Signer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    urls = (signer.sign(other, tmp_path / "other.sig").as_uri(), signer.sign(data, tmp_path / "x.sig").as_uri())
    assert finding(verify(data, make_signature(other, signer, urls=urls))) == "good"


def test_signature_and_key_come_from_a_mirror(data: Path, signer: Signer, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    signer.sign(data, mirror / "pkg-1.tar.xz.sig")
    (mirror / f"{signer.fingerprint}.asc").write_bytes(signer.key.read_bytes())
    signature = make_signature(data, signer, urls=((tmp_path / "gone" / "pkg-1.tar.xz.sig").as_uri(),), keys=())
    assert finding(verify(data, signature, mirrors=(str(mirror),))) == "good"


def test_a_kept_signature_needs_no_network_and_no_trust(data: Path, signer: Signer, stranger: Signer, tmp_path: Path) -> None:
    signed = signer.sign(data, tmp_path / "x.sig")
    signature = make_signature(signed, signer)
    assert finding(verify(data, signature)) == "good"
    original = signed.read_bytes()
    signed.unlink()
    assert finding(verify(data, signature)) == "good"
    # A damaged or exchanged one is seen as that, and the place is asked again.
    for content in (b"\x00damaged", original[:-20], stranger.sign(data, tmp_path / "y.sig").read_bytes()):
        kept_signature(data).write_bytes(content)
        with pytest.raises(VerifyError):
            verify(data, signature)
        signed.write_bytes(original)
        assert finding(verify(data, signature)) == "good"
        assert kept_signature(data).read_bytes() == original
        signed.unlink()


def test_a_key_in_the_cache_is_renewed_when_it_got_a_longer_life(data: Path, tmp_path: Path) -> None:
    old = Signer(tmp_path / "old", expire="2011-03-27", when="20090401T000000")
    signed = old.sign(data, tmp_path / "x.sig")
    assert finding(verify(data, make_signature(signed, old, policy="report"))) == "expired key"
    old.clock = ["--faked-system-time", "20090402T000000!"]
    old.gpg("--passphrase", "", "--quick-set-expire", old.fingerprint, "0")
    old.export()
    assert finding(verify(data, make_signature(signed, old))) == "good"


def test_a_damaged_key_in_the_cache_is_fetched_again(data: Path, signer: Signer, tmp_path: Path) -> None:
    signed = signer.sign(data, tmp_path / "x.sig")
    cached = data.parent / "keys" / f"{signer.fingerprint}.gpg"
    cached.parent.mkdir()
    cached.write_bytes(b"damaged")
    assert finding(verify(data, make_signature(signed, signer))) == "good"
    assert cached.read_bytes() != b"damaged"


def test_a_keyserver_is_asked_by_fingerprint(data: Path, signer: Signer, tmp_path: Path) -> None:
    with serve() as server:
        look_up = f"lookup?op=get&options=mr&search=0x{signer.fingerprint}"
        server.files[look_up] = signer.key.read_bytes()
        signature = make_signature(signer.sign(data, tmp_path / "x.sig"), signer, keys=(server.url("").replace("http", "hkp"),))
        assert finding(verify(data, signature)) == "good"
        assert [path for path, _ in server.requests] == [f"/pks/{look_up}"]


def test_a_file_that_does_not_unpack_is_a_finding(data: Path, signer: Signer, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(DATA)
    signed = signer.sign(plain, tmp_path / "pkg-1.tar.sign")
    for content in (b"no xz", lzma.compress(DATA)[:-10]):
        data.write_bytes(content)
        verdict = verify(data, make_signature(signed, signer, over="uncompressed", policy="report"))
        assert verdict.signature is not None
        assert (verdict.signature.finding, "does not unpack" in verdict.signature.detail) == ("bad", True)


def test_a_missing_file_leaves_no_verdict_of_an_earlier_run(data: Path, signer: Signer, tmp_path: Path) -> None:
    source = Source(name="pkg", version="1", digests={"sha256": digest_file(data)})
    fetched = Fetched(source="pkg", file=data.name, version="1", sha256=digest_file(data), size=1, origin="test")
    assert verify_source(source, fetched, directory=data.parent, keys=data.parent / "keys").ok
    data.unlink()
    with pytest.raises(VerifyError, match="missing"):
        verify_source(source, fetched, directory=data.parent, keys=data.parent / "keys")
    assert not (data.parent / "pkg.verdict.json").exists()


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
