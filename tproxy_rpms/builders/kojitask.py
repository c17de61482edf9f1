"""The tasks of an order: it is submitted once, and found again by any later run."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojiorder import Order
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.console import Console
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import read_json, wait_for_lock, write_json

# States of a task, as the hub numbers them.
FREE, OPEN, CLOSED, CANCELED, ASSIGNED, FAILED = range(6)
ACTIVE = (FREE, OPEN, ASSIGNED)

STATES = ("FREE", "OPEN", "CLOSED", "CANCELED", "ASSIGNED", "FAILED")

# How far back a finished task is looked for, in seconds; and the most tasks that are looked through.
REMEMBERED, LOOKED_AT = 30 * 86400, 2000

# States of a build.
BUILDING, COMPLETE = 0, 1


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
        first = min((one for one in list_tasks(session, order) if one.state in ACTIVE), key=lambda one: one.id, default=None)
        if first and first.id < task:
            session.cancelTask(task)
            return Claim(task=first.id, token=token, own=first.source == source)  # a lost answer had it sent twice
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


@dataclass(frozen=True, kw_only=True)
class Known:
    """A task of this user for an order; `source` is the SRPM as it was sent."""

    id: int
    state: int
    source: str


def choose(session: Any, order: Order, arch: Arch, known: Claim | None) -> Claim | None:
    """Return the task to watch for an arch, or None if there is to be a new one."""
    tasks = {task.id: task for task in list_tasks(session, order)}
    if known and known.task not in tasks and (task := read_task(session, order, known.task)):  # there are many others since
        tasks[task.id] = task
    build = find_build(session, order)
    if build:  # however long ago, and whoever has submitted it
        found = tasks.get(build["task_id"])
        return take(found, known, order) if found else Claim(task=int(build["task_id"]), token=known.token if known else "")
    active = sorted(task.id for task in tasks.values() if task.state in ACTIVE)
    if active:
        return take(tasks[active[0]], known, order)
    last = tasks.get(known.task) if known and arch not in known.told else None
    # Of a tagged build the task's files are links: without the build they lead nowhere.
    finished = [task for task in tasks.values() if task.state == CLOSED] if order.scratch else []
    closed = {task.id: task for task in finished if has_output(session, task.id)}
    if order.second:  # never one that was handed out
        closed = {last.id: last} if last and last.id in closed else {}
    if closed:
        return take(closed.get(known.task if known else 0) or closed[max(closed)], known, order)
    return known if last and last.state == FAILED else None


def take(task: Known, known: Claim | None, order: Order) -> Claim:
    """Return a task with what this clone knows of it; it is its own if it was sent from here."""
    if known and known.task == task.id:
        return known
    token = known.token if known else ""
    return Claim(task=task.id, token=token, own=bool(token) and task.source == order.source(token))


def list_tasks(session: Any, order: Order) -> Iterator[Known]:
    """Yield every task of this user for an order."""
    user = session.getLoggedInUser()["id"]
    asked = {"method": "build", "owner": user, "createdAfter": time.time() - REMEMBERED, "decode": True}
    for task in session.listTasks(asked, {"order": "-id", "limit": LOOKED_AT}):
        source = (task.get("request") or [""])[0]
        if order.is_source(source):
            yield Known(id=int(task["id"]), state=int(task["state"]), source=source)


def read_task(session: Any, order: Order, number: int) -> Known | None:
    """Return a task by its number, if it is one of this user for the order: a hub that was set up anew counts from 1 again."""
    task = session.getTaskInfo(number, request=True) if number else None
    source = ((task and task.get("request")) or [""])[0]
    if not task or task["owner"] != session.getLoggedInUser()["id"] or not order.is_source(source):
        return None
    return Known(id=number, state=int(task["state"]), source=source)


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
    """Whether the RPMs of a scratch build are still on the hub, which clears its work folder after some time."""
    children = [child for child in session.getTaskChildren(task) if child["method"] == "buildArch"]
    return bool(children) and all(
        child["state"] == CLOSED and list_rpms(session, child["id"]) <= set(session.listTaskOutput(child["id"]))
        for child in children
    )


def list_rpms(session: Any, child: int) -> set[str]:
    """Return the names of the RPMs that the task of an arch has built."""
    names = {str(path).rpartition("/")[2] for path in session.getTaskResult(child)["rpms"]}
    return {name for name in names if not name.endswith(".src.rpm")}


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
