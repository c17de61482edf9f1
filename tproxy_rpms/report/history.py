"""How long each step last took, against what it took before."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tproxy_rpms.report.runs import Run


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """A step's last time.

    Fields:
        seconds, when: how long it last took, and when it began, seconds since 1970.
        median: of the earlier times under the same conditions, None if there was none. times: how many these were.
    """

    task: str
    seconds: float
    when: float
    median: float | None
    times: int

    @property
    def delta(self) -> float | None:
        """How much longer than the median, in hundredths of it; None without one."""
        return None if not self.median else 100 * (self.seconds / self.median - 1)


def compare_times(runs: Sequence[Run], tasks: Iterable[str]) -> tuple[StepTime, ...]:
    """Return the last time of each of these steps that has one, in the given order.

    Compared is with runs that had as many cores, and ccache where the last one had it: others say nothing.
    """
    done = [(step, run.cores, run.ccache) for run in runs for step in run.steps if step.outcome == "done"]
    times = []
    for task in dict.fromkeys(tasks):
        mine = sorted((one for one in done if one[0].task == task), key=lambda one: one[0].started)
        if mine:
            step, *conditions = mine[-1]
            earlier = [one[0].seconds for one in mine[:-1] if list(one[1:]) == conditions]
            median = statistics.median(earlier) if earlier else None
            times.append(StepTime(task=task, seconds=step.seconds, when=step.started, median=median, times=len(earlier)))
    return tuple(times)
