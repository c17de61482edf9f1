"""Make a cut again from its record, in a folder of its own, and compare every byte."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.errors import HostError, RecordError, TproxyError
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling

if TYPE_CHECKING:
    from tproxy_rpms.publish.recorded import Record

# Left in the folder of a rebuild that came to an end: the next one begins anew, while one that was stopped is gone on with.
ENDED = "ended"

PROCESSES = {
    "name": "processes",
    "short": "n",
    "long": "processes",
    "type": str,
    "default": "",
    "help": "builds at once; default: one a core",
}

BUILDER = {
    "name": "builder",
    "long": "builder",
    "type": str,
    "default": "",
    "help": "who builds; else the record's own, which must not be koji",
}


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(
        stage="rebuild",
        doc="make the cut of a RECORD again, and compare every file with it",
        run=partial(rebuild, cut.root, cut.top),
        options=(PROCESSES, BUILDER),
        words="records",
    )


def rebuild(root: Path, top: Path, *, records: list[str], processes: str, builder: str) -> None:
    """Rebuild from one record.

    Raises RecordError for a record that cannot be read or is of another checkout, RebuildError for other bytes; a cut that fails
    gives its own exit code.
    """
    from tproxy_rpms.outlet import write_text
    from tproxy_rpms.publish.rebuild import compare_outputs, compare_surroundings, render_rows, require_same
    from tproxy_rpms.publish.recorded import read_record

    record = read_record(find_record(records, root))
    folder = begin_folder(top, record)
    release_file = write_pinned(root, folder, record, builder)
    run_doit(root, folder, record, release_file=release_file, processes=processes)
    rebuilt = folder / record.release
    rows = compare_outputs(record, rebuilt / "repo")
    (folder / ENDED).touch()
    write_text(sys.stdout, render_rows(rows))
    causes = compare_surroundings(record, read_record(rebuilt / "record" / f"{record.release}.intoto.json"))
    require_same(rows, causes)
    write_text(sys.stdout, f"{record.release}: rebuilt in {rebuilt}: all {len(rows)} files are the same bytes\n")


def find_record(words: list[str], root: Path) -> Path:
    """Return the path of the record that is named, relative to where doit was started, or else to the project."""
    from doit import get_initial_workdir

    if len(words) != 1:
        raise RecordError(
            f"rebuild takes one record, not {len(words)}",
            hint="doit rebuild [-n BUILDS] build/RELEASE/record/RELEASE.intoto.json",
        )
    path = Path(get_initial_workdir() or ".") / words[0]
    return path if path.exists() else root / words[0]


def begin_folder(top: Path, record: "Record") -> Path:
    """Return the folder of a record's rebuild: a new one, or that of a rebuild which was stopped."""
    from tproxy_rpms.store import digest_file

    folder = top / "rebuild" / f"{record.release}-{digest_file(record.path)[:12]}"
    if (folder / ENDED).exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_pinned(root: Path, folder: Path, record: "Record", builder: str) -> Path:
    """Write the release that is cut: the recorded one, every source pinned. Raises RecordError if this is another checkout.

    Koji is no builder for that: what it has built of an SRPM it hands out again, and never builds by the same name twice.
    """
    from tproxy_rpms.publish.rebuild import check_additions, check_files, pin_sources, target_name, write_release
    from tproxy_rpms.release.dump import dump_release
    from tproxy_rpms.release.load import load_release
    from tproxy_rpms.shelf import find_named
    from tproxy_rpms.store import PACKAGE, write_whole
    from tproxy_rpms.tasks.inputs import list_inputs

    find = {one.name: PACKAGE.parent / one.name if one.role == "code" else find_named(root, one.name) for one in record.files}
    check_files(record, find=find)
    path = write_release(record, folder, find=find)
    release = pin_sources(load_release(str(path), root=root), record)
    release = Cut(release=release, root=root).with_builder(builder).release
    if release.builder == "koji":
        raise RecordError(
            f"{record.path}: Koji has built it, and would hand out the same builds again",
            hint="build it here: doit rebuild --builder=mock RECORD",
        )
    check_additions(record, list_inputs(Cut(release=release, root=root)))
    write_whole(path, dump_release(replace(release, files=()), target=target_name(record)))
    return path


def run_doit(root: Path, folder: Path, record: "Record", *, release_file: Path, processes: str) -> None:
    """Cut the release by a doit of its own, whose words pass through. Raises what its exit code tells."""
    from tproxy_rpms.console import asked_for
    from tproxy_rpms.process import stop_group

    environment = list_environment(record, os.environ) | {"TPROXY_RPMS_PROGRESS": asked_for()}
    words = [f"release={release_file.resolve()}", f"build={folder.resolve()}", *(["-n", processes] if processes else [])]
    argv = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "doit", "-f", str(root / "dodo.py"), *words]
    process = subprocess.Popen(argv, cwd=root, env=environment, stdin=subprocess.DEVNULL, text=True, start_new_session=True)
    try:
        status = process.wait()
    except BaseException:
        stop_group(process)
        raise
    if status:
        raise describe_failure(record, status)


def list_environment(record: "Record", outside: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the cut: nothing is taken from the cache of finished builds.

    The sources that the first cut has kept serve as mirror where no other is given: each is pinned by its digest.
    """
    environment = {name: value for name, value in outside.items() if name != "TPROXY_RPMS_CACHE"}
    kept = record.path.parent.parent / "sources"
    if kept.is_dir():
        environment.setdefault("TPROXY_RPMS_MIRROR", str(kept.resolve()))
    return environment


def describe_failure(record: "Record", status: int) -> TproxyError:
    """Return the error of a cut that failed, with its exit code."""
    hint = "its own words are above; the same command goes on from there"
    error = HostError(f"{record.release}: not rebuilt: its cut ended with status {status}", hint=hint)
    error.exit_code = status if status > 0 else HostError.exit_code
    return error
