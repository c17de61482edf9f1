"""What a fetch leaves beside a source: where it came from, and what it turned out to be."""

from dataclasses import asdict, dataclass
from pathlib import Path

from tproxy_rpms.errors import FetchError
from tproxy_rpms.store import read_json, write_json


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A source on the disk.

    Fields:
        source: the name in the release. file: the file's name. size: bytes. sha256: hex.
        version: upstream's version. origin: the URL, or `archive:PACKAGE=VERSION`.
        package: the archive's package with its version, empty for a URL.
    """

    source: str
    file: str
    version: str
    sha256: str
    size: int
    origin: str
    package: str = ""


def write_fetched(directory: Path, fetched: Fetched) -> None:
    """Record a fetch as `directory`/NAME.fetched.json."""
    write_json(directory / f"{fetched.source}.fetched.json", asdict(fetched))


def read_fetched(directory: Path, name: str) -> Fetched:
    """Return the record of a source. Raises FetchError when there is none."""
    path = directory / f"{name}.fetched.json"
    try:
        return Fetched(**read_json(path))
    except TypeError as error:
        raise FetchError(f"{path}: missing or damaged", hint=f"run doit fetch:{name}") from error
