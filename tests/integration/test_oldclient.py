"""The reader that stands for CentOS 5 judges packages and keys rightly: made by real rpmbuild, rpmsign and GnuPG, old and new."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .oldclient import Key as PublicKey
from .oldclient import check_key, check_rpm, read_key
from .package import build_package
from .test_gate_signatures import Key

V3 = "--force-v3-sigs"
V4 = "--no-force-v3-sigs"
ENCRYPTS = "RSA\nSubkey-Type: RSA\nSubkey-Length: 1024\nSubkey-Usage: encrypt"
SIGNS = "RSA\nSubkey-Type: RSA\nSubkey-Length: 1024\nSubkey-Usage: sign"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build_package(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Key]]:
    folder = tmp_path_factory.mktemp("keys")
    kinds = {
        "new RSA": ("RSA", 2048, "gpg"),
        "old RSA": ("RSA", 2048, "gpg1"),
        "RSA 4096": ("RSA", 4096, "gpg1"),
        "other RSA": ("RSA", 2048, "gpg1"),
        "encryption subkey": (ENCRYPTS, 2048, "gpg1"),
        "signing subkey": (SIGNS, 2048, "gpg1"),
        "RSA 2080": ("RSA", 2080, "gpg1"),
        "old DSA": ("DSA", 1024, "gpg1"),
        "new DSA": ("DSA", 2048, "gpg"),
        "EdDSA": ("EdDSA", 256, "gpg"),
    }
    made = {
        name: Key(folder / str(place), kind=kind, bits=bits, program=program)
        for place, (name, (kind, bits, program)) in enumerate(kinds.items())
    }
    yield made
    # An agent that outlives its home would serve the next run's home of the same name, without its keys.
    for key in made.values():
        subprocess.run(["gpgconf", "--homedir", str(key.home), "--kill", "gpg-agent"], check=True)


def export(key: Key, folder: Path) -> Path:
    """A key's public half, armoured."""
    path = folder / "key.asc"
    argv = [key.program, "--homedir", str(key.home), "--batch", "--armor", "--export"]
    path.write_bytes(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    return path


def list_key(key: Key) -> list[str]:
    """What GnuPG knows of a key: the fields of its `pub` line (2 bits, 3 algorithm, 4 id)."""
    argv = [key.program, "--homedir", str(key.home), "--batch", "--with-colons", "--fixed-list-mode", "-k"]
    listing = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    (fields,) = [line.split(":") for line in listing.splitlines() if line.startswith("pub:")]
    return fields


def short_id(key: Key) -> str:
    """The last half of a key's id, as rpm tells it."""
    return list_key(key)[4][-8:].lower()


def sign_twice(key: Key, rpm: Path, folder: Path, *options: str) -> Path:
    """A copy with a signature of its header, and one of header and payload, as packages of CentOS 5's own rpmbuild get both."""
    signed = Path(shutil.copy(rpm, folder))
    program = f"{shutil.which(key.program)} {key.program} --batch --no-armor --homedir {key.home} {' '.join(options)}"
    sign = f"{program} -u gate@example.org -sbo %{{__signature_filename}} -- %{{__plaintext_filename}}"
    defines = ["--define", "_gpg_name gate@example.org", "--define", f"__gpg_sign_cmd {sign}"]
    subprocess.run(["rpmsign", *defines, "--rpmv3", "--addsign", str(signed)], check=True, capture_output=True)
    return signed


def said(path: Path, keys: list[PublicKey], keyid: str = "") -> list[str]:
    """What the reader says of a package, short of the package's name, of key ids and of digests."""
    texts = [problem.removeprefix(f"{path.name}: ").replace(keyid or "no key", "KEY") for problem in check_rpm(path, keys)]
    return [text.partition(" Expected(")[0] for text in texts]


@pytest.mark.parametrize(
    ("key", "options", "expected"),
    [
        ("old RSA", [V3, "--digest-algo", "SHA1"], []),
        ("old RSA", [V3, "--digest-algo", "SHA256"], []),
        ("RSA 4096", [V3, "--digest-algo", "SHA512"], []),
        ("old DSA", [V3, "--digest-algo", "SHA1"], []),
        ("old DSA", [V4, "--digest-algo", "SHA1"], []),
        ("old RSA", [V4, "--digest-algo", "SHA1"], ["V4 RSA/SHA1 signature: BAD, key ID KEY"]),
        ("new RSA", [V3, "--digest-algo", "SHA256"], ["V4 RSA/SHA256 signature: BAD, key ID KEY"]),
        ("new DSA", ["--digest-algo", "SHA256"], ["V4 DSA signature: NOKEY, key ID KEY"]),
        ("EdDSA", ["--digest-algo", "SHA256"], ["V4 DSA signature: NOKEY, key ID KEY"]),
        # Not a whole number of words on x86_64.
        ("RSA 2080", [V3, "--digest-algo", "SHA256"], ["V3 RSA/SHA256 signature: BAD, key ID KEY"]),
        # The numbers of a subkey of the same algorithm replace those of the key.
        ("encryption subkey", [V3, "--digest-algo", "SHA256"], ["V3 RSA/SHA256 signature: BAD, key ID KEY"]),
    ],
)
def test_a_signature_is_good_as_rpm_4_4_has_it(
    key: str, options: list[str], expected: list[str], keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path
) -> None:
    public = read_key(export(keys[key], tmp_path))
    keyid = short_id(keys[key])
    for path in clean:
        once = keys[key].sign(path, tmp_path, *options)
        assert said(once, [public], keyid) == [f"Header {text}" for text in expected]
        twice = sign_twice(keys[key], path, tmp_path, *options)
        assert said(twice, [public], keyid) == [*(f"Header {text}" for text in expected), *expected]


@pytest.mark.parametrize("key", ["old RSA", "old DSA"])
def test_a_key_that_is_not_known_is_told(key: str, keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path) -> None:
    other = read_key(export(keys["other RSA"], tmp_path))
    keyid = short_id(keys[key])
    says = {"old RSA": "RSA/SHA1", "old DSA": "DSA"}[key]
    signed = sign_twice(keys[key], clean[0], tmp_path, V3, "--digest-algo", "SHA1")
    expected = [f"Header V3 {says} signature: NOKEY, key ID KEY", f"V3 {says} signature: NOKEY, key ID KEY"]
    assert said(signed, [other], keyid) == said(signed, [], keyid) == expected


def test_a_signature_by_a_subkey_finds_no_key(keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path) -> None:
    public = read_key(export(keys["signing subkey"], tmp_path))
    (problem,) = said(keys["signing subkey"].sign(clean[0], tmp_path, V3, "--digest-algo", "SHA1"), [public])
    assert problem.startswith("Header V3 RSA/SHA1 signature: NOKEY, key ID ")
    assert short_id(keys["signing subkey"]) not in problem


def test_a_key_of_another_holder_does_not_verify(keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path) -> None:
    """The right key id with other numbers."""
    good, other = read_key(export(keys["old RSA"], tmp_path)), read_key(export(keys["other RSA"], tmp_path))
    signed = keys["old RSA"].sign(clean[0], tmp_path, V3, "--digest-algo", "SHA1")
    forged = PublicKey(keyid=good.keyid, version=4, algorithm=1, created=1, user="x", rsa=other.rsa)
    assert said(signed, [forged], good.keyid[-8:]) == ["Header V3 RSA/SHA1 signature: BAD, key ID KEY"]


def test_unsigned_packages_are_told(clean: tuple[Path, Path]) -> None:
    assert [said(path, []) for path in clean] == [["Package is not signed"]] * 2


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("digest", ["Broken MD5 digest: UNSUPPORTED"]),
        ("payload", ["MD5 digest: BAD", "V3 {} signature: BAD, key ID KEY"]),
        (
            "header",
            [
                "MD5 digest: BAD",
                "Header SHA1 digest: BAD",
                "Header V3 {} signature: BAD, key ID KEY",
                "V3 {} signature: BAD, key ID KEY",
            ],
        ),
        ("longer", ["Header+Payload size: BAD", "MD5 digest: BAD", "V3 {} signature: BAD, key ID KEY"]),
    ],
)
@pytest.mark.parametrize(("key", "says"), [("old RSA", "RSA/SHA256"), ("old DSA", "DSA")])
def test_one_byte_is_seen(
    where: str, expected: list[str], key: str, says: str, keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path
) -> None:
    public = read_key(export(keys[key], tmp_path))
    digest = {"old RSA": "SHA256", "old DSA": "SHA1"}[key]
    signed = sign_twice(keys[key], clean[0], tmp_path, V3, "--digest-algo", digest)
    assert said(signed, [public]) == []
    data = bytearray(signed.read_bytes())
    if where == "longer":
        data += b"\0"
    elif where == "digest":
        # The type of a digest that rpm once made wrong, in place of the space that rpmsign reserves.
        place = data.index((1008).to_bytes(4) + (7).to_bytes(4))
        data[place : place + 4] = (1003).to_bytes(4)
    else:
        data[-1 if where == "payload" else data.rindex(b"Hello.\0")] ^= 1
    signed.write_bytes(data)
    assert said(signed, [public], short_id(keys[key])) == [text.format(says) for text in expected]


