"""Everything that the page tells, gathered."""

from dataclasses import dataclass

from tproxy_rpms.builders.describe import RootContent
from tproxy_rpms.report.answer import Answer, answer_all
from tproxy_rpms.report.benchmark import Benchmarks, read_benchmarks
from tproxy_rpms.report.configuration import Audit, gather_audits
from tproxy_rpms.report.evidence import Evidence
from tproxy_rpms.report.gate import Gate, gather_gates
from tproxy_rpms.report.history import StepTime, compare_times
from tproxy_rpms.report.package import PackageGroup, gather_packages
from tproxy_rpms.report.patch import PatchSet, gather_patches
from tproxy_rpms.report.record import Link, gather_logs, gather_records, gather_repositories
from tproxy_rpms.report.source import SourceLine, gather_sources
from tproxy_rpms.report.timeline import Timeline, choose_run, draw_run


@dataclass(frozen=True, kw_only=True)
class CutReport:
    """All sections of the page.

    Fields:
        finished: when the last repository was made, seconds since 1970, 0 if none was. roots: by arch, None for one that is not
        there. times: only of steps that took a second. quick: how many did not.
    """

    evidence: Evidence
    finished: float
    answers: tuple[Answer, ...]
    packages: tuple[PackageGroup, ...]
    sources: tuple[SourceLine, ...]
    patches: tuple[PatchSet, ...]
    roots: tuple[tuple[str, RootContent | None], ...]
    audits: tuple[Audit, ...]
    gates: tuple[Gate, ...]
    records: tuple[Link, ...]
    repositories: tuple[Link, ...]
    logs: tuple[tuple[str, tuple[Link, ...]], ...]
    timeline: Timeline | None
    times: tuple[StepTime, ...]
    quick: int
    benchmarks: Benchmarks


def gather_report(evidence: Evidence) -> CutReport:
    """Return everything that the page tells; what is missing or damaged is told as that."""
    run = choose_run(evidence.runs)
    times = gather_times(evidence)
    roots = {root.arch: root for root in evidence.roots}
    return CutReport(
        evidence=evidence,
        finished=max((cell.since for task, cell in evidence.steps.items() if task.startswith("repo:")), default=0),
        answers=answer_all(evidence),
        packages=gather_packages(evidence),
        sources=gather_sources(evidence),
        patches=gather_patches(evidence),
        roots=tuple((arch, roots.get(arch)) for arch in evidence.release.arches),
        audits=gather_audits(evidence),
        gates=gather_gates(evidence),
        records=gather_records(evidence),
        repositories=gather_repositories(evidence),
        logs=gather_logs(evidence),
        timeline=draw_run(run) if run else None,
        times=tuple(time for time in times if time.seconds >= 1),
        quick=sum(time.seconds < 1 for time in times),
        benchmarks=read_benchmarks(evidence.benchmarks),
    )


def gather_times(evidence: Evidence) -> tuple[StepTime, ...]:
    """Return the times of the cut's steps, then those of comparisons and whatever else was timed."""
    others = sorted({step.task for run in evidence.runs for step in run.steps} - evidence.steps.keys())
    return compare_times(evidence.runs, (*evidence.steps, *others))
