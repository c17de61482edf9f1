"""What stands for koji.ClientSession: the calls of a hub that lies in this process, each as the client gives it on."""

import copy
import hashlib
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import koji

from .kojifake import CANCELED, CLOSED, FAILED, FakeHub


class FakeSession:
    """What stands for koji.ClientSession."""

    def __init__(self, hub: FakeHub, baseurl: str, opts: dict[str, Any]) -> None:
        self.hub, self.baseurl, self.opts = hub, baseurl, dict(opts)
        self.user = ""
        self.hub_version_str = "1.35.3"
        self.logins: list[tuple[Any, ...]] = []
        self.repo = SimpleNamespace(request=self.wrap("repo.request", self.request_repo))
        hub.sessions.append(self)

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return self.wrap(name, found) if name in CALLS else found

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return partial(self.answer, name, call)

    def answer(self, name: str, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Do what a test wants at this moment, and answer; what is given away is the caller's own."""
        self.do(f"before {name}")
        with self.hub.lock:
            if not self.user and name not in LOGINS:
                raise koji.ActionNotAllowed("you must be logged in for this operation")
            self.hub.calls.append(name)
            result = copy.deepcopy(call(*args, **named))
        self.do(f"after {name}")
        return result

    def do(self, moment: str) -> None:
        waiting = self.hub.hooks.get(moment, [])
        if waiting:
            waiting.pop(0)()

    # Logins

    def login(self) -> bool:
        if self.hub.passwords.get(self.opts.get("user", "")) != self.opts.get("password"):
            raise koji.AuthError("invalid username or password")
        self.user = self.opts["user"]
        return True

    def ssl_login(self, cert: str, ca: None, serverca: str | None) -> bool:
        self.logins.append(("certificate", cert, serverca))
        asked = ["openssl", "x509", "-in", cert, "-noout", "-subject", "-nameopt", "multiline"]
        subject = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        name = subject.rpartition("= ")[2].strip()
        if name not in self.hub.users:
            raise koji.AuthError(f"unable to obtain a session (ssl auth failed: koji.AuthError: Unknown user: {name})")
        self.user = name
        return True

    def gssapi_login(self, *, principal: str | None, keytab: str | None) -> bool:
        self.logins.append(("kerberos", principal, keytab))
        self.user = "builder"
        return True

    def logout(self) -> None:
        self.user = ""

    def getLoggedInUser(self) -> dict[str, Any]:
        return {"id": self.hub.users[self.user], "name": self.user}

    # Uploads and tasks

    def uploadWrapper(self, path: str, folder: str, callback: Callable[..., None] | None = None) -> None:
        data = self.hub.files[f"{folder}/{Path(path).name}"] = Path(path).read_bytes()
        for sent in (len(data) // 2, len(data)) if callback else ():
            callback(sent, len(data), len(data) // 2, 0.1, 0.1)

    def checkUpload(self, folder: str, name: str, verify: str | None = None) -> dict[str, Any] | None:
        data = self.hub.files.get(f"{folder}/{name}")
        if verify not in (None, "md5", "adler32", "sha256"):
            raise koji.GenericError(f"Unsupported verify type: {verify}")
        if data is None:
            return None
        digest = {"hexdigest": hashlib.new(verify, data).hexdigest(), "sumlength": len(data)} if verify else {}
        return {"size": len(data), "mtime": 1.0, **digest}

    def build(self, source: str, target: str, opts: dict[str, Any] | None = None) -> int:
        return self.hub.add_task("build", owner=self.hub.users[self.user], request=[source, target, dict(opts or {})]).id

    def cancelTask(self, task: int) -> None:
        if self.hub.tasks[task].owner != self.hub.users[self.user]:
            raise koji.ActionNotAllowed("Cannot cancel task, not owner")
        self.hub.cancel(self.hub.tasks[task])

    def getTaskInfo(self, task: int, request: bool = False) -> dict[str, Any] | None:
        found = self.hub.tasks.get(task)
        return found and found.info() | ({"request": found.request} if request else {})

    def getTaskChildren(self, task: int) -> list[dict[str, Any]]:
        return [one.info() for one in self.hub.tasks.values() if one.parent == task]

    def getTaskRequest(self, task: int) -> list[Any]:
        return self.hub.tasks[task].request

    def getTaskResult(self, task: int) -> Any:
        found = self.hub.tasks[task]
        if found.state == CANCELED:
            raise koji.GenericError(f"Task {task} is canceled")
        if found.state not in (CLOSED, FAILED):
            raise koji.GenericError(f"Task {task} is not finished")
        if isinstance(found.result, Exception):
            raise found.result
        return found.result

    def listTasks(self, opts: dict[str, Any], queryOpts: dict[str, Any]) -> list[dict[str, Any]]:
        found = [
            task for task in self.hub.tasks.values()
            if ("method" not in opts or task.method == opts["method"])
            and ("owner" not in opts or task.owner == opts["owner"])
            and ("state" not in opts or task.state in opts["state"])
            and task.created > opts.get("createdAfter", 0)
        ]  # fmt: skip
        key = queryOpts.get("order", "id")
        found.sort(key=lambda task: getattr(task, key.lstrip("-")), reverse=key.startswith("-"))
        coded = task_xml if not opts.get("decode") else (lambda request: request)
        return [task.info() | {"request": coded(task.request)} for task in found[: queryOpts.get("limit")]]

    def listTaskOutput(self, task: int, stat: bool = False) -> Any:
        output = self.hub.tasks[task].output
        return {name: {"st_size": str(len(data)), "st_mtime": 1.0} for name, data in output.items()} if stat else list(output)

    def downloadTaskOutput(self, task: int, name: str, offset: int = 0, size: int = -1) -> bytes:
        if name not in self.hub.tasks[task].output:
            raise koji.GenericError(f'no file "{name}" output by task {task}')
        data = self.hub.tasks[task].output[name][offset:]
        if self.hub.damaged.get(name, 0):
            self.hub.damaged[name] -= 1
            data = data[:-1] + bytes([data[-1] ^ 1])
        data = data if size < 0 else data[:size]
        self.hub.sent[name] = self.hub.sent.get(name, 0) + len(data)
        return data

    # Builds, tags and repositories

    def getBuild(self, nvr: str) -> dict[str, Any] | None:
        return self.hub.builds.get(nvr)

    def getRPM(self, nvra: str) -> dict[str, Any] | None:
        return self.hub.rpms.get(nvra)

    def getRPMChecksums(self, rpm: int, checksum_types: list[str], cacheonly: bool = False) -> dict[str, Any]:
        return self.hub.checksums.get(rpm, {})

    def getBuildTarget(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.getBuildTargets() if one["name"] == name), None)

    def getBuildTargets(self) -> list[dict[str, Any]]:
        names = {number: tag["name"] for number, tag in self.hub.tags.items()}
        return [
            {"name": name, "build_tag": tag, "build_tag_name": names[tag], "dest_tag": dest, "dest_tag_name": names[dest]}
            for name, (tag, dest) in self.hub.targets.items()
        ]

    def listTags(self, build: str) -> list[dict[str, Any]]:
        if build not in self.hub.builds:
            raise koji.GenericError(f"No such build: '{build}'")
        return [self.hub.tags[tag] for _, tag, nvr in self.hub.tagged if nvr == build]

    def getTag(self, tag: int) -> dict[str, Any]:
        return self.hub.tags[tag]

    def getBuildConfig(self, tag: int) -> dict[str, Any]:
        return self.hub.tags[tag]

    def getTagGroups(self, tag: int) -> list[dict[str, Any]]:
        return [{"name": name, "packagelist": [{"package": one} for one in all_]} for name, all_ in self.hub.groups.items()]

    def getFullInheritance(self, tag: int) -> list[dict[str, Any]]:
        return [{"parent_id": one, "name": self.hub.tags[one]["name"]} for one in self.hub.inherits.get(tag, [])]

    def getExternalRepoList(self, tag: int) -> list[dict[str, Any]]:
        return [{"external_repo_name": "vault", "url": "https://vault.example.org/5.11/os/$arch/", "merge_mode": "bare"}]

    def getRepo(self, tag: int) -> dict[str, Any] | None:
        return next((repo for repo in reversed(self.hub.repos) if repo["tag_id"] == tag), None)

    def request_repo(self, tag: int, min_event: str) -> dict[str, Any]:
        if self.hub.kojira:
            self.hub.make_repo()
        return {"repo": None, "request": {"id": 1}}

    def listTagged(self, tag: int, event: int | None = None, package: str = "", inherit: bool = False) -> list[dict[str, Any]]:
        tags = [tag, *(self.hub.inherits.get(tag, []) if inherit else [])]
        found = [koji.parse_NVR(nvr) for at, where, nvr in self.hub.tagged if where in tags and at <= (event or self.hub.event)]
        return [one for one in found if one["name"] == package]

    def getLatestBuilds(self, tag: int, event: int | None = None, package: str = "") -> list[dict[str, Any]]:
        tagged = self.listTagged(tag, event, package, inherit=True)
        return [one | {"nvr": f"{one['name']}-{one['version']}-{one['release']}"} for one in tagged[-1:]]

    # Builders

    def getHost(self, host: int) -> dict[str, Any] | None:
        return next((one for one in self.hub.hosts if one["id"] == host), None)

    def listHosts(self, arches: list[str] | None = None, channelID: int | str | None = None) -> list[dict[str, Any]]:
        pattern = rf"\b({'|'.join(arches)})\b" if arches else ""
        channel = {"default": 1}.get(str(channelID), channelID)
        hosts = [one for one in self.hub.hosts if re.search(pattern, str(one["arches"])) and channel in (None, one["channel"])]
        told = (lambda host: {"update_ts": self.hub.seen(host)}) if self.hub.tells_updates else lambda _: {}
        return [{key: value for key, value in host.items() if key != "seen"} | told(host) for host in hosts]

    def getLastHostUpdate(self, host: int, ts: bool = False) -> float | None:
        return self.hub.seen(next(one for one in self.hub.hosts if one["id"] == host))

    def listBuildroots(self, taskID: int) -> list[dict[str, Any]]:
        return [root for root in self.hub.roots if root["task_id"] == taskID]

    def listRPMs(
        self, componentBuildrootID: int | None = None, buildID: int | None = None, arches: list[str] | None = None
    ) -> list[dict[str, Any]]:
        if buildID is not None:
            return [one for one in self.hub.rpms.values() if one["build_id"] == buildID and one["arch"] in (arches or [])]
        return [
            {"name": "gcc", "arch": "x86_64", "version": "4.1.2", "release": "55.el5", "epoch": None},
            {"name": "bash", "arch": "x86_64", "version": "3.2", "release": "33.el5", "epoch": 2},
        ]


def task_xml(request: list[Any]) -> str:
    """A request as it lies in the hub's database."""
    return str(koji.xmlrpcplus.dumps(tuple(request), "build"))


LOGINS = {"login", "ssl_login", "gssapi_login", "logout"}
CALLS = LOGINS | {name for name in vars(FakeSession) if re.match("[a-z]+[A-Z]", name) or name == "build"}


def connect(hub: FakeHub) -> Callable[..., FakeSession]:
    """Return what stands for the class koji.ClientSession."""
    return lambda baseurl, opts=None: FakeSession(hub, baseurl, opts or {})
