"""The hub of a release: whether it answers, as whom it knows us, its clock, and who builds for it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tproxy_rpms.builders.kojihosts import Host, list_hosts, render_hosts
from tproxy_rpms.builders.kojisession import told_as_ours
from tproxy_rpms.doctor.finding import Case, Finding, failure, good, warning
from tproxy_rpms.doctor.general import SKEW
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.koji import Koji

# Seconds after which a hub that does not answer counts as away.
PATIENCE = 5

# How many names a line takes.
NAMED = 5

START = "have an admin enable one (koji enable-host) or start it (kojid)"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A hub that has let us in."""

    case: Case
    koji: Koji
    session: Any

    @property
    def chained(self) -> bool:
        """Whether packages are built with what others of this release have become: each time a repository is made anew."""
        return not self.koji.scratch and any(package.after for package in self.case.release.packages.values())


def check_answer(access: Koji) -> Iterator[Finding]:
    """One request that waits for nothing: any answer will do, and its date tells the hub's clock.

    Koji's library would try again for as long as a cut does. Its logins but that by password go over TLS, whatever the URL says.
    """
    import requests

    hub = access.hub if access.login == "password" else urlsplit(access.hub)._replace(scheme="https").geturl()
    verify = str(access.ca) if access.ca and access.ca.is_file() else True
    try:
        with told_as_ours(hub):
            answer = requests.head(hub, timeout=PATIENCE, verify=verify)
    except KojiError as error:
        yield failure("koji hub", error.message, error.hint)
        return
    if answer.is_redirect:
        place = answer.headers["Location"]
        yield failure("koji hub", f"{hub} is elsewhere: {place}", f'name it so: hub = "{place}"')
    elif "Date" in answer.headers:
        yield from compare_clocks(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time())


def compare_clocks(ahead: float) -> Iterator[Finding]:
    """Say how far the hub's clock is ahead of ours, in seconds; whether a builder is silent is told by both."""
    if abs(ahead) < SKEW:
        yield good("koji clock", "the hub's and this host's agree")
    else:
        word = "ahead of" if ahead > 0 else "behind"
        cure = "set the one that is wrong (timedatectl set-ntp true)"
        yield warning("koji clock", f"the hub's is {abs(ahead):.0f} s {word} this host's", cure)


def check_hub(visit: Visit) -> Iterator[Finding]:
    """Where the hub is, and which Koji it runs."""
    yield good("koji hub", f"{visit.session.baseurl}, Koji {visit.session.hub_version_str}")


def check_user(visit: Visit) -> Iterator[Finding]:
    """Who we are there, and what we were allowed."""
    user, allowed = visit.session.getLoggedInUser()["name"], visit.session.getPerms()
    yield good("koji user", f"{user}, permissions: {' '.join(sorted(allowed)) or 'none'}")


def check_builders(visit: Visit) -> Iterator[Finding]:
    """For each arch a builder that works, and one that makes repositories where a cut waits for them."""
    for arch in visit.case.release.arches:
        yield look_at_hosts(visit.session, arch, None, arch)  # which channel takes the builds, the hub's policy says
    if visit.chained:
        yield look_at_hosts(visit.session, "noarch", "createrepo", "repositories")


def look_at_hosts(session: Any, arch: str, channel: str | None, what: str) -> Finding:
    """Return whether somebody in a channel, or in any, works for an arch in the hub's words."""
    hosts = list(list_hosts(session, arch, channel))
    working = [host for host in hosts if host.works]
    if working:
        return good("koji builders", f"{what}: {name_hosts(working)}")
    wanted = "" if arch == "noarch" else f" for {arch} (koji edit-host --arches)"
    cure = START if hosts else f"have an admin add one{wanted}: koji add-host-to-channel HOST {channel or 'default'}"
    return failure("koji builders", f"{what}: {render_hosts(hosts, arch)}", cure)


def name_hosts(hosts: list[Host]) -> str:
    """Return the first names, and how many more there are."""
    names = ", ".join(sorted(host.name for host in hosts)[:NAMED])
    return names + (f" and {len(hosts) - NAMED} more" if len(hosts) > NAMED else "")


CHECKS = (check_hub, check_user, check_builders)
