"""Build roots by mmdebstrap: archives in the user's cache, named by what is in them."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tproxy_rpms.builders.namespace import remove_argv
from tproxy_rpms.builders.rootdigest import digest_root
from tproxy_rpms.errors import RootError
from tproxy_rpms.process import CommandError, require_tool, run_command
from tproxy_rpms.release.model import Arch, Target
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.store import digest_file, digest_value, read_json, sync_path, wait_for_lock, write_json

DEBIAN_ARCH: Mapping[Arch, str] = {"x86_64": "amd64", "i386": "i386"}

# The unprivileged user that builds, and the constant place where it does.
BUILDER_UID = 1000
BUILDER_HOME = "/builddir"

# What the builder itself needs in a root, beside the target's build_packages.
OWN_PACKAGES = ("mount", "rpm", "util-linux")

# Changes to how a root is made, beyond the target's data, count here.
RECIPE = 1

# Where the root's package list lies in the archive.
LISTING = ".packages"

SETUP = f"""\
chroot "$1" dpkg-query -W -f '${{Package}}\\t${{Version}}\\t${{Provides}}\\n' > "$1/{LISTING}"
chroot "$1" useradd --uid {BUILDER_UID} --user-group --create-home --home-dir {BUILDER_HOME} --shell /bin/sh builder
mkdir -p "$1/results" "$1/requires" "$1/ccache"
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/* "$1/etc/resolv.conf" "$1/etc/hostname"
"""


@dataclass(frozen=True, kw_only=True)
class Root:
    """A build root's archive.

    Fields:
        archive: a tar.zst in the cache. sha256: its digest. packages: name → version.
        provides: every name that a build requirement can ask for.
    """

    archive: Path
    sha256: str
    packages: Mapping[str, str]
    provides: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class RootStore:
    """The roots of one target in the cache.

    Fields:
        extra: packages beyond the target's. setup: shell for what else is to be done in the root, $1.
    """

    target: Target
    cache: Path
    extra: tuple[str, ...] = ()
    setup: str = ""

    def record(self, arch: Arch) -> Path:
        """The JSON file that tells what archive serves a request: target's suite and packages, arch, recipe."""
        wanted = {"packages": self.packages(), "suite": self.target.suite, "arch": arch, "recipe": RECIPE}
        wanted |= {"setup": self.setup} if self.setup else {}
        return self.cache / "roots" / f"{self.target.name}-{arch}-{digest_value(wanted)[:16]}.json"

    def packages(self) -> list[str]:
        """Return what a root is asked to hold, sorted."""
        return sorted({*self.target.build_packages, *OWN_PACKAGES, *self.extra})

    def find(self, arch: Arch) -> Root | None:
        """Return the root of an arch, or None if there is none or its archive is damaged or gone."""
        root = self.read(arch)
        return root if root and digest_file(root.archive) == root.sha256 else None

    def read(self, arch: Arch) -> Root | None:
        """Return the root of an arch as it is recorded, without reading its archive; None if that is not there as a whole."""
        record = read_json(self.record(arch))
        if not isinstance(record, dict):
            return None
        archive = self.cache / "roots" / record["archive"]
        if not archive.is_file() or archive.stat().st_size != record["size"]:
            return None
        return Root(archive=archive, sha256=record["sha256"], packages=record["packages"], provides=frozenset(record["provides"]))

    def make(self, arch: Arch, *, log: Path) -> Root:
        """Return the root of an arch, made by mmdebstrap if it is not there. Raises RootError with the log's end."""
        with wait_for_lock(self.record(arch).with_suffix(".lock")):  # two runs must not make it twice
            root = self.find(arch)
            if root is None:
                self.bootstrap(arch, log=log)
                root = self.find(arch)
            if root is None:
                raise RootError(f"{self.record(arch)}: damaged right after it was made", hint="check the disk")
            return root

    def digest(self, arch: Arch) -> str:
        """Return the digest of what is in an arch's root, the same wherever it is made. Raises RootError if there is no root."""
        record = self.record(arch)
        with wait_for_lock(record.with_suffix(".lock")):
            root = self.read(arch)
            if root is None:
                raise RootError(f"{arch}: the build root is gone", hint=f"run doit root:{arch}")
            known = read_json(record)
            if "content" not in known:
                known["content"] = digest_root(root.archive)
                write_json(record, known)
            return str(known["content"])

    def forget(self, arch: Arch) -> None:
        """Have the root of an arch made anew at the next call."""
        self.record(arch).unlink(missing_ok=True)

    def bootstrap(self, arch: Arch, *, log: Path) -> None:
        """Make a root and file it under what is in it."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        folder = self.cache / "roots"
        prefix = f".making-{self.record(arch).stem}-"
        for stale in folder.glob(f"{prefix}*"):
            run_command(remove_argv(stale))
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as scratch:
            made = Path(scratch) / "root.tar.zst"
            environment = {"SOURCE_DATE_EPOCH": "0"}
            if os.geteuid() == 0:
                environment["TMPDIR"] = scratch  # the root in the making goes with the scratch, also after a kill
            try:
                run_command(self.mmdebstrap_argv(arch, made), log=log, env=environment, stdin=self.sources())
                listing = run_command(["tar", "--zstd", "-xOf", made, f"./{LISTING}"]).stdout
            except CommandError as error:
                raise RootError(f"the {arch} root could not be made\n{error}", hint=f"the whole log: {log}") from error
            packages, provides = parse_listing(listing)
            digest = digest_file(made)
            archive = folder / f"{digest_value(packages)[:16]}-{digest[:16]}.tar.zst"
            sync_path(made)
            made.replace(archive)
        state = {"archive": archive.name, "size": archive.stat().st_size, "sha256": digest}
        write_json(self.record(arch), state | {"packages": packages, "provides": sorted(provides)})

    def sources(self) -> str:
        """Return the archives of a root: the suite alone, which changes only at point releases, so that roots stay the same."""
        apt = PrivateApt.create(suite=self.target.suite, cache=self.cache)
        plain = [replace(entry, suites=(self.target.suite,)) for entry in apt.entries if self.target.suite in entry.suites]
        return "\n".join(entry.render() for entry in plain)

    def mmdebstrap_argv(self, arch: Arch, archive: Path) -> list[str]:
        """Return the mmdebstrap call that makes `archive` from the sources on its standard input."""
        mode, hook = "root" if os.geteuid() == 0 else "unshare", f"set -eu\n{self.setup}{SETUP}"
        return [
            require_tool("mmdebstrap", package="mmdebstrap"), f"--mode={mode}", "--variant=apt",
            f"--architectures={DEBIAN_ARCH[arch]}", f"--include={','.join(self.packages())}",
            '--aptopt=Acquire::Languages "none"', f"--customize-hook={hook}", self.target.suite, str(archive), "-",
        ]  # fmt: skip


def parse_listing(text: str) -> tuple[dict[str, str], set[str]]:
    """Return packages (name → version) and provided names from dpkg-query's `name, version, provides` lines."""
    packages: dict[str, str] = {}
    provides: set[str] = set()
    for line in text.splitlines():
        name, version, provided = line.split("\t")
        packages[name] = version
        provides |= {name, *(word.split()[0] for word in provided.split(",") if word.strip())}
    return packages, provides
