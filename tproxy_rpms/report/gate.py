"""What the gates looked at, and what they found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.report.evidence import Evidence
from tproxy_rpms.report.link import link
from tproxy_rpms.store import read_json


@dataclass(frozen=True, kw_only=True)
class Found:
    """One thing that the target cannot take."""

    file: str
    tag: str
    value: str
    why: str
    cure: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One report of the gate.

    Fields:
        name: of the package and arch, or of its signed copies. reader: the rpm that it was held against, empty for any.
        files: names of what was looked at. payloads, digests, signatures: what was seen in all of them.
        lack: why there is no report.
    """

    name: str
    reader: str = ""
    files: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    scriptlets: int = 0
    findings: tuple[Found, ...] = ()
    lack: str = ""
    href: str = ""


def gather_gates(evidence: Evidence) -> tuple[Gate, ...]:
    """Return the report of each package and arch; of a signed release those of the signed copies, too."""
    folder = evidence.folder / "gates"
    names = [f"{name}-{arch}" for name in evidence.release.packages for arch in (*evidence.release.arches, "SRPM")]
    wanted = [*names, *(f"{name}.signed" for name in names if evidence.release.signing)]
    others = sorted({path.stem for path in folder.glob("tproxy-release*.json")})
    return tuple(read_gate(folder / f"{name}.json", evidence.folder) for name in (*wanted, *others))


def read_gate(path: Path, folder: Path) -> Gate:
    """Return a report of the gate; one that is missing or damaged says so."""
    name = path.name.removesuffix(".json")
    content = read_json(path)
    if content is None:
        return Gate(name=name, lack="damaged" if path.exists() else "not checked yet")
    try:
        return parse_gate(name, content, href=link(path, folder))
    except (TypeError, KeyError, AttributeError):
        return Gate(name=name, lack="damaged")


def parse_gate(name: str, content: Mapping[str, Any], *, href: str) -> Gate:
    """Return a report out of its JSON. Raises KeyError or TypeError for what is none."""
    artifacts = content["artifacts"]
    return Gate(
        name=name,
        reader=content["reader"] or "",
        files=tuple(str(one["file"]) for one in artifacts),
        payloads=tuple(sorted({str(one["payload"]["is"]) for one in artifacts})),
        signatures=tuple(sorted({str(signed["says"]) for one in artifacts for signed in one["signatures"]})),
        scriptlets=sum(len(one["scriptlets"]) for one in artifacts),
        findings=tuple(Found(**{key: str(one[key]) for key in Found.__dataclass_fields__}) for one in content["findings"]),
        href=href,
    )
