"""A build as Koji is asked for it: known by its content, so that it is submitted once, and found again by any later run."""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.console import Console
from tproxy_rpms.errors import KojiError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.release.koji import Koji
from tproxy_rpms.release.model import RPM_ARCH, Arch
from tproxy_rpms.store import digest_file, digest_value, read_json, wait_for_lock, write_json

# States of a task, as the hub numbers them.
FREE, OPEN, CLOSED, CANCELED, ASSIGNED, FAILED = range(6)
ACTIVE = (FREE, OPEN, ASSIGNED)

STATES = ("FREE", "OPEN", "CLOSED", "CANCELED", "ASSIGNED", "FAILED")

# Uploads lie in UPLOADS/LABEL/TOKEN/ of the hub's work folder: a task's request names its SRPM there. Nobody else writes there.
UPLOADS = "tproxy-rpms"

# How far back a finished task is looked for, in seconds; and the most tasks that are looked through.
REMEMBERED, LOOKED_AT = 30 * 86400, 2000

# States of a build.
BUILDING, COMPLETE = 0, 1


@dataclass(frozen=True, kw_only=True)
class Order:
    """A package to be built for all arches of a release, in one task.

    Fields:
        nvr: of the SRPM, which is the build's name in Koji. requires: builds of this cut that the roots need, as NVRs.
        scratch: whether it stays outside every tag. second: whether it is a second build, never taken from an earlier one.
    """

    package: str
    srpm: Path
    sha256: str
    nvr: str
    koji: Koji
    arches: tuple[Arch, ...]
    requires: tuple[str, ...] = ()
    second: bool = False

    @property
    def scratch(self) -> bool:
        """Whether the build stays outside every tag; a second one always does, for its name is taken."""
        return self.koji.scratch or self.second

    @property
    def label(self) -> str:
        """What tells this order from all others, the same on every machine."""
        asked = [self.sha256, self.koji.target, self.scratch, self.second, self.arches, self.requires]
        return digest_value(asked)[:32]

    def source(self, token: str) -> str:
        """The SRPM's path below the hub's work folder."""
        return f"{UPLOADS}/{self.label}/{token}/{self.srpm.name}"

    def is_source(self, source: object) -> bool:
        """Whether a task's source is this order's SRPM, whoever has sent it."""
        words = str(source).split("/")
        return len(words) == 4 and words[:2] == [UPLOADS, self.label] and words[3] == self.srpm.name

    @property
    def options(self) -> dict[str, Any]:
        """The options of the task. The SRPM is taken as it is; what it needs of this cut must be in the roots' repository."""
        options: dict[str, Any] = {"wait_builds": list(self.requires)} if self.requires else {}
        if self.scratch:
            options |= {"scratch": True, "rebuild_srpm": False, "arch_override": " ".join(RPM_ARCH[arch] for arch in self.arches)}
        return options


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The task of an order, as this clone keeps it in mind.

    Fields:
        task: 0 before there is one. token: the folder of this clone's upload.
        own: whether this clone has submitted it, and may cancel it. told: arches whose failure, or second build, was handed out.
    """

    task: int
    token: str = ""
    own: bool = False
    told: tuple[Arch, ...] = ()


def make_order(job: Job, koji: Koji, arches: tuple[Arch, ...]) -> Order:
    """Return what Koji is asked for a job; the same for each arch."""
    header = read_header(job.srpm)
    return Order(
        package=job.package,
        srpm=job.srpm,
        sha256=digest_file(job.srpm),
        nvr=f"{header.name}-{header.version}-{header.release}",
        koji=koji,
        arches=arches,
        requires=tuple(sorted({re.sub(r"\.(no)?src\.rpm$", "", read_header(rpm).srpm) for rpm in job.requires})),
        second=job.surroundings is not None,
    )


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What this clone knows of its tasks: a file an order in `folder`, read and written by one thread or process at a time."""

    folder: Path

    def claim(self, session: Any, order: Order, arch: Arch, prepare: Callable[[], None]) -> Claim:
        """Return the task of an order for an arch: one that is at work or done, or a new one.

        One that has failed is handed out once for each arch, and only to the clone that has watched it; then the order is
        submitted anew. `prepare` is called before that, and may take its time.
        """
        with self.held(order):
            if claim := choose(session, order, arch, self.read(order)):
                return self.write(order, claim)
        prepare()
        with self.held(order):
            known = self.read(order)
            claim = choose(session, order, arch, known) or self.submit(session, order, known)
            return self.write(order, claim)

    def submit(self, session: Any, order: Order, known: Claim | None) -> Claim:
        """Submit an order and return its task: of two that were submitted at the same time, both submitters take the first."""
        check_name(session, order)
        token = known.token if known and known.token else secrets.token_hex(8)
        self.write(order, Claim(task=0, token=token))  # a run that is killed now need not send it again
        source = order.source(token)
        upload(session, order, source)
        task = int(session.build(source, order.koji.target, order.options))
        first = min((one for one, state in list_tasks(session, order) if state in ACTIVE), default=task)
        if first < task:
            session.cancelTask(task)
            return Claim(task=first, token=token)
        return Claim(task=task, token=token, own=True)

    def settle(self, order: Order, task: int, arch: Arch) -> None:
        """Note that what a task has come to was handed out for an arch; unless there is another task by now."""
        with self.held(order):
            known = self.read(order)
            if known and known.task == task and arch not in known.told:
                self.write(order, replace(known, told=(*known.told, arch)))

    def forget(self, order: Order) -> None:
        """Know nothing of an order any more: the next run submits it anew."""
        self.path(order).unlink(missing_ok=True)

    def held(self, order: Order) -> AbstractContextManager[None]:
        """Wait until nobody else of this clone looks after the order."""
        return wait_for_lock(self.path(order).with_suffix(".lock"))

    def path(self, order: Order) -> Path:
        """The file of an order."""
        return self.folder / f"{order.package}-{order.label}.json"

    def read(self, order: Order) -> Claim | None:
        """Return what is known of an order; None for nothing, or what cannot be read."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = read_json(self.path(order))
            return Claim(
                task=int(content["task"]), token=str(content["token"]), own=bool(content["own"]), told=tuple(content["told"])
            )
        return None

    def write(self, order: Order, claim: Claim) -> Claim:
        """Keep in mind what an order has come to, and return it."""
        write_json(self.path(order), asdict(claim))
        return claim


def choose(session: Any, order: Order, arch: Arch, known: Claim | None) -> Claim | None:
    """Return the task to watch for an arch, or None if there is to be a new one."""
    states = dict(list_tasks(session, order))
    if known and known.task and known.task not in states:  # there are many others since
        info = session.getTaskInfo(known.task, request=True)
        mine = info and info["owner"] == session.getLoggedInUser()["id"]
        if mine and order.is_source((info.get("request") or [""])[0]):  # a hub set up anew counts from 1 again
            states[known.task] = int(info["state"])
    build = find_build(session, order)
    if build:  # however long ago, and whoever has submitted it
        return take(int(build["task_id"]), known)
    active = sorted(task for task, state in states.items() if state in ACTIVE)
    if active:
        return take(active[0], known)
    ours = known is not None and known.task in states and arch not in known.told
    # Of a tagged build the task's files are links: without the build they lead nowhere.
    finished = [task for task, state in states.items() if state == CLOSED] if order.scratch else []
    closed = sorted(task for task in finished if has_output(session, task))
    if closed and (not order.second or (ours and known is not None and known.task in closed)):
        return take(known.task if known and known.task in closed else closed[-1], known)
    return known if ours and known and states[known.task] == FAILED else None


def take(task: int, known: Claim | None) -> Claim:
    """Return a task with what this clone knows of it."""
    return known if known and known.task == task else Claim(task=task, token=known.token if known else "")


def list_tasks(session: Any, order: Order) -> Iterator[tuple[int, int]]:
    """Yield id and state of every task of this user for an order."""
    user = session.getLoggedInUser()["id"]
    asked = {"method": "build", "owner": user, "createdAfter": time.time() - REMEMBERED, "decode": True}
    for task in session.listTasks(asked, {"order": "-id", "limit": LOOKED_AT}):
        if order.is_source((task.get("request") or [""])[0]):
            yield int(task["id"]), int(task["state"])


def find_build(session: Any, order: Order) -> dict[str, Any] | None:
    """Return the tagged build of an order that is there or being made; None if there is none, or only one of another SRPM."""
    build = None if order.scratch else session.getBuild(order.nvr)
    if not build or build["state"] not in (BUILDING, COMPLETE) or not build.get("task_id"):
        return None
    request = session.getTaskRequest(build["task_id"])
    return dict(build) if request and order.is_source(request[0]) else None


def is_tagged_at_last(session: Any, order: Order) -> bool:
    """Whether a target's destination tag has the build of an order, though the task itself could not tag it."""
    build, target = find_build(session, order), session.getBuildTarget(order.koji.target)
    tags = [tag["id"] for tag in session.listTags(build=order.nvr)] if build and build["state"] == COMPLETE else []
    return bool(target) and target["dest_tag"] in tags


