"""Detached signatures of files, made and looked at by another tool at once."""

from pathlib import Path

from tproxy_rpms.errors import GateError
from tproxy_rpms.signing.armour import armour, dearmour
from tproxy_rpms.signing.signer import Signer
from tproxy_rpms.signing.verify import verify_file


def sign_file(path: Path, *, signer: Signer) -> str:
    """Return the detached signature of a file in ASCII armour. Raises GateError for one that gpgv finds bad."""
    signature = signer.sign(path.read_bytes())
    verify_file(path, signature, signer.key)
    return armour(signature)


def has_signature(path: Path, signature: Path, *, signer: Signer) -> bool:
    """Tell whether a file is the good signature of another by this signer's key."""
    try:
        verify_file(path, dearmour(signature.read_bytes()), signer.key)
    except (GateError, OSError, ValueError):
        return False
    return True
