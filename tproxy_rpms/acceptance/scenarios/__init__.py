"""Scenarios: each module is one, with `NEEDS` (capabilities of the world that it runs in) and a function `run(world, trial)`.

The first line of a module's docstring is what a report says of it; scenarios run in the order of their names' numbers here.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tproxy_rpms.acceptance.trial import Trial
from tproxy_rpms.acceptance.world import World


class Scenario(Protocol):
    """What a module of this folder has. WORLDS: names of the worlds that it can run in."""

    NEEDS: tuple[str, ...]
    WORLDS: tuple[str, ...]
    __doc__: str | None

    def run(self, world: World, trial: Trial) -> None:
        """Run the scenario. Raises TrialError where nothing that follows would tell anything."""


def list_scenarios() -> tuple[str, ...]:
    """Return the names of all scenarios."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"))


def load_scenario(name: str) -> Scenario:
    """Return a scenario by its name."""
    return cast(Scenario, import_module(f"tproxy_rpms.acceptance.scenarios.{name}"))


def describe(scenario: Scenario) -> str:
    """Return what a scenario shows."""
    return (scenario.__doc__ or "").splitlines()[0]
