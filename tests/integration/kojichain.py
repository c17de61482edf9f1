"""A project whose release Koji builds: three small packages for both arches, each of which needs the one before."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..conftest import ROOT
from .distribution import Distribution
from .kojihub import KojiHub

RELEASE = """\
schema = 1
summary = "three small packages, built by Koji"
epoch = 2026-11-01T00:00:00Z
revision = "{revision}"
packager = "Test <test@example.org>"
target = "{target}"
builder = "{builder}"

[koji]
hub = "{hub}"
target = "{koji_target}"
{login}
{more}
"""

SPEC = """\
{{% import "preamble.j2" as preamble with context %}}
{{% include "preamble.j2" %}}
Name: {name}
Summary: A small package
License: MIT
{tags}
{{{{ preamble.tags() }}}}
%description
A small package.
%prep
%build
{build}
%install
{install}
%files
{files}
{{{{ preamble.changelog() }}}}
"""

NAMES = ("first", "second", "third")

PACKAGE = """
[packages.{name}]
spec = "{name}"
version = "1.0"
after = {after}
"""

# The first is a header, the second a program that includes it, the third what the second says; for no arch.
FIRST = SPEC.format(
    name="first", tags="", build="WORDS", files="/usr/include/first.h",
    install="install -d %{buildroot}/usr/include\necho '#define WORD \"%{_target_cpu}\"' > %{buildroot}/usr/include/first.h",
)  # fmt: skip
SECOND = SPEC.format(
    name="second", tags='BuildRequires: first = 1.0\nBuildRequires: {{ require("gcc") }}', files="/usr/bin/second",
    build="printf '#include <first.h>\\n#include <stdio.h>\\nint main(void) { return puts(WORD) < 0; }\\n' > second.c\n"
    "WORDS\ngcc -O2 -o second second.c",
    install="install -D second %{buildroot}/usr/bin/second",
)  # fmt: skip
THIRD = SPEC.format(
    name="third", tags="%global optflags %{nil}\nBuildArch: noarch\nBuildRequires: second = 1.0", build="/usr/bin/second",
    files="/usr/share/third",
    install="install -d %{buildroot}/usr/share/third\necho third > %{buildroot}/usr/share/third/word",
)  # fmt: skip


class Chain:
    """A project folder with the release `chain`, a user of the hub and a target of its own name."""

    def __init__(
        self, folder: Path, hub: KojiHub, distribution: Distribution, *, name: str, packages: Sequence[str] = NAMES
    ) -> None:
        self.folder, self.hub, self.name, self.packages = folder, hub, name, packages
        self.revision = f"1.{name.replace('-', '')}"  # a hub takes the name of a build once
        self.processes: list[subprocess.Popen[str]] = []
        for part in ("releases", "specs", "patches", "kconfig", "targets"):
            (folder / part).mkdir(parents=True)
        distribution.write_release(folder / "targets")
        shutil.copy(ROOT / "dodo.py", folder)
        shutil.copy(ROOT / "specs" / "preamble.j2", folder / "specs")
        self.set_words("first", "")
        self.set_words("second", "")
        self.write_spec("third", THIRD)
        if name not in hub.passwords:
            hub.add_user(name, ["build"])
            external = {arch: f"file://{path}" for arch, path in distribution.repositories.items()}
            hub.add_target(name, external=external, pkgs=NAMES, extra={"rebuild_srpm": False})
        self.login = f'user = "{name}"\npassword_file = "{hub.password_file(name)}"'
        self.write_release()

    def write_release(self, *, builder: str = "koji", target: str = "", more: str = "") -> None:
        text = RELEASE.format(
            revision=self.revision, target=self.folder / "targets" / "testdist.toml", builder=builder, hub=self.hub.url,
            koji_target=target or self.name, login=self.login, more=more,
        )  # fmt: skip
        for before, name in zip(("", *self.packages), self.packages, strict=False):
            text += PACKAGE.format(name=name, after=[before] if before else [])
        (self.folder / "releases" / "chain.toml").write_text(text)

    def write_spec(self, name: str, text: str) -> None:
        (self.folder / "specs" / f"{name}.spec.j2").write_text(text)

    def set_words(self, name: str, words: str) -> None:
        """Have the build of the first or second package do something before all else."""
        self.write_spec(name, {"first": FIRST, "second": SECOND}[name].replace("WORDS", words))

    # What a doit of the project needs in its environment: our code.
    environment: ClassVar = {"PYTHONPATH": str(ROOT)}

    def start(self, *words: str, **changes: str) -> "subprocess.Popen[str]":
        environment = os.environ | self.environment | changes
        process = subprocess.Popen(
            ["doit", "release=chain", *words], cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def doit(self, *words: str, status: int = 0, **changes: str) -> str:
        process = self.start(*words, **changes)
        output, _ = process.communicate()
        assert process.returncode == status, output + self.hub.logs[-3000:]
        return output

    def end(self) -> None:
        """End what is still at work."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    @property
    def cut(self) -> Path:
        return self.folder / "build" / "chain"

    def rpms(self, package: str, arch: str) -> list[Path]:
        return sorted((self.cut / "rpms" / f"{package}-{arch}").glob("*.rpm"))

    def place(self, package: str, arch: str) -> Any:
        return json.loads((self.cut / "logs" / f"{package}-{arch}" / "koji.json").read_text())

    def tasks(self, method: str = "build") -> list[dict[str, Any]]:
        """The tasks of this project's user, the oldest first."""
        admin = self.hub.admin
        found = admin.listTasks({"method": method, "owner": admin.getUser(self.name)["id"], "decode": True}, {"order": "id"})
        return list(found)
