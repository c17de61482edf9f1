"""Whether a package of a cut was built, or taken from the cache of finished builds, and when."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tproxy_rpms.store import read_json, write_json


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the RPMs of one package and arch come from.

    Fields:
        fingerprint: hex, of all that shapes the build; empty if not known.
        started, finished: of the build itself, ISO 8601; empty if not known. jobs: compilers at once, 0 if not known.
    """

    origin: Literal["built", "taken"] = "built"
    fingerprint: str = ""
    started: str = ""
    finished: str = ""
    jobs: int = 0


def read_origin(path: Path) -> Origin:
    """Return what the file beside a build says, build/RELEASE/origins/PACKAGE-ARCH.json; without one it was built here."""
    content: Any = read_json(path)
    if not isinstance(content, dict):
        return Origin()
    return Origin(
        origin="taken" if content.get("origin") == "taken" else "built",
        fingerprint=str(content.get("fingerprint") or ""),
        started=str(content.get("started") or ""),
        finished=str(content.get("finished") or ""),
        jobs=int(content.get("jobs") or 0),
    )


def write_origin(path: Path, origin: Origin, *, inputs: Mapping[str, Any], taken_from: str = "") -> None:
    """Leave where RPMs come from beside their build.

    Args:
        inputs: what the fingerprint is the digest of; none if that is not known.
        taken_from: the cache's folder on this host, and empty for what was built: no part of a record.
    """
    write_json(path, asdict(origin) | {"inputs": dict(inputs), "from": taken_from})


def render_now() -> str:
    """Return the time as origins have it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
