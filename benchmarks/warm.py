"""One package made with everything before it up to date, against rpmbuild alone in the same build root."""

import os

from benchmarks.bareroot import open_root, time_rpmbuild
from benchmarks.measure import Measured, Setting, take_turns
from benchmarks.ours import OwnCut, first_arch
from tproxy_rpms.store import read_outputs

WHAT = "a package from its SRPM to its RPM, against rpmbuild in the same root, unpacked before"
SLOW = False


def measure(setting: Setting) -> Measured:
    """Measure squid, or the small iptables if it is to be quick; all cores for both."""
    own = OwnCut(setting)
    package, arch = own.package("iptables" if setting.quick else "squid"), first_arch(own)
    step = f"rpm:{package.name}:{arch}"
    own.doit("-n", "1", step)
    (archive,) = read_outputs(own.cut.stamp("root", arch))
    (srpm,) = read_outputs(own.cut.stamp("srpm", package.name))
    with open_root(archive) as root:
        return take_turns(
            lambda: own.doit("-n", "1", step, again=(step,)),
            lambda: time_rpmbuild(root, srpm, arch, jobs=os.cpu_count() or 1, epoch=own.cut.release.epoch),
            samples=setting.samples(3),
            note=f"{package.name} for {arch}; ours unpacks the root, too",
        )
