"""Compare two cuts or snapshots: versions, sizes, files, relations, kernel configuration.

OLD and NEW are each the name of a release (its cut), a folder, a snapshot's id, `current` or `previous` at the place that the
release is published to, a URL, or a record. Without NEW the release's own cut is meant, without OLD what is served now.
"""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tproxy_rpms.errors import DiffersError, UserError
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling

if TYPE_CHECKING:
    from tproxy_rpms.diff.change import Difference
    from tproxy_rpms.diff.side import Bearings

OPTIONS = (
    {"name": "json", "long": "json", "type": bool, "default": False, "help": "print JSON, and nothing else, on standard output"},
    {"name": "full", "long": "full", "type": bool, "default": False, "help": "every file, symbol and relation, however many"},
    {"name": "exit_code", "long": "exit-code", "type": bool, "default": False, "help": "end with 27 if anything differs"},
)


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(
        stage="diff",
        doc="compare OLD with NEW: cuts, snapshots, folders, URLs (--json, --full, --exit-code)",
        run=partial(tell, cut),
        options=OPTIONS,
        words="words",
    )


def tell(cut: Cut, *, words: list[str], **options: Any) -> None:
    """Print what differs. Raises UserError for words that name nothing, DiffersError if that was asked for."""
    from tproxy_rpms.diff.document import render_json
    from tproxy_rpms.diff.table import render_table
    from tproxy_rpms.outlet import write_text

    names = [word for word in words if not word.startswith("-")]
    options |= read_options([word for word in words if word.startswith("-")])
    difference = compare(cut, names)
    text = render_json(difference) if options["json"] else render_table(difference, full=options["full"])
    write_text(sys.stdout, text)
    if options["exit_code"] and difference.differ:
        raise DiffersError(f"{difference.old.title} and {difference.new.title} differ")


def read_options(words: list[str]) -> dict[str, bool]:
    """Return the options that stand behind the names: doit takes only those before them for options."""
    known = {f"--{option['long']}": str(option["name"]) for option in OPTIONS}
    for word in words:
        if word not in known:
            raise UserError(f"diff: no option {word}", hint=f"there are {', '.join(known)}")
    return {known[word]: True for word in words}


def compare(cut: Cut, words: list[str]) -> "Difference":
    """Return the comparison that some words ask for."""
    from tproxy_rpms.diff.compare import compare_sets
    from tproxy_rpms.diff.gather import gather, needs_scratch
    from tproxy_rpms.diff.read import list_rpms
    from tproxy_rpms.diff.side import find_sides
    from tproxy_rpms.store import wait_for_lock

    sides = find_sides(words, get_bearings(cut))
    scratch, repositories = cut.build / "diff", cut.build / "repo"
    known = [path for _, path in list_rpms(repositories)] if repositories.is_dir() else []
    # Beside doit's database, not in the cut: a side that cannot be reached leaves nothing there.
    lock = cut.top / ".doit" / f"{cut.release.name}.diff.lock"
    with wait_for_lock(lock) if needs_scratch(sides) else nullcontext():
        old, new = gather(sides, scratch=scratch, known=known)
        return compare_sets(old, new)


def get_bearings(cut: Cut) -> "Bearings":
    """Return where words are looked for."""
    from doit import get_initial_workdir

    from tproxy_rpms.diff.side import Bearings

    return Bearings(
        root=cut.root,
        top=cut.top,
        work=Path(get_initial_workdir() or "."),
        release=cut.release.name,
        publishing=cut.release.publishing,
    )
