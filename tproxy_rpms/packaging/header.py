"""What an RPM's header says, read by librpm without the host's signature policy."""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tproxy_rpms.errors import BuildError
from tproxy_rpms.librpm import load_rpm

# An RPM file is a lead of 96 bytes, the signature header padded to 8 bytes, the header, the payload. A header begins with 8 bytes
# of magic, the number of its index entries of 16 bytes each, and its number of bytes of data (docs/manual/format_header.md).
LEAD = 96

# Tags by number: bindings older than rpm 4.14 have no name for them. 8 is SHA-256 (RFC 4880, 9.4).
PAYLOADDIGEST, PAYLOADDIGESTALGO, SHA256 = 5092, 5093, 8


@dataclass(frozen=True, kw_only=True)
class Header:
    """The tags that we ask for; `requires` of an SRPM are its build requirements, `sigmd5` is the MD5 of header and payload.

    `epoch` is empty where there is none, `srpm` is the name of the SRPM that an RPM was built from, and empty for an SRPM;
    `build_arches` are the arches that the spec of an SRPM names with BuildArch.
    """

    name: str
    version: str
    release: str
    arch: str
    requires: tuple[str, ...]
    provides: tuple[str, ...]
    sigmd5: str
    epoch: str = ""
    license: str = ""
    summary: str = ""
    srpm: str = ""
    build_arches: tuple[str, ...] = ()

    @property
    def is_noarch(self) -> bool:
        """Whether an SRPM gives packages for no arch, and no others."""
        return set(self.build_arches) == {"noarch"}


def read_header(path: Path) -> Header:
    """Return the header of an RPM or SRPM. Raises BuildError for a file that is none."""
    rpm = load_rpm()

    header = load_header(path, flags=rpm._RPMVSF_NOSIGNATURES | rpm._RPMVSF_NODIGESTS)
    return Header(
        name=header[rpm.RPMTAG_NAME],
        version=header[rpm.RPMTAG_VERSION],
        release=header[rpm.RPMTAG_RELEASE],
        arch=header[rpm.RPMTAG_ARCH],
        requires=tuple(header[rpm.RPMTAG_REQUIRENAME]),
        provides=tuple(header[rpm.RPMTAG_PROVIDENAME]),
        sigmd5=bytes(header[rpm.RPMTAG_SIGMD5] or b"").hex(),
        epoch=str(header[rpm.RPMTAG_EPOCH]) if header[rpm.RPMTAG_EPOCH] is not None else "",
        license=header[rpm.RPMTAG_LICENSE] or "",
        summary=header[rpm.RPMTAG_SUMMARY] or "",
        srpm=header[rpm.RPMTAG_SOURCERPM] or "",
        build_arches=tuple(header[rpm.RPMTAG_BUILDARCHS] or ()),
    )


def load_header(path: Path, *, flags: int) -> Any:
    """Return librpm's own header of an RPM, checked as far as `flags` let it. Raises BuildError for a file that is none."""
    rpm = load_rpm()

    transaction = rpm.TransactionSet()
    transaction.setVSFlags(flags)
    try:
        with path.open("rb") as stream:
            return transaction.hdrFromFdno(stream.fileno())
    except (OSError, rpm.error) as error:
        raise BuildError(f"{path}: no readable RPM: {error}") from error


def check_digests(path: Path) -> None:
    """Raise BuildError unless an RPM is whole by the digests that it carries itself.

    librpm checks those of the header. The MD5 of header and payload (written by any rpm up to 5) and the payload's SHA-256 (rpm
    4.14 and later) are checked here: no policy of the host has a say in that.
    """
    rpm = load_rpm()

    header = load_header(path, flags=rpm._RPMVSF_NOSIGNATURES)
    expected = {"MD5": bytes(header[rpm.RPMTAG_SIGMD5] or b"").hex()}
    if header[PAYLOADDIGESTALGO] == SHA256:
        expected["payload's SHA-256"] = header[PAYLOADDIGEST][0]
    if not any(expected.values()):
        raise BuildError(f"{path.name}: carries no digest of its payload")
    for name, digest in digest_sections(path).items():
        if expected.get(name) and expected[name] != digest:
            raise BuildError(f"{path.name}: its {name} is {digest}, its header says {expected[name]}")


def digest_sections(path: Path) -> dict[str, str]:
    """Return the hex MD5 of header and payload, and the SHA-256 of the payload, as they are."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as stream:
        start = find_end(stream, LEAD)
        start += -start % 8
        end = find_end(stream, start)
        stream.seek(start)
        md5.update(stream.read(end - start))
        while chunk := stream.read(1 << 20):
            md5.update(chunk)
            sha256.update(chunk)
    return {"MD5": md5.hexdigest(), "payload's SHA-256": sha256.hexdigest()}


def find_end(stream: BinaryIO, start: int) -> int:
    """Return where the header that begins at `start` ends; librpm has read it before, so it is one."""
    stream.seek(start)
    entries, size = struct.unpack(">8xII", stream.read(16))
    return start + 16 + 16 * int(entries) + int(size)
