"""Resolving and auditing a kernel's configuration, against make oldconfig of the same tree."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import CannotRunError, Measured, Setting, take_turns, time_command
from benchmarks.ours import OwnCut, first_arch
from tproxy_rpms.release.model import Arch
from tproxy_rpms.tasks.kconfig import tree_path

WHAT = "the step that resolves and audits the configuration, doit and all, against yes '' | make oldconfig of its result"
SLOW = False

# More than a kernel asks: an empty answer takes the default.
ANSWERS = "\n" * 20_000


def measure(setting: Setting) -> Measured:
    """Measure with both conf programs compiled before."""
    own = OwnCut(setting)
    package, arch = next((one for one in own.cut.release.packages.values() if one.kconfig), None), first_arch(own)
    if package is None:
        raise CannotRunError(f"{own.cut.release.name} has no kernel")
    step = f"kconfig:{package.name}:{arch}"
    own.doit(step)
    config = (own.cut.kconfig(package, arch) / f"config-{arch}").read_bytes()
    theirs = prepare_oldconfig(tree_path(own.cut, package), setting.scratch, arch=arch, config=config)
    return take_turns(
        lambda: own.doit(step, again=(step,)),
        theirs,
        samples=setting.samples(7),
        note=f"{package.name} for {arch}; in ours is all of doit's own time",
    )


def prepare_oldconfig(tree: Path, out: Path, *, arch: Arch, config: bytes) -> Callable[[], float]:
    """Return what times `make oldconfig` of a configuration, its conf compiled already. Raises CannotRunError if make fails.

    oldconfig is in every kernel, unlike olddefconfig (since 3.7); it asks, and gets an empty answer each time. Where an old
    makefile is none for the make of today, its words say so.
    """
    make = ["make", "-s", "-C", str(tree), f"O={out}", f"ARCH={arch}", "CROSS_COMPILE=", "oldconfig"]

    def run() -> float:
        return time_command(make, stdin=ANSWERS, prepare=lambda: (out / ".config").write_bytes(config))

    run()
    return run
