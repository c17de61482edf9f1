"""What a scenario has found: checks that hold or do not, figures, and what was skipped."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# How much of what a host said is kept with a check.
TOLD = 2000


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold.

    Fields:
        seconds: since the check before it. detail: what was seen.
    """

    name: str
    holds: bool
    detail: str = ""
    seconds: float = 0


@dataclass(frozen=True, kw_only=True)
class Series:
    """Figures of one way to fetch: requests per second, and latencies.

    Fields:
        requests, lost: how many were asked, and how many got no answer or a wrong one. seconds: from the first to the last.
        latency: percentile → milliseconds.
    """

    name: str
    requests: int
    lost: int
    connections: int
    seconds: float
    latency: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one scenario.

    Fields:
        skipped: why it did not run, empty if it did. error: what ended it early, empty if nothing did.
        capture: names of packet captures that were kept.
    """

    scenario: str
    about: str
    seconds: float = 0
    checks: tuple[Check, ...] = ()
    series: tuple[Series, ...] = ()
    skipped: str = ""
    error: str = ""
    capture: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all that ran holds, and something did; a skipped scenario does no harm."""
        if self.skipped:
            return True
        return not self.error and bool(self.checks) and all(check.holds for check in self.checks)


class TrialError(Exception):
    """A scenario cannot go on: what follows would tell nothing."""


@dataclass(kw_only=True)
class Trial:
    """Takes a scenario's findings as they come.

    Fields:
        tell: takes each check as it is made.
    """

    tell: Callable[[Check], None] = lambda _check: None
    checks: list[Check] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    def check(self, name: str, holds: bool, detail: str = "") -> bool:
        """Note whether something holds, and return it."""
        now = time.monotonic()
        check = Check(name=name, holds=holds, detail=detail.strip()[-TOLD:], seconds=round(now - self.last, 3))
        self.last = now
        self.checks.append(check)
        self.tell(check)
        return holds

    def require(self, name: str, holds: bool, detail: str = "") -> None:
        """Note something that all the rest stands on. Raises TrialError if it does not hold."""
        if not self.check(name, holds, detail):
            raise TrialError(name)
