"""The folders that the hosts of the acceptance network run in: the proxy's own system with the cut's packages, and busybox."""

import os
from collections.abc import Iterable
from pathlib import Path

from tproxy_rpms.builders.namespace import remove_argv
from tproxy_rpms.process import require_tool, run_command

SCRIPT = Path(__file__).with_name("userland.sh")


def make_root(
    folder: Path,
    *,
    busybox: Path,
    log: Path,
    rpms: Iterable[Path] = (),
    archive: Path | None = None,
    programs: Path | None = None,
) -> Path:
    """Make the folder of a host and return it.

    Args:
        busybox: a static one, which is all the system there is without an archive. rpms: what is unpacked over it.
        archive: a system to begin with, tar.zst. programs: a folder that is laid over all else.

    Raises CommandError with the end of the log.
    """
    words = [str(folder), str(archive or ""), str(busybox), str(programs or ""), *(str(rpm) for rpm in sorted(rpms))]
    run_command([*as_root(), "sh", str(SCRIPT), *words], log=log)
    return folder


def as_root() -> list[str]:
    """Return the words that run a command as root: of this host, or of a user namespace of its own."""
    if os.geteuid() == 0:
        return []
    return [require_tool("unshare", package="util-linux"), "--user", "--map-auto", "--map-root-user"]


def remove_root(folder: Path) -> None:
    """Remove a folder whose files belong to its own users."""
    run_command(remove_argv(folder), check=False)
