"""What every release needs: tools, room, memory, a clock."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tproxy_rpms.builders.namespace import BUILD_MEMORY, SPARE_MEMORY, available_memory
from tproxy_rpms.course import format_bytes
from tproxy_rpms.doctor.finding import Case, Finding, failure, good, warning
from tproxy_rpms.doctor.needs import NOTHING, Place, Tool, load_needs
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.publish.place import open_place
from tproxy_rpms.signing.signatory import open_signatory

GIB = 1 << 30

# What a cut from nothing leaves in build/ and in the cache: 0.6 and 0.4 GiB for bookworm, more for a kernel with all modules.
BUILD_NEED = 2 * GIB
CACHE_NEED = 1 * GIB

# Days before a key's end from which it is told.
EXPIRY_DAYS = 60

# What a host needs for all that releases may ask for, a package a line; `run` reads them, too.
DEBIAN, FEDORA = (Path(__file__).with_name(f"{family}.txt") for family in ("debian", "fedora"))

# Seconds that clocks of a network share may differ.
SKEW = 60


def list_tools(case: Case) -> Iterator[Tool]:
    """Yield the tools that this release's stages call, whatever the builder."""
    release = case.release
    yield Tool(name="setpriv", debian="util-linux", fedora="util-linux")
    yield Tool(name="rpmbuild", debian="rpm", fedora="rpm-build")
    yield Tool(name="bwrap", debian="bubblewrap", fedora="bubblewrap")
    yield Tool(name="createrepo_c", debian="createrepo-c", fedora="createrepo_c")
    if release.signing:
        yield Tool(name="rpmsign", debian="rpm", fedora="rpm-sign")
        yield Tool(name="rpmkeys", debian="rpm", fedora="rpm")
        yield Tool(name="gpgconf", debian="gnupg", fedora="gnupg2")
        if release.target.signing == "el5":
            yield Tool(name="gpg1", debian="gnupg1", fedora="gnupg1")
    if release.publishing:
        yield Tool(name="rsync", debian="rsync", fedora="rsync")
        yield Tool(name="ssh", debian="openssh-client", fedora="openssh-clients")
    if release.signing or any(source.signature for source in release.sources.values()):
        yield Tool(name="gpg", debian="gnupg", fedora="gnupg2")
        yield Tool(name="gpgv", debian="gpgv", fedora="gnupg2")
    if any(source.archive for source in release.sources.values()):
        yield Tool(name="apt-get", debian="apt", fedora="apt")
        yield Tool(name="dpkg-deb", debian="dpkg", fedora="dpkg")
    if any(package.patches for package in release.packages.values()):
        yield Tool(name="patch", debian="patch", fedora="patch")
    if any(package.kconfig for package in release.packages.values()):
        for name in ("make", "gcc", "flex", "bison"):
            yield Tool(name=name, debian=name, fedora=name)
    yield from list_acceptance_tools(case)


def list_acceptance_tools(case: Case) -> Iterator[Tool]:
    """Yield the tools that an acceptance run calls."""
    worlds = case.release.acceptance.worlds
    yield Tool(name="rpm2cpio", debian="rpm", fedora="rpm")
    yield Tool(name="cpio", debian="cpio", fedora="cpio")
    if "namespaces" in worlds:
        yield Tool(name="nsenter", debian="util-linux", fedora="util-linux")
        yield Tool(name="ip", debian="iproute2", fedora="iproute")
        yield Tool(name="tcpdump", debian="tcpdump", fedora="tcpdump")
    if "machines" in worlds:
        yield Tool(name="depmod", debian="kmod", fedora="kmod")
        yield Tool(name="qemu-system-x86_64", debian="qemu-system-x86", fedora="qemu-system-x86-core")


def check_tools(case: Case) -> Iterator[Finding]:
    """Every command of the host that this release calls."""
    needs = load_needs(case.release.builder) or NOTHING
    tools = {tool.name: tool for tool in (*list_tools(case), *needs.tools(case))}
    missing = [tool for tool in tools.values() if case.host.find(tool.name) is None]
    if not missing:
        yield good("tools", f"all {len(tools)} are there")
        return
    packages = sorted({tool.fedora if case.host.fedora else tool.debian for tool in missing})
    install, known = ("dnf install", FEDORA) if case.host.fedora else ("apt-get install", DEBIAN)
    more = "./run does it, too" if has_run(case) else f"all that releases may ask for: {install} $(cat {known})"
    yield failure("tools", f"not found: {', '.join(tool.name for tool in missing)}", f"{install} {' '.join(packages)}; {more}")


def has_run(case: Case) -> bool:
    """Tell whether the project is a checkout, whose `run` installs packages and makes an environment."""
    return (case.root / "run").is_file()


def check_bindings(case: Case) -> Iterator[Finding]:
    """librpm for the Python that we run in: headers of RPMs are read with it."""
    answer = case.host.run([sys.executable, "-c", "import rpm; print(rpm.__version__)"])
    if answer.status == 0:
        yield good("rpm for Python", answer.output.strip())
    else:
        last = (answer.output.strip().splitlines() or ["no answer"])[-1]
        start = "start through ./run, which makes .venv for it" if has_run(case) else "make the environment of that Python"
        yield failure("rpm for Python", last, f"install python3-rpm, and {start}")