@pytest.mark.parametrize(("key", "says"), [("old RSA", "RSA/SHA1"), ("old DSA", "DSA")])
def test_a_signature_with_another_number_is_bad(
    key: str, says: str, keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path
) -> None:
    """The digest's first bytes, which rpm compares first, are right: the number alone is not."""
    public = read_key(export(keys[key], tmp_path))
    signed = keys[key].sign(clean[0], tmp_path, V3, "--digest-algo", "SHA1")
    data = bytearray(signed.read_bytes())
    # Version 3, five hashed bytes, a binary signature; the first number begins 21 bytes on.
    data[data.index(b"\x03\x05\x00") + 30] ^= 1
    signed.write_bytes(data)
    assert said(signed, [public], short_id(keys[key])) == [f"Header V3 {says} signature: BAD, key ID KEY"]


def test_a_signature_of_header_and_payload_alone_does_not_install(
    keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path
) -> None:
    """With RSA and other than MD5: rpm -K takes it, and the installer starts no such digest."""
    public = read_key(export(keys["old RSA"], tmp_path))
    signed = sign_twice(keys["old RSA"], clean[0], tmp_path, V3, "--digest-algo", "SHA1")
    data = signed.read_bytes()
    rsaheader, other = ((tag).to_bytes(4) + (7).to_bytes(4) for tag in (268, 266))
    assert data[:4000].count(rsaheader) == 1
    signed.write_bytes(data.replace(rsaheader, other, 1))
    assert said(signed, [public]) == ["V3 RSA/SHA1 signature: NOKEY at installation, as there is no header signature"]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (0, b"x", "not an rpm package"),
        (78, b"\0\4", "not an rpm package"),
        (4, b"\5", "packaging version 5 is not supported by this version of RPM"),
        (96, b"x", "sigh magic: BAD"),
        (104, (33).to_bytes(4), "sigh tags: BAD, no. of tags(33) out of range"),
        (108, (8193).to_bytes(4), "sigh data: BAD, no. of bytes(8193) out of range"),
        (116, (10).to_bytes(4), "sigh tag[0]: BAD, tag 62 type 10"),
        (120, (0x1FF0).to_bytes(4), "sigh tag[0]: BAD, tag 62 type 7 offset 8176 count 16"),
    ],
)
def test_limits_of_lead_and_signature_header(
    place: int, value: bytes, expected: str, clean: tuple[Path, Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(clean[0], tmp_path))
    data = bytearray(path.read_bytes())
    data[place : place + len(value)] = value
    path.write_bytes(data)
    (problem,) = said(path, [])
    assert problem.startswith(expected)


def test_a_package_that_breaks_off_is_told(clean: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "short.rpm"
    path.write_bytes(clean[0].read_bytes()[:5000])
    (problem,) = said(path, [])
    assert problem.startswith("hdr blob(")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (0, 64, "hdr region trailer: BAD, tag 64 type 7"),
        (8, -(1 << 20), "hdr region size: BAD, ril(65536) > il("),
        (8, -24, "hdr region size: BAD, ril(1) > il("),
    ],
)
def test_a_region_that_is_not_whole_is_told(
    place: int, value: int, expected: str, clean: tuple[Path, Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(clean[0], tmp_path))
    data = bytearray(path.read_bytes())
    trailer = data.index((63).to_bytes(4) + (7).to_bytes(4) + b"\xff\xff")
    data[trailer + place : trailer + place + 4] = value.to_bytes(4, signed=True)
    path.write_bytes(data)
    (problem,) = said(path, [])
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("tag", "back", "expected"),
    [
        (1004, 0, "sigh load: BAD"),
        (1004, 8, "sigh load: BAD"),
        # The data ends with the region's trailer, and that with a count of 16: no string ends there.
        (269, 1, "sigh tag["),
    ],
)
def test_a_tag_whose_value_is_not_in_the_header_is_told(
    tag: int, back: int, expected: str, clean: tuple[Path, Path], tmp_path: Path
) -> None:
    """An offset so many bytes before the end of the data."""
    path = Path(shutil.copy(clean[0], tmp_path))
    data = bytearray(path.read_bytes())
    count, size = (int.from_bytes(data[place : place + 4]) for place in (104, 108))
    (entry,) = [place for place in range(112, 112 + 16 * count, 16) if data[place : place + 4] == tag.to_bytes(4)]
    data[entry + 8 : entry + 12] = (size - back).to_bytes(4)
    data[112 + 16 * count + size - 1] = 16
    path.write_bytes(data)
    (problem,) = said(path, [])
    assert problem.startswith(expected)


