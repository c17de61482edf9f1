"""Making a project: a release that extends one of the stock, and a place for each kind of file."""

import difflib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tproxy_rpms.errors import HostError, UserError
from tproxy_rpms.project.find import MARKER
from tproxy_rpms.shelf import KINDS, STOCK, list_names
from tproxy_rpms.store import write_whole

HERE = Path(__file__).parent / "template"
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")


def create_project(folder: Path, *, release: str, extends: str) -> tuple[Path, ...]:
    """Make a project, and return its files.

    Args:
        folder: where; made if it is not there. release: the name of its release, the folder's own if empty.
        extends: the release of the stock that it extends.

    Raises UserError for names that cannot be, and for files that are there already: none is touched then. HostError where nothing
    can be written.
    """
    name = release or folder.resolve().name
    check_names(name, extends, asked=bool(release))
    files = dict(render_files(name, extends))
    there = [path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()]
    there += [folder / name for name in files if (folder / name).exists() or (folder / name).is_symlink()]
    if there:
        listed = "\n".join(f"{path}: is there already" for path in there)
        raise UserError(listed, hint="nothing was written: name another folder, or move these away")
    try:
        for file, text in files.items():
            write_whole(folder / file, text)
    except OSError as error:
        raise HostError(f"{error.filename or folder}: {error.strerror}", hint="name a folder that you may write to") from error
    return tuple(folder / file for file in files)


def check_names(name: str, extends: str, *, asked: bool) -> None:
    """Raise UserError for a name that no release can have, and for a release that is not in the stock."""
    if not NAME.fullmatch(name) or name.endswith(".toml"):  # release=NAME.toml means a file
        cure = "letters, digits, hyphens and underscores make a name, and dots within it; no .toml at its end"
        raise UserError(f"{name!r} can be no release's name", hint=cure + ("" if asked else ": give one with --release NAME"))
    known = list_names(STOCK, "releases", ".toml")
    if extends not in known:
        near = difflib.get_close_matches(extends, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"--extends {extends}: no such release{meant}", hint=f"there are {', '.join(known)}")


def render_files(name: str, extends: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each file of a new project."""
    today = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00Z")
    words = {"@NAME@": name, "@EXTENDS@": extends, "@EPOCH@": today}
    sources = {MARKER: "dodo.py.in", "README.md": "README.md", ".gitignore": "gitignore", f"releases/{name}.toml": "release.toml"}
    sources |= {f"{kind}/README.md": f"{kind}.md" for kind in KINDS if kind != "releases"}
    for file, source in sources.items():
        text = (HERE / source).read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        yield file, text
