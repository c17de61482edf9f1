"""The static programs of a release, made once from its SRPMs.

They lie in the user's cache, named by all that they are made from. What they are configured with is what the release's own specs
say, so that the data files of the release's RPMs (mime.conf, error pages, icons) are where they look for them.
"""

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.acceptance.muslroot import PACKAGES, build_spec, load_musl_release, scratch_beside
from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.acceptance.static.zig import REQUIREMENTS, install_zig, pack_zig
from tproxy_rpms.librpm import load_rpm
from tproxy_rpms.packaging.header import load_header
from tproxy_rpms.release.model import Arch, Archive, Release, Source
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.sources.archive import fetch_from_archive
from tproxy_rpms.store import digest_file, digest_value, wait_for_lock, whole_folder

SPEC = Path(__file__).with_name("static.spec")

# What of an SRPM the static build takes, and what of the kernel's headers.
SOURCES = re.compile(r"\.(spec|patch|tar|tar\.[a-z0-9]+|tgz)$")
HEADERS = re.compile(r"/usr/include/")

# The tiny library that Squid keeps its capabilities with, for releases that take it from their target.
LIBCAP = Source(name="libcap", archive=Archive(kind="source", package="libcap2"))


@dataclass(frozen=True, kw_only=True)
class StaticSources:
    """What static programs are made from.

    Fields:
        squid, iptables: SRPMs of the release. libcap: its SRPM if the release has one, else the host's archive gives the source.
        kernel_devel: the RPM of the arch, with the kernel's headers.
    """

    squid: Path
    iptables: Path
    kernel_devel: Path
    libcap: Path | None = None

    def digest(self) -> str:
        """Return the hex SHA-256 over what of these files is compiled, or tells how: not over the services beside it."""
        srpms = [list_content(path, SOURCES) for path in (self.squid, self.iptables, self.libcap) if path]
        return digest_value([srpms, list_content(self.kernel_devel, HEADERS)])


def list_content(path: Path, chosen: re.Pattern[str]) -> list[tuple[str, str]]:
    """Return name and digest of the files of an RPM whose names match. Raises BuildError for a file that is no RPM."""
    rpm = load_rpm()
    header = load_header(path, flags=rpm._RPMVSF_NOSIGNATURES | rpm._RPMVSF_NODIGESTS)
    files = zip(header[rpm.RPMTAG_FILENAMES], header[rpm.RPMTAG_FILEDIGESTS], strict=True)
    return sorted((name, digest) for name, digest in files if chosen.search(name))


def make_static(
    arch: Arch, sources: StaticSources, *, root: Path, cache: Path, logs: Path, mirrors: Sequence[str] = (), jobs: int = 0
) -> Path:
    """Return a folder of static programs for an arch, built if the cache does not hold it.

    It has sbin/iptables and sbin/ip6tables with -save and -restore (links; usr/sbin has all six, too), usr/sbin/squid, and the
    helpers and usr/bin/squidclient of the release's squid.

    Args:
        root: the project's folder. cache: the user's cache. logs: a folder for root.log, build.log and state.log.
        mirrors: folders or URLs that may have the compiler. jobs: how many compilers may run at once, 0 for as many as cores.

    Raises HostError when compiler, library or root cannot be had, BuildError with the useful end of build.log.
    """
    release = load_musl_release(root=root)
    folder = find_place(arch, sources, suite=release.target.suite, cache=cache)
    with wait_for_lock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            zig = install_zig(cache=cache, mirrors=mirrors)
            with whole_folder(folder) as made, scratch_beside(folder) as scratch:
                staged = stage_sources(release, sources, cache=cache, scratch=scratch)
                pack_zig(zig, scratch / "zig.tar")
                built = build_spec(
                    release, spec=SPEC.read_text().replace("@LIBCAP@", staged[-1].name), name="tproxy-static",
                    sources=[*staged, scratch / "zig.tar"], arch=arch, cache=cache, scratch=scratch,
                    jobs=jobs or os.cpu_count() or 1, requires=(sources.kernel_devel,), logs=logs,
                )  # fmt: skip
                unpack_rpms(built.rpms, made)
    return folder


def find_place(arch: Arch, sources: StaticSources, *, suite: str, cache: Path) -> Path:
    """Return the folder of the cache that holds what is made from these sources, by this recipe, if it is made."""
    recipe = [digest_file(SPEC), digest_file(REQUIREMENTS), PACKAGES, suite]
    return cache / "guest" / f"static-{arch}-{digest_value([sources.digest(), recipe])[:16]}"


def stage_sources(release: Release, sources: StaticSources, *, cache: Path, scratch: Path) -> list[Path]:
    """Return the files that the spec is built from, under the names that it gives them; that of libcap is the last."""
    given = {"squid": sources.squid, "iptables": sources.iptables, "libcap": sources.libcap}
    staged = []
    for name, srpm in given.items():
        if srpm:
            staged.append(scratch / f"{name}.src.rpm")
            shutil.copyfile(srpm, staged[-1])
    if not sources.libcap:
        apt = PrivateApt.create(suite=release.target.suite, cache=cache)
        staged.append(scratch / fetch_from_archive(LIBCAP, directory=scratch, apt=apt).file)
    return staged
