"""A build target of a Koji hub: what its roots are made of, where its builds go, and whether it can build a release."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.model import RPM_ARCH, Arch


@dataclass(frozen=True, kw_only=True)
class KojiTarget:
    """A build target.

    Fields:
        build_tag, dest_tag: where the roots' packages come from, and where builds are tagged. build_tag_id: its number.
        arches: of the build tag, in Koji's words. inherits: the tags that the build tag takes packages from, the nearest first.
        repositories: URLs of external repositories → how they are merged, in Koji's words.
        groups: group → packages that a root is begun with.
        extra: what the tag says to mock and rpm. repo: the number of the newest repository, 0 if there is none.
    """

    name: str
    build_tag: str
    build_tag_id: int
    dest_tag: str
    dest_tag_id: int
    arches: tuple[str, ...]
    inherits: tuple[str, ...]
    repositories: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    extra: Mapping[str, Any]
    repo: int

    def list_lacking(self, arches: Iterable[Arch], *, scratch: bool) -> tuple[str, ...]:
        """Return the arches, in rpm's words, that builds of the target would not be for.

        The build tag's word is the packages': `i386` there makes packages for i386. Scratch builds say the word themselves.
        """
        canon = load_koji().canonArch if scratch else str
        have = {canon(arch) for arch in self.arches}
        return tuple(RPM_ARCH[arch] for arch in arches if canon(RPM_ARCH[arch]) not in have)

    def require(self, arches: Iterable[Arch], *, scratch: bool) -> None:
        """Raise KojiError if the target cannot build for all of these arches."""
        arches = tuple(arches)
        lacking = self.list_lacking(arches, scratch=scratch)
        if lacking:
            wanted = " ".join(RPM_ARCH[arch] for arch in arches)
            raise KojiError(
                f"{self.build_tag}, the build tag of {self.name}, has the arches {' '.join(self.arches) or 'none'}; "
                f"the release takes {' '.join(lacking)}",
                hint=f"koji edit-tag --arches='{wanted}' {self.build_tag}",
            )


def read_target(session: Any, name: str) -> KojiTarget:
    """Return a target. Raises KojiError if the hub has none of this name."""
    target = session.getBuildTarget(name)
    if not target:
        known = ", ".join(sorted(one["name"] for one in session.getBuildTargets())[:20])
        raise KojiError(
            f"{session.baseurl}: there is no build target {name} (there are: {known or 'none'})",
            hint=f"mend koji.target, or have an admin add it: koji add-target {name} BUILD_TAG DEST_TAG",
        )
    tag = int(target["build_tag"])
    config = session.getBuildConfig(tag)
    groups = session.getTagGroups(tag)
    repo = session.getRepo(tag)
    return KojiTarget(
        name=name,
        build_tag=str(target["build_tag_name"]),
        build_tag_id=tag,
        dest_tag=str(target["dest_tag_name"]),
        dest_tag_id=int(target["dest_tag"]),
        arches=tuple(str(config["arches"] or "").split()),
        inherits=tuple(str(parent["name"]) for parent in session.getFullInheritance(tag)),
        repositories={str(one["url"]): str(one.get("merge_mode") or "koji") for one in session.getExternalRepoList(tag)},
        groups={str(group["name"]): tuple(sorted(one["package"] for one in group["packagelist"])) for group in groups},
        extra=dict(config["extra"]),
        repo=int(repo["id"]) if repo else 0,
    )
