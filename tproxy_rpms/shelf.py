"""Where the files of a project lie: its own first, then the stock that comes with this package.

The stock of a checkout are the folders at its top; a wheel carries copies of them. A project may have folders of the same names.
What it has in them stands before what the stock has: file by file, but a folder of patches as a whole, with its series.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tproxy_rpms.store import PACKAGE

KINDS = ("releases", "targets", "specs", "kconfig", "patches", "mock-configs")

# Where a wheel carries the stock; pyproject.toml puts it there.
CARRIED = PACKAGE / "stock"

# The folder that has the stock's folders.
STOCK = (CARRIED if CARRIED.is_dir() else PACKAGE.parent).resolve()


@cache
def list_shelves(root: Path) -> tuple[Path, ...]:
    """Return the folders that have a project's files, the project's own first; a checkout is its own stock."""
    return (root,) if root.resolve() == STOCK else (root, STOCK)


def find_path(root: Path, kind: str, name: str) -> Path:
    """Return where a project has KIND/NAME, a file or a folder; where its own would lie if there is none."""
    places = [shelf / kind / name for shelf in list_shelves(root)]
    return next((path for path in places if path.exists()), places[0])


def list_paths(root: Path, kind: str, pattern: str) -> list[Path]:
    """Return the files that a project has in a folder, KIND/PATTERN: each name once, sorted by name."""
    found = {
        path.relative_to(shelf / kind): path
        for shelf in reversed(list_shelves(root))
        for path in (shelf / kind).glob(pattern)
        if path.is_file()
    }
    return [found[name] for name in sorted(found)]


def list_names(root: Path, kind: str, suffix: str) -> list[str]:
    """Return the names of the files KIND/NAME`suffix` that a project has, sorted."""
    return sorted(path.name.removesuffix(suffix) for path in list_paths(root, kind, f"*{suffix}"))


def name_path(root: Path, path: Path) -> str | None:
    """Return a file's name in the project, or in the stock; None for one that lies elsewhere.

    One may lie within the other: an environment in a project's folder has the stock, a checkout may have a project in it.
    """
    whole = path.resolve()
    shelves = sorted((shelf.resolve() for shelf in list_shelves(root)), key=lambda shelf: len(shelf.parts), reverse=True)
    return next((str(whole.relative_to(shelf)) for shelf in shelves if whole.is_relative_to(shelf)), None)


def find_named(root: Path, name: str) -> Path:
    """Return the file of a name that `name_path` gave."""
    kind, *rest = Path(name).parts
    if kind not in KINDS or not rest:
        return root / name
    if kind == "patches":
        return find_path(root, kind, rest[0]).joinpath(*rest[1:])
    return find_path(root, kind, str(Path(*rest)))


def is_stock(root: Path, path: Path) -> bool:
    """Tell whether a file is the stock's, and no project's own; of a checkout, none is."""
    return root.resolve() != STOCK and any(path.resolve().is_relative_to(STOCK / kind) for kind in KINDS)


@contextmanager
def gather(root: Path, kind: str) -> Iterator[Path]:
    """Yield a folder whose KIND/ has all of a project's files of a kind, for those who take one folder: a checkout's own top."""
    if list_shelves(root) == (root,):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-shelf-") as scratch:
        for shelf in reversed(list_shelves(root)):
            if (shelf / kind).is_dir():
                shutil.copytree(shelf / kind, Path(scratch) / kind, dirs_exist_ok=True)
        yield Path(scratch)
