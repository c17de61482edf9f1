"""Lock the build roots of the finished RPMs: from then on they are built from exactly these packages."""

import shutil
from collections.abc import Iterator
from functools import partial

from tproxy_rpms.console import write_line
from tproxy_rpms.errors import UserError
from tproxy_rpms.release.model import Arch, Package
from tproxy_rpms.store import wait_for_lock, whole_folder
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling


def create(cut: Cut) -> Iterator[Telling]:
    """Yield a task a package and arch."""
    for package in cut.release.packages.values():
        for arch in cut.release.arches:
            yield Telling(
                stage="lock",
                name=f"{package.name}:{arch}",
                doc=f"{cut.release.lock.name}/{package.name}-{arch}.json",
                run=partial(lock, cut, package, arch),
                after=(f"rpm:{package.name}:{arch}",),
            )


def lock(cut: Cut, package: Package, arch: Arch) -> None:
    """Write the lock of one package and arch."""
    import sys

    from tproxy_rpms.builders import Locker
    from tproxy_rpms.tasks.rpm import make_job

    builder = cut.builder
    if not isinstance(builder, Locker):
        raise UserError(
            f"{cut.release.name}: the {cut.release.builder} builder has no locks",
            hint='locks are for builder = "mock"',
        )
    begin_locks(cut)
    write_line(sys.stdout, f"locked: {builder.write_lock(make_job(cut, package, arch))}")


def begin_locks(cut: Cut) -> None:
    """Make a release's own locks begin as those that it takes from elsewhere, which are not its to write."""
    taken, own = cut.release.lock, cut.release.own_lock
    if taken == own:
        return
    with wait_for_lock(cut.build / "locks.lock"):
        if not own.exists():
            with whole_folder(own) as folder:
                shutil.copytree(taken, folder, dirs_exist_ok=True)
