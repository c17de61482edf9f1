"""A Koji hub in this process: what it knows changes as that of a hub of Koji 1.35 does (kojihub.py, builder/kojid).

Its builders do what a test tells them, one step each time that somebody waits.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji

from .kojiclock import Clock
from .kojirpm import make_rpm, nvr_of

FREE, OPEN, CLOSED, CANCELED, ASSIGNED, FAILED = range(6)
BUILDING, COMPLETE, DELETED, BUILD_FAILED, BUILD_CANCELED = range(5)
URL = "https://koji.example.org/kojihub"
CANONICAL = {"i686": "i386"}

# More steps than any test waits for: whoever still waits then does so for ever.
ENDLESS = 5000

# What mock and rpmbuild leave of a package that does not compile.
LOGS_OF_A_FAILURE = {
    "mock_output.log": b"ERROR: Command failed: \n # bash --login -c '/usr/bin/rpmbuild -bb --target x86_64 hello.spec'\n",
    "build.log": b"hello.c:1: error: no such thing\nmake: *** [all] Error 2\n",
    "root.log": b"DEBUG installed\n",
}


@dataclass(kw_only=True)
class Task:
    """A task. `result` is what getTaskResult gives, or raises; `output` are the files that it has left so far."""

    id: int
    method: str
    owner: int
    created: float
    request: list[Any] = field(default_factory=list)
    parent: int | None = None
    label: str | None = None
    arch: str = "noarch"
    state: int = FREE
    host_id: int | None = None
    channel_id: int = 1
    result: Any = None
    output: dict[str, bytes] = field(default_factory=dict)

    def info(self) -> dict[str, Any]:
        """What getTaskInfo tells, without the request."""
        kept = {key: value for key, value in vars(self).items() if key not in ("request", "result", "output", "created")}
        return kept | {"create_ts": self.created, "start_ts": None, "completion_ts": None, "waiting": None, "awaited": None}


class FakeHub:
    """The hub, with what tests change about it, and its builders, which do their work unless `play` was called."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        clock.step = self.advance
        self.lock = threading.RLock()
        self.users = {"builder": 7, "other": 8}
        self.passwords = {"builder": "secret", "other": "secret2"}
        self.files: dict[str, bytes] = {}  # uploads, below the hub's work folder
        self.tasks: dict[int, Task] = {}
        self.targets = {"t": (2, 1), "t2": (2, 1)}
        self.tags: dict[int, dict[str, Any]] = {
            1: {"id": 1, "name": "t", "arches": "", "extra": {}},
            2: {"id": 2, "name": "t-build", "arches": "x86_64 i686", "extra": {"rpm.macro.dist": ".el5"}},
        }
        self.inherits: dict[int, list[int]] = {2: [1]}
        self.groups: dict[str, list[str]] = {"build": ["gcc", "bash"], "srpm-build": ["bash"]}
        self.event = 100
        self.tagged: list[tuple[int, int, str]] = []  # event, tag, NVR
        self.repos: list[dict[str, Any]] = [{"id": 5, "tag_id": 2, "create_event": 100}]
        self.kojira = True  # whether repositories that are asked for are made
        self.builds: dict[str, dict[str, Any]] = {}
        self.rpms: dict[str, dict[str, Any]] = {}
        self.checksums: dict[int, dict[str, dict[str, str | None]]] = {}
        self.roots: list[dict[str, Any]] = []
        self.hosts = [
            {
                "id": 1, "name": "one.example.org", "arches": "x86_64 i386", "enabled": True, "ready": True, "task_load": 0.0,
                "capacity": 2.0, "channel": 1, "seen": 0.0,
            },
        ]  # fmt: skip
        self.tells_updates = True  # whether listHosts tells when a builder was last heard of, as from 1.35 on
        self.sent: dict[str, int] = {}  # file → bytes that were downloaded of it
        self.damaged: dict[str, int] = {}  # file → how often it comes with a bit turned
        self.files_of: Callable[[str, str], dict[str, bytes]] = self.make_rpms
        self.calls: list[str] = []
        self.sessions: list[Any] = []
        self.hooks: dict[str, list[Callable[[], object]]] = {}
        self.script: list[Callable[[], object]] = []
        self.works, self.idle = True, 0

    # What a test says

    def play(self, *steps: Callable[[], object]) -> None:
        """Have the builders do just this, a step a pause."""
        self.works, self.script = False, [*steps]

    def hook(self, moment: str, act: Callable[[], object]) -> None:
        """Do something the next time at a moment: "before build", "after uploadWrapper"."""
        self.hooks.setdefault(moment, []).append(act)

    def count(self, call: str) -> int:
        """How often something was called."""
        return self.calls.count(call)

    def list_parents(self) -> list[Task]:
        """The tasks that were submitted, in order."""
        return [task for task in self.tasks.values() if task.method == "build"]

    @property
    def newest(self) -> Task:
        """The task that was submitted last."""
        return self.list_parents()[-1]

    def children(self, parent: Task | None = None) -> dict[str, Task]:
        """The arches of a task, by their label."""
        parent = parent or self.newest
        return {str(one.label): one for one in self.tasks.values() if one.parent == parent.id and one.method == "buildArch"}

    def seen(self, host: Mapping[str, Any]) -> float | None:
        """When a builder was last heard of."""
        return None if host["seen"] is None else self.clock.time() - float(host["seen"])

    # The builders

    def advance(self) -> None:
        """Take a step."""
        with self.lock:
            self.idle += 1
            assert self.idle < ENDLESS, "somebody waits for ever"
            if self.script:
                self.script.pop(0)()
            elif self.works:
                self.work()

    def work(self) -> None:
        """Bring the first task that is not finished a step on."""
        for task in self.list_parents():
            waiting = [label for label, child in self.children(task).items() if child.state == OPEN]
            if task.state == FREE:
                return self.begin(task)
            if task.state == OPEN:
                return self.finish(waiting[0], task) if waiting else self.close(task)
        return None

    def settle(self) -> None:
        """Have the builders finish all that there is."""
        while any(task.state in (FREE, OPEN) for task in self.list_parents()):
            self.work()

    def add_task(self, method: str, **fields: Any) -> Task:
        """Add a task."""
        task = Task(id=len(self.tasks) + 1, method=method, created=self.clock.time(), **fields)
        self.tasks[task.id] = task
        return task

    def begin(self, task: Task | None = None, *, arches: str = "") -> None:
        """A builder takes a task, and the tasks of its arches are there (builder/kojid, BuildTask)."""
        task = task or self.newest
        source, target, options = task.request
        assert source in self.files
        if target not in self.targets:
            return self.fail_task(koji.GenericError(f"unknown build target: {target}"), task)
        nvr = nvr_of(source)
        if not options.get("scratch"):
            if self.builds.get(nvr, {}).get("state") == COMPLETE:
                return self.fail_task(koji.GenericError(f"Build already exists (id=3, state=COMPLETE): {nvr}"), task)
            self.builds[nvr] = self.describe_build(nvr, BUILDING, task)
        arches = arches or str(options.get("arch_override") or self.tags[self.targets[target][0]]["arches"])
        task.state, task.host_id = OPEN, 1
        for label in arches.split():
            child = self.add_task(
                "buildArch",
                owner=task.owner,
                parent=task.id,
                label=label,
                arch=CANONICAL.get(label, label),
                state=OPEN,
                host_id=1,
            )
            self.roots.append({
                "id": 40 + child.id, "task_id": child.id, "host_name": "one.example.org", "tag_name": "t-build",
                "repo_id": self.repos[-1]["id"],
            })  # fmt: skip
        return None

    def describe_build(self, nvr: str, state: int, task: Task | None = None, owner: str = "builder") -> dict[str, Any]:
        """What getBuild tells."""
        told = {"nvr": nvr, "state": state, "task_id": task and task.id, "owner_name": owner, "volume_name": "DEFAULT"}
        return koji.parse_NVR(nvr) | told | {"id": 300 + len(self.builds)}

    def write(self, label: str, log: str, content: str) -> None:
        """A log of an arch grows."""
        output = self.children()[label].output
        output[log] = output.get(log, b"") + content.encode()

    def make_rpms(self, nvr: str, label: str) -> dict[str, bytes]:
        """What a build of an arch leaves."""
        rpm = make_rpm(self.folder / f"{nvr}.{label}.rpm", arch=label, source=f"{nvr}.src.rpm")
        return {rpm.name: rpm.read_bytes()}

    def finish(self, label: str, task: Task | None = None) -> None:
        """An arch is done."""
        task = task or self.newest
        child = self.children(task)[label]
        child.state = CLOSED
        child.output |= {name: child.output.get(name, f"{name} of {label}\n".encode()) for name in ("root.log", "build.log")}
        child.output |= self.files_of(nvr_of(task.request[0]), label)
        rpms = [f"tasks/{child.id}/{child.id}/{name}" for name in child.output if name.endswith(".rpm")]
        child.result = {"rpms": rpms, "srpms": [], "logs": [], "brootid": 40 + child.id}

    def close(self, task: Task | None = None) -> None:
        """A task is done: of one that is not scratch there is a build now, and it is tagged."""
        task = task or self.newest
        task.state = CLOSED
        nvr = nvr_of(task.request[0])
        if task.request[2].get("scratch"):
            return
        self.builds[nvr]["state"] = COMPLETE
        self.tag_build(nvr, self.targets[task.request[1]][1])
        for child in self.children(task).values():
            for name, data in child.output.items():
                if name.endswith(".rpm"):
                    self.record_rpm(nvr, name, data)
                self.keep(nvr, str(child.label), name, data)

    @property
    def kept(self) -> Path:
        """The folder of what the hub keeps for good."""
        return self.folder / "kept"

    def keep(self, nvr: str, label: str, name: str, data: bytes) -> None:
        """Put a file of a build where it stays (koji.PathInfo)."""
        folder = Path(koji.PathInfo(topdir=str(self.kept)).build(self.builds[nvr]))
        rpm = f"{name.removesuffix('.rpm').rpartition('.')[2]}/{name}"
        path = folder / (rpm if name.endswith(".rpm") else f"data/logs/{label}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def record_rpm(self, nvr: str, name: str, data: bytes) -> None:
        """Keep in mind what an RPM was when it was imported."""
        path = self.folder / f"imported-{name}"
        path.write_bytes(data)
        number = len(self.rpms) + 900
        header = koji.get_rpm_header(str(path))
        payload = koji.hex_string(koji.get_header_field(header, "SIGMD5"))
        parts = koji.parse_NVRA(name)
        self.rpms[name.removesuffix(".rpm")] = parts | {
            "id": number, "size": len(data), "payloadhash": payload, "build_id": self.builds[nvr]["id"],
        }  # fmt: skip
        self.checksums[number] = {"": {"sha256": hashlib.sha256(data).hexdigest()}}

    def tag_build(self, nvr: str, tag: int) -> None:
        """Put a build into a tag."""
        self.event += 1
        self.builds.setdefault(nvr, self.describe_build(nvr, COMPLETE))
        self.tagged.append((self.event, tag, nvr))

    def untag_build(self, nvr: str) -> None:
        """Take a build out of all tags."""
        self.event += 1
        self.tagged = [one for one in self.tagged if one[2] != nvr]

    def refuse(self, said: str) -> None:
        """All is built, and the destination tag does not take it: the build is whole, and its task has failed."""
        self.close()
        self.untag_build(nvr_of(self.newest.request[0]))
        self.newest.state, self.newest.result = FAILED, koji.ActionNotAllowed(said)

    def make_repo(self) -> None:
        """The repository of the build tag is made anew."""
        self.repos.append({"id": self.repos[-1]["id"] + 1, "tag_id": 2, "create_event": self.event})

    def fail(self, label: str, said: str = "", *, alone: bool = False) -> None:
        """An arch fails, and with it its task, and all arches that are still at work, unless the builder lets these go on."""
        task, child = self.newest, self.children()[label]
        said = said or (
            f"error building package (arch {label}), mock exited with status 1; see build.log or root.log for more information"
        )
        child.state, child.result = FAILED, koji.BuildError(said)
        child.output = LOGS_OF_A_FAILURE | child.output
        if not alone:
            for other in self.children().values():
                other.state = CANCELED if other.state in (FREE, OPEN, ASSIGNED) else other.state
            self.fail_task(koji.BuildError(said), task)

    def fail_task(self, error: Exception, task: Task | None = None) -> None:
        """A task fails."""
        task = task or self.newest
        task.state, task.result = FAILED, error
        nvr = nvr_of(task.request[0])
        if self.builds.get(nvr, {}).get("task_id") == task.id:
            self.builds[nvr]["state"] = BUILD_FAILED

    def cancel(self, task: Task) -> None:
        """Somebody cancels a task (kojihub.py, Task.cancel)."""
        if task.state in (FREE, OPEN, ASSIGNED):
            task.state = CANCELED
            if task.request and self.builds.get(nvr_of(task.request[0]), {}).get("task_id") == task.id:
                self.builds[nvr_of(task.request[0])]["state"] = BUILD_CANCELED
            for child in self.children(task).values():
                self.cancel(child)

    def clear_outputs(self) -> None:
        """The hub clears what tasks have left, as it does after some days."""
        for task in self.tasks.values():
            task.output = {}
