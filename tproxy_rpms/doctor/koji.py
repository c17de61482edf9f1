"""What the koji builder needs: its library, a way to log in, and a hub, target and builders that take the release.

All is asked in one session, and the first request is one that no hub answers late: a hub that is away is told of once, and soon.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace

from tproxy_rpms.builders.kojisession import load_koji, open_session, read_access
from tproxy_rpms.builders.kojitarget import KojiTarget, read_target
from tproxy_rpms.doctor import kojiextra, kojihub, kojitag, mock
from tproxy_rpms.doctor.finding import Case, Finding, failure, good, warning
from tproxy_rpms.doctor.kojihub import Visit, check_answer
from tproxy_rpms.doctor.kojilogin import check_credentials
from tproxy_rpms.doctor.needs import Needs, Tool
from tproxy_rpms.errors import KojiError, TproxyError
from tproxy_rpms.release.koji import Koji

# How the library tries while we look: a hub that goes away now is told of soon, too.
OPTIONS = {"timeout": 30, "max_retries": 2, "retry_interval": 1, "offline_retry": False}

USERLAND = "mock makes the small system here that acceptance tries packages in"


def list_tools(case: Case) -> Iterator[Tool]:
    """Yield what logging in calls, and what packs the system that acceptance tries packages in."""
    yield Tool(name="zstd", debian="zstd", fedora="zstd")
    with suppress(TproxyError):  # the check says so
        if case.release.koji and read_access(case.release.koji).login == "certificate":
            yield Tool(name="openssl", debian="openssl", fedora="openssl")


def check_koji(case: Case) -> Iterator[Finding]:
    """All of it. What hides everything behind it ends the looking."""
    table = case.release.koji
    if table is None:
        return
    yield good("koji library", str(load_koji().__version__))
    try:
        access = read_access(table)
    except TproxyError as error:
        yield failure("koji credentials", error.message, error.hint)
        return
    first = [*check_credentials(case, access), *check_answer(access)]
    yield from first
    if all(finding.status != "fail" for finding in first):
        yield from look_around(case, table)


def look_around(case: Case, table: Koji) -> Iterator[Finding]:
    """Log in, and look at the hub, then at the target's tags."""
    with ExitStack() as stack:
        try:
            session = stack.enter_context(open_session(table))
        except TproxyError as error:
            yield failure("koji login", error.message, error.hint)
            return
        session.opts.update(OPTIONS)
        visit = Visit(case=case, koji=table, session=session)
        for check in kojihub.CHECKS:
            yield from ask(check, visit)
        try:
            target = read_target(session, table.target)
        except KojiError as error:
            yield failure("koji target", error.message, error.hint)
            return
        yield good("koji target", f"{target.name}: built from {target.build_tag} into {target.dest_tag}")
        yield from look_at_tags(visit, target)


def look_at_tags(visit: Visit, target: KojiTarget) -> Iterator[Finding]:
    """Look at what the target's tags say."""
    for check in (*kojitag.CHECKS, *kojiextra.CHECKS):
        yield from ask(check, visit, target)


def ask(check: Callable[..., Iterable[Finding]], *given: object) -> Iterator[Finding]:
    """Yield what a check finds. What the hub refuses to tell hides no other check; a hub that does not answer hides all."""
    koji = load_koji()
    try:
        yield from check(*given)
    except (koji.GenericError, koji.xmlrpcplus.Fault) as error:
        name = check.__name__.replace("check_", "koji ").replace("_", " ")
        found = f"the hub does not tell: {type(error).__name__}: {error}"
        yield warning(name, found, "ask its admin; an old hub may not know the call")


def check_userland(case: Case) -> Iterator[Finding]:
    """This host's mock, which builds nothing here; a cut does without, acceptance does not."""
    checks = (mock.check_mock, mock.check_user, mock.check_configurations)
    for check in checks if case.host.find("mock") else checks[:1]:
        for finding in check(case):
            yield finding if finding.status == "ok" else replace(finding, status="warn", found=f"{finding.found}; {USERLAND}")


NEEDS = Needs(checks=(check_koji, check_userland), tools=list_tools, places=lambda _: ())
