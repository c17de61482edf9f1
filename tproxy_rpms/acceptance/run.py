"""One acceptance run: makes the hosts, opens the world, runs its scenarios, and leaves a verdict whatever happens."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tproxy_rpms.acceptance.capability import WORLD_NEEDS, find_lacks
from tproxy_rpms.acceptance.node import NodeError
from tproxy_rpms.acceptance.quiet import take_turn
from tproxy_rpms.acceptance.scenarios import Scenario, describe, load_scenario
from tproxy_rpms.acceptance.trial import Check, Finding, Trial, TrialError
from tproxy_rpms.acceptance.userland import make_root, remove_root
from tproxy_rpms.acceptance.verdict import Verdict
from tproxy_rpms.acceptance.world import ProxyHost, World
from tproxy_rpms.errors import HostError
from tproxy_rpms.release.model import Arch


@dataclass(frozen=True, kw_only=True)
class Cast:
    """What an acceptance run is made of.

    Fields:
        rpms: the packages of this cut for an arch, without the kernel's. kernel: the kernel's own, None if the cut has none.
        busybox: static, of the arch. archive: the target's own system, tar.zst, None where it cannot run.
        programs: a folder of programs that take the place of the packages' own, or None.
        host: paths and versions of the proxy.
    """

    arch: Arch
    rpms: tuple[Path, ...]
    kernel: Path | None
    busybox: Path
    archive: Path | None
    programs: Path | None
    host: ProxyHost


def accept(
    release: str, world: str, names: Iterable[str], assemble: Callable[[], Cast], *, arch: Arch, host: ProxyHost,
    packages: Mapping[str, str], may_skip: Iterable[str], folder: Path, work: Path, tell: Callable[[str], None],
) -> Verdict:  # fmt: skip
    """Run scenarios in a world and return the verdict; logs and captures of what failed are left in a folder.

    Args:
        names: the scenarios. assemble: makes what hosts are made of, which may take minutes; called only if something can run.
        host: paths and versions of the proxy. packages: file → hex SHA-256 of what is tried.
        may_skip: capabilities that this host may lack.
        folder, work: for logs and captures; and for the hosts' files, which go with the run, or with the next one.
        tell: takes a line for people now and then.

    Raises HostError for a capability that is missing and may not be skipped, and for a world that cannot be made.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    chosen = {name: load_scenario(name) for name in names}
    here = [name for name, scenario in chosen.items() if world in scenario.WORLDS]
    needs = [need for name in here for need in chosen[name].NEEDS]
    lacks = find_lacks(world, needs, arch=arch)
    refuse_lacks(world, lacks, may_skip)
    skipped = {name: find_reason(world, chosen[name].NEEDS, lacks) for name in here}
    findings = [
        Finding(scenario=name, about=describe(chosen[name]), skipped=reason) for name, reason in skipped.items() if reason
    ]
    runnable = [name for name, reason in skipped.items() if not reason]
    if runnable:
        try:
            with open_world(world, assemble(), work=work, logs=folder) as opened:
                for name in runnable:
                    findings.append(run_scenario(name, opened, folder=folder, tell=tell))
        except NodeError as error:  # hosts that do not come up are a verdict on the packages
            tell(f"FAIL  {error.message}")
            told = {finding.scenario for finding in findings}
            findings += [
                Finding(scenario=name, about=describe(chosen[name]), error=error.message) for name in runnable if name not in told
            ]
    order = {name: number for number, name in enumerate(here)}
    return Verdict(
        release=release,
        world=world,
        arch=arch,
        packages=packages,
        versions={"kernel": host.kernel, "squid": host.squid, "iptables": host.iptables},
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(time.monotonic() - clock, 1),
        findings=tuple(sorted(findings, key=lambda finding: order[finding.scenario])),
    )


