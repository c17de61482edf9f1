"""The userland of guests: a static busybox made with musl, because a glibc of today ends at once on a kernel of 2009.

Made from the source in the host's archive, in build roots like a cut's, so that nothing but the package mirror is needed. It lies
in the user's cache, named by what it is made from.
"""

import fcntl
import tempfile
from dataclasses import replace
from pathlib import Path

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.chroot import create
from tproxy_rpms.packaging.srpm import build_srpm
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch, Archive, Release, Source
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.sources.archive import fetch_from_archive
from tproxy_rpms.store import digest_tree, digest_value, whole_folder

from .payload import unpack_rpms

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "busybox"
SOURCE = Source(name="busybox", archive=Archive(kind="source", package="busybox"))

# What the spec asks for; the roots of a cut hold no musl, and theirs are not ours to change.
PACKAGES = ("bzip2", "gcc", "libc6-dev", "linux-libc-dev", "make", "musl-tools")


def make_busybox(arch: Arch, *, cache: Path) -> Path:
    """Return the busybox of an arch, built if the cache does not hold it.

    Raises HostError when the host's archive cannot be had, BuildError when the build fails.
    """
    given = load_release("bookworm", root=ROOT)
    target = replace(given.target, name=f"{given.target.name}-musl", build_packages=PACKAGES)
    release = replace(given, target=target)
    key = digest_value([digest_tree(FIXTURE), PACKAGES, target.suite])[:16]
    folder = cache / "guest" / f"busybox-{arch}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with whole_folder(folder) as made, tempfile.TemporaryDirectory(prefix="tproxy-rpms-busybox-") as scratch:
                unpack_rpms(build_rpms(release, arch, cache=cache, scratch=Path(scratch)), made)
    return folder / "bin" / "busybox"


def build_rpms(release: Release, arch: Arch, *, cache: Path, scratch: Path) -> tuple[Path, ...]:
    """Fetch busybox and build it for an arch in a root of its own."""
    apt = PrivateApt.create(suite=release.target.suite, cache=cache)
    fetched = fetch_from_archive(SOURCE, directory=scratch, apt=apt)
    spec = (FIXTURE / "busybox.spec").read_text().replace("@VERSION@", fetched.version).replace("@SOURCE@", fetched.file)
    sources = [scratch / fetched.file, FIXTURE / "busybox.config"]
    srpm = build_srpm(release, spec=spec, name="busybox", sources=sources, output=scratch / "srpm")
    builder = create(release, cache=cache, work=scratch / "work")
    builder.make_root(arch, log=scratch / "root.log")
    job = Job(
        package="busybox", srpm=srpm, arch=arch, results=scratch / "rpms", logs=scratch / "logs", jobs=2, epoch=release.epoch
    )
    return builder.build(job).rpms
