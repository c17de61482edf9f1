"""What signs: GnuPG old or new, or a command of the user's; each is a program that reads data and writes a detached signature."""

import os
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tproxy_rpms.errors import SigningError
from tproxy_rpms.process import OverdueError, require_tool, run_command
from tproxy_rpms.release.model import Signing
from tproxy_rpms.signing.armour import dearmour
from tproxy_rpms.signing.key import SigningKey
from tproxy_rpms.signing.profile import SigningProfile

# Seconds for one signature: somebody may have to type a PIN, or to touch a token.
PATIENCE = 300

# What GnuPG, old and new, says when it cannot sign, the cause and the cure. Old GnuPG calls a passphrase bad that it never got.
LOCKED = ("it is locked", "unlock it in its agent, or name a file in signing.passphrase_file")
CAUSES = (
    (("MISSING_PASSPHRASE",), LOCKED),
    (
        ("BAD_PASSPHRASE", "Bad passphrase", "bad passphrase", "Bad PIN"),
        (
            "the passphrase or PIN is wrong",
            "mend signing.passphrase_file, or what the agent is given; a card locks after a few tries",
        ),
    ),
    (
        ("NO_SECKEY", "No secret key", "secret key not available"),
        (
            "there is no secret key",
            "import it; gpg1 has secret keys of its own: gpg --export-secret-keys KEY | gpg1 --homedir HOME --import",
        ),
    ),
    (("KEYEXPIRED", "key expired", "Unusable secret key"), ("it cannot be used, it may have expired", "look at gpg --list-keys")),
    (
        ("Card error", "SC_OP_FAILURE", "No such device", "Card not present"),
        ("the card did not sign", "look at gpg --card-status"),
    ),
    (("Timeout", "Inappropriate ioctl", "No pinentry", "ancelled", "canceled", "No agent"), LOCKED),
)

# What rpmsign says of its own standard input, whatever signs.
NOISE = "Could not set GPG_TTY"

