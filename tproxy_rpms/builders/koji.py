"""The koji builder sends SRPMs to a Koji hub, watches what its builders make of them, and fetches the RPMs."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tproxy_rpms.builders import Job, Result, Variation
from tproxy_rpms.builders.describe import JobContent, read_mock_run
from tproxy_rpms.builders.kojikept import fetch_kept
from tproxy_rpms.builders.kojilog import LOGS, NAMES
from tproxy_rpms.builders.kojiorder import UPLOADS, Order, make_order
from tproxy_rpms.builders.kojioutput import PLACE, check_root, fetch_rpms, read_made, read_place, write_place
from tproxy_rpms.builders.kojirepo import wait_for_builds
from tproxy_rpms.builders.kojisession import load_koji, open_session, read_access
from tproxy_rpms.builders.kojitarget import read_target
from tproxy_rpms.builders.kojitask import ACTIVE, Claim, Ledger
from tproxy_rpms.builders.kojiwatch import Watch
from tproxy_rpms.builders.output import finish_rpms, start_logs
from tproxy_rpms.console import tell
from tproxy_rpms.errors import TproxyError, UserError
from tproxy_rpms.release.koji import Koji
from tproxy_rpms.release.model import Arch, Release
from tproxy_rpms.store import digest_value, whole_folder, write_json
from tproxy_rpms.surroundings import Surroundings

# What Koji's own mock configuration makes of a build; the rest is the builder's.
OWN = Surroundings(directory="/builddir", user="mockbuild", root="a build root of Koji's")
SECOND = replace(OWN, root="another build root of Koji's")
KEPT = {"build path": "Koji always builds in /builddir", "user": "Koji always builds as mockbuild"}


@dataclass(frozen=True, kw_only=True)
class KojiBuilder:
    """Builds in Koji. `work` holds what this clone knows of its tasks; `cache` is for the small systems that mock makes here.

    `running` are the tasks that this process watches, each with the arch that it waits for.
    """

    release: Release
    koji: Koji
    cache: Path
    work: Path
    running: dict[tuple[int, Arch], tuple[Order, Claim]] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def root_inputs(self, arch: Arch) -> dict[str, str]:  # noqa: ARG002  # the protocol's signature
        """Which target of which hub, and whether builds are tagged; what its tags hold, only the hub knows."""
        hub = self.koji.hub or f"profile {self.koji.profile}"
        return {"hub": hub, "target": self.koji.target, "builds": "scratch" if self.koji.scratch else "tagged"}

    def make_root(self, arch: Arch, *, log: Path) -> tuple[Path, ...]:
        """Look whether the target can build for the arches, and return what it is made of: tags, repositories, groups, extras.

        Koji makes a root for each build, from the repository of the target's build tag.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with open_session(self.koji) as session:
            target = read_target(session, self.koji.target)
        target.require(self.release.arches, scratch=self.koji.scratch)
        listing = log.with_suffix(".koji.json")
        write_json(listing, asdict(target) | {"for": self.release.arches, "builds": self.root_inputs(arch)["builds"]})
        log.write_text(f"{self.koji.target}: built from {target.build_tag} into {target.dest_tag}\n")
        return (listing,)

    def identify_root(self, arch: Arch) -> None:  # noqa: ARG002  # the protocol's signature
        """Nobody can tell what the repository of a build tag will have when a build begins."""
        return

    def describe_root(self, arch: Arch, *, log: Path) -> None:  # noqa: ARG002  # the protocol's signature
        """Each build has a root of its own: `describe_job` tells what was in it."""
        return

    def describe_job(self, logs: Path) -> JobContent:
        """Return how mock and rpmbuild were called on the builder, where that was, and what the root held."""
        made = read_place(logs)
        commands = read_mock_run(logs)
        return (
            JobContent(commands=commands, packages=made.packages, place=made.render()) if made else JobContent(commands=commands)
        )

    def surroundings(self, job: Job) -> Surroundings:  # noqa: ARG002  # the protocol's signature
        """Return what Koji's builds see; how many jobs there are, the builder decides."""
        return OWN

    def vary(self, job: Job, *, log: Path) -> Variation:
        """Return a second build of a job: a scratch build in a root of its own, on whatever builder takes it."""
        log.parent.mkdir(parents=True, exist_ok=True)
        return Variation(job=replace(job, surroundings=SECOND), first=OWN, second=SECOND, kept=KEPT)

    def make_userland(self, arch: Arch, *, log: Path) -> Path:
        """Return a system of the target, made by this host's mock with the target's own configuration; see the protocol."""
        from tproxy_rpms.builders.mock import create as create_mock

        return create_mock(self.release, cache=self.cache, work=self.work).make_userland(arch, log=log)

    def build(self, job: Job) -> Result:
        """Have one package built, or watch the task that builds it already; see the protocol."""
        if job.ccache:
            raise UserError("ccache=on: the koji builder has no ccache: its roots are Koji's", hint="leave ccache=on away")
        logs = start_logs(job.logs)
        for name in (PLACE, *(NAMES.get(log, log) for log in LOGS)):
            if job.logs / name not in logs:
                (job.logs / name).unlink(missing_ok=True)  # of an earlier build
        say = begin_log(job.logs / "koji.log")
        with open_session(self.koji) as session:
            order = make_order(session, job, self.koji, self.release.arches)
            prepare = partial(self.wait_for_requires, session, order, say)
            claim = self.ledger.claim(session, order, job.arch, prepare)
            if job.arch in claim.told and self.outlast(session, order, claim, job, say):
                claim = self.ledger.claim(session, order, job.arch, prepare)
            rpms = self.watch(session, order, claim, job, say)
        return Result(rpms=rpms, logs=logs)

    def wait_for_requires(self, session: Any, order: Order, say: Callable[[str], None]) -> None:
        """Wait until the repository has what the roots of an order need of this cut."""
        if order.requires:
            target = read_target(session, self.koji.target)
            wait_for_builds(session, target, order.requires, patience=self.koji.patience, say=say)

    def outlast(self, session: Any, order: Order, claim: Claim, job: Job, say: Callable[[str], None]) -> bool:
        """Wait for the end of a task whose result the arch was told of, but that is at work for another; tell if so."""
        watch = Watch(session=session, order=order, task=claim.task, arch=job.arch, logs=job.logs, say=say)
        if watch.look().parent["state"] not in ACTIVE:
            return False
        tell(f"{job.package} for {job.arch}: was told of task {claim.task}, which is still at work for another arch")
        with self.known_as_running(order, claim, job.arch):
            watch.outlast()
        return True

    def watch(self, session: Any, order: Order, claim: Claim, job: Job, say: Callable[[str], None]) -> tuple[Path, ...]:
        """Watch a task for the arch of a job, and return its RPMs; what it has come to is kept in mind."""
        tell(f"{job.package} for {job.arch}: task {claim.task} of {session.baseurl}")
        say(f"watches task {claim.task}, {'sent from here' if claim.own else 'sent by another'} ({UPLOADS}/{order.label})")
        watch = Watch(session=session, order=order, task=claim.task, arch=job.arch, logs=job.logs, say=say)
        with self.known_as_running(order, claim, job.arch):
            try:
                rpms = self.fetch(watch, job)
            except TproxyError:
                if watch.final:
                    self.ledger.settle(order, claim.task, job.arch)
                raise
        if order.second:
            self.ledger.settle(order, claim.task, job.arch)
        return rpms

    def fetch(self, watch: Watch, job: Job) -> tuple[Path, ...]:
        """Wait for the arch of a task, and return its RPMs in their place, with where they were made beside the logs."""
        child = watch.wait()
        with whole_folder(job.results) as results:
            children = [int(child["id"]), *(int(one["id"]) for one in watch.look().builds if one["id"] != child["id"])]
            if not fetch_rpms(watch.session, watch.order, children, results):
                files = read_access(self.koji).files
                fetch_kept(watch.session, watch.order, job.arch, files=files, folder=results, logs=job.logs)
            rpms = finish_rpms(job, results)
            made = read_made(watch.session, watch.order, watch.task, child)
            check_root(job, made)
        write_place(job.logs, made)
        return tuple(job.results / rpm.name for rpm in rpms)

    @property
    def ledger(self) -> Ledger:
        """What this clone knows of its tasks there: another hub has others by the same numbers."""
        return Ledger(folder=self.work / "koji" / digest_value([self.koji.hub, self.koji.profile])[:8])

    @contextmanager
    def known_as_running(self, order: Order, claim: Claim, arch: Arch) -> Iterator[None]:
        """Have a task among those that can be cancelled, as long as the context lasts; an interruption leaves it there."""
        with self.turn:
            self.running[claim.task, arch] = order, claim
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException:
            self.leave(claim, arch)
            raise
        self.leave(claim, arch)

    def leave(self, claim: Claim, arch: Arch) -> None:
        """Watch a task no longer for an arch."""
        with self.turn:
            self.running.pop((claim.task, arch), None)

    def list_running(self) -> tuple[str, ...]:
        """Return the tasks that this process watches, for people."""
        with self.turn:
            tasks = {task: order for (task, _), (order, _) in self.running.items()}
        return tuple(f"{order.package}: task {task}" for task, order in sorted(tasks.items(), key=lambda item: item[0]))

    def cancel_running(self) -> tuple[str, ...]:
        """Cancel the tasks that this clone has submitted and watches, and return them, for people."""
        with self.turn:
            own = {task: order for (task, _), (order, claim) in self.running.items() if claim.own}
        return tuple(self.cancel(own)) if own else ()

    def cancel(self, tasks: Mapping[int, Order]) -> Iterator[str]:
        """Cancel tasks, and yield those that are, for people; what the hub refuses is done, or another's by now."""
        with open_session(self.koji) as session:
            for task, order in sorted(tasks.items(), key=lambda item: item[0]):
                with suppress(load_koji().GenericError):
                    session.cancelTask(task)
                    self.ledger.forget(order)
                    yield f"{order.package}: task {task}"


def begin_log(log: Path) -> Callable[[str], None]:
    """Begin a log, and return what writes a line with its time to it."""
    log.write_text("")

    def say(text: str) -> None:
        with log.open("a") as output:
            output.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")

    return say


def create(release: Release, *, cache: Path, work: Path) -> KojiBuilder:
    """Return the builder of a release. Raises UserError for one without a koji table."""
    if release.koji is None:
        raise UserError(f"{release.name}: koji: missing: the koji builder takes a table that names hub and target", hint="add it")
    return KojiBuilder(release=release, koji=release.koji, cache=cache, work=work)
