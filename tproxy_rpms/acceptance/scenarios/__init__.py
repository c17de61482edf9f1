"""Scenarios: each module is one, as `Scenario` tells. A new one is a new file.

The first line of its docstring is what reports say of it.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tproxy_rpms.acceptance.trial import Trial
from tproxy_rpms.acceptance.world import World


class Scenario(Protocol):
    """What a module of this folder has.

    Fields:
        NEEDS: capabilities of the world. WORLDS: names of those that it can run in.
        ALONE: whether it measures, and no other scenario may run meanwhile.
    """

    ALONE: bool
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
