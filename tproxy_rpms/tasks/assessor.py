"""What every step of a cut has come to, by its stamp: done, or not, and why; told without doing anything."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.report.runs import StepRun, read_runs
from tproxy_rpms.report.status import NONE, Cell, format_age
from tproxy_rpms.store import explain_stamp, read_stamp
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step


def list_steps(cut: Cut) -> Iterator[Step]:
    """Yield the steps that leave a stamp."""
    from tproxy_rpms.tasks import STAGES

    for stage in STAGES:
        yield from (step for step in import_module(f"tproxy_rpms.tasks.{stage}").create(cut) if isinstance(step, Step))


@dataclass(frozen=True, kw_only=True)
class Assessor:
    """Tells of the steps of a cut what they have come to.

    Fields:
        steps: by their names, `stage:package:arch`. failures: the last run of those that failed in it, by their names.
        known: what has been found so far.
    """

    cut: Cut
    steps: dict[str, Step]
    failures: dict[str, StepRun]
    known: dict[str, Cell] = field(default_factory=dict)

    def judge(self, name: str) -> Cell:
        """Return what a step has come to; NONE for a name that is no step's."""
        if name not in self.steps:
            return NONE
        if name not in self.known:
            self.known[name] = self.assess(self.steps[name], name)
        return self.known[name]

    def assess(self, step: Step, name: str) -> Cell:
        """Return what a step has come to, those that it needs first."""
        stamp = self.cut.stamp(step.stage, *step.name.split(":"))
        since = stamp.stat().st_mtime if read_stamp(stamp) else 0.0
        needs = tuple(other for other in step.after if self.judge(other).word not in ("none", "good"))
        failure = self.tell_failure(name, since)
        if needs:
            return Cell(word="bad" if failure else "old" if since else "no", since=since, needs=needs, reasons=failure)
        try:
            changes = explain_stamp(stamp, inputs=step.inputs())
        except TproxyError as error:
            return Cell(word="bad", since=since, reasons=(f"{name}: {error.message.splitlines()[0]}",))
        if since and not changes:
            return Cell(word="good", since=since)
        if failure:
            return Cell(word="bad", since=since, reasons=failure)
        reasons = tuple(f"{name}: {change}" for change in changes or ("not done yet",))
        return Cell(word="old" if since else "no", since=since, reasons=reasons)

    def tell_failure(self, name: str, since: float) -> tuple[str, ...]:
        """Return that a step has failed since it was last done, as a reason; nothing if it has not."""
        failure = self.failures.get(name)
        ended = failure.started + failure.seconds if failure else 0.0
        return (f"{name}: failed {format_age(time.time() - ended)} ago",) if ended > since else ()

    def list_needed(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return these steps with all that they need, however far behind, each after what it needs."""
        found: dict[str, None] = {}
        for name in names:
            if name in self.steps and name not in found:
                found |= dict.fromkeys(self.list_needed(self.steps[name].after)) | {name: None}
        return tuple(found)


def open_assessor(cut: Cut) -> Assessor:
    """Return what tells of all steps."""
    last: dict[str, StepRun] = {step.task: step for run in read_runs(cut.runs) for step in run.steps}
    return Assessor(
        cut=cut,
        steps={f"{step.stage}:{step.name}": step for step in list_steps(cut)},
        failures={name: step for name, step in last.items() if step.outcome == "failed"},
    )
