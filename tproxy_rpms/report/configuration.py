"""What became of each line of the kernels' fragments."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.report.evidence import Evidence
from tproxy_rpms.report.link import link
from tproxy_rpms.store import read_json

# The order in which the lines are told: what is not as was asked first.
STATES = ("dropped", "changed", "kept")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a fragment, and what came of it.

    Fields:
        kind: demand, forbid or optional. value, got: asked and come. why: the line's reason, or what is in the way.
    """

    symbol: str
    value: str
    got: str
    state: str
    kind: str
    place: str
    why: str

    @property
    def fatal(self) -> bool:
        """Whether this stops a cut."""
        return self.state != "kept" and self.kind != "optional"


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The audit of a kernel for one arch; without lines where `lack` says why."""

    package: str
    arch: str
    lines: tuple[Line, ...] = ()
    lack: str = ""
    href: str = ""
    config: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        """State → lines."""
        return {state: sum(line.state == state for line in self.lines) for state in STATES}

    @property
    def fatal(self) -> tuple[Line, ...]:
        """The lines that stop a cut."""
        return tuple(line for line in self.lines if line.fatal)


def gather_audits(evidence: Evidence) -> tuple[Audit, ...]:
    """Return the audits of every kernel of the release, by arch."""
    return tuple(
        read_audit(evidence.folder, package.name, arch)
        for package in evidence.release.packages.values()
        if package.kconfig
        for arch in evidence.release.arches
    )


def read_audit(folder: Path, package: str, arch: str) -> Audit:
    """Return an audit; one that is missing or damaged says so."""
    place = folder / "kconfig" / f"{package}-{arch}"
    path = place / f"audit-{arch}.json"
    content = read_json(path)
    if content is None:
        return Audit(package=package, arch=arch, lack="damaged" if path.exists() else "not configured and audited yet")
    try:
        lines = tuple(read_line(row) for row in content["findings"])
    except (TypeError, KeyError, AttributeError):
        return Audit(package=package, arch=arch, lack="damaged")
    return Audit(package=package, arch=arch, lines=lines, href=link(path, folder), config=link(place / f"config-{arch}", folder))


def read_line(row: Mapping[str, object]) -> Line:
    """Return a finding of the audit's JSON. Raises KeyError or TypeError for what is none."""
    demand = row["demand"]
    if not isinstance(demand, dict):
        raise TypeError("demand: no table")
    return Line(
        symbol=str(demand["symbol"]), value=str(demand["value"]), got=str(row["got"]), state=str(row["state"]),
        kind=str(demand["kind"]), place=f"{demand['file']}:{demand['line']}", why=str(row["blocker"] or demand["reason"]),
    )  # fmt: skip
