"""Tell where the cut stands: what is done for each package and arch, since when, why not, and whether it can be published."""

import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tproxy_rpms.errors import TproxyError, UnpublishableError
from tproxy_rpms.release.model import Package
from tproxy_rpms.store import read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.doctor import JSON
from tproxy_rpms.tasks.record import list_repositories
from tproxy_rpms.tasks.step import Telling

if TYPE_CHECKING:
    from tproxy_rpms.acceptance.verdict import Verdict
    from tproxy_rpms.publish.receipt import Receipt
    from tproxy_rpms.report.status import Cell, Row, Status
    from tproxy_rpms.tasks.assessor import Assessor

# Failed checks that are told of one acceptance run.
MOST_FAILURES = 3


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(
        stage="status",
        doc="where the cut stands, why something is not up to date, and whether it can be published (--json)",
        run=partial(tell, cut),
        options=(JSON,),
    )


def tell(cut: Cut, *, json: bool) -> None:
    """Print the status. Raises UnpublishableError for a cut that cannot be published as it is."""
    from json import dumps

    from tproxy_rpms.outlet import write_text
    from tproxy_rpms.report.status import render_json, render_status

    status = read_status(cut)
    write_text(sys.stdout, dumps(render_json(status), indent=2) + "\n" if json else render_status(status))
    if not status.publishable:
        raise UnpublishableError(
            [f"{cut.release.name}: not publishable: {len(status.obstacles)} in the way"],
            hint="they are listed above; doit makes what is missing",
        )


def read_status(cut: Cut, assessor: "Assessor | None" = None) -> "Status":
    """Return where the cut stands, by what an assessor knows already if one is given. Changes nothing, asks only the disk."""
    from tproxy_rpms.publish.receipt import read_receipt
    from tproxy_rpms.report.status import Status
    from tproxy_rpms.store import read_holder
    from tproxy_rpms.tasks.assessor import open_assessor

    assessor = assessor or open_assessor(cut)
    receipt = read_receipt(cut.receipt)
    accepted: dict[str, Cell] = {arch: list_accepted(cut, assessor, arch) for arch in cut.release.arches}
    return Status(
        release=cut.release.name,
        summary=cut.release.summary,
        folder=str(cut.build),
        rows=tuple(list_rows(cut, assessor, receipt, accepted)),
        whole=describe_whole(cut, assessor, receipt),
        obstacles=tuple(dict.fromkeys(list_obstacles(cut, assessor, accepted))),
        worker=read_holder(cut.build / "lock"),
        now=time.time(),
    )


def list_rows(cut: Cut, assessor: "Assessor", receipt: "Receipt | None", accepted: "dict[str, Cell]") -> "Iterator[Row]":
    """Yield a row for each package and arch, and one for what brings the key to hosts."""
    from tproxy_rpms.report.status import COLUMNS, NONE, Row

    for package in cut.release.packages.values():
        for arch in (*cut.release.arches, "SRPM"):
            cells = judge_package(cut, assessor, package, arch) | {
                "published": judge_published(cut, receipt, cut.finished_by(package.name, arch)),
                "accepted": accepted.get(arch, NONE),
            }
            yield Row(package=package.name, arch=arch, cells=cells)
    if cut.has_client:
        client = assessor.judge("client:tproxy-release")
        cells = dict.fromkeys(("built", "gated", "signed"), client)
        cells["published"] = judge_published(cut, receipt, ("client", "tproxy-release"))
        yield Row(package="tproxy-release", arch="noarch", cells=dict.fromkeys(COLUMNS, NONE) | cells)


def judge_package(cut: Cut, assessor: "Assessor", package: Package, arch: str) -> "dict[str, Cell]":
    """Return the cells of a package and arch that steps of its own tell of."""
    from tproxy_rpms.report.status import combine

    return {
        "fetched": combine(assessor.judge(f"fetch:{source}") for source in package.sources),
        "verified": combine(assessor.judge(f"verify:{source}") for source in package.sources),
        "audited": assessor.judge(f"kconfig:{package.name}:{arch}"),
        "built": assessor.judge(":".join(cut.made_by(package.name, arch))),
        "gated": assessor.judge(f"gate:{package.name}:{arch}"),
        "reproducible": judge_reproducible(cut, package.name, arch),
        "signed": assessor.judge(f"sign:{package.name}:{arch}"),
    }


def judge_reproducible(cut: Cut, package: str, arch: str) -> "Cell":
    """Return what a second build of these RPMs has come to."""
    from tproxy_rpms.report.status import Cell
    from tproxy_rpms.repro.report import read_report
    from tproxy_rpms.tasks.repro import is_about

    path, name = cut.verdicts() / f"{package}-{arch}.json", f"repro:{package}:{arch}"
    if not path.is_file():
        return Cell(word="no", reasons=(f"{name}: not done yet",))
    try:
        report = read_report(path)
    except TproxyError as error:
        return Cell(word="bad", reasons=(f"{name}: {error.message.splitlines()[0]}",))
    since = path.stat().st_mtime
    if not is_about(cut, report):
        return Cell(word="old", since=since, reasons=(f"{name}: its verdict is about other RPMs",))
    if report.verdict == "different":
        return Cell(word="bad", since=since, reasons=(f"{name}: different: {cut.verdicts() / 'index.html'}",))
    return Cell(word="good", since=since, note="equivalent" if report.verdict == "equivalent" else "")


