"""A keyring of pinned keys alone: where they come from does not count, their full fingerprints do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.model import Signature
from tproxy_rpms.sources.place import DownloadError, mirror_url, read_small
from tproxy_rpms.store import write_whole

# RFC 4880, 9.1, and RFC 6637: what GnuPG's colon listings and status lines call an algorithm by.
PUBLIC_KEYS = {"1": "RSA", "3": "RSA", "17": "DSA", "19": "ECDSA", "22": "EdDSA"}

# NIST SP 800-131A: below this, a signature is no longer strong evidence.
LEAST_BITS = {"RSA": 2048, "DSA": 2048}


@dataclass(frozen=True, kw_only=True)
class Key:
    """A primary key or one of its subkeys."""

    primary: bool
    algorithm: str
    bits: int

    def __str__(self) -> str:
        return f"{self.algorithm}-{self.bits}"

    @property
    def weak(self) -> bool:
        """Whether it has too few bits."""
        return self.bits < LEAST_BITS.get(self.algorithm, 0)


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """A folder for GnuPG to work in, with `keyring.gpg` once there are keys.

    Fields:
        home: a folder of ours alone. cache: a folder in the user's cache, where FINGERPRINT.gpg are kept.
    """

    home: Path
    cache: Path

    @property
    def path(self) -> Path:
        """The keyring, for gpgv."""
        return self.home / "keyring.gpg"

    def gpg(self, *words: str | Path) -> str:
        """Return what gpg prints; a status other than 0 is no error here, since what it has found is looked at afterwards."""
        argv = [require_tool("gpg", package="gnupg"), "--homedir", self.home, "--batch", "--quiet", "--no-autostart", *words]
        return run_command(argv, check=False).stdout

    def gather(self, signature: Signature, *, mirrors: Sequence[str], fresh: bool) -> str:
        """Put the pinned keys that can be had into the keyring. Returns what failed, for people.

        Args:
            fresh: ask the places again, even for a key that is in the cache: it may have got a longer life or a new subkey.
        """
        said: list[str] = []
        kept = []
        for fingerprint in signature.signers:
            cached = self.cache / f"{fingerprint}.gpg"
            key = b"" if fresh or not cached.is_file() else self.extract(cached.read_bytes(), fingerprint)
            if not key:
                key = self.fetch(list_places(signature, fingerprint, mirrors), fingerprint, said)
                if key:
                    write_whole(cached, key)
                elif cached.is_file():
                    key = self.extract(cached.read_bytes(), fingerprint)
            kept.append(key)
        self.path.unlink(missing_ok=True)
        if any(kept):
            self.path.write_bytes(b"".join(kept))
        return "; ".join(dict.fromkeys(said)) or "no place named where the key may come from"

    def fetch(self, places: Iterator[str], fingerprint: str, said: list[str]) -> bytes:
        """Return a key from the first place that holds it, or nothing; `said` takes what the places told."""
        for place in places:
            try:
                offered = read_small(place) if "://" in place else Path(place).read_bytes()
            except (DownloadError, OSError) as error:
                said.append(str(error) if isinstance(error, DownloadError) else f"{place}: {error.strerror}")
                continue
            if key := self.extract(offered, fingerprint):
                return key
            said.append(f"{place}: does not hold {fingerprint}")
        return b""

    def extract(self, offered: bytes, fingerprint: str) -> bytes:
        """Return just the key with this primary fingerprint, in binary, with its subkeys; nothing if it is not offered."""
        self.clear()
        store = self.home / "offered"
        store.write_bytes(offered)
        self.gpg("--import", store)
        found = dict(read_keys(self.gpg("--with-colons", "--list-keys")))
        if fingerprint not in found or not found[fingerprint].primary:
            return b""
        output = self.home / "export"
        output.unlink(missing_ok=True)
        self.gpg("--output", output, "--export", fingerprint)
        return output.read_bytes() if output.exists() else b""

    def clear(self) -> None:
        """Forget what was imported for another key."""
        for path in self.home.glob("pubring.*"):
            path.unlink()

    def describe(self, fingerprint: str) -> Key:
        """Return what a primary key or subkey of the keyring is."""
        words = ("--with-colons", "--with-subkey-fingerprint", "--no-default-keyring", "--keyring", self.path, "--list-keys")
        return dict(read_keys(self.gpg(*words)))[fingerprint]


def list_places(signature: Signature, fingerprint: str, mirrors: Sequence[str]) -> Iterator[str]:
    """Yield where a key may come from, in order: the mirrors as FINGERPRINT.asc, then what the release names."""
    for mirror in mirrors:
        yield mirror_url(mirror, f"{fingerprint}.asc")
    for place in signature.keys:
        yield keyserver_url(place, fingerprint) if place.startswith(("hkp://", "hkps://")) else place


def keyserver_url(server: str, fingerprint: str) -> str:
    """Return the look-up of a key on a keyserver (draft-gallagher-openpgp-hkp): hkp is HTTP on port 11371, hkps is HTTPS."""
    parts = urlsplit(server)
    host = parts.netloc if parts.scheme == "hkps" or parts.port else f"{parts.netloc}:11371"
    return f"{'https' if parts.scheme == 'hkps' else 'http'}://{host}/pks/lookup?op=get&options=mr&search=0x{fingerprint}"


def read_keys(text: str) -> Iterator[tuple[str, Key]]:
    """Yield fingerprint and key, primary keys and subkeys, of a colon listing (doc/DETAILS of GnuPG)."""
    key = None
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sub"):
            algorithm = PUBLIC_KEYS.get(fields[3], f"algorithm {fields[3]}")
            key = Key(primary=fields[0] == "pub", algorithm=algorithm, bits=int(fields[2] or 0))
        elif fields[0] == "fpr" and key:
            yield fields[9], key
