"""Signatures looked at by other tools than those that made them: gpgv for each one, rpm for digests and for what it trusts.

gpgv takes what a profile allows, whatever policy the host has for rpm: many of today's refuse a signature that CentOS 5 needs.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from tproxy_rpms.errors import BuildError, GateError
from tproxy_rpms.gates.artifact import SIGNATURES, read_lead
from tproxy_rpms.gates.blob import BlobError, read_blob, read_exactly
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.signing.key import SigningKey
from tproxy_rpms.signing.profile import SigningProfile
from tproxy_rpms.sources.gpgv import run_gpgv

# Which signatures are over the header alone; the others are over header and payload.
HEADER_ONLY = ("DSAHEADER", "RSAHEADER")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where an RPM file has what: byte offsets, and tag → signature packet."""

    header: int
    payload: int
    size: int
    signatures: dict[str, bytes]


def read_layout(path: Path) -> Layout:
    """Return the layout of an RPM file. Raises BuildError for a file that is none."""
    try:
        with path.open("rb") as stream:
            read_lead(stream)
            signature = read_blob(stream)
            read_exactly(stream, -signature.size % 8)
            header = stream.tell()
            read_blob(stream)
            found = {tag: signature.entries[number].data for tag, number in SIGNATURES.items() if number in signature.entries}
            return Layout(header=header, payload=stream.tell(), size=path.stat().st_size, signatures=found)
    except (OSError, BlobError) as error:
        raise BuildError(f"{path}: no readable RPM: {error}") from error


def has_same_content(first: Path, second: Path) -> bool:
    """Tell whether two RPM files are the same behind their signature headers: one may be a signed copy of the other."""
    layouts = read_layout(first), read_layout(second)
    if layouts[0].size - layouts[0].header != layouts[1].size - layouts[1].header:
        return False
    with first.open("rb") as one, second.open("rb") as other:
        one.seek(layouts[0].header)
        other.seek(layouts[1].header)
        return all(mine == theirs for mine, theirs in zip(read_pieces(one), read_pieces(other), strict=True))


def read_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of a stream."""
    while piece := stream.read(1 << 20):
        yield piece


def verify_package(path: Path, key: SigningKey, profile: SigningProfile) -> None:
    """Raise GateError unless an RPM is whole and every signature on it is good and by this key."""
    layout = read_layout(path)
    wanted = 2 if profile.whole else 1
    if len(layout.signatures) < wanted:
        raise GateError([f"{path.name}: {len(layout.signatures)} signatures, not {wanted}"], hint="sign it: doit sign")
    for tag, packet in layout.signatures.items():
        end = layout.payload if tag in HEADER_ONLY else layout.size
        problem = find_flaw(packet, key, path, start=layout.header, end=end)
        if problem:
            raise GateError([f"{path.name}: {tag}: {problem}"], hint="sign it again: doit sign")
    verify_with_rpm(path, key, signatures=profile.trusted_rpm)


def verify_file(path: Path, signature: bytes, key: SigningKey) -> None:
    """Raise GateError unless a detached signature of a file is good and by this key."""
    problem = find_flaw(signature, key, path, start=0, end=path.stat().st_size)
    if problem:
        raise GateError([f"{path.name}: {problem}"], hint="sign it again")


def find_flaw(signature: bytes, key: SigningKey, path: Path, *, start: int, end: int) -> str:
    """Return what is wrong with a binary signature over a part of a file, or nothing."""
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-gpgv-") as scratch:
        home = Path(scratch)
        (home / "keyring.gpg").write_bytes(key.binary)
        (home / "signature").write_bytes(signature)
        status = run_gpgv(
            home, keyring=home / "keyring.gpg", signature=home / "signature", feed=partial(copy_part, path, start=start, end=end)
        )
    return judge(status, key)


def copy_part(path: Path, target: IO[bytes], *, start: int, end: int) -> None:
    """Write a part of a file to a stream."""
    with path.open("rb") as stream:
        stream.seek(start)
        left = end - start
        while left and (piece := stream.read(min(left, 1 << 20))):
            target.write(piece)
            left -= len(piece)


def judge(status: list[list[str]], key: SigningKey) -> str:
    """Return what gpgv's status lines say against a signature, or nothing (doc/DETAILS of GnuPG)."""
    words = {line[0]: line[1:] for line in status if line}
    if "BADSIG" in words:
        return "the signature is bad: what was signed has changed"
    # gpgv finds signatures by expired and revoked keys valid, but not good.
    if "VALIDSIG" not in words or "GOODSIG" not in words:
        known = {"EXPKEYSIG": "its key has expired", "REVKEYSIG": "its key was revoked", "EXPSIG": "it has expired"}
        known |= {"NO_PUBKEY": "it is by another key", "NODATA": "it is no signature", "ERRSIG": "it cannot be checked"}
        return next((text for word, text in known.items() if word in words), "gpgv finds no valid signature")
    # Of the key that was read, hosts get the signing part alone.
    if words["VALIDSIG"][-1] != key.fingerprint or words["VALIDSIG"][0] != key.part.fingerprint:
        return f"it is by another key, {words['VALIDSIG'][0]}"
    return ""


def verify_with_rpm(path: Path, key: SigningKey, *, signatures: bool) -> None:
    """Raise GateError unless rpm itself, in a database of this key alone, finds all digests right, and signatures if asked to."""
    rpmkeys = require_tool("rpmkeys", package="rpm")
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-rpmdb-") as scratch:
        database = ["--define", f"_dbpath {scratch}/db", "--define", "_pkgverify_level digest"]
        if signatures:
            (Path(scratch) / "key.asc").write_text(key.armoured)
            done = run_command([rpmkeys, *database, "--import", f"{scratch}/key.asc"], check=False)
            if done.returncode:
                said = (done.stderr + done.stdout).strip()
                raise GateError([f"{key.fingerprint}: rpm does not import the key: {said}"], hint="name a key that rpm can read")
        words = [] if signatures else ["--nosignature"]
        done = run_command([rpmkeys, *database, "--checksig", "-v", *words, path], check=False)
    wrong = [line.strip() for line in done.stdout.splitlines()[1:] if not line.strip().endswith(": OK")]
    unsigned = signatures and "ignature" not in done.stdout
    if done.returncode or wrong or unsigned:
        raise GateError([f"{path.name}: rpm finds: {'; '.join(wrong) or 'no signature'}"], hint="build and sign it again")
