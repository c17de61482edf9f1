"""Examining a host: every check of a release, one after the other, and what they find as text or JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tproxy_rpms.doctor import archive, general, processor
from tproxy_rpms.doctor.finding import Case, Check, Finding, failure, warning
from tproxy_rpms.doctor.needs import load_needs
from tproxy_rpms.errors import HostError, TproxyError

SCHEMA = 1


def examine(case: Case) -> tuple[Finding, ...]:
    """Return everything that is found, in the order in which a cut would meet it; the same finding once."""
    return tuple(dict.fromkeys(finding for check in list_checks(case.release.builder) for finding in run_check(check, case)))


def list_checks(builder: str) -> tuple[Check, ...]:
    """Return the checks of every release, then those of the builder."""
    needs = load_needs(builder)
    own: tuple[Check, ...] = needs.checks if needs else (miss_needs,)
    return (*general.CHECKS, *processor.CHECKS, *archive.CHECKS, *own)


def miss_needs(case: Case) -> Iterator[Finding]:
    """A builder that has not said what it needs."""
    builder = case.release.builder
    yield warning("builder", f"nothing is known of what {builder} needs", f"say it in tproxy_rpms/doctor/{builder}.py")


def run_check(check: Check, case: Case) -> Iterator[Finding]:
    """Yield what a check finds; one that stumbles is a finding, too, and hides no other."""
    name = getattr(check, "__name__", "check").removeprefix("check_").replace("_", " ")
    try:
        yield from check(case)
    except TproxyError as error:
        yield failure(name, " ".join(error.message.split()), error.hint)
    except OSError as error:
        yield warning(name, f"could not be looked at: {error}", "mend that, and ask again")


def count_findings(findings: Sequence[Finding]) -> str:
    """Return the sum in one line."""
    counts = {status: sum(finding.status == status for finding in findings) for status in ("ok", "warn", "fail")}
    return f"{len(findings)} checks: {counts['ok']} ok, {counts['warn']} warned, {counts['fail']} failed"


def render_table(findings: Sequence[Finding]) -> str:
    """Return a line a finding, with its cure below where there is one, and the sum."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:4}  {finding.name:{width}}  {one_line(finding.found)}")
        if finding.cure:
            lines.append(f"{'':4}  {'cure:':>{width}}  {one_line(finding.cure)}")
    return "\n".join([*lines, count_findings(findings)]) + "\n"


def one_line(text: str) -> str:
    """Return a text without line breaks; tools say what they like."""
    return " ".join(text.split())


def render_json(case: Case, findings: Sequence[Finding]) -> str:
    """Return the findings for programs."""
    checks = [
        {"name": one.name, "status": one.status, "found": one_line(one.found), "cure": one_line(one.cure)} for one in findings
    ]
    content: dict[str, Any] = {"schema": SCHEMA, "release": case.release.name, "builder": case.release.builder}
    return json.dumps(content | {"fit": is_fit(findings), "checks": checks}, indent=2) + "\n"


def is_fit(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed."""
    return all(finding.status != "fail" for finding in findings)


def require_fitness(case: Case, findings: Sequence[Finding]) -> None:
    """Raise HostError that names every check that failed."""
    failed = list(dict.fromkeys(finding.name for finding in findings if finding.status == "fail"))
    if failed:
        raise HostError(f"this host is not fit for {case.release.name}: {', '.join(failed)}", hint="each has its cure beside it")
