"""A project folder like ours, with one small package, for tests that run the real doit."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any, ClassVar

from tproxy_rpms.store import digest_file

from ..conftest import ROOT

RELEASE = """\
schema = 1
summary = "a small package"
epoch = 2026-11-01T00:00:00Z
revision = "1"
packager = "Test <test@example.org>"
target = "debian-12"
builder = "chroot"

[sources.hello]
version = "1.0"
urls = ["{url}"]
sha256 = "{digest}"

[packages.hello]
sources = ["hello"]
"""

SPEC = """\
{% import "preamble.j2" as preamble with context %}
{% include "preamble.j2" %}
Name: hello
Summary: A small package
License: MIT
{{ preamble.tags() }}
BuildRequires: {{ require("gcc-c++") }}
%description
A small package.
%prep
%setup -q -n {{ source_root }}
%build
test ! -e wait || sleep 600
gcc -O2 -o hello hello.c
%install
install -D hello %{buildroot}/usr/bin/hello
%files
/usr/bin/hello
{{ preamble.changelog() }}
"""

HELLO = "int main(void) { return 0; }\n"


class Project:
    """A project folder like ours, with one package called hello."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("releases", "specs", "patches", "kconfig"):
            (folder / name).mkdir()
        shutil.copytree(ROOT / "targets", folder / "targets")
        shutil.copy(ROOT / "dodo.py", folder)
        shutil.copy(ROOT / "specs" / "preamble.j2", folder / "specs")
        (folder / "specs" / "hello.spec.j2").write_text(SPEC)
        self.set_source({"hello.c": HELLO})

    def set_source(self, files: dict[str, str]) -> None:
        """Make the source of these files, and pin it."""
        tree = self.folder / "hello-1.0"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        for name, text in files.items():
            (tree / name).write_text(text)
        tarball = self.folder / "hello-1.0.tar.gz"
        with tarfile.open(tarball, "w:gz") as archive:
            archive.add(tree, "hello-1.0")
        self.write_release(RELEASE.replace("{url}", tarball.as_uri()).replace("{digest}", digest_file(tarball)))

    def set_limits(self) -> None:
        """Give the target what CentOS 5's rpm reads, and let it keep to that."""
        limits = (ROOT / "targets" / "centos-5.toml").read_text().partition("[limits]")
        target = self.folder / "targets" / "debian-12.toml"
        text = target.read_text().replace('"w3.zstdio"', '"w9.gzdio"').replace("file_digest = 8", "file_digest = 1")
        target.write_text(text + "".join(limits[1:]))

    def report(self, name: str) -> Any:
        return json.loads((self.folder / "build" / "small" / "gates" / f"hello-{name}.json").read_text())

    def write_release(self, text: str) -> None:
        (self.folder / "releases" / "small.toml").write_text(text)

    # What a doit of the project needs in its environment: our code.
    environment: ClassVar = {"PYTHONPATH": str(ROOT)}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        argv = ["doit", "release=small", *words]
        pipe, environment = subprocess.PIPE, os.environ | self.environment
        return subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def doit(self, *words: str, status: int = 0) -> str:
        process = self.start(*words)
        output, _ = process.communicate()
        assert process.returncode == status, output
        return output

    def rpm(self, arch: str) -> Path:
        (path,) = (self.folder / "build" / "small" / "rpms" / f"hello-{arch}").glob("*.rpm")
        return path
