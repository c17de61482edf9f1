"""A cut whose packages come out of the content cache, against one that builds them."""

import shutil
from collections.abc import Callable

from benchmarks.measure import Measured, Setting, take_turns
from benchmarks.ours import OwnCut

WHAT = "packages out of the content cache, against a cold cut; both fetch, verify and make SRPMs"
SLOW = False


def measure(setting: Setting) -> Measured:
    """Measure iptables and squid, or iptables alone if it is to be quick; each time in a new folder, with roots made before."""
    own = OwnCut(setting)
    packages = [own.package(name) for name in (("iptables",) if setting.quick else ("iptables", "squid"))]
    steps = [f"rpm:{package.name}:{arch}" for package in packages for arch in own.cut.release.arches]
    own.doit("root")
    new, cache = OwnCut(setting, setting.scratch / "cut"), setting.scratch / "cache"

    def cut_anew(*, cold: bool) -> Callable[[], float]:
        def run() -> float:
            new.remove()
            if cold:
                shutil.rmtree(cache, ignore_errors=True)
            return new.doit(*steps, environment={"TPROXY_RPMS_CACHE": str(cache)})

        return run

    names = " and ".join(package.name for package in packages)
    return take_turns(
        cut_anew(cold=False), cut_anew(cold=True), samples=setting.samples(2), note=f"{names}; the cold one fills the cache, too"
    )
