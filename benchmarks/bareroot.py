"""A build root unpacked, and rpmbuild run in it with nothing around."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import CannotRunError, time_command
from tproxy_rpms.release.model import RPM_ARCH, Arch


@contextmanager
def open_root(archive: Path) -> Iterator[Path]:
    """Yield the folder of an unpacked root, in memory as our builds have it."""
    if shutil.which("bwrap") is None:
        raise CannotRunError("no bwrap on PATH, which enters the root: install bubblewrap")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="tproxy-rpms-benchmark-") as name:
        folder = Path(name)
        subprocess.run(
            ["tar", "--zstd", "-xf", archive, "-C", folder, "--no-same-owner", "--exclude=./dev/*"],
            check=True,
            capture_output=True,
        )
        yield folder


def time_rpmbuild(root: Path, srpm: Path, arch: Arch, *, jobs: int, epoch: int) -> float:
    """Return the seconds of rpmbuild on an SRPM, as the only process of the root."""
    shutil.copyfile(srpm, root / "bare.src.rpm")
    argv = [
        "bwrap", "--unshare-all", "--die-with-parent", "--uid", "0", "--gid", "0", "--bind", os.fspath(root), "/",
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/", "--clearenv", "--setenv", "HOME", "/root",
        "--setenv", "PATH", "/usr/bin:/bin:/usr/sbin:/sbin", "--setenv", "LC_ALL", "C.UTF-8", "--setenv", "TZ", "UTC",
        "--setenv", "SOURCE_DATE_EPOCH", str(epoch), "--setenv", "RPM_BUILD_NCPUS", str(jobs), "setarch", RPM_ARCH[arch],
        "rpmbuild", "--rebuild", "--nodeps", "--target", RPM_ARCH[arch], "--define", "_topdir /builddir",
        "--define", f"_smp_mflags -j{jobs}", "/bare.src.rpm",
    ]  # fmt: skip
    return time_command(argv, prepare=lambda: shutil.rmtree(root / "builddir", ignore_errors=True))
