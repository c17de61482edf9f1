"""Tell on one page what a cut has come to: packages, sources, audits, verdicts, times, and what changed."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.store import is_current, read_outputs, read_stamp
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step, Telling

if TYPE_CHECKING:
    from tproxy_rpms.builders.describe import RootContent
    from tproxy_rpms.report.evidence import Evidence, Made, Published, StepState, Verdicts
    from tproxy_rpms.report.runs import Run

T = TypeVar("T")

# Seconds that the place that is published to may take to answer: a report waits for nobody.
PATIENCE = 10


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(stage="report", doc=f"build/{cut.release.name}/report/index.html", run=partial(tell, cut))


def tell(cut: Cut) -> None:
    """Write the page, whole or not at all, and say where it lies."""
    from tproxy_rpms.console import write_line
    from tproxy_rpms.report.gather import gather_report
    from tproxy_rpms.report.page import render_page
    from tproxy_rpms.store import write_whole

    write_whole(cut.report, render_page(gather_report(gather(cut))))
    write_line(sys.stdout, f"{cut.release.name}: {cut.report}")


def gather(cut: Cut) -> "Evidence":
    """Return what the cut has left, finished or not."""
    from tproxy_rpms.report.evidence import Evidence
    from tproxy_rpms.report.runs import read_runs

    runs = read_runs(cut.runs)
    steps = tuple(judge_step(cut, step, runs) for step in list_steps(cut))
    return Evidence(
        release=cut.release,
        folder=cut.build,
        now=time.time(),
        ccache=has_ccache(cut),
        runs=runs,
        steps=steps,
        made=tuple(gather_made(cut, steps)),
        patches=dict(gather_patches(cut)),
        roots=tuple(gather_roots(cut)),
        verdicts=gather_verdicts(cut),
        published=gather_published(cut),
        benchmarks=cut.top / "benchmarks" / "results.json",
    )


def list_steps(cut: Cut) -> Iterator[Step]:
    """Yield the steps of a cut in the order of their stages, acceptance last."""
    from tproxy_rpms.tasks import accept, client, fetch, gate, kconfig, record, repo, root, rpm, sign, srpm, verify

    for stage in (fetch, verify, kconfig, srpm, root, rpm, gate, sign, client, repo, record, accept):
        yield from (step for step in stage.create(cut) if isinstance(step, Step))


def judge_step(cut: Cut, step: Step, runs: "Sequence[Run]") -> "StepState":
    """Return what became of a step: the same question that doit asks before it does it, and what its last run ended with."""
    from tproxy_rpms.report.evidence import StepState

    task = f"{step.stage}:{step.name}"
    stamp = cut.stamp(*task.split(":"))
    made = stamp.stat().st_mtime if stamp.is_file() else 0
    current = False
    with suppress(TproxyError, OSError):  # what cannot be told of a step is a reason to do it
        current = bool(made) and is_current(stamp, inputs=step.inputs(), refresh=False)
    if current:
        return StepState(task=task, state="done", when=made)
    last = max((one for run in runs for one in run.steps if one.task == task), key=lambda one: one.started, default=None)
    if last and last.outcome == "failed" and last.started + last.seconds > made:
        return StepState(task=task, state="failed", when=last.started + last.seconds)
    return StepState(task=task, state="outdated" if made else "missing", when=made)


def has_ccache(cut: Cut) -> bool:
    """Tell whether compilers of any of the packages went through ccache."""
    stamps = [read_stamp(cut.stamp("rpm", name, arch)) for name in cut.release.packages for arch in cut.release.arches]
    return any(stamp["inputs"].get("ccache") for stamp in stamps if stamp)


def gather_made(cut: Cut, steps: "Sequence[StepState]") -> Iterator["Made"]:
    """Yield the RPMs of each package and arch, signed ones where they are."""
    from tproxy_rpms.report.evidence import Made

    states = {step.task: step.state for step in steps}
    for name in cut.release.packages:
        for arch in (*cut.release.arches, "SRPM"):
            words = cut.made_by(name, arch)
            outputs = read_outputs(cut.stamp(*cut.finished_by(name, arch))) or read_outputs(cut.stamp(*words))
            paths = tuple(sorted(path for path in outputs if path.suffix == ".rpm"))
            yield Made(package=name, arch=arch, paths=paths, state=states[":".join(words)])


def gather_patches(cut: Cut) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Yield the patches of each package that can be told."""
    for package in cut.release.packages.values():
        with suppress(TproxyError):
            yield package.name, cut.patches(package)


def gather_roots(cut: Cut) -> "Iterator[RootContent]":
    """Yield the build roots that are there."""
    from tproxy_rpms.tasks.record import gather_roots as gather_described

    with suppress(TproxyError, OSError):
        yield from gather_described(cut)


def gather_verdicts(cut: Cut) -> "Verdicts":
    """Return the verdicts of acceptance runs and of second builds, and name those that are not about these packages."""
    from tproxy_rpms.acceptance.verdict import read_verdict
    from tproxy_rpms.report.evidence import Verdicts
    from tproxy_rpms.repro.report import read_report
    from tproxy_rpms.tasks.accept import list_packages
    from tproxy_rpms.tasks.repro import is_about

    current: dict[str, dict[str, str]] = {arch: list_packages(cut, arch) for arch in cut.release.arches}
    accepted, others = sift(cut.acceptance, read_verdict, lambda one: one.packages == current.get(one.arch))
    reproduced, strangers = sift(cut.verdicts(), read_report, partial(is_about, cut))
    return Verdicts(accepted=accepted, reproduced=reproduced, stale=(*others, *strangers))


def sift(folder: Path, read: Callable[[Path], T], fits: Callable[[T], bool]) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """Return the documents of a folder that fit, and what is wrong with the others."""
    found, others = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            document = read(path)
        except TproxyError as error:
            others.append(error.message)
            continue
        if fits(document):
            found.append(document)
        else:
            others.append(f"{folder.name}/{path.name}: about other packages than these")
    return tuple(found), tuple(others)


def gather_published(cut: Cut) -> "Published":
    """Return how the cut differs from what is published; a place that does not answer soon is not waited for."""
    from tproxy_rpms.publish.place import open_place
    from tproxy_rpms.report.evidence import Published
    from tproxy_rpms.report.published import compare_published

    if cut.release.publishing is None:
        return Published(lack="Never published: the release does not say where to (publishing.to).")
    return compare_published(replace(open_place(cut.release.publishing), patience=PATIENCE), cut.build)
