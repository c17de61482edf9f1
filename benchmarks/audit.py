"""Resolving and auditing a kernel's configuration, against make olddefconfig of the same tree."""

import subprocess

from benchmarks.measure import CannotRunError, Measured, Setting, take_turns, time_command
from benchmarks.ours import OwnCut, first_arch
from tproxy_rpms.kernel.resolve import has_olddefconfig
from tproxy_rpms.tasks.kconfig import tree_path

WHAT = "the step that resolves and audits the configuration, doit and all, against make olddefconfig of its result"
SLOW = False


def measure(setting: Setting) -> Measured:
    """Measure with both conf programs compiled before."""
    own = OwnCut(setting)
    package, arch = next((one for one in own.cut.release.packages.values() if one.kconfig), None), first_arch(own)
    if package is None:
        raise CannotRunError(f"{own.cut.release.name} has no kernel")
    step = f"kconfig:{package.name}:{arch}"
    own.doit(step)
    tree = tree_path(own.cut, package)
    if not has_olddefconfig(tree):
        raise CannotRunError(f"{package.name}: its makefile is from before 3.7, and may not suit the make of today")
    config = (own.cut.kconfig(package, arch) / f"config-{arch}").read_bytes()
    make = ["make", "-s", "-C", str(tree), f"O={setting.scratch}", f"ARCH={arch}", "CROSS_COMPILE=", "olddefconfig"]
    (setting.scratch / ".config").write_bytes(config)
    subprocess.run(make, check=True, capture_output=True)
    return take_turns(
        lambda: own.doit(step, again=(step,)),
        lambda: time_command(make, prepare=lambda: (setting.scratch / ".config").write_bytes(config)),
        samples=setting.samples(7),
        note=f"{package.name} for {arch}; in ours is all of doit's own time",
    )
