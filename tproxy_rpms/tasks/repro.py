"""Build a second time under other surroundings, or look at what is published, and compare byte for byte.

The first build is the release's own; the second sees another folder, user, host name, clock, time zone, locale, umask and number
of jobs, in a root made anew. It never comes from a cache.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tproxy_rpms.errors import DifferentError, EquivalentError, GateError, UserError
from tproxy_rpms.release.model import Arch, Package
from tproxy_rpms.store import digest_value, read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling

if TYPE_CHECKING:
    from tproxy_rpms.builders import Variation
    from tproxy_rpms.repro.verdict import Report

# What may be given behind `repro`, or behind one of its tasks.
PARAMS: tuple[Mapping[str, Any], ...] = (
    {"name": "against", "long": "against", "type": str, "default": "", "help": "a published repository, URL or folder"},
    {
        "name": "builder",
        "long": "builder",
        "type": str,
        "default": "",
        "help": "who builds the second time; else the release's own",
    },
    {"name": "detail", "long": "detail", "type": bool, "default": False, "help": "have diffoscope show what differs"},
    {"name": "seconds", "long": "seconds", "type": int, "default": 300, "help": "the most that diffoscope may take for one RPM"},
    {"name": "megabytes", "long": "megabytes", "type": int, "default": 10, "help": "the most that its page of one RPM may have"},
)


# Where Koji has built the first side there may be more workers than this host has cores.
_turns = threading.BoundedSemaphore(os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for: see PARAMS."""

    against: str
    builder: str
    detail: bool
    seconds: int
    megabytes: int


def create(cut: Cut, **given: Any) -> Iterator[Telling]:
    """Yield a task for each package and arch, and one for each SRPM; `given` is what stands behind `repro` itself."""
    options = tuple({**param, "default": given.get(param["name"], param["default"])} for param in PARAMS)
    for package in cut.release.packages.values():
        for arch in (*cut.release.arches, "SRPM"):
            yield Telling(
                stage="repro",
                name=f"{package.name}:{arch}",
                doc=f"{package.name} {arch}: built twice, or compared with what is published (--against)",
                run=partial(judge, cut, package, arch),
                after=(":".join(cut.made_by(package.name, arch)),),
                options=options,
            )


def judge(cut: Cut, package: Package, arch: str, **options: Any) -> None:
    """Compare one package and arch, and leave JSON and the page. Raises EquivalentError or DifferentError by the verdict."""
    import sys

    from tproxy_rpms.console import write_line
    from tproxy_rpms.repro.report import render_table, write_report

    wish = Wish(**options)
    if wish.against:
        report, second = compare_with_published(cut, package, arch, wish.against)
    elif arch == "SRPM":
        report, second = compare_srpm(cut, package)
    else:
        report, second = compare_second(cut, package, "x86_64" if arch == "x86_64" else "i386", wish.builder)
    folder = cut.verdicts(wish.against)
    write_report(folder / f"{package.name}-{arch}.json", report)
    for comparison in report.comparisons:  # a page of an earlier build would tell of other differences
        (folder / "detail" / f"{comparison.file}.html").unlink(missing_ok=True)
    write_page(cut, folder)
    write_line(sys.stdout, render_table(report))
    if wish.detail and report.verdict != "identical":
        write_details(report, first=find_first(cut, package, arch), second=second, folder=folder / "detail", wish=wish)
        write_page(cut, folder)
    check_verdict(report, folder)


def find_first(cut: Cut, package: Package, arch: str) -> list[Path]:
    """Return the release's own RPMs of a package and arch."""
    return sorted(read_outputs(cut.stamp(*cut.made_by(package.name, arch))))


def compare_second(cut: Cut, package: Package, arch: Arch, builder: str = "") -> "tuple[Report, list[Path]]":
    """Return the comparison with a second build, which is made if it is not there yet, and its RPMs; `builder` makes it."""
    from tproxy_rpms.publish.origin import read_origin
    from tproxy_rpms.repro.compare import compare_sets
    from tproxy_rpms.repro.verdict import Report
    from tproxy_rpms.surroundings import list_varied

    other = cut.with_builder(builder)
    variation = vary_job(cut, other, package, arch)
    second = build_second(cut, other, package, variation)
    surroundings = (replace(variation.first, jobs=read_origin(cut.origin(package, arch)).jobs or None), variation.second)
    varied = list_varied(*surroundings)
    return Report(
        package=package.name,
        arch=arch,
        comparisons=compare_sets(find_first(cut, package, arch), second, surroundings=surroundings),
        varied=varied,
        kept={name: why for name, why in variation.kept.items() if name not in varied},
    ), second


