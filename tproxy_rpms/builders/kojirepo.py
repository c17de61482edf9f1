"""Waiting for builds in the repository that the roots of a Koji target are made from."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.builders.kojitarget import KojiTarget
from tproxy_rpms.builders.kojitask import COMPLETE
from tproxy_rpms.errors import KojiError

# Seconds between two looks.
PAUSE = 4.0


def wait_for_builds(
    session: Any, target: KojiTarget, nvrs: tuple[str, ...], *, patience: int, say: Callable[[str], None]
) -> None:
    """Wait until the repository of a target's build tag has some builds.

    Args:
        patience: minutes. say: takes a line if there is something to wait for.

    Raises KojiError for builds that no waiting brings, and when none comes: kojira, or the hub's own requests, make repositories.
    """
    check_builds(session, target, nvrs)
    builds = [load_koji().parse_NVR(nvr) for nvr in nvrs]
    begun = time.monotonic()
    asked = False
    while not has_builds(session, target.build_tag_id, builds):
        if not asked:
            say(f"waits for {', '.join(nvrs)} in the repository of {target.build_tag}")
            ask_for_repo(session, target.build_tag_id)
            asked = True
        if time.monotonic() - begun > patience * 60:
            raise KojiError(
                f"the repository of {target.build_tag} has no {', '.join(nvrs)} after {patience} minutes",
                hint=f"look whether kojira runs; koji regen-repo {target.build_tag}",
            )
        time.sleep(PAUSE)


def check_builds(session: Any, target: KojiTarget, nvrs: Iterable[str]) -> None:
    """Raise KojiError for builds that Koji has not, that no tag has which the build tag takes packages from, or that are not the
    newest there: of each package, a repository has no other.
    """
    for nvr in nvrs:
        build = session.getBuild(nvr)
        if not build or build["state"] != COMPLETE:
            raise KojiError(
                f"{session.baseurl} has no build {nvr}, which the build roots need",
                hint='packages that others need must be built by Koji, too: builder = "koji", scratch = false',
            )
        tags = [str(tag["name"]) for tag in session.listTags(build=nvr)]
        if not {target.build_tag, *target.inherits} & set(tags):
            wrong_tag = target.dest_tag in tags
            raise KojiError(
                f"{nvr} is in {', '.join(tags) or 'no tag'}, and {target.build_tag} takes nothing from there",
                hint=f"koji add-tag-inheritance {target.build_tag} {target.dest_tag}"
                if wrong_tag
                else f"koji tag-build {target.dest_tag} {nvr}",
            )
        check_newest(session, target, build)


def check_newest(session: Any, target: KojiTarget, build: Mapping[str, Any]) -> None:
    """Raise KojiError for a build that another one of the same package hides."""
    nvr, name = str(build["nvr"]), str(build["name"])
    newest = [str(one["nvr"]) for one in session.getLatestBuilds(target.build_tag_id, package=name)]
    if newest and nvr not in newest:
        raise KojiError(
            f"the roots of {target.name} get {newest[0]}, which is newer in {target.build_tag}, and not {nvr} of this cut",
            hint=f"a target for each release; or koji untag-build {target.dest_tag} {newest[0]}",
        )


def has_builds(session: Any, tag: int, builds: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the newest repository of a tag was made when these builds were the newest of their packages in the tag."""
    repo = session.getRepo(tag)
    return bool(repo) and bool(load_koji().util.checkForBuilds(session, tag, builds, repo["create_event"], latest=True))


def ask_for_repo(session: Any, tag: int) -> None:
    """Have a hub that takes requests (Koji 1.35) make a tag's repository anew; elsewhere kojira finds that out by itself."""
    with suppress(load_koji().GenericError):
        session.repo.request(tag, min_event="last")
