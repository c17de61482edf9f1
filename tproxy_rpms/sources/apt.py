"""A private apt: the host's own mirrors and keys, with lists, cache and sources of our own.

The host's sources need no deb-src and are never touched; its proxy settings (apt.conf.d) hold here too.
"""

import email
import fcntl
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import run_command
from tproxy_rpms.store import write_whole

# Lists younger than this many seconds are not asked for again.
FRESH = 600

CONFIGURATION = """\
Dir::State "{top}/state/";
Dir::State::status "{top}/status";
Dir::Cache "{top}/cache/";
Dir::Etc::sourcelist "{top}/source.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One archive of a sources file; `options` are further deb822 fields such as Signed-By."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def render(self, *, types: str = "deb") -> str:
        """Return the entry as a deb822 stanza."""
        fields = [("Types", types), ("URIs", " ".join(self.uris)), ("Suites", " ".join(self.suites))]
        fields += [("Components", " ".join(self.components)), *self.options]
        return "".join(f"{name}: {value}\n" for name, value in fields)


def read_entries(etc: Path) -> tuple[Entry, ...]:
    """Return every enabled binary archive of the host, from both formats of sources files below `etc` (/etc/apt)."""
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    stanzas = [etc / "sources.list.d" / path.name for path in sorted((etc / "sources.list.d").glob("*.sources"))]
    entries = [entry for path in lists if path.is_file() for entry in parse_lines(path.read_text())]
    return (*entries, *(entry for path in stanzas for entry in parse_stanzas(path.read_text())))


def parse_lines(text: str) -> Iterator[Entry]:
    """Yield the `deb [options] URI SUITE COMPONENT…` lines of a one-line-style file."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<components>[^#]*)", line)
        if match:
            options = [word.split("=", 1) for word in shlex.split(match["options"] or "") if "=" in word]
            kept = tuple(
                (name.title(), value.replace(",", " ")) for name, value in options if name.lower() in ("signed-by", "trusted")
            )
            yield Entry(
                uris=(match["uri"],), suites=(match["suite"],), components=tuple(match["components"].split()), options=kept
            )


def parse_stanzas(text: str) -> Iterator[Entry]:
    """Yield the enabled `deb` stanzas of a deb822 file."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", uncommented.strip()):
        fields = {name.lower(): value for name, value in email.message_from_string(stanza.strip() + "\n").items()}
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in ("no", "false", "0"):
            kept = tuple((name.title(), fields[name]) for name in ("signed-by", "trusted") if name in fields)
            words = {name: tuple(fields.get(name, "").split()) for name in ("uris", "suites", "components")}
            yield Entry(uris=words["uris"], suites=words["suites"], components=words["components"], options=kept)


def select_entries(entries: Sequence[Entry], *, codename: str, suite: str) -> tuple[Entry, ...]:
    """Return the entries of the host's distribution (`bookworm`, `bookworm-updates` …) moved to the target's suite.

    Raises HostError when the host has none.
    """
    selected = []
    for entry in entries:
        suites = [name for name in entry.suites if name == codename or name.startswith(f"{codename}-")]
        if suites:
            selected.append(replace(entry, suites=tuple(suite + name.removeprefix(codename) for name in suites)))
    if not selected:
        raise HostError(
            f"/etc/apt: no archive for {codename}, the host's own distribution",
            hint="a Debian host with its package mirror is needed",
        )
    return tuple(selected)


def read_codename(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the host's VERSION_CODENAME. Raises HostError on a host without one."""
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)', os_release.read_text(), re.MULTILINE)
    if match is None:
        raise HostError(
            f"{os_release}: no VERSION_CODENAME", hint="releases that take sources from the host's archive need a Debian host"
        )
    return match[1]


@dataclass(frozen=True, kw_only=True)
class PrivateApt:
    """An apt of our own for one suite, in `top`."""

    top: Path
    entries: tuple[Entry, ...]

    @classmethod
    def create(cls, *, suite: str, cache: Path, etc: Path = Path("/etc/apt"), codename: str = "") -> "PrivateApt":
        """Return the private apt of a suite, made below `cache` from the host's sources in `etc`."""
        apt = cls(
            top=cache / "apt" / suite,
            entries=select_entries(read_entries(etc), codename=codename or read_codename(), suite=suite),
        )
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (apt.top / folder).mkdir(parents=True, exist_ok=True)
        write_whole(apt.top / "source.sources", "\n".join(entry.render(types="deb deb-src") for entry in apt.entries))
        write_whole(apt.top / "apt.conf", CONFIGURATION.format(top=apt.top))
        (apt.top / "status").touch()
        return apt

    def run(self, *argv: str, cwd: Path | None = None) -> str:
        """Run `apt-get …` or `apt-cache …` and return what it printed. Raises CommandError."""
        return run_command(
            argv, cwd=cwd, env={"APT_CONFIG": str(self.top / "apt.conf"), "DEBIAN_FRONTEND": "noninteractive"}
        ).stdout

    @contextmanager
    def updated(self) -> Iterator[None]:
        """Hold the lock of this apt with lists that are not older than `FRESH` seconds."""
        marker = self.top / "updated"
        with (self.top / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not marker.exists() or time.time() - marker.stat().st_mtime > FRESH:
                self.run("apt-get", "-q", "update")
                marker.touch()
            yield
