"""Links out of the report, relative to it: the release's folder can be moved or served as a whole."""

from pathlib import Path
from urllib.parse import quote


def link(path: Path, folder: Path) -> str:
    """Return the relative URL of a file of the release's folder; empty for one that is not there, or lies elsewhere."""
    if not path.exists() or not path.is_relative_to(folder):
        return ""
    return "../" + quote(path.relative_to(folder).as_posix())