def refuse_lacks(world: str, lacks: Mapping[str, str], may_skip: Iterable[str]) -> None:
    """Raise HostError that names every capability that is missing and may not be."""
    refused = {name: reason for name, reason in lacks.items() if name not in may_skip}
    if refused:
        text = "\n".join(f"{world}: {name}: {reason}" for name, reason in refused.items())
        names = ", ".join(f'"{name}"' for name in refused)
        raise HostError(text, hint=f"or let the release skip what needs it: [acceptance] may_skip = [{names}]")


def find_reason(world: str, needs: Iterable[str], lacks: Mapping[str, str]) -> str:
    """Return why a scenario cannot run, empty if it can."""
    return "; ".join(f"{name}: {lacks[name]}" for name in (*WORLD_NEEDS[world], *needs) if name in lacks)


@contextmanager
def open_world(world: str, cast: Cast, *, work: Path, logs: Path) -> Iterator[World]:
    """Make the hosts' folders, and open the world that they are in."""
    with ExitStack() as stack:
        remove_root(work)
        work.mkdir(parents=True)
        stack.callback(remove_root, work)
        log = logs / "hosts.log"
        log.unlink(missing_ok=True)
        with take_turn(alone=False):
            plain = make_root(work / "plain", busybox=cast.busybox, log=log)
            proxy = make_root(
                work / "proxy", busybox=cast.busybox, log=log, rpms=cast.rpms, archive=cast.archive, programs=cast.programs
            )
            roots = {"client": plain, "proxy": proxy, "server": plain}
            opened = stack.enter_context(enter(world, roots, cast, scratch=work, logs=logs))
        yield opened


def enter(world: str, roots: Mapping[str, Path], cast: Cast, *, scratch: Path, logs: Path) -> AbstractContextManager[World]:
    """Return the world of a name."""
    if world == "namespaces":
        from tproxy_rpms.acceptance.namespaces import open_namespaces

        # Each host has files of its own.
        roots = {**roots, "server": make_root(scratch / "server", busybox=cast.busybox, log=logs / "hosts.log")}
        return open_namespaces(roots, arch=cast.arch, host=cast.host, scratch=scratch)
    from tproxy_rpms.acceptance.machines import open_machines

    if cast.kernel is None:
        raise HostError("machines: the release has no kernel to boot", hint='[acceptance] worlds = ["namespaces"]')
    boot = make_root(scratch / "boot", busybox=cast.busybox, log=logs / "hosts.log", rpms=[cast.kernel])
    return open_machines(roots, arch=cast.arch, boot=boot, host=cast.host, scratch=scratch, logs=logs)


def run_scenario(name: str, world: World, *, folder: Path, tell: Callable[[str], None]) -> Finding:
    """Run one scenario, and keep its packets if it fails."""
    scenario = load_scenario(name)
    with take_turn(alone=scenario.ALONE), world.capture(name, folder) as captured:
        finding = play(name, scenario, world, tell=tell)
    if finding.passed:
        for path in captured:
            path.unlink()
        return finding
    return replace(finding, capture=tuple(path.name for path in captured))


def play(name: str, scenario: Scenario, world: World, *, tell: Callable[[str], None]) -> Finding:
    """Run one scenario to its end, wherever that is."""
    clock, error = time.monotonic(), ""
    trial = Trial(tell=lambda check: tell(describe_check(name, check)))
    try:
        scenario.run(world, trial)
    except TrialError as found:
        # As a rule the check that failed says it.
        error = str(found) if all(check.holds for check in trial.checks) else ""
    except HostError as found:
        error = str(found)
        tell(f"FAIL  {name}: {error}")
    return Finding(
        scenario=name, about=describe(scenario), seconds=round(time.monotonic() - clock, 1), error=error,
        checks=tuple(trial.checks), series=tuple(trial.series),
    )  # fmt: skip


def describe_check(name: str, check: Check) -> str:
    """Return a check as one line, and more of one that failed."""
    if check.holds:
        return f"ok    {name}: {check.name}"
    told = "\n".join(f"        {line}" for line in check.detail.splitlines()[-20:])
    return f"FAIL  {name}: {check.name}\n{told}"
