"""What a release last did at the place that it publishes to, kept beside its build: it tells of the place without asking it."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tproxy_rpms.publish.snapshots import read_packages
from tproxy_rpms.publish.tree import MANIFEST, read_id
from tproxy_rpms.store import read_json, write_json

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A snapshot that was served.

    Fields:
        to: the place. id: the snapshot's name. served: when it came to be served, seconds since 1970.
        rpms: hex SHA-256 of each of its RPMs.
    """

    to: str
    id: str
    served: float
    rpms: tuple[str, ...]


def write_receipt(path: Path, *, to: str, name: str, packages: Mapping[str, Mapping[str, str]]) -> None:
    """Leave which snapshot is served since now; one that is served already keeps its time.

    Args:
        packages: what is in it, as `Snapshot.packages`.
    """
    known = read_receipt(path)
    served = known.served if known and (known.to, known.id) == (to, name) else time.time()
    rpms = tuple(sorted({digest for versions in packages.values() for digest in versions.values()}))
    write_json(path, {"schema": SCHEMA} | asdict(Receipt(to=to, id=name, served=served, rpms=rpms)))


def write_tree_receipt(path: Path, *, to: str, tree: Path) -> None:
    """Leave that a composed snapshot is served."""
    write_receipt(path, to=to, name=read_id(tree), packages=read_packages((tree / MANIFEST).read_text().splitlines()))


def read_receipt(path: Path) -> Receipt | None:
    """Return what was left, or None without it, or for a file that is damaged."""
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return None
    try:
        return Receipt(to=content["to"], id=content["id"], served=float(content["served"]), rpms=tuple(map(str, content["rpms"])))
    except (KeyError, TypeError, ValueError):
        return None
