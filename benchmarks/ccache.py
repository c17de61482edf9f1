"""A kernel made again with ccache, against without."""

from benchmarks.measure import Measured, Setting, take_turns
from benchmarks.ours import OwnCut, first_arch

WHAT = "a kernel made again with a ccache that knows it, against without ccache"
SLOW = True


def measure(setting: Setting) -> Measured:
    """Measure one kernel, all cores for both; ccache is filled first."""
    plain, cached = OwnCut(setting), OwnCut(setting, setting.kept / "ccache", ccache=True)
    arch = first_arch(plain)
    package = plain.package("kernel")
    step = f"rpm:{package.name}:{arch}"
    for own in (plain, cached):
        own.doit("-n", "1", f"srpm:{package.name}", f"root:{arch}")
    cached.doit("-n", "1", step, again=(step,))
    return take_turns(
        lambda: cached.doit("-n", "1", step, again=(step,)),
        lambda: plain.doit("-n", "1", step, again=(step,)),
        samples=1,
        note=f"kernel for {arch}",
    )
