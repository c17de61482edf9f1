"""Our doit as benchmarks call it: in a build folder of their own, without ccache if not said otherwise."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import ROOT, CannotRunError, Setting, time_command
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch, Package
from tproxy_rpms.tasks.cut import Cut

DOIT = (sys.executable, "-m", "doit")


class OwnCut:
    """A cut of the release in a folder of its own: nobody else's build is touched, and none is taken for ours."""

    def __init__(self, setting: Setting, folder: Path | None = None, *, ccache: bool = False) -> None:
        self.folder = (folder or setting.kept / "cut").resolve()
        self.variables = [f"release={setting.release}", f"build={self.folder}", f"ccache={'on' if ccache else 'off'}"]
        try:
            release = load_release(setting.release, root=ROOT)
        except TproxyError as error:
            raise CannotRunError(str(error)) from error
        self.cut = Cut(release=release, root=ROOT, folder=self.folder, ccache=ccache)

    def doit(self, *words: str, environment: Mapping[str, str] | None = None, again: tuple[str, ...] = ()) -> float:
        """Return the seconds of a doit; the steps `again` are made anew by it, though they are up to date."""
        inherited = {"TPROXY_RPMS_CACHE": ""}  # what a developer has in the environment is not for us

        def forget() -> None:
            for step in again:
                self.cut.stamp(*step.split(":")).unlink(missing_ok=True)

        return time_command([*DOIT, *self.variables, *words], environment=inherited | dict(environment or {}), prepare=forget)

    def package(self, name: str) -> Package:
        """Return a package. Raises CannotRunError if the release has none of that name."""
        if name not in self.cut.release.packages:
            raise CannotRunError(f"{self.cut.release.name} has no package {name}")
        return self.cut.release.packages[name]

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def first_arch(cut: OwnCut) -> Arch:
    """Return the release's first arch."""
    return cut.cut.release.arches[0]
