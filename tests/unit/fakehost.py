"""A host in a folder, with a release on it, for the tests of the doctor."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tproxy_rpms.doctor.finding import Case, Check, Finding
from tproxy_rpms.doctor.host import Answer, Host, Space
from tproxy_rpms.release.model import Release

from ..conftest import make_release, make_target

GIB = 1 << 30
NOW = 1_100_000_000

FILES = {
    "/proc/meminfo": "MemTotal: 32000000 kB\nMemAvailable:   16000000 kB\n",
    "/proc/self/maps": "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
    "/etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
    "/etc/apt/sources.list": "deb [signed-by=/k.gpg] http://a.example.org/debian bookworm main\n",
    "/k.gpg": "",
    "/etc/subuid": "someone:100000:65536\n",
    "/etc/subgid": "someone:100000:65536\n",
    "/usr/bin/dnf-3": "",
    "/keys/A": "",
}

CONFIG = """\
config_opts['package_manager'] = 'dnf4'
config_opts['dnf_warning'] = False
config_opts['dnf.conf'] = \"\"\"
[base]
baseurl=http://vault.example.org/
gpgkey=file:///keys/A
\"\"\"
"""

# What the host's tools answer, by words of the command; the first that fit count.
ANSWERS: Mapping[str, Answer] = {
    "--version": Answer(status=0, output="6.7\n"),
    "--print-root-path": Answer(status=0, output="/var/lib/mock/x/root/\n"),
    "--eval": Answer(status=0, output="/var/lib/rpm\nsqlite\n"),
    "setarch i386 uname -m": Answer(status=0, output="i686\n"),
    "uname -m": Answer(status=0, output="x86_64\n"),
    "arch-test i386": Answer(status=0, output="i386: ok\n"),
    "": Answer(status=0),
}


class Fake:
    """A host in a folder, with a release on it; every part can be spoilt. `asked` holds the commands that were run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = dict(FILES)
        self.answers = dict(ANSWERS)
        self.missing: set[str] = set()
        self.changes: dict[str, object] = {}
        self.free = 100 * GIB
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        (folder / "mock-configs").mkdir(parents=True)
        for arch in ("x86_64", "i386"):
            (folder / "mock-configs" / f"test-{arch}.cfg").write_text(CONFIG)
        traits = {"vsyscall": True, "rpmdb": "bdb"}
        self.release = make_release(
            builder="mock",
            files=(folder / "releases" / "test.toml",),
            target_file=folder / "targets" / "test.toml",
            target=make_target(traits=traits),
        )

    def run(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Answer:
        line = " ".join(argv)
        self.asked.append((line, env or {}))
        return next(answer for words, answer in self.answers.items() if words in line)

    def case(self) -> Case:
        top = self.folder / "host"
        shutil.rmtree(top, ignore_errors=True)
        for name, text in self.files.items():
            path = top / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        host = Host(
            uid=1001,
            user="someone",
            groups=frozenset({"someone", "mock"}),
            known_groups=frozenset({"someone", "mock"}),
            environment={},
            now=NOW,
            find=lambda name: None if name in self.missing else f"/usr/bin/{name}",
            run=self.run,
            space=lambda path: Space(there=path, free=self.free, device=1, writable=True),
            top=top,
        )
        release: Release = self.release
        folder = self.folder / "project"
        return Case(
            release=release,
            host=replace(host, **self.changes),  # type: ignore[arg-type]
            root=folder,
            build=folder / "build" / "test",
            cache=folder / "cache",
        )

    def look(self, check: Check) -> list[Finding]:
        return list(check(self.case()))

    def find(self, check: Check) -> Finding:
        (finding,) = self.look(check)
        return finding


def rows(findings: Sequence[Finding]) -> dict[str, str]:
    """Name and status of each finding."""
    return {finding.name: finding.status for finding in findings}
