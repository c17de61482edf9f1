"""Where the project is that a command was given in."""

from pathlib import Path

from tproxy_rpms.errors import UserError

# The file that makes a folder a project: `doit` reads it, too.
MARKER = "dodo.py"

# What tells our projects from all others that doit serves.
WORD = "tproxy_rpms"


def find_project(start: Path) -> Path:
    """Return the folder of the project that `start` is in, looked for upward. Raises UserError outside of all."""
    for folder in (start, *start.parents):
        if is_project(folder):
            return folder
    raise UserError(
        f"{start}: in no project: neither here nor above is a {MARKER} that imports {WORD}",
        hint="make one: tproxy-rpms init FOLDER; or change into one",
    )


def is_project(folder: Path) -> bool:
    """Tell whether a folder is a project."""
    try:
        return WORD in (folder / MARKER).read_text(errors="replace")
    except OSError:
        return False
