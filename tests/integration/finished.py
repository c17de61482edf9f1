"""A finished cut, as the tests of it see it: its release, its folder, and what the cut itself recorded."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.builders.root import Root
from tproxy_rpms.release.model import RPM_ARCH, Arch, Package, Release
from tproxy_rpms.sources.fetched import read_fetched

# What a spec makes on every target; `list_names` adds what some targets have besides.
SUBPACKAGES = {
    "iptables": ("iptables", "iptables-devel"),
    "kernel": ("kernel", "kernel-devel"),
    "libcap2": ("libcap2", "libcap2-devel"),
    "squid": ("squid",),
    "tproxy-host": ("tproxy-host",),
}


@dataclass(frozen=True, kw_only=True)
class FinishedCut:
    """A release and the folder that its cut has left."""

    release: Release
    folder: Path

    def missing(self) -> tuple[Path, ...]:
        """The repositories that are not there: the cut is finished when there is none."""
        indexes = [self.repository(name) / "repodata" / "repomd.xml" for name in (*self.release.arches, "SRPMS")]
        return tuple(index for index in indexes if not index.exists())

    def repository(self, name: str) -> Path:
        """The repository of an arch, or of the SRPMS."""
        return self.folder / "repo" / name

    def rpms(self, arch: Arch) -> tuple[Path, ...]:
        """The RPMs of an arch; of a signed release without tproxy-release, which no build root has made."""
        return tuple(path for path in sorted(self.repository(arch).glob("*.rpm")) if not path.name.startswith("tproxy-release-"))

    def list_names(self) -> dict[str, str]:
        """Return every RPM that an arch is to have, name → the package of the release that makes it."""
        traits = self.release.target.traits
        names = {name: package.name for package in self.release.packages.values() for name in SUBPACKAGES[package.spec]}
        for package in self.release.packages.values():
            if package.spec == "iptables" and self.release.target.family == "el":
                names["iptables-ipv6"] = package.name
            if package.spec == "kernel" and traits.get("kernel_headers"):
                names["kernel-headers"] = package.name
        return names

    def list_arches(self, arch: Arch) -> dict[str, str]:
        """Return every RPM that an arch is to have, name → the arch in its header."""
        same = {name for name, package in self.list_names().items() if self.release.packages[package].spec == "tproxy-host"}
        return {name: "noarch" if name in same else RPM_ARCH[arch] for name in self.list_names()}

    def package(self, spec: str) -> Package | None:
        """The package that is made by a spec, or None."""
        return next((package for package in self.release.packages.values() if package.spec == spec), None)

    def version(self, package: Package) -> str:
        """Upstream's version as the fetch has recorded it; of a package without sources, its own."""
        return read_fetched(self.folder / "sources", package.sources[0]).version if package.sources else package.version

    def version_release(self, package: Package) -> str:
        """VERSION-RELEASE of a package's RPMs, which for a kernel is what `uname -r` says."""
        return f"{self.version(package)}-{self.release.revision}{self.release.target.dist}"

    @property
    def sbin(self) -> str:
        """Where the target has its programs for administrators, relative to the root."""
        return str(self.release.target.traits.get("sbindir", "/usr/sbin")).lstrip("/")


def unpack_root(root: Root, folder: Path) -> None:
    """Unpack what programs need of a build root: nothing to compile or read, no device nodes, all files ours: no root needed."""
    exclude = [f"--exclude=./{pattern}" for pattern in ("dev/*", "usr/include/*", "usr/share/*")]
    subprocess.run(["tar", "--zstd", "-xf", str(root.archive), "-C", str(folder), "--no-same-owner", *exclude], check=True)


def run_in_root(folder: Path, arch: Arch, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program of an unpacked root as that root's root, without network and with nothing of the host in sight."""
    words = [
        "bwrap", "--unshare-all", "--die-with-parent", "--uid", "0", "--gid", "0", "--ro-bind", os.fspath(folder), "/",
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/", "--clearenv",
        "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "setarch", RPM_ARCH[arch], *argv,
    ]  # fmt: skip
    return subprocess.run(words, capture_output=True, text=True, check=False)
