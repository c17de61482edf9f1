"""The lines that a router in a namespace prints: JSON objects with an `event`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from .state import Event, ServiceState


@dataclass(frozen=True, kw_only=True)
class ServiceLine:
    """How a service is: the usable caches, and those that its packets go to."""

    service: str
    change: int
    usable: tuple[str, ...]
    assigned: tuple[str, ...]


def render_event(event: Event) -> dict[str, object]:
    """Return an event as a line's object."""
    return {"event": event.kind} | {name: value for name, value in asdict(event).items() if name != "kind"}


def render_state(state: ServiceState) -> dict[str, object]:
    """Return a service's state as a line's object; its event is "service"."""
    line = ServiceLine(service=state.service, change=state.change, usable=state.usable, assigned=state.assigned)
    return {"event": "service"} | asdict(line)


def parse_line(line: str) -> Event | ServiceLine | None:
    """Read a line back; None of those that only tell that the router has started or stopped."""
    found = json.loads(line)
    kind = found.pop("event")
    if kind in ("listening", "stopped"):
        return None
    if kind == "service":
        lists = {"usable": tuple(found["usable"]), "assigned": tuple(found["assigned"])}
        return ServiceLine(service=found["service"], change=found["change"], **lists)
    return Event(kind=kind, **found)


def print_line(line: Mapping[str, object]) -> None:
    """Print a line at once."""
    print(json.dumps(line), flush=True)
