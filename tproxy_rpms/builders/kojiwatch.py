"""Waiting for a Koji task, arch by arch, with its logs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojihosts import describe_hosts
from tproxy_rpms.builders.kojilog import LogFollower
from tproxy_rpms.builders.kojitask import ACTIVE, ASSIGNED, CLOSED, FAILED, FREE, OPEN, STATES, Order, is_tagged_at_last
from tproxy_rpms.builders.kojiverdict import Look, explain, name_place
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.model import Arch

# Seconds between two looks at a task: short at first, for small packages.
SHORTEST, LONGEST = 2.0, 10.0


@dataclass(kw_only=True)
class Watch:
    """Watches the task of an order for one arch.

    Fields:
        logs: the folder that its logs are copied to. say: takes a line at each change, for koji.log.
        final: whether what the arch has come to is known, and will not change.
    """

    session: Any
    order: Order
    task: int
    arch: Arch
    logs: Path
    say: Callable[[str], None]
    final: bool = False
    follower: LogFollower | None = None
    told: dict[int, str] = field(default_factory=dict)
    waiting: float | None = None
    pause: float = SHORTEST

    def wait(self) -> Mapping[str, Any]:
        """Return the child task that has built the arch, once its RPMs are there to stay.

        A scratch build's are when the arch is done. Of a tagged build there are none before all arches are: until then Koji has
        no such build. Raises the failure otherwise.
        """
        while True:
            look = self.look()
            self.tell(look)
            child = look.child
            if child and child["state"] == CLOSED and (self.order.scratch or self.has_build(look)):
                return child
            if look.parent["state"] not in ACTIVE or (child and child["state"] == FAILED):
                self.final = True
                raise explain(self.session, self.order, look, logs=self.logs)
            self.check_patience(look)
            self.rest()

    def outlast(self) -> None:
        """Wait until the task is at work for no arch any more: then what has failed can be asked for anew."""
        while (look := self.look()).parent["state"] in ACTIVE:
            self.tell(look)
            self.check_patience(look)
            self.rest()

    def look(self) -> Look:
        """Return how the task is now."""
        parent = self.session.getTaskInfo(self.task)
        return Look(parent=parent, children=tuple(self.session.getTaskChildren(self.task)), arch=self.arch)

    def has_build(self, look: Look) -> bool:
        """Whether the build of the task is whole. Where the destination tag has refused it, somebody can still have tagged it."""
        state = look.parent["state"]
        return state == CLOSED or (state not in ACTIVE and is_tagged_at_last(self.session, self.order))

    def rest(self) -> None:
        """Pass the time until the next look, longer each time."""
        time.sleep(self.pause)
        self.pause = min(self.pause * 1.2, LONGEST)

    def tell(self, look: Look) -> None:
        """Copy what the logs have grown by, and say what has changed."""
        for task in (look.parent, *look.children):
            state = STATES[task["state"]]
            if self.told.get(task["id"]) != state:
                self.told[task["id"]] = state
                self.say(f"task {task['id']} ({task['method']} {task.get('label') or ''}): {state}".replace(" )", ")"))
        if look.child and look.child["state"] != FREE:
            if self.follower is None or self.follower.task != look.child["id"]:
                self.follower = LogFollower(session=self.session, task=int(look.child["id"]), folder=self.logs)
            self.follower.follow()

    def check_patience(self, look: Look) -> None:
        """Raise KojiError for a task that nobody has taken for too long; it stays where it is, and the next run finds it."""
        task = find_waiting(look)
        if task is None:
            self.waiting = None
            return
        self.waiting = self.waiting or time.monotonic()
        if time.monotonic() - self.waiting > self.order.koji.patience * 60:
            hosts = describe_hosts(self.session, str(task["arch"]), int(task["channel_id"]))
            raise KojiError(
                f"{self.order.package} for {self.arch}: {name_place(self.session, task)} ({task['method']}) waits for a builder "
                f"since {self.order.koji.patience} minutes: {hosts}",
                hint="have an admin enable or start a builder (kojid), or wait: the next run goes on watching; koji.patience is "
                "how many minutes are waited",
            )


def find_waiting(look: Look) -> Mapping[str, Any] | None:
    """Return the task that nobody has taken yet and that the arch waits for; None while somebody works for it."""
    if look.child and look.child["state"] in ACTIVE:
        return look.child if look.child["state"] != OPEN else None
    if any(child["state"] == OPEN for child in look.children):
        return None
    waiting = [task for task in (look.parent, *look.children) if task["state"] in (FREE, ASSIGNED)]
    return max(waiting, key=lambda task: int(task["id"]), default=None)
