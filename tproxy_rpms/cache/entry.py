"""What a kept build says of itself: entry.json, with the digest of every file and of its own content."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.cache.fingerprint import Inputs
from tproxy_rpms.store import digest_value

NAME = "entry.json"
SCHEMA = 1

# The two folders beside it, and the most bytes that it may have.
FOLDERS = ("logs", "rpms")
MOST_BYTES = 1 << 20


class DamageError(Exception):
    """An entry is not what it should be; its text says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A file: hex SHA-256, size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Built:
    """When the build began and ended (ISO 8601, UTC), and how many compilers it had at once."""

    started: str
    finished: str
    jobs: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A build with its files, name → what they are."""

    built: Built
    rpms: Mapping[str, Kept]
    logs: Mapping[str, Kept]

    def files(self) -> dict[str, Kept]:
        """Return every file by its path in the entry's folder."""
        return {f"{folder}/{name}": kept for folder in FOLDERS for name, kept in getattr(self, folder).items()}


def render_entry(entry: Entry, inputs: Inputs) -> str:
    """Return the text of entry.json. `inputs` are in it so that the folder's name can be found out again."""
    content = asdict(entry) | {"schema": SCHEMA, "inputs": inputs.render()}
    return json.dumps(content | {"sum": digest_value(content)}, indent=2, sort_keys=True) + "\n"


def read_entry(path: Path, inputs: Inputs) -> Entry:
    """Return the entry that `path` tells of. Raises DamageError if it is not whole, or tells of other inputs."""
    with path.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    try:
        content: Any = json.loads(data[:MOST_BYTES])
        told = content.pop("sum")
        if told != digest_value(content):
            raise DamageError(f"{NAME} is not what was written")
        if content["schema"] != SCHEMA:
            raise DamageError(f"{NAME} has schema {content['schema']!r}, not {SCHEMA}")
        different = inputs.list_differences(content["inputs"])
        if different:
            raise DamageError(f"{NAME} tells of another {', '.join(different)}")
        rpms, logs = ({name: Kept(**kept) for name, kept in content[folder].items()} for folder in ("rpms", "logs"))
        entry = Entry(built=Built(**content["built"]), rpms=rpms, logs=logs)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamageError(f"{NAME} is damaged ({type(error).__name__})") from error
    check_names(entry)
    return entry


def check_names(entry: Entry) -> None:
    """Raise DamageError for an entry without RPMs, or with a name that leads elsewhere."""
    wrong = [name for name in (*entry.rpms, *entry.logs) if Path(name).name != name or name.startswith(".")]
    wrong += [name for name in entry.rpms if not name.endswith(".rpm")]
    if wrong or not entry.rpms:
        raise DamageError(f"{NAME} names {', '.join(map(repr, wrong)) or 'no RPM'}")
