"""What a builder needs of the host: each builder NAME says it in a module NAME of this room, as `NEEDS`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from tproxy_rpms.doctor.finding import Case, Check


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A command of the host, with the packages that have it on Debian and on Fedora and EL."""

    name: str
    debian: str
    fedora: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder that a cut fills.

    Fields:
        need: bytes that a cut from nothing puts there. cure: how to make room.
        own: whether the user who runs us writes there; else a tool does it with rights of its own.
    """

    label: str
    path: Path
    need: int
    cure: str
    own: bool = True


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Checks of a builder's own, and what it adds to the tools and places that every release needs."""

    checks: tuple[Check, ...]
    tools: Callable[[Case], Iterable[Tool]]
    places: Callable[[Case], Iterable[Place]]


NOTHING = Needs(checks=(), tools=lambda _: (), places=lambda _: ())


def load_needs(builder: str) -> Needs | None:
    """Return the needs of a builder, or None if it has not said them."""
    name = f"tproxy_rpms.doctor.{builder}"
    return cast(Needs, import_module(name).NEEDS) if find_spec(name) else None
