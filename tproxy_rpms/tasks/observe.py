"""What is shown of a step that a builder is at: its logs, seen from beside, so that no builder knows of it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.builders.mockprocess import STAGE
from tproxy_rpms.builders.root import DEBIAN_ARCH
from tproxy_rpms.progress.counter import CONFIGURED, INSTALLED, OBJECT
from tproxy_rpms.progress.watch import watch_log
from tproxy_rpms.release.model import Arch
from tproxy_rpms.tasks.cut import Cut

if TYPE_CHECKING:
    from tproxy_rpms.builders import Job

# Bytes of a dpkg.log that tell whose it is.
TELLING = 1 << 12


def watch_build(cut: Cut, job: "Job", name: str) -> AbstractContextManager[None]:
    """Show the objects of a build as long as the context lasts; `name` is the step's."""
    return watch_log(name, unit="objects", find=partial(find_build_log, job), pattern=OBJECT, kept=cut.pace(name))


def watch_root(cut: Cut, arch: Arch, name: str) -> AbstractContextManager[None]:
    """Show the packages of a root that is made, as long as the context lasts; `name` is the step's."""
    if cut.release.builder == "mock":
        find, pattern = partial(find_mock_log, arch), INSTALLED
    elif cut.release.builder == "koji":
        return nullcontext()  # Koji makes them itself, a root a build
    else:
        find, pattern = partial(find_dpkg_log, arch, cut.cache), CONFIGURED
    return watch_log(name, unit="packages", find=find, pattern=pattern, kept=cut.pace(f"{name}:root"))


def find_build_log(job: "Job") -> Path:
    """Return where a build's log grows: a builder's own place for it, or in mock's hands until the end."""
    for stage in list_stages(job.arch):
        if (stage / job.srpm.name).is_file():
            return stage / "result" / "build.log"
    return job.logs / "build.log"


def find_mock_log(arch: Arch) -> Path | None:
    """Return where the log of a root that mock makes grows; a stage without an SRPM is that of a root."""
    return next((stage / "result" / "root.log" for stage in list_stages(arch) if not any(stage.glob("*.src.rpm"))), None)


def list_stages(arch: Arch | None = None) -> Iterator[Path]:
    """Yield the folders that this process has handed to mocks, those for an arch or all."""
    for lock in Path(tempfile.gettempdir()).glob(f"{STAGE}-*/lock"):
        with suppress(OSError):
            if lock.read_text().strip() == f"process {os.getpid()}" and any(lock.parent.glob(f"*-{arch or '*'}.cfg")):
                yield lock.parent


def find_dpkg_log(arch: Arch, cache: Path) -> Path | None:
    """Return the dpkg.log of the root of an arch that is being made: where mmdebstrap works for root, or for a user."""
    places = (cache / "roots").glob(".making-*/mmdebstrap.*"), Path(tempfile.gettempdir()).glob("mmdebstrap.*")
    for folder in (folder for place in places for folder in place):
        with suppress(OSError), (folder / "var/log/dpkg.log").open("rb") as log:
            if f":{DEBIAN_ARCH[arch]} ".encode() in log.read(TELLING):
                return folder / "var/log/dpkg.log"
    return None
