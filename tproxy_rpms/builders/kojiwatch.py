"""Waiting for Koji: for a task, arch by arch, with its logs, and for a build in the repository that later roots are made from."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojifailure import Place, describe_child, describe_fault
from tproxy_rpms.builders.kojihosts import describe_hosts
from tproxy_rpms.builders.kojilog import LogFollower
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.builders.kojitask import ACTIVE, ASSIGNED, CANCELED, CLOSED, COMPLETE, FAILED, FREE, Order
from tproxy_rpms.errors import BuildError, KojiError, TproxyError
from tproxy_rpms.release.model import RPM_ARCH, Arch

# Seconds between two looks at a task: short at first, for small packages.
SHORTEST, LONGEST = 2.0, 10.0

STATES = {FREE: "FREE", CLOSED: "CLOSED", CANCELED: "CANCELED", ASSIGNED: "ASSIGNED", FAILED: "FAILED"}


@dataclass(kw_only=True)
class Watch:
    """Watches the task of an order for one arch.

    Fields:
        logs: the folder that its logs are copied to. say: takes a line at each change, for koji.log.
    """

    session: Any
    order: Order
    task: int
    arch: Arch
    logs: Path
    say: Callable[[str], None]
    follower: LogFollower | None = None
    told: dict[int, str] = field(default_factory=dict)
    waiting: float | None = None

    @property
    def what(self) -> str:
        """What is being built, for people."""
        return f"{self.order.package} for {self.arch}"

    def wait(self) -> Mapping[str, Any]:
        """Return the child task that has built the arch, once its RPMs are there to stay.

        A scratch build's are when the arch is done. Of a tagged build there are none before all arches are: until then Koji has
        no such build. Raises the failure otherwise.
        """
        pause = SHORTEST
        while True:
            parent = self.session.getTaskInfo(self.task)
            child = self.find_child()
            self.tell(parent, child)
            if child and child["state"] == CLOSED and (self.order.scratch or parent["state"] == CLOSED):
                return child
            if child and child["state"] == FAILED:
                raise self.explain(parent, child)
            if parent["state"] not in ACTIVE:
                raise self.explain(parent, child)
            self.check_patience(parent, child)
            time.sleep(pause)
            pause = min(pause * 1.2, LONGEST)

    def find_child(self) -> Mapping[str, Any] | None:
        """Return the child task of the arch, or the one that builds for all of them; None as long as there is none."""
        children = [child for child in self.session.getTaskChildren(self.task) if child["method"] == "buildArch"]
        own = [child for child in children if child["label"] in (RPM_ARCH[self.arch], "noarch")]
        return max(own, key=lambda child: int(child["id"]), default=None)

    def tell(self, parent: Mapping[str, Any], child: Mapping[str, Any] | None) -> None:
        """Copy what the logs have grown by, and say what has changed."""
        for task in (parent, *([child] if child else [])):
            state = STATES.get(task["state"], "OPEN")
            if self.told.get(task["id"]) != state:
                self.told[task["id"]] = state
                self.say(f"task {task['id']} ({task['method']} {task.get('label') or ''}): {state}".replace(" )", ")"))
        if child and child["state"] != FREE:
            self.follower = self.follower or LogFollower(session=self.session, task=int(child["id"]), folder=self.logs)
            self.follower.follow()

    def check_patience(self, parent: Mapping[str, Any], child: Mapping[str, Any] | None) -> None:
        """Raise KojiError for a task that nobody has taken for too long; it stays where it is, and the next run finds it."""
        task = child or parent
        if task["state"] not in (FREE, ASSIGNED):
            self.waiting = None
            return
        self.waiting = self.waiting or time.monotonic()
        if time.monotonic() - self.waiting > self.order.koji.patience * 60:
            hosts = describe_hosts(self.session, str(task["arch"]), int(task["channel_id"]))
            raise KojiError(
                f"{self.what}: {self.place(task['id'])} waits for a builder since {self.order.koji.patience} minutes: {hosts}",
                hint="have an admin enable or start a builder (kojid), or wait: the next run goes on watching; koji.patience is "
                "how many minutes are waited",
            )

    def explain(self, parent: Mapping[str, Any], child: Mapping[str, Any] | None) -> TproxyError:
        """Return the failure of a task."""
        if child and child["state"] == FAILED:
            place = self.place(child["id"], child)
            return describe_child(self.what, self.read_fault(child["id"]), place=place, logs=self.logs, **self.words)
        if parent["state"] == CANCELED:
            return BuildError(
                f"{self.what}: {self.place(self.task)} was cancelled", hint="run the same command to submit it anew"
            )
        failed = [
            one for one in self.session.getTaskChildren(self.task) if one["state"] == FAILED and one["method"] == "buildArch"
        ]
        if failed:
            return self.explain_sibling(failed[0], child)
        if parent["state"] == CLOSED:
            return self.explain_lack()
        return describe_fault(self.what, self.read_fault(self.task), place=self.place(self.task), **self.words)

    def explain_lack(self) -> KojiError:
        """Return the failure of a task that was done without the arch."""
        children = [one for one in self.session.getTaskChildren(self.task) if one["method"] == "buildArch"]
        built = ", ".join(str(one["label"]) for one in children) or "nothing"
        return KojiError(
            f"{self.what}: {self.place(self.task)} has built {built}, and no {RPM_ARCH[self.arch]}",
            hint="look at the arches of the target's build tag (koji taginfo), and at the spec's ExclusiveArch and ExcludeArch",
        )

    def explain_sibling(self, failed: Mapping[str, Any], child: Mapping[str, Any] | None) -> BuildError:
        """Return the failure of an arch that had to go down with another."""
        place = self.place(failed["id"])
        if child and child["state"] == CLOSED:
            return BuildError(
                f"{self.what} was built, but {failed['label']} failed ({place}), so Koji has no such build; its RPMs stay in "
                f"task {child['id']}",
                hint=f"koji download-task {child['id']}; mend {failed['label']}, and run the same command to submit both anew",
            )
        return BuildError(
            f"{self.what}: Koji has cancelled it when {failed['label']} failed ({place})",
            hint=f"mend {failed['label']}; build_arch_can_fail = True in kojid.conf lets the other arch go on",
        )

    @property
    def words(self) -> dict[str, str]:
        """What cures name."""
        return {"target": self.order.koji.target, "package": self.order.package}

    def place(self, task: int, child: Mapping[str, Any] | None = None) -> Place:
        """Return where a task is, or was, at work."""
        host = self.session.getHost(child["host_id"]) if child and child.get("host_id") else None
        return Place(hub=self.session.baseurl, task=task, host=str(host["name"]) if host else "")

    def read_fault(self, task: int) -> str:
        """Return the words of a failed task."""
        koji = load_koji()
        try:
            result = self.session.getTaskResult(task)
        except koji.GenericError as error:
            return f"{type(error).__name__}: {error}"
        except koji.xmlrpcplus.Fault as error:  # what kojid itself has stumbled over comes as a traceback
            last = (str(error.faultString).strip().splitlines() or [""])[-1]
            return f"kojid failed: {last}"
        return str(result)


def wait_for_builds(session: Any, tag: int, nvrs: Iterable[str], *, patience: int, say: Callable[[str], None]) -> None:
    """Wait until the repository of a build tag has some builds.

    Args:
        patience: minutes. say: takes a line if there is something to wait for.

    Raises KojiError when they do not come: kojira, or the hub's own requests, make repositories anew.
    """
    koji = load_koji()
    check_known(session, nvrs)
    builds = [koji.parse_NVR(nvr) for nvr in nvrs]
    begun = time.monotonic()
    asked = False
    while not has_builds(session, tag, builds):
        if not asked:
            say(f"waits for {', '.join(nvrs)} in the repository of tag {tag}")
            ask_for_repo(session, tag)
            asked = True
        if time.monotonic() - begun > patience * 60:
            missing = [nvr for nvr, build in zip(nvrs, builds, strict=True) if not is_tagged(session, tag, build)]
            name = session.getTag(tag)["name"]
            raise KojiError(
                f"the repository of {name} has no {', '.join(missing or nvrs)} after {patience} minutes"
                + (f": {name} does not have the build: its tag is not in {name}'s inheritance" if missing else ""),
                hint=f"koji add-tag-inheritance {name} DEST_TAG"
                if missing
                else f"look whether kojira runs; koji regen-repo {name}",
            )
        time.sleep(SHORTEST)


def check_known(session: Any, nvrs: Iterable[str]) -> None:
    """Raise KojiError for builds that no waiting brings: Koji has never made them, or not to the end."""
    builds = {nvr: session.getBuild(nvr) for nvr in nvrs}
    if missing := [nvr for nvr, build in builds.items() if not build or build["state"] != COMPLETE]:
        raise KojiError(
            f"{session.baseurl} has no build {', '.join(missing)}, which the build roots need",
            hint='packages that others need must be built by Koji, too: builder = "koji", scratch = false',
        )


def has_builds(session: Any, tag: int, builds: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the newest repository of a tag was made with these builds in the tag."""
    repo = session.getRepo(tag)
    return bool(repo) and all(is_tagged(session, tag, build, event=repo["create_event"]) for build in builds)


def is_tagged(session: Any, tag: int, build: Mapping[str, Any], event: int | None = None) -> bool:
    """Whether a tag has, or had at an event, a build."""
    return bool(load_koji().util.checkForBuilds(session, tag, [build], event))


def ask_for_repo(session: Any, tag: int) -> None:
    """Have a hub that takes requests (Koji 1.35) make a tag's repository anew; elsewhere kojira finds that out by itself."""
    koji = load_koji()
    try:
        session.repo.request(tag, min_event="last")
    except koji.GenericError:
        return
