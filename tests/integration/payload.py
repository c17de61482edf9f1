"""What is inside RPMs, unpacked without installing."""

import subprocess
from collections.abc import Iterable
from pathlib import Path


def unpack_rpms(rpms: Iterable[Path], folder: Path) -> None:
    """Unpack the payloads of RPMs into a folder, which may hold a system already."""
    for path in sorted(rpms):
        payload = subprocess.run(["rpm2cpio", str(path)], check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["cpio", "-idmu", "--quiet", "--no-absolute-filenames"], input=payload, cwd=folder, check=True)
