"""Signing keys of every kind, made on the fly by GnuPG old and new, each in a home of its own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

BATCH = """\
{protection}
Key-Type: {kind}
{size}
Key-Usage: sign
Name-Real: {real}
Name-Email: {name}@example.org
Expire-Date: {expires}
{passphrase}
%commit
"""


@dataclass(frozen=True, kw_only=True)
class TestKey:
    """A key: its home, and its primary fingerprint."""

    __test__ = False

    home: Path
    fingerprint: str
    program: str

    def export(self, path: Path) -> Path:
        """Write the public key, armoured."""
        path.write_bytes(self.run("--armor", "--export", self.fingerprint))
        return path

    def run(self, *words: str, stdin: str = "") -> bytes:
        argv = [self.program, "--homedir", str(self.home), "--batch", "--quiet", *words]
        return subprocess.run(argv, check=True, capture_output=True, input=stdin.encode()).stdout


def make_key(
    home: Path,
    *,
    kind: str = "RSA",
    bits: int = 4096,
    program: str = "gpg",
    passphrase: str = "",
    expires: str = "0",
    name: str = "release",
) -> TestKey:
    """Make a key. `kind` is RSA, DSA or EdDSA; `expires` as GnuPG takes it (`0`, `1y`, `seconds=1`)."""
    home.mkdir(mode=0o700, parents=True)
    size = "Key-Curve: ed25519" if kind == "EdDSA" else f"Key-Length: {bits}"
    batch = BATCH.format(
        protection="%no-protection" if not passphrase and program == "gpg" else "",
        kind=kind, size=size, expires=expires, name=name, real=name.title(),
        passphrase=f"Passphrase: {passphrase}" if passphrase else "",
    )  # fmt: skip
    # Old GnuPG takes random bytes from where they may run out; blank lines end its batch.
    quick = ["--quick-random"] if program == "gpg1" else ["--pinentry-mode", "loopback"]
    text = "\n".join(line for line in batch.splitlines() if line) + "\n"
    argv = [program, "--homedir", str(home), "--batch", *quick, "--gen-key"]
    subprocess.run(argv, input=text, text=True, check=True, capture_output=True)
    argv = [program, "--homedir", str(home), "--batch", "--with-colons", "--fingerprint", "--list-keys"]
    listing = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
    return TestKey(home=home, fingerprint=fingerprint, program=program)
