"""A host of the acceptance network, wherever it runs: it takes a shell script and tells what became of it."""

from dataclasses import dataclass
from typing import Protocol

from tproxy_rpms.errors import HostError

# Seconds that one script may take if nothing else is said.
PATIENCE = 60


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one script: its exit status, and all that it printed."""

    status: int
    text: str


class NodeError(HostError):
    """A host of the acceptance network does not do what every host does: it is gone, or gives no answer in time."""


class Node(Protocol):
    """A host."""

    def run(self, script: str, *, seconds: float = PATIENCE) -> Answer:
        """Run a script in the host's shell as root, and return its end and all that it printed.

        Raises NodeError if the host gives no answer in time.
        """