def test_a_signature_of_a_later_version_is_not_looked_at(keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path) -> None:
    signed = keys["old RSA"].sign(clean[0], tmp_path, V3, "--digest-algo", "SHA1")
    signed.write_bytes(signed.read_bytes().replace(b"\x03\x05\x00", b"\x06\x05\x00", 1))
    assert said(signed, []) == ["skipping package with unverifiable signature (tag 268)"]


def test_a_header_without_a_region_has_nothing_that_signatures_could_cover(
    keys: dict[str, Key], clean: tuple[Path, Path], tmp_path: Path
) -> None:
    signed = keys["old RSA"].sign(clean[0], tmp_path, V3, "--digest-algo", "SHA1")
    public = read_key(export(keys["old RSA"], tmp_path))
    data = signed.read_bytes()
    signed.write_bytes(data.replace((63).to_bytes(4) + (7).to_bytes(4), (64).to_bytes(4) + (7).to_bytes(4), 1))
    expected = ["Header SHA1 digest: NOKEY (no immutable region)", "Header V3 RSA/SHA1 signature: NOKEY, key ID KEY"]
    assert said(signed, [public], short_id(keys["old RSA"])) == ["MD5 digest: BAD", *expected]


def test_keys_are_taken_as_gpg_numbers_them(keys: dict[str, Key], tmp_path: Path) -> None:
    for name in ("old RSA", "RSA 4096", "old DSA", "new DSA", "new RSA"):
        pub = list_key(keys[name])
        key = read_key(export(keys[name], tmp_path))
        assert [key.keyid, str(key.created), str(key.algorithm)] == [pub[4].lower(), pub[5], pub[3]]
        assert key.user == "Gate <gate@example.org>"
        assert max(*key.rsa, *key.dsa).bit_length() == int(pub[2])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("old RSA", None),
        ("RSA 4096", None),
        ("old DSA", None),
        ("encryption subkey", "rpm takes the numbers of a subkey for those of key"),
        ("signing subkey", "rpm takes the numbers of a subkey for those of key"),
        ("RSA 2080", "RSA of 2080 bits, which is no multiple of 64"),
        ("new DSA", "DSA with a q of more than 160 bits"),
        ("EdDSA", "unknown public key algorithm 22"),
    ],
)
def test_a_key_for_gpgkey_is_checked(key: str, expected: str | None, keys: dict[str, Key], tmp_path: Path) -> None:
    problems = check_key(export(keys[key], tmp_path))
    assert [expected in problem for problem in problems] == [True] if expected else problems == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n", ""),
        ("BLOCK-----\n", "BLOCK-----\r\n"),
        ("-----\n\n", "-----\nUnknown: header\n\n"),
        ("\n=", "\n"),
        ("-----END", "----END"),
        ("\nm", "\nn"),
    ],
)
def test_an_armour_that_rpm_does_not_read_is_refused(old: str, new: str, keys: dict[str, Key], tmp_path: Path) -> None:
    path = export(keys["old RSA"], tmp_path)
    argv = ["sed", "-i", "-e", "/^Version: /d", str(path)]
    subprocess.run(argv, check=True)
    text = path.read_text()
    assert read_key(path).rsa
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())
    with pytest.raises(ValueError, match=r"^key\.asc: import read failed\.$"):
        read_key(path)


def test_a_binary_key_is_no_key(keys: dict[str, Key], tmp_path: Path) -> None:
    path = tmp_path / "key.gpg"
    argv = ["gpg1", "--homedir", str(keys["old RSA"].home), "--batch", "--export"]
    path.write_bytes(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    with pytest.raises(ValueError, match="import read failed"):
        read_key(path)
