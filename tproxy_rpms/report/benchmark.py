"""The project's own measurements: what takes how long, as ratios to what others take. build/benchmarks/results.json has them."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.store import read_document

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One measurement: ours against theirs. `unit` is what `ours_seconds` and `theirs_seconds` are counted in."""

    name: str
    what: str
    ratio: float
    ours_seconds: float = 0
    theirs_seconds: float = 0
    unit: str = "s"


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was measured on one host at one time, ISO 8601."""

    measured: str = ""
    host: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    ratios: tuple[Ratio, ...] = ()

    @property
    def reach(self) -> float:
        """The farthest that a ratio is from 1, as a power of 2; at least 1, which is half or twice."""
        powers = [abs(math.log2(one.ratio)) for one in self.ratios if one.ratio > 0]
        return max(powers, default=0.0) if max(powers, default=0.0) > 1 else 1.0

    def place(self, ratio: float) -> tuple[float, float]:
        """Return where the bar of a ratio begins and how wide it is, in hundredths; 1 is in the middle, less to the left."""
        length = round(50 * math.log2(ratio) / self.reach, 2) if ratio > 0 else -50
        return (50, length) if length >= 0 else (50 + length, -length)


@dataclass(frozen=True, kw_only=True)
class Benchmarks:
    """The results, or why there are none."""

    results: Results | None = None
    lack: str = ""


def read_benchmarks(path: Path) -> Benchmarks:
    """Return what was measured."""
    if not path.exists():
        return Benchmarks(lack="Nothing has been measured here yet.")
    try:
        return Benchmarks(results=read_document(path, Results, schema=SCHEMA, what="measurements", cure="measure again"))
    except HostError as error:  # its message has the path, which is nobody's business elsewhere
        return Benchmarks(lack=f"The file of measurements is damaged: {error.__cause__}. Measure again.")
