"""What an RPM's header says, read by librpm without the host's signature policy."""

from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.errors import BuildError


@dataclass(frozen=True, kw_only=True)
class Header:
    """The tags that we ask for; `requires` of an SRPM are its build requirements, `sigmd5` is the MD5 of header and payload.

    `epoch` is empty where there is none, `srpm` is the name of the SRPM that an RPM was built from, and empty for an SRPM.
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


def read_header(path: Path) -> Header:
    """Return the header of an RPM or SRPM. Raises BuildError for a file that is none."""
    import rpm

    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES | rpm._RPMVSF_NODIGESTS)
    try:
        with path.open("rb") as stream:
            header = transaction.hdrFromFdno(stream.fileno())
    except (OSError, rpm.error) as error:
        raise BuildError(f"{path}: no readable RPM: {error}") from error
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
    )
