"""The audit: every fragment line against the resolved configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tproxy_rpms.errors import KconfigError
from tproxy_rpms.kernel.fragment import OFF, Demand, Fragment, list_all
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import write_json

SETTING = re.compile(r"^CONFIG_(\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one demand.

    Fields:
        got: the resolved value, `n` for off. state: kept as asked, changed to another value, or dropped.
        blocker: the symbols that stand in the way, for people; empty until explained, or when not known.
    """

    demand: Demand
    got: str
    state: Literal["kept", "changed", "dropped"]
    blocker: str = ""

    @property
    def fatal(self) -> bool:
        """Whether this stops the cut."""
        return self.state != "kept" and self.demand.kind != "optional"


def read_config(path: Path) -> dict[str, str]:
    """Return the symbols of a .config that are not off, name → value."""
    return dict(SETTING.findall(path.read_text()))


def audit_config(fragments: Sequence[Fragment], config: Path) -> tuple[Finding, ...]:
    """Return a finding for every line of every fragment, in order."""
    symbols = read_config(config)
    return tuple(audit_demand(demand, symbols) for demand in list_all(fragments))


def audit_demand(demand: Demand, symbols: Mapping[str, str]) -> Finding:
    """Return what became of one demand."""
    got = symbols.get(demand.symbol, OFF)
    state: Literal["kept", "changed", "dropped"] = "kept" if got == demand.value else "dropped" if got == OFF else "changed"
    return Finding(demand=demand, got=got, state=state)


def check_audit(findings: Sequence[Finding], *, arch: Arch) -> None:
    """Raise KconfigError with every demand that was changed or dropped."""
    misses = [describe_finding(finding, arch=arch) for finding in findings if finding.fatal]
    if misses:
        raise KconfigError("\n".join(misses), hint="add what is missing to the fragment, or mark the line `# optional: REASON`")


def describe_finding(finding: Finding, *, arch: Arch) -> str:
    """Return a miss for people: where, what was asked, what came, and what is in the way."""
    demand = finding.demand
    became = "was dropped" if finding.state == "dropped" else f"became {finding.got}"
    because = f": {finding.blocker}" if finding.blocker else ""
    because += f"; it is forbidden because {demand.reason}" if demand.kind == "forbid" and demand.reason else ""
    return f"{demand.file}:{demand.line}: {arch}: {demand.symbol}={demand.value} {became}{because}"


def render_table(findings: Sequence[Finding], *, arch: Arch) -> str:
    """Return a plain table: a summary, and a line for all that was not kept."""
    counts = {state: sum(finding.state == state for finding in findings) for state in ("kept", "changed", "dropped")}
    lines = [f"kconfig {arch}: {len(findings)} lines, " + ", ".join(f"{count} {state}" for state, count in counts.items())]
    for finding in findings:
        if finding.state != "kept":
            why = finding.blocker or finding.demand.reason
            kind = "optional" if finding.demand.kind == "optional" else "MISSED"
            lines.append(
                f"  {kind:8} {finding.state:7} {finding.demand.symbol}={finding.demand.value}, got {finding.got}  {why}".rstrip()
            )
    return "\n".join(lines)


def write_audit(path: Path, findings: Sequence[Finding], *, arch: Arch) -> None:
    """Write the audit as JSON."""
    rows = [asdict(finding) | {"demand": asdict(finding.demand) | {"file": finding.demand.file.name}} for finding in findings]
    write_json(path, {"arch": arch, "ok": not any(finding.fatal for finding in findings), "findings": rows})


def list_demands(fragments: Sequence[Fragment]) -> list[str]:
    """Return the lines that a build must find again in its own .config: all that are not optional."""
    return list(dict.fromkeys(demand.text for demand in list_all(fragments) if demand.kind != "optional"))
