"""Two arches side by side, a core each, against one after the other with all cores."""

from benchmarks.measure import CannotRunError, Measured, Setting, take_turns
from benchmarks.ours import OwnCut

WHAT = "two arches of a package side by side, against one after the other with all cores"
SLOW = False


def measure(setting: Setting) -> Measured:
    """Measure squid, or the small iptables if it is to be quick."""
    own = OwnCut(setting)
    if len(own.cut.release.arches) != 2:
        raise CannotRunError(f"{own.cut.release.name} is not for two arches")
    package = own.package("iptables" if setting.quick else "squid")
    steps = tuple(f"rpm:{package.name}:{arch}" for arch in own.cut.release.arches)
    own.doit(*steps)
    return take_turns(
        lambda: own.doit("-n", "2", *steps, again=steps),
        lambda: own.doit("-n", "1", *steps, again=steps),
        samples=setting.samples(3),
        note=package.name,
    )
