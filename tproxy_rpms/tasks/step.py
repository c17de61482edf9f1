"""A step: one doit task of ours, with our own idea of being up to date."""

import errno
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tproxy_rpms.errors import HostError, TproxyError
from tproxy_rpms.store import is_current, read_outputs, write_stamp

if TYPE_CHECKING:
    from doit.exceptions import TaskFailed

    from tproxy_rpms.tasks.cut import Cut


# What is no fault of ours, wherever it happens.
SURROUNDINGS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task `stage:name` that makes files.

    Fields:
        inputs: everything that shapes the outputs, cheap to tell; called when the steps of `after` are done.
        run: does the work and returns the files that it made. after: names of tasks that come before.
    """

    stage: str
    name: str
    doc: str
    inputs: Callable[[], Mapping[str, Any]]
    run: Callable[[], Iterable[Path]]
    after: tuple[str, ...] = ()

    def to_doit(self, cut: "Cut") -> dict[str, Any]:
        """Return the step as doit wants it. Its database plays no part: the stamp tells what is up to date."""
        stamp = cut.stamp(self.stage, *self.name.split(":"))

        def act() -> None:
            inputs = self.inputs()
            write_stamp(stamp, inputs=inputs, outputs=self.run())

        def current() -> bool:
            try:
                return is_current(stamp, inputs=self.inputs())
            except TproxyError:
                return False  # the action meets it again, where it is reported

        return {
            "basename": self.stage,
            "name": self.name,
            "doc": self.doc,
            "task_dep": list(self.after),
            "actions": [guard(act)],
            "uptodate": [current],
            "clean": [guard(lambda: clean_step(cut, stamp))],
            "io": {"capture": False},
        }


@dataclass(frozen=True, kw_only=True)
class Telling:
    """A task that always runs, and leaves nothing that others build on.

    Fields:
        name: empty for a stage's only task. after: names of tasks that come before.
        options: what may be given behind the task's name, as doit's `params`; `run` gets each by its name.
        words: the name by which `run` gets the list of all other words behind the task's name; empty for none.
    """

    stage: str
    doc: str
    run: Callable[..., None]
    name: str = ""
    after: tuple[str, ...] = ()
    options: tuple[Mapping[str, Any], ...] = ()
    words: str = ""

    def to_doit(self, _cut: "Cut") -> dict[str, Any]:
        """Return the task as doit wants it."""
        return (
            ({"name": self.name} if self.name else {})
            | ({"pos_arg": self.words} if self.words else {})
            | {
                "basename": self.stage,
                "doc": self.doc,
                "task_dep": list(self.after),
                "actions": [guard(self.run)],
                "params": [dict(option) for option in self.options],
                "uptodate": [False],
                "io": {"capture": False},
            }
        )


def guard(action: Callable[..., None]) -> Callable[..., "TaskFailed | None"]:
    """Return `action` with our errors turned into doit's failures: the one edge where that happens."""

    def guarded(**options: Any) -> "TaskFailed | None":
        try:
            action(**options)
        except TproxyError as error:
            return as_failure(error)
        except OSError as error:
            if error.errno not in SURROUNDINGS:
                raise
            return as_failure(describe_surroundings(error))
        return None

    return guarded


def as_failure(error: TproxyError) -> "TaskFailed":
    """Return doit's failure of an error."""
    from doit.exceptions import TaskFailed

    failure = TaskFailed(str(error))
    failure.exit_code = error.exit_code
    return failure


def describe_surroundings(error: OSError) -> HostError:
    """Return the error of a disk that is full or may not be written, with the file."""
    name = error.filename2 or error.filename or "a file that was being written"
    return HostError(
        f"{name}: {error.strerror}", hint="make room on the disk, or mend the rights; the same command goes on from there"
    )


def clean_step(cut: "Cut", stamp: Path) -> None:
    """Remove what a step made, with its stamp."""
    _ = cut.lock
    for path in read_outputs(stamp):
        if path.is_relative_to(cut.build):
            path.unlink(missing_ok=True)
            prune_empty(path.parent, cut.build)
    stamp.unlink(missing_ok=True)


def prune_empty(folder: Path, top: Path) -> None:
    """Remove a folder and its parents below `top` as long as they are empty."""
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        shutil.rmtree(folder)
        folder = folder.parent
