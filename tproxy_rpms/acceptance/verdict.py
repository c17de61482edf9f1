"""What an acceptance run has found, as it is kept: JSON with the fields of `Verdict`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tproxy_rpms.acceptance.trial import Finding
from tproxy_rpms.store import read_document, write_json

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One run of the scenarios of a world, for one arch.

    Fields:
        packages: RPM file → hex SHA-256, what was tried. versions: what runs there, as it says itself.
        started: ISO 8601. seconds: how long all of it took.
    """

    release: str
    world: str
    arch: str
    packages: Mapping[str, str]
    versions: Mapping[str, str]
    started: str
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that ran holds."""
        return all(finding.passed for finding in self.findings)

    @property
    def word(self) -> str:
        """One word for it: passed, failed, or skipped where nothing ran."""
        if not self.passed:
            return "failed"
        return "skipped" if all(finding.skipped for finding in self.findings) else "passed"

    def list_failures(self) -> list[str]:
        """Return every check that failed, and what ended scenarios early."""
        failures = []
        for finding in self.findings:
            place = f"{self.world} {self.arch}, {finding.scenario}"
            failures += [f"{place}: {check.name}" for check in finding.checks if not check.holds]
            failures += [f"{place}: {finding.error}"] if finding.error else []
            if not (finding.passed or finding.error or finding.checks):
                failures.append(f"{place}: nothing was checked")
        return failures


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Write a verdict as JSON, whole or not at all."""
    rates = {series.name: round(series.rate, 1) for finding in verdict.findings for series in finding.series}
    write_json(path, {"schema": SCHEMA, "verdict": verdict.word, "rates": rates} | asdict(verdict))


def read_verdict(path: Path) -> Verdict:
    """Return a verdict. Raises HostError for a file that is missing, damaged, or of another schema."""
    return read_document(
        path, Verdict, schema=SCHEMA, what="verdict of an acceptance run", cure="remove it and run doit accept again"
    )
