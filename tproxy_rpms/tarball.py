"""Tarballs read from beginning to end, unpacked by a process beside us."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tproxy_rpms.process import clean_environment, require_tool

# What unpacks a tarball, by its ending, and the package that has it: where another core is free, that takes half the time.
TOOLS = {
    ".xz": ("xz-utils", "xz", "-T0", "-dcq"),
    ".bz2": ("bzip2", "bzip2", "-dcq"),
    ".gz": ("gzip", "gzip", "-dcq"),
    ".zst": ("zstd", "zstd", "-dcq"),
}


@contextmanager
def open_tarball(path: Path) -> Iterator[tarfile.TarFile]:
    """Yield a tarball whose members can be read once, in their order.

    Raises tarfile.TarError for one that is torn or none, also if that shows only behind the last member.
    """
    package, name, *options = TOOLS.get(path.suffix, ("coreutils", "cat"))
    argv = [require_tool(name, package=package), *options, "--", str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=clean_environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            yield archive
            while stream.read(1 << 20):  # up to the checksum at its end
                pass
        problem = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise tarfile.ReadError(problem or f"{name} ended with status {process.returncode}")