def check_sandbox(case: Case) -> Iterator[Finding]:
    """bubblewrap for real: SRPMs are made in it, at a constant path."""
    bwrap = case.host.find("bwrap")
    if bwrap is None:
        return  # the tools say so
    answer = case.host.run([bwrap, "--unshare-all", "--uid", "0", "--gid", "0", "--ro-bind", "/", "/", "--proc", "/proc", "true"])
    if answer.status == 0:
        yield good("bubblewrap", "makes a namespace")
    else:
        yield failure(
            "bubblewrap",
            answer.output.strip() or f"ended with status {answer.status}",
            "allow this user namespaces (in a container, start it with the capability SYS_ADMIN)",
        )


def short_of_memory(case: Case) -> bool:
    """Whether the roots of builds will lie on the disk."""
    return available_memory(case.host.path("/proc/meminfo")) < BUILD_MEMORY + SPARE_MEMORY


def check_memory(case: Case) -> Iterator[Finding]:
    """Room for the root of one build in memory, counted as the builders do."""
    available = format_bytes(available_memory(case.host.path("/proc/meminfo")))
    if short_of_memory(case):
        yield warning(
            "memory",
            f"{available} available; a build's root in memory wants {format_bytes(BUILD_MEMORY + SPARE_MEMORY)}",
            "free some, or leave it: roots then lie on the disk, and builds take longer",
        )
    else:
        yield good("memory", f"{available} available: roots of builds lie in it")


def list_places(case: Case) -> Iterator[Place]:
    """Yield the folders that every release fills."""
    clean = f"doit release={case.release.name} clean forgets what a cut left"
    yield Place(label="build", path=case.build, need=BUILD_NEED, cure=f"make room in {case.build}; {clean}")
    yield Place(
        label="cache",
        path=case.cache,
        need=CACHE_NEED,
        cure=f"make room in {case.cache}, or name another cache: XDG_CACHE_HOME=…",
    )


def check_disk(case: Case) -> Iterator[Finding]:
    """A finding for each file system that a cut writes to."""
    needs = load_needs(case.release.builder) or NOTHING
    shared: dict[int, list[Place]] = defaultdict(list)
    for place in (*list_places(case), *needs.places(case)):
        space = case.host.space(place.path)
        shared[space.device].append(place)
        if place.own and not space.writable:
            yield failure(
                "disk",
                f"{space.there}: {case.host.user} may not write there",
                f"chown -R {case.host.user} {space.there}, or mount it for writing",
            )
    for places in shared.values():
        free, need = case.host.space(places[0].path).free, sum(place.need for place in places)
        labels = ", ".join(place.label for place in places)
        found = f"{format_bytes(free)} free for {labels}; a cut from nothing takes {format_bytes(need)}"
        if free < need:
            yield failure("disk", found, "; ".join(dict.fromkeys(place.cure for place in places if place.need)))
        else:
            yield good("disk", found)


def check_clock(case: Case) -> Iterator[Finding]:
    """TLS and the expiry of keys go by the clock, and so does what is newer than what."""
    now, epoch = case.host.now, case.release.epoch
    newest = max((path.stat().st_mtime for path in list_files(case)), default=0)
    if now < epoch:
        yield failure(
            "clock",
            f"{show_time(now)}, before the release's epoch, {show_time(epoch)}",
            f"set the clock (timedatectl set-ntp true), or the epoch of {case.release.name}",
        )
    elif newest > now + SKEW:
        yield warning(
            "clock",
            f"{show_time(now)}, before the project's newest file, {show_time(newest)}",
            "set the clock (timedatectl set-ntp true); if it is right, touch the project's files",
        )
    else:
        yield good("clock", f"{show_time(now)}, after the release's epoch and the project's files")


def list_files(case: Case) -> Iterator[Path]:
    """Yield the project's files and those of the release."""
    yield from (path for path in (*case.release.files, case.release.target_file) if path.is_file())
    for folder in ("tproxy_rpms", "specs", "kconfig", "patches"):
        yield from (path for path in (case.root / folder).rglob("*") if path.is_file())


def show_time(seconds: float) -> str:
    """Return a time for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def check_signing_key(case: Case) -> Iterator[Finding]:
    """The key, tried on a few bytes: there, valid, of a kind that the target verifies, unlocked."""
    signing = case.release.signing
    if signing is None:
        yield good("signing key", f"{case.release.name} names none: its packages stay unsigned")
        return
    try:
        signatory = open_signatory(case.release)
        signatory.try_out()
    except TproxyError as error:
        yield failure("signing key", " ".join(error.message.split()), error.hint or "look at the key")
        return
    part = signatory.key.part
    lives = [key.expires for key in (signatory.key, signatory.manifest.key) if key.expires]
    days = (min(lives, default=0) - case.host.now) / 86400
    if lives and days < EXPIRY_DAYS:
        cure = "give it a longer life (gpg --quick-set-expire), and publish it to the hosts in time"
        yield warning("signing key", f"{part.fingerprint}: {part}, expires in {days:.0f} days", cure)
    else:
        yield good("signing key", f"{part.fingerprint}: {part}, signs for the profile {signatory.profile.name}")


def check_publishing(case: Case) -> Iterator[Finding]:
    """The place that is published to: reached, with its tools, and writable."""
    if case.release.publishing is None:
        return
    place = open_place(case.release.publishing)
    if not case.release.url:
        yield failure("publishing", "the release has no url", 'say where clients find it: url = "https://host/path"')
    try:
        place.act("probe")
    except TproxyError as error:
        yield failure("publishing", " ".join(error.message.split()), error.hint)
    else:
        yield good("publishing", f"{place} can be written")


CHECKS = (
    check_tools,
    check_bindings,
    check_sandbox,
    check_disk,
    check_memory,
    check_clock,
    check_signing_key,
    check_publishing,
)
