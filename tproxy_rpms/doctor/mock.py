"""What the mock builder needs: a mock that this user may run, its package manager, an rpm database in the right place, keys."""

import os
import re
import tempfile
from collections.abc import Iterator

from tproxy_rpms.builders.mockfailure import DATABASE, GROUP, INSTALL, KEYS, NEWER, PLUGINS, ROOM, find_failure
from tproxy_rpms.builders.mockprocess import CALLER
from tproxy_rpms.builders.namespace import BUILD_MEMORY
from tproxy_rpms.doctor.finding import Case, Finding, failure, good, warning
from tproxy_rpms.doctor.general import GIB, short_of_memory
from tproxy_rpms.doctor.needs import Needs, Place, Tool
from tproxy_rpms.release.model import Arch

# The oldest major version whose options and lock files the builder knows.
OLDEST = 6

# Where mock looks for a package manager, and what it takes in its place: `fallbacks` in mockbuild/package_manager.py,
# `*_command` in mockbuild/config.py.
COMMANDS = {"dnf4": "/usr/bin/dnf-3", "dnf5": "/usr/bin/dnf5", "yum": "/usr/bin/yum", "microdnf": "/usr/bin/microdnf"}
FALLBACKS = {
    "dnf4": ("dnf4", "dnf5", "yum"),
    "dnf5": ("dnf5", "dnf4", "yum"),
    "yum": ("yum", "dnf4", "dnf5"),
    "microdnf": ("microdnf", "dnf4", "dnf5", "yum"),
}

# Fedora's package of each; Debian's is named like the command's family.
PACKAGES = {"dnf4": "python3-dnf", "dnf5": "dnf5", "yum": "yum", "microdnf": "microdnf"}

# Where a root's database may lie: EL's place, and Fedora's since 36.
DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")


def list_tools(_case: Case) -> Iterator[Tool]:
    """Yield what our mock configurations call; mock itself has a check of its own."""
    yield Tool(name="rpm", debian="rpm", fedora="rpm")
    yield Tool(name="zstd", debian="zstd", fedora="zstd")


def list_places(case: Case) -> Iterator[Place]:
    """Yield mock's own folders: roots in use, which take disk where memory is short, and the cache of roots and packages."""
    need = BUILD_MEMORY if short_of_memory(case) else 0
    yield Place(label="/var/lib/mock", path=case.host.path("/var/lib/mock"), need=need, cure=ROOM, own=False)
    yield Place(label="/var/cache/mock", path=case.host.path("/var/cache/mock"), need=GIB, cure=ROOM, own=False)


def check_mock(case: Case) -> Iterator[Finding]:
    """It is there, and new enough."""
    path = case.host.find("mock")
    if path is None:
        yield failure("mock", "not found on this host", INSTALL)
        return
    # Plain root is not even told the version; whose name that is asked in plays no part.
    answer = case.host.run([path, "--version"], env={"SUDO_UID": "65534"} if case.host.uid == 0 else None)
    said = (answer.output.strip().splitlines() or ["nothing"])[-1]
    version = re.search(r"(\d+)\.\d+", said)
    if answer.status:
        yield failure("mock", f"{path} --version ended with status {answer.status}: {said}", INSTALL)
    elif version is None:
        yield warning("mock", f"{path}: of no known version ({said})", f"{NEWER}: look what this one is")
    elif int(version[1]) < OLDEST:
        yield failure("mock", f"{path}: version {said}", NEWER)
    else:
        yield good("mock", f"{path}, version {said}")


def check_user(case: Case) -> Iterator[Finding]:
    """Whom mock would run for: it drops root's rights to the user who called sudo, and takes members of its group alone."""
    yield judge_user(case)


def judge_user(case: Case) -> Finding:
    """Return the finding on the user; `check_configurations` asks, too."""
    host = case.host
    caller = host.environment.get("SUDO_UID") or host.environment.get("USERHELPER_UID")
    if "mock" not in host.known_groups:
        return failure("mock's user", "this host has no group mock", "groupadd --system mock; mock's packages make it")
    if host.uid == 0 and not caller:
        return failure("mock's user", "plain root, whom mock refuses", GROUP)
    if host.uid == 0 and caller == "0":
        return failure("mock's user", "root through root's own sudo: mock has no user to drop its rights to", GROUP)
    if host.uid == 0:
        return good("mock's user", f"root, called by user {host.environment.get('SUDO_USER') or caller}")
    if "mock" not in host.groups:
        return failure("mock's user", f"{host.user} is not in the group mock", GROUP)
    return good("mock's user", f"{host.user}, in the group mock")


def check_configurations(case: Case) -> Iterator[Finding]:
    """mock for real, up to the question where an arch's root lies: rights, configuration and arch are looked at on the way."""
    mock = case.host.find("mock")
    allowed = judge_user(case).status == "ok"
    for arch in case.release.arches:
        path = case.release.mock_config(arch)
        name = f"mock -r {path.stem}"
        if not path.is_file():
            yield failure(name, f"{path}: no such file", f"write it: the target {case.release.target.name} has none for {arch}")
        elif mock and allowed:
            # A root of a name of its own, so that the cache's lock is never in the way of a build.
            argv = [mock, "-r", str(path), "--config-opts=root=tproxy-doctor", "--no-bootstrap-chroot", "--print-root-path"]
            environment = {word: case.host.environment[word] for word in CALLER if word in case.host.environment}
            answer = case.host.run(argv, env=environment)
            if answer.status == 0:
                yield good(name, "mock takes it")
            else:
                what = find_failure(answer.status, answer.output)
                said = next((line for line in answer.output.splitlines() if line.startswith("ERROR")), "")
                yield failure(name, f"{what.text} ({said})" if said else what.text, what.hint or f"mend {path}")


