"""What a run tells: a line when a step starts and ends, its error and hint when it fails, and the exit code of its class."""

import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

from doit.exceptions import UnmetDependency
from doit.reporter import ConsoleReporter

from tproxy_rpms.console import write_line
from tproxy_rpms.errors import DifferentError, EquivalentError, TproxyError
from tproxy_rpms.report.runs import Outcome, RunLog, StepRun

if TYPE_CHECKING:
    from tproxy_rpms.tasks.cut import Cut

# Tasks that only tell something, and what they tell a program may be reading.
SILENT = {"dump", "doctor", "status"}

# The exit code of a task that has found two builds not to be identical → what they are.
VERDICTS = {EquivalentError.exit_code: "equivalent", DifferentError.exit_code: "different"}

# Tasks that leave the release's build folder alone: they run beside another run of the same release.
APART = SILENT | {"rebuild", "rollback", "snapshots"}


class LineReporter(ConsoleReporter):  # type: ignore[misc]  # doit carries no types
    """Plain lines; nothing for steps that are up to date but a count at the end."""

    desc = "one line a step, with times"
    cut: ClassVar["Cut"]

    def __init__(self, outstream: Any, options: Any) -> None:
        super().__init__(outstream, options)
        self.started: dict[str, float] = {}
        self.done: list[str] = []
        self.current = 0
        self.log = RunLog(self.cut.runs, started=time.time(), ccache=self.cut.ccache)

    def line(self, text: str) -> None:
        """Write one whole line at once, so that parallel steps do not mix."""
        write_line(self.outstream, text)

    def initialize(self, tasks: Any, selected_tasks: Any) -> None:  # noqa: ARG002  # doit's signature
        """Take the release's lock before the first step. A run that cannot have it ends here."""
        if set(selected_tasks) <= APART:
            return
        try:
            _ = self.cut.lock
        except TproxyError as error:
            print(error, file=sys.stderr)
            sys.exit(error.exit_code)

    def execute_task(self, task: Any) -> None:
        """A step starts."""
        if task.actions and task.name.split(":")[0] not in SILENT:
            self.started[task.name] = time.monotonic()
            self.line(f"{task.name} …")

    def add_success(self, task: Any) -> None:
        """A step ended well."""
        if task.name in self.started:
            self.done.append(task.name)
            self.line(f"{task.name} done in {format_seconds(self.measure(task.name, 'done'))}")

    def measure(self, name: str, outcome: Outcome) -> float:
        """Return how many seconds a step took, and write it down where it is part of a cut."""
        seconds = time.monotonic() - self.started[name]
        if name.split(":")[0] not in APART:
            self.log.add(StepRun(task=name, started=time.time() - seconds, seconds=round(seconds, 2), outcome=outcome))
        return seconds

    def add_failure(self, task: Any, fail: Any) -> None:
        """A step failed, or needs one that did."""
        if isinstance(fail, UnmetDependency):
            if task.actions:
                self.line(f"{task.name} not done: needs {', '.join(fail.get_msg().split())}")
            return
        self.failures.append({"task": task, "exception": fail})
        if task.name in SILENT:
            print(fail.get_msg(), file=sys.stderr)  # what it told, a program may be reading
            return
        if task.name in self.started:
            self.measure(task.name, "failed")
        self.line(f"{task.name} FAILED\n" + indent(fail.get_msg()))

    def skip_uptodate(self, task: Any) -> None:
        """A step is up to date."""
        self.current += bool(task.actions)

    def complete_run(self) -> None:
        """Say where the result lies, and end with the exit code of the first failure's class."""
        for error in self.runtime_errors:
            self.line(error)
        worked = [name for name in self.done if name not in APART]
        if not self.failures and (worked or self.current):
            where = f"; repositories in {self.cut.build / 'repo'}" if (self.cut.build / "repo").is_dir() else ""
            self.line(f"{self.cut.release.name}: {len(worked)} steps done, {self.current} up to date{where}")
        self.tell_verdicts()
        codes = self.list_codes()
        broken = {name: code for name, code in codes.items() if code not in VERDICTS}
        if broken.keys() - APART and any(broken.values()):
            self.line(f"{self.cut.release.name}: {len(broken)} steps failed; run the same command again to go on")
        self.outstream.flush()
        if code := next(filter(None, broken.values()), max(codes.values(), default=0)):
            sys.exit(code)

    def list_codes(self) -> dict[str, int]:
        """Return the steps that failed with the exit codes of their errors; 0 for what is no error of ours."""
        return {failed["task"].name: getattr(failed["exception"], "exit_code", 0) for failed in self.failures}

    def tell_verdicts(self) -> None:
        """Say how many packages are reproducible, where that was asked."""
        asked = [name for name in self.started if name.startswith("repro:")]
        codes = self.list_codes()
        told = ["identical" if name not in codes else VERDICTS.get(codes[name], "not compared") for name in asked]
        if told:
            self.line(f"{self.cut.release.name}: " + ", ".join(f"{told.count(word)} {word}" for word in sorted(set(told))))


def format_seconds(seconds: float) -> str:
    """Return a duration for people: 4.2 s, 6 min 31 s."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def indent(text: str) -> str:
    """Return a text with each line set in by two blanks."""
    return "\n".join(f"  {line}" for line in text.strip().splitlines())
