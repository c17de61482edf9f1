"""What a run tells: a line when a step starts and ends, what took longest, errors with their hints, and the exit code."""

import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

from doit.exceptions import UnmetDependency
from doit.reporter import ConsoleReporter

from tproxy_rpms.console import close_display, paint, stamp, write_line
from tproxy_rpms.course import format_seconds
from tproxy_rpms.errors import DifferentError, EquivalentError, TproxyError
from tproxy_rpms.report.closing import LEAST, Counts, render_closing
from tproxy_rpms.report.runs import Outcome, RunLog, StepRun, find_latest, read_runs

if TYPE_CHECKING:
    from tproxy_rpms.tasks.cut import Cut

# Tasks that only tell something, and what they tell a program may be reading.
SILENT = {"dump", "doctor", "status", "diff"}

# The exit code of a task that has found two builds not to be identical → what they are.
VERDICTS = {EquivalentError.exit_code: "equivalent", DifferentError.exit_code: "different"}

# Tasks that leave the release's build folder alone: they run beside another run of the same release.
APART = SILENT | {"rebuild", "report", "rollback", "snapshots"}


class LineReporter(ConsoleReporter):  # type: ignore[misc]  # doit carries no types
    """Plain lines; nothing for steps that are up to date but a count at the end."""

    desc = "one line a step, with times"
    cut: ClassVar["Cut"]

    def __init__(self, outstream: Any, options: Any) -> None:
        super().__init__(outstream or sys.stdout, options)  # doit has looked for standard output before we have opened one
        self.started: dict[str, float] = {}
        self.begun = time.monotonic()
        self.done: list[str] = []
        self.steps: list[StepRun] = []
        self.current = self.undone = 0
        self.buried = False  # whether other lines stand below an error
        self.log = RunLog(self.cut.runs, started=time.time(), ccache=self.cut.ccache)

    def line(self, text: str) -> None:
        """Write whole lines at once, so that parallel steps do not mix."""
        self.buried = bool(self.failures)
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
            self.line(f"{stamp()} {task.name} …")

    def add_success(self, task: Any) -> None:
        """A step ended well."""
        if task.name in self.started:
            self.done.append(task.name)
            seconds = self.measure(task.name, "done")
            self.line(f"{stamp()} {task.name} {paint(self.outstream, 'done', 'good')} in {format_seconds(seconds)}")

    def measure(self, name: str, outcome: Outcome) -> float:
        """Return how many seconds a step took, and write it down where it is part of a cut."""
        seconds = time.monotonic() - self.started[name]
        if name.split(":")[0] not in APART:
            self.steps.append(StepRun(task=name, started=time.time() - seconds, seconds=round(seconds, 2), outcome=outcome))
            self.log.add(self.steps[-1])
        return seconds

    def add_failure(self, task: Any, fail: Any) -> None:
        """A step failed, or needs one that did."""
        if isinstance(fail, UnmetDependency):
            if task.actions:
                self.undone += 1
                self.line(f"{stamp()} {task.name} not done: needs {', '.join(fail.get_msg().split())}")
            return
        self.failures.append({"task": task, "exception": fail})
        if task.name in SILENT:
            print(fail.get_msg(), file=sys.stderr)  # what it told, a program may be reading
            return
        if task.name in self.started:
            self.measure(task.name, "failed")
        self.tell_failure(task.name, fail.get_msg())

    def tell_failure(self, name: str, message: str) -> None:
        """Write a step's error and hint."""
        write_line(self.outstream, f"{stamp()} {name} {paint(self.outstream, 'FAILED', 'bad')}\n{indent(message)}")

    def skip_uptodate(self, task: Any) -> None:
        """A step is up to date."""
        self.current += bool(task.actions)

    def complete_run(self) -> None:
        """Say what took long and where the result lies, and end with the exit code of the first failure's class."""
        interrupted = isinstance(sys.exc_info()[1], KeyboardInterrupt)
        close_display()
        if interrupted:
            self.end_builds()
        for error in self.runtime_errors:
            self.line(error)
        self.tell_closing()
        if not interrupted:
            self.tell_result()
        self.tell_verdicts()
        self.tell_failures()
        self.outstream.flush()
        codes = self.list_codes()
        broken = [code for code in codes.values() if code not in VERDICTS]
        if code := next(filter(None, broken), max(codes.values(), default=0)):
            sys.exit(code)

    def end_builds(self) -> None:
        """Leave no build at work."""
        from tproxy_rpms.tasks.interruption import ask_about_remote, end_builds

        end_builds(self.line)
        ask_about_remote([one.builder for one in (self.cut, *self.cut.others.values())], self.line)

    def tell_closing(self) -> None:
        """Write the table of what took longest, if the release's steps did."""
        if all(step.seconds < LEAST for step in self.steps):
            return
        runs = [run for run in read_runs(self.cut.runs) if run.started < self.log.header["started"]]
        found = {step.task: find_latest(runs, step.task) for step in self.steps}
        before = {name: last.seconds for name, last in found.items() if last}
        done = sum(step.outcome == "done" for step in self.steps)
        counts = Counts(done=done, current=self.current, failed=len(self.steps) - done, undone=self.undone)
        self.line(render_closing(self.steps, before=before, seconds=time.monotonic() - self.begun, counts=counts))

    def tell_result(self) -> None:
        """Say where the result lies."""
        worked = [name for name in self.done if name not in APART]
        if not self.failures and (worked or self.current):
            where = f"; repositories in {self.cut.build / 'repo'}" if (self.cut.build / "repo").is_dir() else ""
            self.line(f"{self.cut.release.name}: {len(worked)} steps done, {self.current} up to date{where}")

    def tell_failures(self) -> None:
        """Say how to go on, and what went wrong again where that is no longer the last that people see."""
        codes = self.list_codes()
        broken = {name: code for name, code in codes.items() if code not in VERDICTS}
        if broken.keys() - APART and any(broken.values()):
            text = f"{self.cut.release.name}: {len(broken)} steps failed; run the same command again to go on"
            write_line(self.outstream, text)
        if self.buried:
            for failed in self.failures:
                if failed["task"].name not in SILENT:
                    self.tell_failure(failed["task"].name, failed["exception"].get_msg())

    def list_codes(self) -> dict[str, int]:
        """Return the steps that failed with the exit codes of their errors; 0 for what is no error of ours."""
        return {failed["task"].name: getattr(failed["exception"], "exit_code", 0) for failed in self.failures}

    def tell_verdicts(self) -> None:
        """Say how many packages are reproducible, where that was asked."""
        asked = [name for name in self.started if name.startswith("repro:")]
        codes = self.list_codes()
        told = ["identical" if name not in codes else VERDICTS.get(codes[name], "not compared") for name in asked]
        if told:
            verdicts = ", ".join(f"{told.count(word)} {word}" for word in sorted(set(told)))
            write_line(self.outstream, f"{self.cut.release.name}: {verdicts}")


def indent(text: str) -> str:
    """Return a text with each line set in by two blanks."""
    return "\n".join(f"  {line}" for line in text.strip().splitlines())
