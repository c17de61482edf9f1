"""Show that the packages proxy: scenarios in namespaces of this host, and in virtual machines with the cut's own kernel.

Runs side by side make room for a scenario that measures.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.errors import AcceptanceError, GateError, UserError
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import PACKAGE, digest_code, digest_file
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step

if TYPE_CHECKING:
    from tproxy_rpms.acceptance.verdict import Verdict

ROOMS = ("acceptance", "acceptance/scenarios", "acceptance/router", "acceptance/wccp", "acceptance/static", "acceptance/busybox")


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step for each world and arch."""
    for world in cut.release.acceptance.worlds:
        for arch in cut.release.arches:
            yield Step(
                stage="accept",
                name=f"{world}:{arch}",
                doc=f"{arch}, in {world}",
                after=tuple(":".join(cut.finished_by(name, arch)) for name in cut.release.packages),
                inputs=partial(inputs, cut, world, arch),
                run=partial(run, cut, world, arch),
            )


def list_steps(cut: Cut) -> tuple[str, ...]:
    """Return the names of all steps."""
    return tuple(f"accept:{world}:{arch}" for world in cut.release.acceptance.worlds for arch in cut.release.arches)


def inputs(cut: Cut, world: str, arch: Arch) -> dict[str, object]:
    """What shapes a verdict: the packages, the scenarios, and in namespaces the host."""
    host = [os.uname().release, os.geteuid() == 0] if world == "namespaces" else []
    return {
        "packages": list_packages(cut, arch),
        "acceptance": asdict(cut.release.acceptance),
        "userland": cut.release.target.userland,
        "host": host,
        "code": [digest_code(*ROOMS), *(digest_file(path) for path in list_shaping())],
    }


def list_shaping() -> list[Path]:
    """Return the files besides the rooms' code that say what hosts are made of."""
    found = [path for room in ROOMS for path in (PACKAGE / room).iterdir() if path.suffix in (".spec", ".config", ".txt")]
    return [PACKAGE / "tasks" / "cast.py", *sorted(found)]


def list_packages(cut: Cut, arch: Arch) -> dict[str, str]:
    """Return the RPMs of an arch as they go into the repository, file → hex SHA-256."""
    names = cut.release.packages
    return {file: digest for name in names for file, digest in cut.recorded(*cut.finished_by(name, arch)).items()}


def run(cut: Cut, world: str, arch: Arch) -> tuple[Path, ...]:
    """Run the scenarios, and leave verdict and page. Raises AcceptanceError for what does not hold."""
    from tproxy_rpms.acceptance.run import accept
    from tproxy_rpms.acceptance.verdict import write_verdict
    from tproxy_rpms.console import tell
    from tproxy_rpms.progress.watch import Tally, watch_count
    from tproxy_rpms.tasks.cast import assemble, describe_host

    path = cut.acceptance / f"{world}-{arch}.json"
    folder = path.with_suffix("")
    names = choose_scenarios(cut)
    folder.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # what a run before this one has found is not what this one would
    for capture in folder.glob("*.pcap"):
        capture.unlink()
    name, tally = f"accept:{world}:{arch}", Tally()

    def tell_check(line: str) -> None:
        tally.add()
        tell(f"{world} {arch}: {line}")

    with watch_count(name, unit="checks", count=tally.look, kept=cut.pace(name)):
        verdict = accept(
            cut.release.name, world, names, partial(assemble, cut, world, arch, folder), arch=arch,
            host=describe_host(cut, world), packages=list_packages(cut, arch), may_skip=cut.release.acceptance.may_skip,
            folder=folder, work=cut.build / "work" / f"accept-{world}-{arch}", tell=tell_check,
        )  # fmt: skip
    write_verdict(path, verdict)
    write_page(cut)
    for finding in verdict.findings:
        if finding.skipped:
            tell(f"{world} {arch}: skip  {finding.scenario}: {finding.skipped}")
    if not verdict.passed:
        raise AcceptanceError(
            verdict.list_failures(), hint=f"what was seen: {cut.acceptance / 'index.html'}; packets and logs: {folder}"
        )
    return (path,)


def choose_scenarios(cut: Cut) -> tuple[str, ...]:
    """Return the scenarios that the release asks for. Raises UserError for one that is not there."""
    from tproxy_rpms.acceptance.scenarios import list_scenarios
    from tproxy_rpms.release.table import suggest

    known = list_scenarios()
    chosen = cut.release.acceptance.scenarios or known
    unknown = [f"acceptance.scenarios: there is no {name!r}{suggest(name, known)}" for name in chosen if name not in known]
    if unknown:
        raise UserError("\n".join(f"{cut.release.files[-1]}: {line}" for line in unknown), hint=f"there are {', '.join(known)}")
    return chosen


def list_verdicts(cut: Cut) -> "list[tuple[Path, Verdict]]":
    """Return the verdicts that are about the packages as they are now, with their files."""
    from tproxy_rpms.acceptance.verdict import read_verdict

    found = []
    for world in cut.release.acceptance.worlds:
        for arch in cut.release.arches:
            path = cut.acceptance / f"{world}-{arch}.json"
            if path.is_file():
                verdict = read_verdict(path)
                if verdict.packages == list_packages(cut, arch):
                    found.append((path, verdict))
    return found


def require_accepted(cut: Cut) -> None:
    """Raise GateError unless every arch was accepted in a world, and none was refused in any."""
    verdicts = [verdict for _, verdict in list_verdicts(cut)]
    passed = {verdict.arch for verdict in verdicts if verdict.word == "passed"}
    findings = [failure for verdict in verdicts for failure in verdict.list_failures()]
    findings += [f"{arch}: no acceptance run of these packages has passed" for arch in cut.release.arches if arch not in passed]
    if findings:
        raise GateError(findings, hint="publishing.demand asks for it: run doit accept")


def write_page(cut: Cut) -> None:
    """Write the page of all verdicts that are about the packages as they are now."""
    from tproxy_rpms.acceptance.report import render_page
    from tproxy_rpms.store import wait_for_lock, write_whole

    with wait_for_lock(cut.acceptance / ".lock"):
        verdicts = [verdict for _, verdict in list_verdicts(cut)]
        write_whole(cut.acceptance / "index.html", render_page(verdicts, title=f"{cut.release.name}: acceptance"))