def vary_job(cut: Cut, other: Cut, package: Package, arch: Arch) -> "Variation":
    """Return a second build of a job by the builder of `other`, with what the release's own build has seen as the first."""
    from tproxy_rpms.builders import Varier
    from tproxy_rpms.tasks.observe import watch_root
    from tproxy_rpms.tasks.rpm import make_job

    for one in (cut, other):
        if not isinstance(one.builder, Varier):
            raise UserError(
                f"{cut.release.name}: the {one.release.builder} builder has no second build", hint="compare with --against"
            )
    assert isinstance(cut.builder, Varier) and isinstance(other.builder, Varier)
    folder = second_folder(cut, package, arch)
    folder.mkdir(parents=True, exist_ok=True)
    job = make_job(other, package, arch)
    ccache = job.ccache and job.ccache.with_name(f"{job.ccache.name}-second")
    job = replace(job, results=folder / "rpms", logs=folder / "logs", ccache=ccache)
    with watch_root(other, arch, f"repro:{package.name}:{arch}"):
        if other is cut:
            return cut.builder.vary(job, log=folder / "root.log")
        make_other_root(cut, other, arch)
        variation = other.builder.vary(job, log=folder / "root.log")
    first = replace(cut.builder.surroundings(job), root=f"the {cut.release.builder} builder's")
    return replace(variation, first=first, second=replace(variation.second, root=f"the {other.release.builder} builder's"))


def make_other_root(cut: Cut, other: Cut, arch: Arch) -> None:
    """Make the root of an arch that second builds by another builder begin with, once for all packages."""
    from tproxy_rpms.store import is_current, wait_for_lock, write_stamp
    from tproxy_rpms.tasks.root import inputs

    name = f"root-{other.release.builder}-{arch}"
    stamp = cut.stamp(name)
    with wait_for_lock(stamp.with_suffix(".lock")):
        if not is_current(stamp, inputs=inputs(other, arch)):
            made = other.builder.make_root(arch, log=cut.build / "logs" / f"{name}.log")
            write_stamp(stamp, inputs=inputs(other, arch), outputs=made)


def build_second(cut: Cut, other: Cut, package: Package, variation: "Variation") -> list[Path]:
    """Return the RPMs of a second build; one that was made of the same, in the same surroundings, is not made again."""
    from tproxy_rpms.builders import Remote
    from tproxy_rpms.store import is_current, write_stamp
    from tproxy_rpms.tasks.observe import watch_build
    from tproxy_rpms.tasks.rpm import inputs

    arch = variation.job.arch
    stamp = cut.stamp("repro", package.name, arch)
    shaped_by = inputs(cut, package, arch) | {"second": variation.second, "code": other.builder_code}
    if other is not cut:
        shaped_by |= {"builder": other.release.builder}
    if not is_current(stamp, inputs=shaped_by):
        turn = nullcontext() if isinstance(other.builder, Remote) else _turns
        with turn, watch_build(other, variation.job, f"repro:{package.name}:{arch}"):
            built = other.builder.build(variation.job)
        write_stamp(stamp, inputs=shaped_by, outputs=built.rpms)
    return sorted(read_outputs(stamp))


def second_folder(cut: Cut, package: Package, arch: Arch) -> Path:
    """The folder of a second build."""
    return cut.build / "second" / f"{package.name}-{arch}"


def compare_srpm(cut: Cut, package: Package) -> "tuple[Report, list[Path]]":
    """Return the comparison with a second SRPM, and that."""
    from tproxy_rpms.packaging.srpm import KEPT, OWN, SECOND
    from tproxy_rpms.repro.compare import compare_sets
    from tproxy_rpms.repro.verdict import Report
    from tproxy_rpms.surroundings import list_varied
    from tproxy_rpms.tasks.srpm import make_in

    second = make_in(cut, package, output=cut.build / "second" / f"{package.name}-SRPM", surroundings=SECOND)
    return Report(
        package=package.name,
        arch="SRPM",
        comparisons=compare_sets(find_first(cut, package, "SRPM"), [second], surroundings=(OWN, SECOND)),
        varied=list_varied(OWN, SECOND),
        kept=KEPT,
    ), [second]