def has_output(session: Any, task: int) -> bool:
    """Whether the RPMs of a task are still on the hub, which clears its work folder after some time."""
    children = [child for child in session.getTaskChildren(task) if child["method"] == "buildArch"]
    return bool(children) and all(
        any(name.endswith(".rpm") for name in session.listTaskOutput(child["id"])) for child in children
    )


def upload(session: Any, order: Order, source: str) -> None:
    """Send the SRPM, unless the hub has it."""
    koji = load_koji()
    folder, _, name = source.rpartition("/")
    with suppress(koji.GenericError):  # hubs know different digests
        found = session.checkUpload(folder, name, verify="sha256")
        if found and found.get("hexdigest") == order.sha256 and found["size"] == order.srpm.stat().st_size:
            return
    with Console().transfer(name) as report:
        session.uploadWrapper(os.fspath(order.srpm), folder, callback=lambda done, total, *_: report(done, total))


def check_name(session: Any, order: Order) -> None:
    """Raise KojiError if Koji has a build of this name already, or is making one, out of another SRPM: names are taken once."""
    build = None if order.scratch else session.getBuild(order.nvr)
    if not build or build["state"] not in (BUILDING, COMPLETE):
        return
    done = "has a build of this name" if build["state"] == COMPLETE else "is making a build of this name"
    who = f"task {build['task_id']}" if build.get("task_id") else "imported"
    raise KojiError(
        f"{order.nvr}: Koji {done} from another SRPM, or with other packages ({who}, by {build.get('owner_name')})",
        hint="raise the release's `revision`; a build that nobody uses, an admin can take away (koji call resetBuild)",
    )
