"""A host that updates by dnf: a root, a configuration and a cache of its own, in a folder; nothing of this host is touched."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tproxy_rpms.publish.client import KEY_FILE, REPO_FILE
from tproxy_rpms.release.model import RPM_ARCH, Arch

# No scriptlets: there is no shell in the root. Metadata is stale at once unless a .repo file has its own word on it.
CONFIG = """\
[main]
assumeyes=1
best=1
cachedir={folder}/cache
gpgcheck=1
install_weak_deps=0
logdir={folder}/log
persistdir={folder}/state
plugins=0
skip_if_unavailable=0
tsflags=noscripts
varsdir={folder}/vars
"""


@dataclass(frozen=True, kw_only=True)
class DnfClient:
    """A host of one arch.

    Fields:
        folder: all of it. repos: where its .repo files are. key: URL of the key that dnf may import for the repository `tproxy`.
    """

    folder: Path
    arch: Arch
    repos: Path
    key: str

    @property
    def root(self) -> Path:
        """The root that it installs into."""
        return self.folder / "root"

    def run(self, *words: str, expect: int = 0) -> str:
        """Run dnf, with fresh metadata, and return all that it said; `expect` is the status that it must end with."""
        argv = [
            "dnf", "--config", str(self.folder / "dnf.conf"), "--installroot", str(self.root), "--forcearch", RPM_ARCH[self.arch],
            "--releasever", "1", f"--setopt=reposdir={self.repos}", f"--setopt=tproxy.gpgkey={self.key}", "--refresh", *words,
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def list_installed(self) -> list[str]:
        """Return NAME-VERSION.ARCH of every package in the root, sorted, without the keys; see `without_time`."""
        query = ["rpm", "--root", str(self.root), "-qa", "--qf", "%{name}-%{version}.%{arch}\\n"]
        listed = subprocess.run(query, check=True, capture_output=True, text=True).stdout.split()
        return sorted(without_time(one) for one in listed if not one.startswith("gpg-pubkey"))

    def settle(self) -> "DnfClient":
        """Return the host as it is once tproxy-release is installed: with the .repo file and the key of that, and no cache."""
        repos, key = self.root / "etc/yum.repos.d", self.root / "etc/pki/rpm-gpg" / KEY_FILE
        assert (repos / REPO_FILE).is_file()
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        return replace(self, repos=repos, key=key.as_uri())


def without_time(package: str) -> str:
    """Return a package with the version 0 for tproxy-release, whose own is the time of the key."""
    return re.sub(r"^(tproxy-release)-\d{14}\b", r"\1-0", package)


def make_client(folder: Path, arch: Arch, *, repo: str, key: str) -> DnfClient:
    """Return a host with nothing installed, this .repo file, and the URL of its key. Skips where there is no dnf 4."""
    require_dnf()
    client = DnfClient(folder=folder, arch=arch, repos=folder / "repos", key=key)
    for path in (client.root, client.repos, folder / "vars"):
        path.mkdir(parents=True)
    (folder / "dnf.conf").write_text(CONFIG.format(folder=folder))
    (client.repos / REPO_FILE).write_text(repo)
    return client


def require_dnf() -> None:
    """Skip the test unless this host has the dnf whose words the tests know, and may install by it."""
    if shutil.which("dnf") is None:
        pytest.skip("no dnf on this host")
    version = subprocess.run(["dnf", "--version"], capture_output=True, text=True).stdout
    if not version.startswith("4."):
        pytest.skip(f"the tests know what dnf 4 says, not {version.splitlines()[0] if version else 'this one'}")
    if os.geteuid() != 0:
        pytest.skip("dnf --installroot needs root")
