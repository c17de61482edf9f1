"""The spec templates that a cut sees, its project's own and the stock's, as one folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tproxy_rpms.errors import SpecError
from tproxy_rpms.shelf import find_named, gather, list_shelves

NAMED = re.compile(r"\bspecs/[\w.+/-]+\.j2\b")


@contextmanager
def open_specs(root: Path) -> Iterator[Path]:
    """Yield a folder with all templates of a project below specs/.

    A SpecError names a template as it is called there: where there are two places for it, it is raised again with the file's own.
    """
    with gather(root, "specs") as folder:
        try:
            yield folder
        except SpecError as error:
            if len(list_shelves(root)) == 1:
                raise
            raise SpecError(name_files(root, error.message), hint=name_files(root, error.hint)) from error


def name_files(root: Path, text: str) -> str:
    """Return a text with each template that it names replaced by the file that is meant."""

    def locate(match: re.Match[str]) -> str:
        path = find_named(root, match[0])
        return str(path) if path.is_file() else match[0]

    return NAMED.sub(locate, text)
