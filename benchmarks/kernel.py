"""What packaging adds to a kernel's compilation: `./run python benchmarks/kernel.py --release FILE`.

Builds the kernel package of one arch again with everything else up to date, then the same patched tree with the same
configuration by a bare `make oldconfig; make -jN bzImage modules` in memory, and prints both with their ratio. The target for a
slim kernel is at most 1.1.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from overhead import time_step

from tproxy_rpms.packaging.patches import apply_patches
from tproxy_rpms.release.load import load_release
from tproxy_rpms.sources.fetched import read_fetched
from tproxy_rpms.tasks.cut import Cut

ROOT = Path(__file__).parent.parent


def time_bare_make(cut: Cut, arch: str, *, jobs: int) -> float:
    """Return the seconds of a bare make of a cut's kernel, from its configuration on; unpacking and patching are not counted."""
    package = cut.release.packages["kernel"]
    tarball = cut.sources / read_fetched(cut.sources, package.sources[0]).file
    make = ["make", "-s", f"ARCH={arch}", "CROSS_COMPILE=", f"-j{jobs}"]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        tree = Path(scratch)
        subprocess.run(["tar", "-xf", tarball, "-C", tree, "--strip-components=1"], check=True)
        apply_patches(cut.patches(package), tree)
        config = (cut.kconfig(package, arch) / f"config-{arch}").read_bytes()  # type: ignore[arg-type]
        (tree / ".config").write_bytes(config)
        start = time.perf_counter()
        for targets in (["oldconfig"], ["bzImage", "modules"]):
            subprocess.run([*make, *targets], cwd=tree, check=True, input=b"\n" * 1000, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--arch", default="x86_64", choices=["x86_64", "i386"])
    options = parser.parse_args()
    package = time_step(options.release, f"rpm:kernel:{options.arch}")
    jobs = os.cpu_count() or 1
    bare = time_bare_make(Cut(release=load_release(options.release, root=ROOT), root=ROOT), options.arch, jobs=jobs)
    print(f"kernel package for {options.arch}: {package:.1f} s; bare make -j{jobs}: {bare:.1f} s; ratio {package / bare:.2f}")


if __name__ == "__main__":
    main()
