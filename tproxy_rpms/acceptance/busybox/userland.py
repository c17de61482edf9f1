"""The userland of guests: a static busybox made with musl.

Made from the source in the host's archive, so that nothing but the package mirror is needed. It lies in the user's cache, named
by what it is made from.
"""

import os
from pathlib import Path

from tproxy_rpms.acceptance.muslroot import PACKAGES, build_spec, load_musl_release, scratch_beside
from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.release.model import Arch, Archive, Release, Source
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.sources.archive import fetch_from_archive
from tproxy_rpms.store import digest_file, digest_value, wait_for_lock, whole_folder

HERE = Path(__file__).parent
SPEC, CONFIG = HERE / "busybox.spec", HERE / "busybox.config"
SOURCE = Source(name="busybox", archive=Archive(kind="source", package="busybox"))


def make_busybox(arch: Arch, *, root: Path, cache: Path) -> Path:
    """Return the busybox of an arch, built if the cache does not hold it.

    Args:
        root: the project's folder. cache: the user's cache.

    Raises HostError when the host's archive cannot be had, BuildError when the build fails.
    """
    release = load_musl_release(root=root)
    key = digest_value([digest_file(SPEC), digest_file(CONFIG), PACKAGES, release.target.suite])[:16]
    folder = cache / "guest" / f"busybox-{arch}-{key}"
    with wait_for_lock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            with whole_folder(folder) as made, scratch_beside(folder) as scratch:
                unpack_rpms(build_rpms(release, arch, cache=cache, scratch=scratch), made)
    return folder / "bin" / "busybox"


def build_rpms(release: Release, arch: Arch, *, cache: Path, scratch: Path) -> tuple[Path, ...]:
    """Fetch busybox and build it for an arch."""
    apt = PrivateApt.create(suite=release.target.suite, cache=cache)
    fetched = fetch_from_archive(SOURCE, directory=scratch, apt=apt)
    spec = SPEC.read_text().replace("@VERSION@", fetched.version).replace("@SOURCE@", fetched.file)
    sources = [scratch / fetched.file, CONFIG]
    return build_spec(
        release, spec=spec, name="busybox", sources=sources, arch=arch, cache=cache, scratch=scratch, jobs=os.cpu_count() or 1
    ).rpms
