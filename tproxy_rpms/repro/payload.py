"""The payload of an RPM: its files' content, read by librpm, which knows every compressor and archive that rpm has had."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tproxy_rpms.errors import BuildError

CHUNK = 1 << 20

# The most bytes of content that are held at once, of each RPM.
MOST = 256 << 20


@contextmanager
def open_payload(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield librpm's header and the payload as a stream, decompressed. Raises BuildError where it cannot be read."""
    import rpm

    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES | rpm._RPMVSF_NODIGESTS)
    try:
        with path.open("rb") as stream:
            header = transaction.hdrFromFdno(stream.fileno())
            yield header, rpm.fd(stream.fileno(), "r", header[rpm.RPMTAG_PAYLOADCOMPRESSOR] or "gzip")
    except (OSError, rpm.error) as error:
        raise BuildError(
            f"{path}: the payload cannot be read: {error}", hint="the file is damaged: build or fetch it again"
        ) from error


def read_files(path: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the content of some files of an RPM; those beyond MOST bytes in all are left out.

    Args:
        wanted: paths as the header has them.
    """
    import rpm

    found: dict[str, bytes] = {}
    room = MOST
    with open_payload(path) as (header, stream):
        archive = rpm.files(header).archive(stream)
        for entry in archive:
            name = str(entry.name)
            if name in wanted and archive.hascontent() and entry.size <= room:
                found[name] = b"".join(iter(lambda: archive.read(CHUNK), b""))
                room -= len(found[name])
    return found


def same_archive(first: Path, second: Path) -> bool:
    """Tell whether two payloads hold the same archive, whatever they are compressed with."""
    with open_payload(first) as (_, ours), open_payload(second) as (_, theirs):
        while True:
            one, two = ours.read(CHUNK), theirs.read(CHUNK)
            if one != two:
                return False
            if not one:
                return True