def check_manager(case: Case) -> Iterator[Finding]:
    """The package manager that fills the roots: mock takes another in its place, without a word or after a key press."""
    configs = {arch: read_config(case, arch) for arch in case.release.arches}
    for wanted in dict.fromkeys(read_manager(text) for text in configs.values()):
        asked = [text for text in configs.values() if read_manager(text) == wanted]
        package = PACKAGES.get(wanted, wanted) if case.host.fedora else wanted.removesuffix("4")
        found = [name for name in FALLBACKS.get(wanted, (wanted,)) if has_manager(case, name)]
        if not found:
            yield failure("package manager", f"the roots want {wanted}; none is on this host", f"install {package}")
        elif found[0] == wanted:
            yield good("package manager", f"{wanted}: {COMMANDS[wanted]}, as the configurations ask")
        elif all(re.search(r"'dnf_warning'\]\s*=\s*False", text) for text in asked):
            yield warning(
                "package manager", f"the roots want {wanted}; mock takes {found[0]}", f"install {package}: a root may differ"
            )
        else:
            yield failure(
                "package manager",
                f"the roots want {wanted}; before it takes {found[0]}, mock waits for Enter",
                f"install {package}, or set config_opts['dnf_warning'] = False",
            )


def check_builddep(case: Case) -> Iterator[Finding]:
    """The plugin by which mock installs what a spec requires; yum has a command of its own for that."""
    wanted = dict.fromkeys(read_manager(read_config(case, arch)) for arch in case.release.arches)
    used = [next((name for name in FALLBACKS.get(one, ()) if has_manager(case, name)), "") for one in wanted]
    for name in dict.fromkeys(name for name in used if name.startswith("dnf")):
        status = case.host.run([COMMANDS[name], "builddep", "--help"]).status
        if status == 0:
            yield good("builddep", f"{COMMANDS[name]} has it")
        else:
            yield failure("builddep", f"{COMMANDS[name]} builddep --help ended with status {status}", PLUGINS)


def read_config(case: Case, arch: Arch) -> str:
    """Return the text of an arch's mock configuration; nothing if there is none."""
    path = case.release.mock_config(arch)
    return path.read_text() if path.is_file() else ""


def read_manager(text: str) -> str:
    """Return the package manager that a configuration asks for; mock's own default is dnf, which is version 4."""
    found = re.findall(r"^config_opts\['package_manager'\]\s*=\s*['\"](\w+)['\"]", text, re.MULTILINE)
    return "dnf4" if not found or found[-1] == "dnf" else str(found[-1])


def has_manager(case: Case, name: str) -> bool:
    """Whether the host has a package manager by mock's own test: /usr/bin/yum may be dnf under another name."""
    path = case.host.path(COMMANDS[name]) if name in COMMANDS else None
    return path is not None and path.is_file() and name.removesuffix("4") in path.resolve().name


def check_database(case: Case) -> Iterator[Finding]:
    """Where the host's rpm, which fills the roots, puts their database, and who can read it there."""
    if case.host.find("rpm") is None:
        return  # the tools say so
    said = case.host.run(["rpm", "--eval", "%_dbpath", "--eval", "%{?_db_backend}"]).output.split()
    place, backend = said[0] if said else "nowhere", said[1] if len(said) > 1 else "bdb"
    if not place.startswith(DATABASES):
        yield failure("rpm database", f"{place}: the database of a root would stay empty", DATABASE)
        return
    reads = case.release.target.traits.get("rpmdb")
    if reads in (None, backend):
        yield good("rpm database", f"{place}, {backend}")
    else:
        # No host of today writes what an old rpm reads, and mock is made for that: it installs and lists from outside and runs
        # rpmbuild --nodeps (mockbuild/backend.py), so nothing is to be cured.
        yield good(
            "rpm database", f"{place}, {backend}: rpm in the root reads {reads} alone and sees no package; mock asks from outside"
        )


def check_keys(case: Case) -> Iterator[Finding]:
    """The keys that the packages of roots are checked with."""
    if case.release.files and any(case.release.lock.glob("*.json")):
        yield good("package keys", "none is asked for: the roots are locked, each package by its SHA-256")
        return
    named = {
        key for arch in case.release.arches for key in re.findall(r"file://(/[^\s,'\"]+)", read_keys(read_config(case, arch)))
    }
    plain = sorted(key for key in named if not re.search(r"[${]", key))  # what a variable stands for, mock alone knows
    missing = [key for key in plain if not case.host.path(key).is_file()]
    if missing:
        package = "distribution-gpg-keys"
        yield failure("package keys", f"not there: {', '.join(missing)}", f"install {package}, or put the keys there")
    elif named:
        refused = [key for key in plain if not imports_key(case, key)]
        if refused:
            yield failure("package keys", f"the host's rpm refuses {', '.join(refused)}", KEYS)
        else:
            yield good("package keys", f"{len(named)} named, and the host's rpm takes them")


def imports_key(case: Case, key: str) -> bool:
    """Whether the host's rpm takes a key into a database: the policies of today's hosts refuse keys of 2007."""
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-keys-") as database:
        argv = ["rpmkeys", "--define", f"_dbpath {database}", "--import", os.fspath(case.host.path(key))]
        return case.host.run(argv).status == 0


def read_keys(text: str) -> str:
    """Return the gpgkey lines of a configuration's repositories."""
    return "\n".join(line for line in text.splitlines() if line.strip().startswith("gpgkey"))


NEEDS = Needs(
    checks=(check_mock, check_user, check_configurations, check_manager, check_builddep, check_database, check_keys),
    tools=list_tools,
    places=list_places,
)
