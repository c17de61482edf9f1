"""What the chroot builder needs: mmdebstrap, namespaces, and ids for the users of a root."""

from collections.abc import Iterator

from tproxy_rpms.builders.namespace import BUILD_MEMORY, unshare_argv
from tproxy_rpms.doctor.archive import check_archive
from tproxy_rpms.doctor.finding import Case, Finding, failure, good
from tproxy_rpms.doctor.general import short_of_memory
from tproxy_rpms.doctor.needs import Needs, Place, Tool

# Ids that a root's own users need: Debian's nobody is 65534.
RANGE = 65536
ADD_RANGES = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535"

# Switches that forbid an unprivileged user namespaces: file, the value that does, the cure.
SWITCHES = (
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
)
CONTAINER = "in a container, start it with the capability SYS_ADMIN"


def list_tools(case: Case) -> Iterator[Tool]:
    """Yield the tools of making and entering a root."""
    yield Tool(name="mmdebstrap", debian="mmdebstrap", fedora="mmdebstrap")
    yield Tool(name="unshare", debian="util-linux", fedora="util-linux")
    yield Tool(name="setarch", debian="util-linux", fedora="util-linux")
    yield Tool(name="zstd", debian="zstd", fedora="zstd")
    if "i386" in case.release.arches:
        yield Tool(name="arch-test", debian="arch-test", fedora="arch-test")
    if case.host.uid:
        yield Tool(name="newuidmap", debian="uidmap", fedora="shadow-utils")


def list_places(case: Case) -> Iterator[Place]:
    """Yield the folder of the roots in use, which take disk where memory is short; it is in the build folder."""
    need = BUILD_MEMORY if short_of_memory(case) else 0
    yield Place(
        label="roots in use", path=case.build / "work", need=need, cure="or free memory, so that roots can lie in it", own=False
    )


def check_namespaces(case: Case) -> Iterator[Finding]:
    """The namespaces of a build, made for real."""
    if case.host.find("unshare") is None:
        return  # the tools say so
    answer = case.host.run([*unshare_argv(), "true"])
    if answer.status == 0:
        yield good("namespaces", "made as a build makes them, " + ("as root" if case.host.uid == 0 else f"by {case.host.user}"))
        return
    cures = [cure for name, value, cure in SWITCHES if case.host.uid and case.host.read(name).strip() == value]
    found = answer.output.strip() or f"unshare ended with status {answer.status}"
    yield failure("namespaces", found, " and ".join(cures) or CONTAINER)


def check_ids(case: Case) -> Iterator[Finding]:
    """Ranges of further user and group ids; only root has them all without asking."""
    if case.host.uid == 0:
        return
    short = [name for name in ("/etc/subuid", "/etc/subgid") if largest_range(case, name) < RANGE]
    if short:
        yield failure(
            "ids",
            f"no range of {RANGE} ids for {case.host.user} in {' and '.join(short)}",
            f"{ADD_RANGES} {case.host.user}, or another range that no user has",
        )
    else:
        yield good("ids", f"{case.host.user} has a range in /etc/subuid and /etc/subgid")


def largest_range(case: Case, name: str) -> int:
    """Return the size of the user's largest range in a file of NAME:FIRST:COUNT lines."""
    lines = (line.strip().split(":") for line in case.host.read(name).splitlines())
    own = (case.host.user, str(case.host.uid))
    return max((int(line[2]) for line in lines if len(line) == 3 and line[0] in own and line[2].isdigit()), default=0)


def check_arch_test(case: Case) -> Iterator[Finding]:
    """What mmdebstrap asks before it makes a root of the other arch."""
    if "i386" not in case.release.arches or case.host.find("arch-test") is None:
        return
    answer = case.host.run(["arch-test", "i386"])
    if answer.status == 0:
        yield good("arch-test", answer.output.strip())
    else:
        yield failure(
            "arch-test",
            answer.output.strip() or f"ended with status {answer.status}",
            "boot the host with ia32_emulation=on; mmdebstrap makes no i386 root without",
        )


NEEDS = Needs(
    checks=(check_namespaces, check_ids, check_arch_test, check_archive),
    tools=list_tools,
    places=list_places,
)
