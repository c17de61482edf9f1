"""What signs: GnuPG old or new, or a command of the user's; each is a program that reads data and writes a detached signature."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
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

# What GnuPG, old and new, says when it cannot sign, the cause and the cure.
CAUSES = (
    (("BAD_PASSPHRASE", "Bad passphrase", "bad passphrase"), "the passphrase is wrong", "mend the file signing.passphrase_file"),
    (
        ("NO_SECKEY", "No secret key", "secret key not available"),
        "there is no secret key",
        "import it; gpg1 has secret keys of its own: gpg --export-secret-keys KEY | gpg1 --homedir HOME --import",
    ),
    (("Timeout", "TIMEOUT"), "nobody unlocked it in time", "unlock the agent, and try again"),
    (("KEYEXPIRED", "key expired", "Unusable secret key"), "it cannot be used, it may have expired", "look at gpg --list-keys"),
    (("Card error", "SC_OP_FAILURE", "No such device", "Card not present"), "the card did not sign", "look at gpg --card-status"),
)
LOCKED = (
    "MISSING_PASSPHRASE",
    "Inappropriate ioctl",
    "No pinentry",
    "cancelled",
    "Cancelled",
    "canceled",
    "NO_TERMINAL",
    "No agent",
)


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A program that takes data on its standard input and writes a detached OpenPGP signature to its standard output.

    Fields:
        argv: the program. environment: what it gets beside ours. key: whose signature comes out.
    """

    argv: tuple[str, ...]
    key: SigningKey
    environment: Mapping[str, str] = field(default_factory=dict)

    def full_environment(self) -> dict[str, str]:
        """Return the user's own environment, by which agents, cards and signers find their way, with messages in English."""
        return {**os.environ, "LC_ALL": "C.UTF-8", **self.environment}

    def sign(self, data: bytes) -> bytes:
        """Return a detached signature in binary. Raises SigningError with the cause as far as the program has told it."""
        with tempfile.TemporaryDirectory(prefix="tproxy-rpms-sign-") as scratch:
            source, target = Path(scratch) / "data", Path(scratch) / "signature"
            source.write_bytes(data)
            argv: list[str | Path] = ["sh", write_script(self, Path(scratch)), source, target]
            try:
                done = run_command(argv, env=self.full_environment(), check=False, seconds=PATIENCE)
            except OverdueError as error:
                raise SigningError(
                    f"signing.key: {self.key.fingerprint}: no signature in {PATIENCE} seconds",
                    hint="unlock the agent, and try again",
                ) from error
            if done.returncode or not target.is_file() or not target.stat().st_size:
                raise explain(self, done)
            return dearmour(target.read_bytes())


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
    return make_gnupg_signer(signing, key, program=key.kind.program, options=(*key.kind.options, "--digest-algo", digest))


def make_file_signer(signing: Signing, key: SigningKey) -> Signer:
    """Return what signs files that people and today's tools verify: V4, by SHA-256 or better."""
    if signing.command:
        return Signer(argv=signing.command, key=key, environment={"TPROXY_RPMS_SIGN": "file"})
    digest = key.kind.digest if key.kind.fixed_digest else "SHA256"
    options = ("--digest-algo", digest, *(["--no-force-v3-sigs"] if key.kind.program == "gpg1" else []))
    return make_gnupg_signer(signing, key, program=key.kind.program, options=options)


def make_gnupg_signer(signing: Signing, key: SigningKey, *, program: str, options: tuple[str, ...]) -> Signer:
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
        "--local-user", f"{key.part.fingerprint}!", "--no-armor", "--detach-sign", "--output", "-",
    )  # fmt: skip
    return Signer(argv=argv, key=key, environment=environment)


def find_agent(signing: Signing) -> str:
    """Return the socket of the agent of a GnuPG home, started if it is not at work."""
    home = ["--homedir", str(signing.home)] if signing.home else []
    run_command([require_tool("gpgconf", package="gpgconf"), *home, "--launch", "gpg-agent"], env=os.environ, check=False)
    return run_command(
        [require_tool("gpgconf", package="gpgconf"), *home, "--list-dirs", "agent-socket"], env=os.environ
    ).stdout.strip()


def explain(signer: Signer, done: subprocess.CompletedProcess[str], *, what: str = "") -> SigningError:
    """Return the error of a signer that gave no signature; `what` is what it was asked to sign."""
    said = done.stderr + done.stdout
    subject = f"signing.key: {signer.key.fingerprint}: {Path(signer.argv[0]).name} does not sign {what}".rstrip()
    tail = "\n".join(line for line in said.strip().splitlines()[-8:] if not line.startswith("[GNUPG:]"))
    # Old GnuPG says of a missing passphrase that it is bad, too.
    if any(word in said for word in LOCKED):
        return SigningError(
            f"{subject}: it is locked\n{tail}", hint="unlock it in its agent, or name a file in signing.passphrase_file"
        )
    for words, cause, cure in CAUSES:
        if any(word in said for word in words):
            return SigningError(f"{subject}: {cause}\n{tail}", hint=cure)
    return SigningError(f"{subject}: status {done.returncode}, no signature\n{tail}".strip(), hint="its own words are above")
