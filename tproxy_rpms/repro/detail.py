"""diffoscope on demand: all that differs in two RPMs as a page, within limits of time and size."""

import html
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import CommandError, OverdueError, require_tool, run_command
from tproxy_rpms.store import whole_file, write_whole

# The part of the time after which diffoscope opens no further archives, and writes what it has.
SOFT = 0.6

# The most lines of one difference that are kept at all (a disassembled kernel has millions), and that are shown.
KEPT, SHOWN = 20_000, 500

# What diffoscope writes into its page → what the page lacks (comparators/utils/file.py, presenters/html/templates.py).
LACKS = {
    b"Timeout exceeded; details may be incomplete": "diffoscope opened no further archives when its time was nearly up",
    b"Max HTML report size reached": "what did not fit into the page is left out",
}

NOTE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><h1>{title}</h1><p>{note}</p></body>
</html>
"""


def write_detail(first: Path, second: Path, *, page: Path, seconds: int, size: int) -> str:
    """Write what diffoscope finds in two files as an HTML page, whole or not at all.

    Args:
        seconds: the most time; it opens no further archives after a part of it, and is ended, its children too, after all of it.
        size: the most bytes of the page; it leaves out what does not fit, and says so there.

    Returns what the page lacks, in one line, and nothing when it has all that differs; a diff that was ended leaves a page that
    says so. Raises HostError when there is no diffoscope, CommandError when it fails.
    """
    diffoscope = require_diffoscope()
    with make_scratch(page) as scratch:
        found = scratch.absolute() / "page.html"
        for name, path in (("first", first), ("second", second)):
            (scratch / name).symlink_to(path.parent.absolute())  # the page names what it is given: no folder of this host
        argv: list[str | Path] = [
            diffoscope, "--no-progress", "--html", found, "--output-empty", "--timeout", str(max(1, int(seconds * SOFT))),
            "--max-report-size", str(size), "--max-page-size", str(size), "--max-diff-block-lines-saved", str(KEPT),
            "--max-page-diff-block-lines", str(SHOWN), "--max-diff-block-lines", str(SHOWN), f"first/{first.name}",
            f"second/{second.name}",
        ]  # fmt: skip
        log = scratch / "log"
        try:
            # 0 is no difference, 1 is some; it ends with 2 when something went wrong, and then wrote nothing of worth.
            result = run_command(argv, log=log, cwd=scratch, env={"TMPDIR": str(found.parent)}, seconds=seconds, check=False)
        except OverdueError:
            return write_note(page, first, f"diffoscope was ended after {seconds} s: too much to compare, or the host was busy")
        if result.returncode not in (0, 1) or not found.is_file():
            raise CommandError(
                [str(word) for word in argv], result.returncode, log.read_text(errors="replace"), hint="ask without --detail"
            )
        return keep_page(found, page)


def require_diffoscope() -> str:
    """Return the path of diffoscope. Raises HostError that names the package of each distribution."""
    try:
        return require_tool("diffoscope", package="diffoscope")
    except HostError as error:
        raise HostError(
            error.message, hint="install diffoscope-minimal (Debian) or diffoscope (Fedora), or ask without --detail"
        ) from error


@contextmanager
def make_scratch(page: Path) -> Iterator[Path]:
    """Yield a folder beside the page, where there is room for unpacked RPMs; what a killed run left there goes first."""
    page.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{page.name}.scratch-"
    for stale in page.parent.glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=page.parent, ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)


def write_note(page: Path, first: Path, note: str) -> str:
    """Write a page that says only why there is no diff, and return that."""
    write_whole(page, NOTE.format(title=html.escape(f"{first.name}: not compared in detail"), note=html.escape(note)))
    return note


def keep_page(found: Path, page: Path) -> str:
    """Give diffoscope's page its place, and return what it lacks."""
    content = found.read_bytes()
    with whole_file(page) as temporary:
        found.replace(temporary)
    return "; ".join(lack for mark, lack in LACKS.items() if mark in content)
