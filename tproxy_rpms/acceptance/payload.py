"""What is inside RPMs, unpacked without installing."""

from collections.abc import Iterable
from pathlib import Path

from tproxy_rpms.process import require_tool, run_command


def unpack_rpms(rpms: Iterable[Path], folder: Path) -> None:
    """Unpack the payloads of RPMs into a folder, which may hold a system already. Raises CommandError for one that is damaged."""
    for name in ("cpio", "rpm2cpio"):
        require_tool(name, package={"rpm2cpio": "rpm"}.get(name, name))
    for path in sorted(rpms):
        script = 'rpm2cpio "$1" | cpio -idmu --quiet --no-absolute-filenames'
        run_command(["bash", "-o", "pipefail", "-c", script, "unpack", path.absolute()], cwd=folder)
