"""A run as a picture: a lane for each that worked at the same time, a bar for each step."""

from collections.abc import Sequence
from dataclasses import dataclass

from tproxy_rpms.report.runs import Run, StepRun

# What the bars are told apart by, besides their names.
KINDS = {
    "fetch": "sources", "verify": "sources", "srpm": "packages", "kconfig": "configuration", "root": "build roots",
    "rpm": "builds", "gate": "checks", "accept": "checks", "repro": "checks",
}  # fmt: skip

# Seconds between two ticks, of which there are to be few.
TICKS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Block:
    """A step of the picture; `left` and `width` are in hundredths of the whole run, `start` in seconds from its beginning."""

    step: StepRun
    start: float
    left: float
    width: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A moment on the axis, in seconds from the run's beginning and in hundredths of it."""

    seconds: int
    left: float


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A run.

    Fields:
        started: seconds since 1970. seconds: to the end of its last step. lanes: each with its blocks in order of time.
        busy: seconds of all steps together.
    """

    started: float
    seconds: float
    busy: float
    cores: int
    ccache: bool
    lanes: tuple[tuple[Block, ...], ...]
    ticks: tuple[Tick, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks in order of time."""
        return tuple(sorted((block for lane in self.lanes for block in lane), key=lambda block: block.start))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that there are, each once."""
        return tuple(dict.fromkeys(block.kind for block in self.blocks))


def choose_run(runs: Sequence[Run]) -> Run | None:
    """Return the latest run that built packages, else the latest of all; None without any."""
    built = [run for run in runs if any(step.task.startswith("rpm:") for step in run.steps)]
    return max(built or runs, key=lambda run: run.started, default=None)


def draw_run(run: Run) -> Timeline:
    """Return the picture of a run."""
    steps = sorted(run.steps, key=lambda step: step.started)
    begin = min((step.started for step in steps), default=run.started)
    seconds = max((step.started + step.seconds - begin for step in steps), default=0) or 1
    return Timeline(
        started=begin, seconds=seconds, busy=sum(step.seconds for step in steps), cores=run.cores, ccache=run.ccache,
        lanes=tuple(tuple(draw_step(step, begin, seconds) for step in lane) for lane in share_lanes(steps)),
        ticks=place_ticks(seconds),
    )  # fmt: skip


def share_lanes(steps: Sequence[StepRun]) -> list[list[StepRun]]:
    """Return steps in as few lanes as there was work at once; each goes where something ended last before it began."""
    lanes: list[list[StepRun]] = []
    for step in sorted(steps, key=lambda one: one.started):
        free = [lane for lane in lanes if end_of(lane[-1]) <= step.started + 0.05]  # clocks are read one after the other
        if free:
            max(free, key=lambda lane: end_of(lane[-1])).append(step)
        else:
            lanes.append([step])
    return lanes


def end_of(step: StepRun) -> float:
    """Return when a step ended."""
    return step.started + step.seconds


def draw_step(step: StepRun, begin: float, seconds: float) -> Block:
    """Return a step's place in the picture."""
    start = step.started - begin
    return Block(
        step=step, start=start, left=round(100 * start / seconds, 3), width=round(100 * step.seconds / seconds, 3),
        kind=KINDS.get(step.task.partition(":")[0], "repositories"),
    )  # fmt: skip


def place_ticks(seconds: float) -> tuple[Tick, ...]:
    """Return few moments at round distances, the beginning first."""
    apart = next((tick for tick in TICKS if seconds / tick <= MOST_TICKS), TICKS[-1])
    return tuple(Tick(seconds=at, left=round(100 * at / seconds, 2)) for at in range(0, int(seconds) + 1, apart))
