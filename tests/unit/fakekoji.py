"""A Koji hub in memory, with one target that takes a release; every part can be spoilt."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

FIRST = 5  # the event that the repository was made at


class FakeHub:
    """What a session of a hub answers."""

    baseurl = "https://koji.example.org/kojihub"

    def __init__(self, epoch: int) -> None:
        self.opts: dict[str, object] = {}
        self.hub_version = (1, 34)
        self.perms = ["build"]
        self.arches = "x86_64 i686"
        self.extra: dict[str, object] = {
            "rebuild_srpm": False,
            "mock.package_manager": "dnf4",
            "rpm.env.SOURCE_DATE_EPOCH": str(epoch),
        }
        self.groups = {"build": ["gcc"], "srpm-build": ["rpm-build"]}
        self.parents = ["here"]
        self.tag: dict[str, object] = {"locked": False, "perm": None}
        self.packages: dict[str, object] = {"hello": {"blocked": False}}
        self.repo: dict[str, int] | None = {"id": 7, "create_event": FIRST}
        self.changed, self.hours = FIRST, 0.0
        self.external: list[dict[str, object]] = []
        self.policies: dict[str, str] = {}
        self.channels = {None: [self.host("one")], "createrepo": [self.host("one")]}

    @staticmethod
    def host(name: str, **changes: object) -> dict[str, object]:
        return {
            "id": 1, "name": name, "arches": "x86_64 i386", "enabled": True, "ready": True, "task_load": 0.0, "capacity": 2.0,
            "seen": time.time(), **changes,
        }  # fmt: skip

    @property
    def hub_version_str(self) -> str:
        return ".".join(map(str, self.hub_version))

    def getLoggedInUser(self) -> Mapping[str, object]:
        return {"id": 1, "name": "me"}

    def evalPolicy(self, name: str, data: Mapping[str, object]) -> str:
        return self.policies.get(name, "allow")

    def getPerms(self) -> Sequence[str]:
        return self.perms

    def getBuildTarget(self, name: str) -> Mapping[str, object] | None:
        tags = {"build_tag": 2, "build_tag_name": "here-build", "dest_tag": 1, "dest_tag_name": "here"}
        return tags if name == "here" else None

    def getBuildTargets(self) -> Sequence[Mapping[str, object]]:
        return [{"name": "here"}]

    def getBuildConfig(self, tag: int) -> Mapping[str, object]:
        return {"arches": self.arches, "extra": self.extra}

    def getTagGroups(self, tag: int) -> Sequence[Mapping[str, object]]:
        return [{"name": name, "packagelist": [{"package": one} for one in names]} for name, names in self.groups.items()]

    def getFullInheritance(self, tag: int) -> Sequence[Mapping[str, object]]:
        return [{"name": name} for name in self.parents]

    def getExternalRepoList(self, tag: int) -> Sequence[Mapping[str, object]]:
        return self.external

    def getTag(self, tag: int) -> Mapping[str, object]:
        return self.tag

    def getPackageConfig(self, tag: int, name: str) -> object:
        return self.packages.get(name)

    def getRepo(self, tag: int) -> Mapping[str, int] | None:
        return self.repo

    def tagLastChangeEvent(self, tag: int) -> int:
        return self.changed

    def getEvent(self, event: int) -> Mapping[str, float]:
        return {"ts": time.time() - self.hours * 3600}

    def listHosts(self, *, arches: Sequence[str] | None, channelID: str) -> Sequence[Mapping[str, Any]]:
        hosts = self.channels[channelID]
        return [host for host in hosts if arches is None or set(arches) & set(str(host["arches"]).split())]

    def getLastHostUpdate(self, host: int, *, ts: bool) -> float | None:
        hosts = [one for channel in self.channels.values() for one in channel if one["id"] == host]
        return hosts[0]["seen"]  # type: ignore[return-value]
