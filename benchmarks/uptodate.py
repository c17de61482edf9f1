"""A cut that is up to date, against a dodo.py that does nothing."""

from benchmarks.measure import ROOT, Measured, Setting, take_turns, time_command
from benchmarks.ours import DOIT, OwnCut
from tproxy_rpms.store import is_current
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.rpm import inputs

WHAT = "a run with nothing to do, against one of an empty dodo.py"
SLOW = False

EMPTY = "def task_nothing():\n    return {'actions': None}\n"


def measure(setting: Setting) -> Measured:
    """Measure on the finished cut in build/, however it was made; without one, on what the benchmarks' own cut has of it."""
    (setting.scratch / "dodo.py").write_text(EMPTY)
    found = find_finished(setting)
    if found is None:
        own = OwnCut(setting)
        own.doit("srpm", "root")
        words, note = (
            [*own.variables, "srpm", "root"],
            "no finished cut in build/: of fetch, verify, kconfig, srpm and root alone",
        )
    else:
        words, note = [f"release={setting.release}", f"ccache={'on' if found.ccache else 'off'}"], "the whole release"
    return take_turns(
        lambda: time_command([*DOIT, *words]),
        lambda: time_command([*DOIT], cwd=setting.scratch),
        samples=setting.samples(11),
        note=note,
    )


def find_finished(setting: Setting) -> Cut | None:
    """Return the cut in build/ whose packages are all up to date, or None."""
    release = OwnCut(setting).cut.release
    for ccache in (False, True):
        cut = Cut(release=release, root=ROOT, ccache=ccache)
        stamps = [
            (cut.stamp("rpm", package.name, arch), package, arch)
            for package in release.packages.values()
            for arch in release.arches
        ]
        repositories = [cut.stamp("repo", name) for name in (*release.arches, "SRPMS")]
        if all(path.exists() for path in (*repositories, cut.record, *(stamp for stamp, _, _ in stamps))) and all(
            is_current(stamp, inputs=inputs(cut, package, arch)) for stamp, package, arch in stamps
        ):
            return cut
    return None
