"""The plan as Markdown: what was measured, and how long matrices take on how many builders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.capacity.matrix import Times, count_tasks, make_matrix
from benchmarks.capacity.schedule import find_duration, find_longest_chain
from benchmarks.capacity.times import Figure
from tproxy_rpms.release.model import Release


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked.

    Fields:
        builders: the columns. at_once: tasks that each of them does at the same time. kernels: the rows.
        extra: seconds that Koji adds to each task. pause: seconds until what is built can be had by what needs it.
    """

    builders: tuple[int, ...]
    at_once: int
    kernels: tuple[int, ...]
    extra: float
    pause: float


def render_plan(release: Release, figures: Sequence[Figure], plan: Plan) -> str:
    """Return the whole page. Raises MissingTimesError if something of the release was never measured."""
    times: Times = {(figure.package, figure.arch): figure.seconds for figure in figures}
    matrices = [(kernels, twice) for twice in (False, True) for kernels in plan.kernels]
    rows = [render_row(release, times, plan, kernels=kernels, twice=twice) for kernels, twice in matrices]
    columns = [f"{count} builder{'s' if count > 1 else ''}" for count in plan.builders]
    head = ("kernels", "builds", "tasks", *columns, "never below")
    tasks = "1 task" if plan.at_once == 1 else f"{plan.at_once} tasks"
    return (
        f"Measured, of {release.name}:\n\n{render_table(('task', 'seconds', 'how'), list_figures(release, figures))}\n"
        f"Hours and minutes on builders like the measured one, {tasks} at once on each; {plan.extra:g} s more for each task, "
        f"{plan.pause:g} s until what is built can be had by what needs it:\n\n{render_table(head, rows)}"
    )


def list_figures(release: Release, figures: Iterable[Figure]) -> list[tuple[str, str, str]]:
    """Return the rows of what was measured of a release."""
    return [
        (f"{one.package}:{one.arch}", f"{one.seconds:.0f}", one.how.replace("|", "\\|"))
        for one in figures
        if one.package in release.packages and one.arch in release.arches
    ]


def render_row(release: Release, times: Times, plan: Plan, *, kernels: int, twice: bool) -> tuple[str, ...]:
    """Return one matrix on every number of builders, and what the longest chain of its builds takes."""
    builds = make_matrix(release, times, kernels=kernels, twice=twice, extra=plan.extra)
    durations = [find_duration(builds, slots=count * plan.at_once, pause=plan.pause) for count in plan.builders]
    cells = [render_duration(seconds) for seconds in (*durations, find_longest_chain(builds, pause=plan.pause))]
    return (str(kernels), "first and second" if twice else "first", str(count_tasks(builds)), *cells)


def render_duration(seconds: float) -> str:
    """Return hours and minutes, rounded up: no plan is made of a time that was just missed."""
    minutes = -int(-seconds // 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))