def judge_published(cut: Cut, receipt: "Receipt | None", made_by: tuple[str, ...]) -> "Cell":
    """Return whether what a step made is what was last served."""
    from tproxy_rpms.report.status import NONE, Cell

    if cut.release.publishing is None:
        return NONE
    rpms = {digest for path, digest in read_outputs(cut.stamp(*made_by)).items() if path.suffix == ".rpm"}
    name = ":".join(made_by)
    if receipt is None or receipt.to != cut.release.publishing.to:
        return Cell(word="no", reasons=(f"publish: nothing has been published to {cut.release.publishing.to} yet",))
    if rpms and rpms <= set(receipt.rpms):
        return Cell(word="good", since=receipt.served)
    return Cell(word="old", since=receipt.served, reasons=(f"publish: {receipt.id} has not what {name} makes",))


def list_accepted(cut: Cut, assessor: "Assessor", arch: str) -> "Cell":
    """Return what all worlds say of an arch."""
    from tproxy_rpms.report.status import combine

    return combine(judge_accepted(cut, assessor, world, arch) for world in cut.release.acceptance.worlds)


def judge_accepted(cut: Cut, assessor: "Assessor", world: str, arch: str) -> "Cell":
    """Return what the run of one world has come to."""
    from tproxy_rpms.report.status import Cell
    from tproxy_rpms.tasks.accept import list_verdicts

    name = f"accept:{world}:{arch}"
    try:
        found = {(verdict.world, verdict.arch): (path, verdict) for path, verdict in list_verdicts(cut)}
    except TproxyError as error:
        return Cell(word="bad", reasons=(f"{name}: {error.message.splitlines()[0]}",))
    if (world, arch) not in found:
        return assessor.judge(name)
    path, verdict = found[world, arch]
    return judge_verdict(verdict, name, since=path.stat().st_mtime)


def judge_verdict(verdict: "Verdict", name: str, *, since: float) -> "Cell":
    """Return what a verdict on the RPMs as they are now says."""
    from tproxy_rpms.report.status import Cell

    if verdict.word == "failed":
        return Cell(word="bad", since=since, reasons=tuple(f"{name}: {line}" for line in verdict.list_failures()[:MOST_FAILURES]))
    skipped = tuple(f"{name}: {finding.scenario} skipped: {finding.skipped}" for finding in verdict.findings if finding.skipped)
    return Cell(word="good" if verdict.word == "passed" else "no", since=since, reasons=skipped)


def describe_whole(cut: Cut, assessor: "Assessor", receipt: "Receipt | None") -> "dict[str, Cell]":
    """Return the cells of what speaks of the cut as a whole."""
    from tproxy_rpms.report.status import NONE, combine

    served = NONE
    if receipt and cut.release.publishing and receipt.to == cut.release.publishing.to:
        served = combine(judge_published(cut, receipt, cut.finished_by(name, "SRPM")) for name in cut.release.packages)
    return {
        "build roots": combine(assessor.judge(f"root:{arch}") for arch in cut.release.arches),
        "repositories": combine(assessor.judge(f"repo:{name}") for name in (*list_repositories(cut), "key")),
        "record": assessor.judge("record:cut"),
        f"snapshot {receipt.id if receipt else ''}": served,
    }


def list_obstacles(cut: Cut, assessor: "Assessor", accepted: "dict[str, Cell]") -> Iterator[str]:
    """Yield what is in the way of publishing: what the release does not say, and what is not done or not good."""
    release = cut.release
    file = release.files[-1]
    if cut.ccache:
        yield "ccache=on: what others install is compiled"
    for missing, key in (
        (not release.signing, "signing.key"),
        (not release.publishing, "publishing.to"),
        (not release.url, "url"),
    ):
        if missing:
            yield f"{file}: {key}: missing"
    ends = (*(f"repo:{name}" for name in (*list_repositories(cut), "key")), "record:cut")
    for name in assessor.list_needed(ends):
        yield from assessor.judge(name).reasons
    yield from list_demanded(cut, accepted)


def list_demanded(cut: Cut, accepted: "dict[str, Cell]") -> Iterator[str]:
    """Yield what is not good of the verdicts that publishing asks for."""
    demand = cut.release.publishing.demand if cut.release.publishing else ()
    if "repro" in demand:
        for name in cut.release.packages:
            for arch in (*cut.release.arches, "SRPM"):
                yield from judge_reproducible(cut, name, arch).reasons
    if "accept" in demand:
        for arch, cell in accepted.items():
            if cell.word != "good":
                yield from cell.reasons or (f"accept: {arch}: needs {', '.join(cell.needs)}",)
