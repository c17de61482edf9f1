"""The parts of a verification that need neither gpg nor a server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.release.model import Policy, Signature, Source
from tproxy_rpms.sources import keyring, signature
from tproxy_rpms.sources.fetched import Fetched
from tproxy_rpms.sources.keyring import Key, Keyring, keyserver_url, read_keys
from tproxy_rpms.sources.signature import FINDINGS, SIGNED, judge, make_verdict, trim_signature
from tproxy_rpms.sources.verify import verify_source
from tproxy_rpms.store import read_json

PRIMARY, SUBKEY = "A" * 40, "B" * 40

# As gpg lists a primary key of DSA-1024 with a subkey of RSA-3072.
LISTING = f"""\
tru::1:1795527464:0:3:1:5
pub:e:1024:17:4187F8652D0987E6:1112097600:1301270400::-:::sc::::::23::0:
fpr:::::::::{PRIMARY}:
uid:e::::1112097600::0123::Someone <someone@example.org>::::::::::0:
sub:e:3072:1:408D0A9BFC92B11C:1112097600:1301270400:::::s::::::23:
fpr:::::::::{SUBKEY}:
"""


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    monkeypatch.setattr(Keyring, "gpg", lambda self, *words: LISTING)
    yield Keyring(home=tmp_path, cache=tmp_path)


def make_signature(policy: Policy = "report") -> Signature:
    return Signature(urls=("https://example.org/x.sig",), signers=(PRIMARY,), policy=policy)


def valid(fingerprint: str = SUBKEY, *, digest: str = "8", primary: str = PRIMARY) -> list[str]:
    return f"VALIDSIG {fingerprint} 2026-11-24 1795527464 0 4 0 1 {digest} 00 {primary}".split()


def judged(ring: Keyring, *lines: str | list[str]) -> tuple[str, str]:
    verdict = judge(make_signature(), [line.split() if isinstance(line, str) else line for line in lines], ring)
    return verdict.finding, verdict.detail


def test_a_listing_is_read_with_primary_keys_and_subkeys() -> None:
    assert dict(read_keys(LISTING)) == {
        PRIMARY: Key(primary=True, algorithm="DSA", bits=1024),
        SUBKEY: Key(primary=False, algorithm="RSA", bits=3072),
    }


@pytest.mark.parametrize(
    ("algorithm", "bits", "weak"),
    [("RSA", 1024, True), ("RSA", 2048, False), ("DSA", 1024, True), ("DSA", 3072, False), ("EdDSA", 256, False)],
)
def test_a_key_of_too_few_bits_is_weak(algorithm: str, bits: int, weak: bool) -> None:
    assert Key(primary=True, algorithm=algorithm, bits=bits).weak is weak


def test_a_weak_primary_key_makes_its_subkeys_signature_weak(ring: Keyring) -> None:
    assert judged(ring, "NEWSIG", valid()) == ("weak", "SHA256, RSA-3072, DSA-1024")


def test_findings_by_status_lines(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(keyring.LEAST_BITS, "DSA", 1024)
    assert judged(ring, "NEWSIG", "GOODSIG B x", valid()) == ("good", "")
    assert judged(ring, "NEWSIG", "GOODSIG B x", valid(digest="2")) == ("weak", "SHA1, RSA-3072, DSA-1024")
    assert judged(ring, "NEWSIG", "EXPKEYSIG B x", valid()) == ("expired key", "")
    assert judged(ring, "NEWSIG", "EXPSIG B x", valid()) == ("expired signature", "")
    assert judged(ring, "NEWSIG", "REVKEYSIG B x", valid()) == ("revoked key", "")
    assert judged(ring, "NEWSIG", "EXPKEYSIG B x", valid(digest="1"))[1] == "MD5, RSA-3072, DSA-1024"
    assert judged(ring, "NEWSIG", "BADSIG B x")[0] == "bad"
    assert judged(ring, "NEWSIG", "ERRSIG B 1 8 00 1795527464 9 -", "NO_PUBKEY B") == ("unknown key", "made by key B")
    assert judged(ring, "NEWSIG", "ERRSIG B 1 1 00 1795527464 5 -")[0] == "unsupported"
    assert judged(ring, "NODATA 4") == ("no signature", "no detached signature in it")
    assert judged(ring) == ("no signature", "no detached signature in it")


def test_a_valid_signature_of_a_key_that_is_not_pinned_is_unknown(ring: Keyring) -> None:
    other = "C" * 40
    assert judged(ring, "NEWSIG", valid(primary=other)) == ("unknown key", f"made by {other}, which is not pinned")
    # Without a primary fingerprint in the line, the key itself counts.
    assert judged(ring, "NEWSIG", valid(other)[:-1])[0] == "unknown key"


def test_status_lines_of_one_signature_do_not_colour_another(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(keyring.LEAST_BITS, "DSA", 1024)
    good, expired = ["NEWSIG", valid()], ["NEWSIG", "EXPKEYSIG B x", valid()]
    assert judged(ring, *expired, *good)[0] == "good"
    assert judged(ring, *good, *expired)[0] == "good"
    assert judged(ring, "NEWSIG", "BADSIG B x", *expired)[0] == "expired key"


@pytest.mark.parametrize("finding", FINDINGS)
def test_require_lets_only_a_good_signature_pass(finding: signature.Finding) -> None:
    assert make_verdict(make_signature("require"), finding).acceptable is (finding == "good")
    assert make_verdict(make_signature("report"), finding).acceptable


def test_findings_are_ranked_with_the_proofs_first() -> None:
    assert FINDINGS[: len(SIGNED)] == SIGNED


def test_what_is_a_signature() -> None:
    armoured = b"-----BEGIN PGP SIGNATURE-----\nabc\n"
    assert trim_signature(b"File: squid.tar.gz\nSHA1: 00\n\n" + armoured) == armoured
    assert trim_signature(armoured) == armoured
    assert trim_signature(b"\x88\x46packet") == b"\x88\x46packet"
    assert trim_signature(b"<html>404</html>") == b""
    assert trim_signature(b"") == b""


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("hkp://keys.example.org", "http://keys.example.org:11371/pks/lookup"),
        ("hkp://keys.example.org:80", "http://keys.example.org:80/pks/lookup"),
        ("hkps://keys.example.org", "https://keys.example.org/pks/lookup"),
        ("hkps://keys.example.org:8443/", "https://keys.example.org:8443/pks/lookup"),
    ],
)
def test_a_keyservers_look_up(server: str, url: str) -> None:
    assert keyserver_url(server, PRIMARY) == f"{url}?op=get&options=mr&search=0x{PRIMARY}"


def test_a_mirror_is_asked_for_a_key_before_its_places() -> None:
    pinned = Signature(urls=(), signers=(PRIMARY,), keys=("/etc/keys/x.asc", "hkps://keys.example.org"))
    places = list(keyring.list_places(pinned, PRIMARY, ["https://mirror.example.org"]))
    assert places == [
        f"https://mirror.example.org/{PRIMARY}.asc",
        "/etc/keys/x.asc",
        f"https://keys.example.org/pks/lookup?op=get&options=mr&search=0x{PRIMARY}",
    ]


def test_a_mirror_is_asked_for_a_signature_once_by_each_name(tmp_path: Path) -> None:
    urls = ("https://a.example.org/x.sig?download=1", "https://b.example.org/y/x.sig", "https://b.example.org/x.asc")
    places = list(signature.list_places(Signature(urls=urls, signers=()), tmp_path / "x", ["https://mirror.example.org"]))
    assert places == ["https://mirror.example.org/x.sig", "https://mirror.example.org/x.asc", *urls]


def test_the_verdict_of_a_file_without_a_signature(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    digests = {name: hashlib.new(name, b"abc").hexdigest() for name in ("sha256", "sha512")}
    fetched = Fetched(source="pkg", file="x", version="1", sha256=digests["sha256"], size=3, origin="https://example.org/x")
    verify_source(Source(name="pkg", digests=digests), fetched, directory=tmp_path, keys=tmp_path)
    assert read_json(tmp_path / "pkg.verdict.json") == {
        "source": "pkg",
        "file": "x",
        "version": "1",
        "origin": "https://example.org/x",
        "size": 3,
        "sha256": digests["sha256"],
        "digests": {"sha256": "good", "sha512": "good"},
        "vouched": "",
        "signature": None,
        "ok": True,
    }
    (tmp_path / "x").write_bytes(b"abd")
    with pytest.raises(VerifyError, match=r"sha256 is .*\n.*sha512 is "):
        verify_source(Source(name="pkg", digests=digests), fetched, directory=tmp_path, keys=tmp_path)
    verdict = read_json(tmp_path / "pkg.verdict.json")
    assert (verdict["ok"], verdict["sha256"]) == (False, hashlib.sha256(b"abd").hexdigest())
