"""A kernel package, against a bare make of the same tree with the same configuration, in memory."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Measured, Setting, take_turns
from benchmarks.ours import OwnCut, first_arch
from tproxy_rpms.packaging.patches import apply_patches
from tproxy_rpms.release.model import Arch
from tproxy_rpms.sources.fetched import read_fetched
from tproxy_rpms.tasks.cut import Cut

WHAT = "a kernel package from its SRPM on, against a bare make of the same tree, unpacked and patched before"
SLOW = True


def measure(setting: Setting) -> Measured:
    """Measure one kernel, all cores for both."""
    own = OwnCut(setting)
    package, arch = own.package("kernel"), first_arch(own)
    step = f"rpm:{package.name}:{arch}"
    own.doit("-n", "1", f"srpm:{package.name}", f"root:{arch}")
    return take_turns(
        lambda: own.doit("-n", "1", step, again=(step,)), lambda: time_make(own.cut, arch), samples=1, note=f"kernel for {arch}"
    )


def time_make(cut: Cut, arch: Arch) -> float:
    """Return the seconds of a bare make of a cut's kernel, from its configuration on."""
    package = cut.release.packages["kernel"]
    tarball = cut.sources / read_fetched(cut.sources, package.sources[0]).file
    make = ["make", "-s", f"ARCH={arch}", "CROSS_COMPILE=", f"-j{os.cpu_count() or 1}"]
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="tproxy-rpms-benchmark-") as scratch:
        tree = Path(scratch)
        subprocess.run(["tar", "-xf", tarball, "-C", tree, "--strip-components=1"], check=True)
        apply_patches(cut.patches(package), tree)
        (tree / ".config").write_bytes((cut.kconfig(package, arch) / f"config-{arch}").read_bytes())
        start = time.perf_counter()
        for targets in (["oldconfig"], ["bzImage", "modules"]):
            subprocess.run([*make, *targets], cwd=tree, check=True, input=b"\n" * 1000, capture_output=True)
        return time.perf_counter() - start
