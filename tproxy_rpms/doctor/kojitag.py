"""The tags of a release's target: what they say of arches, packages and repositories, and whether they take its builds."""

import time
from collections.abc import Iterator

from tproxy_rpms.builders.kojitarget import KojiTarget
from tproxy_rpms.doctor.finding import Finding, failure, good, warning
from tproxy_rpms.doctor.kojihub import Visit
from tproxy_rpms.release.model import RPM_ARCH

# Hours that a change of a tag may wait to be in its repository: kojira takes minutes.
LATE = 2

# From here on a build asks for a repository that is new enough, and nobody makes one before (docs/source/release_notes).
ON_DEMAND = (1, 35)


def check_arches(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """The build tag's arches: those of the release by the names that RPMs get; a tagged build is for all others, too."""
    wanted = [RPM_ARCH[arch] for arch in visit.case.release.arches]
    missing, have = target.list_lacking(visit.case.release.arches, scratch=visit.koji.scratch), " ".join(target.arches) or "none"
    cure = f"koji edit-tag --arches='{' '.join(wanted)}' {target.build_tag}"
    others = [arch for arch in target.arches if arch not in wanted]
    if missing:
        yield failure("koji arches", f"{target.build_tag} has {have}, and the release takes {' '.join(missing)}", cure)
    elif others and not visit.koji.scratch:
        yield warning(
            "koji arches",
            f"{target.build_tag} has {have}: each build that its spec does not keep from it is for {' '.join(others)}, too, and "
            "fails for all if it fails there",
            f"{cure}, or koji.scratch = true",
        )
    else:
        yield good("koji arches", f"{target.build_tag} has {have}")


def check_groups(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """The packages that roots are begun with: `build`, and `srpm-build` where Koji makes the SRPM anew."""
    wanted = ["build", *(["srpm-build"] if rebuilds_srpm(visit, target) else [])]
    for name in wanted:
        if not target.groups.get(name):
            word = "is empty" if name in target.groups else "is missing"
            cure = f"koji add-group {target.build_tag} {name}; " if name not in target.groups else ""
            yield failure(
                "koji groups",
                f"{target.build_tag}: the group {name} {word}: its roots would be empty",
                f"{cure}koji add-group-pkg {target.build_tag} {name} PACKAGE…",
            )
    there = [f"{name} ({len(target.groups[name])} packages)" for name in wanted if target.groups.get(name)]
    if len(there) == len(wanted):
        yield good("koji groups", f"{target.build_tag}: {', '.join(there)}")


def rebuilds_srpm(visit: Visit, target: KojiTarget) -> bool:
    """Whether Koji makes SRPMs anew: for tagged builds the tag says so (builder/kojid, `getSRPM`), for scratch builds we do."""
    return not visit.koji.scratch and bool(target.extra.get("rebuild_srpm", True))


def check_merging(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """How external repositories are merged: but for `bare`, a package of the cut hides all that they have of the same source."""
    hiding = [url for url, mode in target.repositories.items() if mode != "bare"]
    if hiding and not visit.koji.scratch:
        yield warning(
            "koji repositories",
            f"{', '.join(hiding)}: not merged in mode bare: what the tag has (a kernel) hides all of the same source package "
            "there (kernel-headers, which gcc needs)",
            f"koji edit-external-repo -t {target.build_tag} -m bare NAME, for each; then koji regen-repo {target.build_tag}",
        )


def check_srpm(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Whether the SRPM that was submitted is the one that is built and kept."""
    if rebuilds_srpm(visit, target):
        yield warning(
            "koji SRPM",
            f"{target.build_tag}: rebuild_srpm is not False: Koji makes each SRPM anew and keeps that one",
            f"koji edit-tag -x rebuild_srpm=False {target.build_tag}",
        )


def check_inheritance(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Whether what one package has become is in the roots of those that need it."""
    if not visit.chained:
        return
    if target.dest_tag in (target.build_tag, *target.inherits):
        yield good("koji inheritance", f"{target.build_tag} has what is built into {target.dest_tag}")
    else:
        yield failure(
            "koji inheritance",
            f"{target.build_tag} does not inherit {target.dest_tag}: packages would wait for the ones before in vain",
            f"koji add-tag-inheritance {target.build_tag} {target.dest_tag}",
        )


def check_destination(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Whether the destination tag takes builds of this user; the hub looks when all is built (`check_tag_access`)."""
    if visit.koji.scratch:
        return
    tag, user = visit.session.getTag(target.dest_tag_id), visit.session.getLoggedInUser()["name"]
    if tag["locked"]:
        yield failure("koji tag", f"{target.dest_tag} is locked: it takes no build", f"koji unlock-tag {target.dest_tag}")
    elif tag["perm"] and tag["perm"] not in visit.session.getPerms():
        yield failure(
            "koji tag",
            f"{target.dest_tag} takes builds of users with the permission {tag['perm']}, and {user} has it not",
            f"koji grant-permission {tag['perm']} {user}",
        )


def check_policy(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Whether the hub's policy lets this user build from an SRPM: it says so itself, asked as its builder asks (`build`)."""
    session, user = visit.session, visit.session.getLoggedInUser()
    asked = {
        "user_id": user["id"], "source": "tproxy-rpms/doctor/any.src.rpm", "build_tag": target.build_tag_id,
        "tag": target.dest_tag_id,
        "target": target.name, "scratch": visit.koji.scratch, "skip_tag": False, "from_scm": False,
    }  # fmt: skip
    for policy in ("build_rpm",) if visit.koji.scratch else ("build_from_srpm", "build_rpm"):
        answer = str(session.evalPolicy(policy, asked))
        if answer.split()[:1] == ["allow"]:
            yield good("koji policy", f"{policy} lets {user['name']} build")
        else:
            yield failure(
                "koji policy",
                f"{policy} does not let {user['name']} build for {target.name}: {answer}",
                f"have an admin allow it ([policy] {policy} in hub.conf)"
                + ("" if policy == "build_rpm" else ", or koji.scratch = true"),
            )


def check_packages(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Whether the destination tag's list has each package, and blocks none."""
    if visit.koji.scratch:
        return
    names = visit.case.release.packages
    configs = {name: visit.session.getPackageConfig(target.dest_tag_id, name) for name in names}
    missing = [name for name, config in configs.items() if not config]
    blocked = [name for name, config in configs.items() if config and config["blocked"]]
    if missing:
        user, listed = visit.session.getLoggedInUser()["name"], " ".join(missing)
        yield failure(
            "koji packages",
            f"not in the list of {target.dest_tag}: {listed}",
            f"koji add-pkg --owner {user} {target.dest_tag} {listed}",
        )
    if blocked:
        listed = " ".join(blocked)
        yield failure("koji packages", f"blocked in {target.dest_tag}: {listed}", f"koji unblock-pkg {target.dest_tag} {listed}")
    if not missing and not blocked:
        yield good("koji packages", f"{target.dest_tag} takes all {len(names)}")


def check_repository(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """The repository that roots are filled from, and whether it has what the tag has by now."""
    session, tag = visit.session, target.build_tag
    repo = session.getRepo(target.build_tag_id)
    if not repo:
        yield warning(
            "koji repository",
            f"{tag} has none yet: the first build waits until there is one",
            f"koji regen-repo {tag}; kojira has to run",
        )
        return
    what = f"{tag}: number {repo['id']}"
    last = session.tagLastChangeEvent(target.build_tag_id)
    if not last or last <= repo["create_event"]:
        yield good("koji repository", f"{what}, with all that the tag has")
        return
    hours = (time.time() - session.getEvent(last)["ts"]) / 3600
    if session.hub_version >= ON_DEMAND:
        yield good("koji repository", f"{what}; the tag has changed since: a build asks for a new one")
    elif hours < LATE:
        yield good("koji repository", f"{what}; the tag has changed {hours * 60:.0f} minutes ago, and a new one is to come")
    else:
        yield warning(
            "koji repository",
            f"{what}, and the tag has changed since, {hours:.0f} hours ago: builds would see what was there before",
            f"koji regen-repo {tag}; look whether kojira runs",
        )


CHECKS = (
    check_arches, check_groups, check_merging, check_srpm, check_inheritance, check_destination, check_policy,
    check_packages, check_repository,
)  # fmt: skip
