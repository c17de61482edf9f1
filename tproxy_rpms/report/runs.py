"""How long steps took: build/RELEASE/runs/TIME-PID.jsonl, a header and then a line for each step that ended.

A line is appended when its step ends, so that a run that is killed keeps what it has done. Runs in which nothing was done leave
no file.
"""

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

SCHEMA = 1

# Runs that are kept; the oldest go first.
KEPT = 50

Outcome = Literal["done", "failed"]


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """One step of one run.

    Fields:
        task: its name, `rpm:kernel:x86_64`. started: seconds since 1970. seconds: how long it took.
    """

    task: str
    started: float
    seconds: float
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of doit in which something was done.

    Fields:
        started: seconds since 1970. cores: of the host. ccache: whether compilers went through it.
        steps: in the order in which they ended.
    """

    started: float
    cores: int
    ccache: bool
    steps: tuple[StepRun, ...]


class RunLog:
    """Writes one run down while it goes on; threads may share it.

    Args:
        folder: where the runs of a release lie.
        started: seconds since 1970. ccache: as in `Run`.
    """

    def __init__(self, folder: Path, *, started: float, ccache: bool) -> None:
        moment = datetime.fromtimestamp(started, UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = folder / f"{moment}-{os.getpid()}.jsonl"
        self.header = {"schema": SCHEMA, "started": started, "cores": os.cpu_count() or 1, "ccache": ccache}
        self.turn = threading.Lock()
        self.opened = False

    def add(self, step: StepRun) -> None:
        """Append a step. A disk that takes nothing costs the line, not the run: the step itself will tell."""
        with self.turn:
            lines = [asdict(step)] if self.opened else [self.header, asdict(step)]
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a") as stream:
                    stream.writelines(json.dumps(line) + "\n" for line in lines)
            except OSError:
                return
            if not self.opened:
                self.opened = True
                prune_runs(self.path.parent)


def prune_runs(folder: Path) -> None:
    """Remove the oldest runs beyond those that are kept."""
    for path in sorted(folder.glob("*.jsonl"))[:-KEPT]:
        path.unlink(missing_ok=True)


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Return the runs that are kept, oldest first; a line or file that is damaged is left out."""
    return tuple(run for path in sorted(folder.glob("*.jsonl")) if (run := read_run(path)))


def read_run(path: Path) -> Run | None:
    """Return one run, or None for a file that is none of ours, or that another run has just removed."""
    try:
        header, *lines = [read_line(line) for line in path.read_text(errors="replace").splitlines()]
        if header["schema"] != SCHEMA:
            return None
        started, cores, ccache = float(header["started"]), int(header["cores"]), bool(header["ccache"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return Run(started=started, cores=cores, ccache=ccache, steps=tuple(step for line in lines if (step := read_step(line))))


def read_step(line: Mapping[str, Any]) -> StepRun | None:
    """Return the step of a line, or None if it has not all of one."""
    try:
        outcome: Outcome = "done" if line["outcome"] == "done" else "failed"
        return StepRun(task=str(line["task"]), started=float(line["started"]), seconds=float(line["seconds"]), outcome=outcome)
    except (KeyError, TypeError, ValueError):
        return None


def read_line(line: str) -> dict[str, Any]:
    """Return the object of a line, empty for a damaged one: the last of a run that was killed may be half."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def find_latest(runs: Iterable[Run], task: str) -> StepRun | None:
    """Return the last time that a step was done, or None."""
    found = [step for run in runs for step in run.steps if step.task == task and step.outcome == "done"]
    return max(found, key=lambda step: step.started, default=None)