def compare_with_published(cut: Cut, package: Package, arch: str, location: str) -> "tuple[Report, list[Path]]":
    """Return the comparison with the published RPMs of the same names, and these."""
    from tproxy_rpms.publish.statement import hide_credentials, strip_credentials
    from tproxy_rpms.repro.compare import compare_sets
    from tproxy_rpms.repro.published import find_published
    from tproxy_rpms.repro.verdict import Report
    from tproxy_rpms.surroundings import Surroundings

    first = find_first(cut, package, arch)
    scratch = cut.build / "published" / digest_value(location)[:16]
    with hide_credentials():
        published = find_published(location, [path.name for path in first], arch=arch, scratch=scratch)
    surroundings = (Surroundings(), Surroundings())
    comparisons = compare_sets(first, published, surroundings=surroundings)
    return Report(package=package.name, arch=arch, comparisons=comparisons, against=strip_credentials(location)), published


def write_details(report: "Report", *, first: Sequence[Path], second: Sequence[Path], folder: Path, wish: Wish) -> None:
    """Have diffoscope make a page for each RPM that is not identical, and tell where it lies and what it lacks."""
    import sys

    from tproxy_rpms.console import write_line
    from tproxy_rpms.repro.detail import write_detail

    ours, theirs = ({path.name: path for path in paths} for paths in (first, second))
    for comparison in report.comparisons:
        name = comparison.file
        if comparison.verdict != "identical" and name in ours and name in theirs:
            page = folder / f"{name}.html"
            lack = write_detail(ours[name], theirs[name], page=page, seconds=wish.seconds, size=wish.megabytes << 20)
            write_line(sys.stdout, f"detail: {page}" + (f": {lack}" if lack else ""))


def write_page(cut: Cut, folder: Path) -> None:
    """Write the page of all verdicts of a folder that are about the RPMs as they are now."""
    from tproxy_rpms.repro.report import read_reports, render_page
    from tproxy_rpms.store import wait_for_lock, write_whole

    with wait_for_lock(folder / ".lock"):
        reports = [report for report in read_reports(folder) if is_about(cut, report)]
        details = [path.name.removesuffix(".html") for path in (folder / "detail").glob("*.html")]
        page = render_page(reports, title=f"{cut.release.name}: reproducibility", details=details)
        write_whole(folder / "index.html", page)


def require_reproduced(cut: Cut) -> None:
    """Raise GateError unless a second build of everything gave the same, or differs in nothing but what is excused."""
    from tproxy_rpms.repro.report import read_reports

    good = {
        (report.package, report.arch)
        for report in read_reports(cut.verdicts())
        if report.verdict != "different" and is_about(cut, report)
    }
    asked = [(name, arch) for name in cut.release.packages for arch in (*cut.release.arches, "SRPM")]
    findings = [f"{name} {arch}: no second build of these RPMs gave the same" for name, arch in asked if (name, arch) not in good]
    if findings:
        raise GateError(findings, hint="publishing.demand asks for it: run doit repro")


def is_about(cut: Cut, report: "Report") -> bool:
    """Tell whether a verdict is about the RPMs of the release as they are now."""
    recorded = cut.recorded(*cut.made_by(report.package, report.arch))
    return bool(recorded) and all(comparison.first in ("", recorded.get(comparison.file)) for comparison in report.comparisons)


def check_verdict(report: "Report", folder: Path) -> None:
    """Raise the error of a verdict that is not identical."""
    name = f"{report.package} {report.arch}"
    if report.verdict == "equivalent":
        raise EquivalentError(
            f"{name}: equivalent: all but build time, build host and signatures is the same", hint=f"{folder / 'index.html'}"
        )
    if report.verdict == "different":
        found = {entry.cause for one in report.comparisons for entry in one.differences if not entry.excused}
        causes = sorted(found - {"consequence"} or found)
        raise DifferentError(f"{name}: different: {', '.join(causes)}", hint=f"{folder / 'index.html'}; --detail shows more")
