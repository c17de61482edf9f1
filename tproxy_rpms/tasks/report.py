"""Tell on one page what a cut has come to: packages, sources, audits, verdicts, times, and what changed."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.store import read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling

if TYPE_CHECKING:
    from tproxy_rpms.builders.describe import RootContent
    from tproxy_rpms.report.evidence import Evidence, Made, Published, Verdicts
    from tproxy_rpms.report.status import Cell

T = TypeVar("T")

# Seconds that the place that is published to may take to answer: a report waits for nobody.
PATIENCE = 10


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(stage="report", doc="one page on what the cut has come to, finished or not", run=partial(tell, cut))


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
    from tproxy_rpms.tasks.assessor import open_assessor
    from tproxy_rpms.tasks.status import read_status

    assessor = open_assessor(cut)
    steps = {name: shorten_reasons(cut, assessor.judge(name)) for name in assessor.steps}
    return Evidence(
        release=cut.release,
        folder=cut.build,
        now=time.time(),
        runs=read_runs(cut.runs),
        steps=steps,
        obstacles=tuple(drop_folders(cut, line) for line in read_status(cut, assessor).obstacles),
        made=tuple(gather_made(cut, steps)),
        patches=dict(gather_patches(cut)),
        roots=tuple(gather_roots(cut)),
        verdicts=gather_verdicts(cut),
        published=gather_published(cut),
        benchmarks=cut.top / "benchmarks" / "results.json",
    )


def shorten_reasons(cut: Cut, cell: "Cell") -> "Cell":
    """Return what came of a step, with reasons for a page."""
    return replace(cell, reasons=tuple(drop_folders(cut, reason) for reason in cell.reasons))


def drop_folders(cut: Cut, text: str) -> str:
    """Return a text without the folders of this host: the page may be read elsewhere."""
    folders = {cut.build, cut.top, cut.root, cut.cache, Path.home()}
    folders |= {path.parent for path in cut.release.files}
    # The longest first: one may lie in another. A folder alone keeps its own name.
    for folder in sorted(folders - {Path("/")}, key=lambda one: len(str(one)), reverse=True):
        name = rf"(?<![\w./~-]){re.escape(str(folder))}"
        text = re.sub(rf"{name}(?![\w./~-])", folder.name, re.sub(f"{name}/", "", text))
    return text


def gather_made(cut: Cut, steps: "Mapping[str, Cell]") -> "Iterator[Made]":
    """Yield the RPMs of each package and arch, signed ones where they are; last what brings the key, which every arch has."""
    from tproxy_rpms.report.evidence import Made

    for name in cut.release.packages:
        for arch in (*cut.release.arches, "SRPM"):
            words = cut.made_by(name, arch)
            outputs = read_outputs(cut.stamp(*cut.finished_by(name, arch))) or read_outputs(cut.stamp(*words))
            paths = tuple(sorted(path for path in outputs if path.suffix == ".rpm"))
            yield Made(package=name, arch=arch, paths=paths, cell=steps[":".join(words)])
    if cut.has_client:
        client = sorted(read_outputs(cut.stamp("client", "tproxy-release")))
        for arch in (*cut.release.arches, "SRPM"):
            paths = tuple(path for path in client if path.suffix == ".rpm" and path.name.endswith(".src.rpm") == (arch == "SRPM"))
            yield Made(package="tproxy-release", arch=arch, paths=paths, cell=steps["client:tproxy-release"])


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
    stale = tuple(drop_folders(cut, line) for line in (*others, *strangers))
    return Verdicts(accepted=accepted, reproduced=reproduced, stale=stale)


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
    from tproxy_rpms.publish.receipt import read_receipt
    from tproxy_rpms.report.evidence import Published
    from tproxy_rpms.report.published import compare_published

    publishing = cut.release.publishing
    if publishing is None:
        return Published(lack="Never published: the release does not say where to (publishing.to).")
    published = compare_published(replace(open_place(publishing), patience=PATIENCE), cut.build)
    published = replace(published, lack=drop_folders(cut, published.lack))
    receipt = read_receipt(cut.receipt)
    if published.served or receipt is None or receipt.to != publishing.to:
        return published
    return replace(published, served=receipt.id, when=receipt.served, unsure=True)