# One signature at a time: a card has one slot, and who types a PIN has one keyboard.
SLOT = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A program that takes data on its standard input and writes a detached OpenPGP signature to its standard output.

    Fields:
        argv: the program. environment: what it gets beside ours. key: whose signature comes out.
        digest: the hash that it signs, empty if that is its own affair. gnupg: whether it speaks as GnuPG does.
    """

    argv: tuple[str, ...]
    key: SigningKey
    environment: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    gnupg: bool = False

    def full_environment(self) -> dict[str, str]:
        """Return the user's own environment, by which agents, cards and signers find their way, with messages in English."""
        return {**os.environ, "LC_ALL": "C.UTF-8", **self.environment}

    def sign(self, data: bytes) -> bytes:
        """Return a detached signature in binary. Raises SigningError with the cause as far as the program has told it."""
        with tempfile.TemporaryDirectory(prefix="tproxy-rpms-sign-") as scratch:
            source, target = Path(scratch) / "data", Path(scratch) / "signature"
            source.write_bytes(data)
            done = self.run(["sh", write_script(self, Path(scratch)), source, target])
            if done.returncode or not target.is_file() or not target.stat().st_size:
                raise explain(self, done)
            try:
                return dearmour(target.read_bytes())
            except ValueError as error:
                raise SigningError(
                    f"signing.key: {self.key.fingerprint}: {Path(self.argv[0]).name} gives no signature: {error}",
                    hint="it must write a detached OpenPGP signature to its standard output, and nothing else",
                ) from error

    def run(self, argv: Sequence[str | Path], *, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run what signs, or what calls it, and nothing else that signs meanwhile. Raises SigningError when it does not end."""
        with SLOT:
            try:
                return run_command(argv, env=self.full_environment(), cwd=cwd, check=False, seconds=PATIENCE)
            except OverdueError as error:
                raise SigningError(
                    f"signing.key: {self.key.fingerprint}: no signature in {PATIENCE} seconds",
                    hint="unlock the agent, and try again",
                ) from error


def write_script(signer: Signer, folder: Path) -> Path:
    """Write the shell script that rpmsign and we call with the data's path (- for standard input) and the signature's."""
    script = folder / "sign"
    script.write_text(f'[ "$1" = - ] || exec < "$1"\nexec {shlex.join(signer.argv)} > "$2"\n')
    return script


def make_package_signer(signing: Signing, key: SigningKey, profile: SigningProfile) -> Signer:
    """Return what signs packages for a profile."""
    if signing.command:
        return Signer(argv=signing.command, key=key, environment={"TPROXY_RPMS_SIGN": f"package {profile.name}"})
    digest = key.kind.digest if key.kind.fixed_digest else signing.digest or key.kind.digest
    return make_gnupg_signer(signing, key, program=key.kind.program, options=key.kind.options, digest=digest)


def make_file_signer(signing: Signing, key: SigningKey) -> Signer:
    """Return what signs files that people and today's tools verify: V4, by SHA-256 or better."""
    if signing.command:
        return Signer(argv=signing.command, key=key, environment={"TPROXY_RPMS_SIGN": "file"})
    digest = key.kind.digest if key.kind.fixed_digest else "SHA256"
    options = ("--no-force-v3-sigs",) if key.kind.program == "gpg1" else ()
    return make_gnupg_signer(signing, key, program=key.kind.program, options=options, digest=digest)


def make_gnupg_signer(signing: Signing, key: SigningKey, *, program: str, options: tuple[str, ...], digest: str) -> Signer:
    """Return GnuPG as a signer. Old GnuPG asks today's agent only if the environment says where that is."""
    tool = require_tool(program, package="gnupg1" if program == "gpg1" else "gnupg")
    home = ("--homedir", str(signing.home)) if signing.home else ()
    environment = {}
    unlock: tuple[str, ...] = ()
    if signing.passphrase_file:
        if not signing.passphrase_file.is_file():
            raise SigningError(
                f"signing.passphrase_file: {signing.passphrase_file}: no such file", hint="write it, or drop the key"
            )
        loopback = ("--no-use-agent",) if program == "gpg1" else ("--pinentry-mode", "loopback")
        unlock = (*loopback, "--passphrase-file", str(signing.passphrase_file))
    elif program == "gpg1":
        unlock, environment = ("--use-agent",), {"GPG_AGENT_INFO": f"{find_agent(signing)}:0:1"}
    argv = (
        tool, *home, "--batch", "--no-tty", "--quiet", "--no-secmem-warning", "--status-fd", "2", *unlock, *options,
        "--digest-algo", digest, "--local-user", f"{key.part.fingerprint}!", "--no-armor", "--detach-sign", "--output", "-",
    )  # fmt: skip
    return Signer(argv=argv, key=key, environment=environment, digest=digest, gnupg=True)


def find_agent(signing: Signing) -> str:
    """Return the socket of the agent of a GnuPG home, started if it is not at work."""
    home = ["--homedir", str(signing.home)] if signing.home else []
    run_command([require_tool("gpgconf", package="gpgconf"), *home, "--launch", "gpg-agent"], env=os.environ, check=False)
    return run_command(
        [require_tool("gpgconf", package="gpgconf"), *home, "--list-dirs", "agent-socket"], env=os.environ
    ).stdout.strip()


def explain(signer: Signer, done: subprocess.CompletedProcess[str], *, what: str = "") -> SigningError:
    """Return the error of a signer that gave no signature; `what` is what it was asked to sign."""
    said = [line for line in (done.stderr + done.stdout).strip().splitlines() if NOISE not in line]
    subject = f"signing.key: {signer.key.fingerprint}: {Path(signer.argv[0]).name} does not sign {what}".rstrip()
    tail = "\n".join(line for line in said[-8:] if not line.startswith("[GNUPG:]"))
    for words, (cause, cure) in CAUSES if signer.gnupg else ():
        if any(word in line for word in words for line in said):
            return SigningError(f"{subject}: {cause}\n{tail}", hint=cure)
    return SigningError(f"{subject}: status {done.returncode}, no signature\n{tail}".strip(), hint="its own words are above")
