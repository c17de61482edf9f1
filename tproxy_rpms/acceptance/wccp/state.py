"""What the engine is given and tells: timers, datagrams, events, services and choices."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from .service import Service, ServiceKey

Forwarding = Literal["gre", "l2"]
EventKind = Literal["heard", "registered", "assignment", "unusable", "queried", "lost", "flushed", "refused"]


@dataclass(frozen=True, kw_only=True)
class Timers:
    """Seconds. A cache speaks every `here_i_am` seconds (4.1); Squid's ten are built in: `query` has to be more."""

    here_i_am: float = 10.0

    @property
    def query(self) -> float:
        """After this silence a cache is asked whether it is there (4.14)."""
        return 2.5 * self.here_i_am

    @property
    def lost(self) -> float:
        """After this silence a cache is dropped (4.14)."""
        return 3 * self.here_i_am

    @property
    def assignment(self) -> float:
        """So long after a change an assignment that is not renewed counts (4.8.1). Squid waits fifteen seconds of its own."""
        return 5 * self.here_i_am


@dataclass(frozen=True, kw_only=True)
class Datagram:
    """A UDP datagram from port 2048 to port 2048."""

    source: IPv4Address
    destination: IPv4Address
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened: when, by the engine's clock, to which service and cache, and what there is to say."""

    when: float
    kind: EventKind
    service: str = ""
    cache: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """A service group now: its description, caches that are usable, those of them that packets are assigned to.

    `shares` and `forwarding` go with `assigned`: buckets or values of each cache, and "gre" or "l2".
    """

    service: str
    definition: Service
    change: int
    usable: tuple[str, ...]
    assigned: tuple[str, ...]
    shares: tuple[int, ...]
    forwarding: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Where a packet goes: the cache, the service, the bucket (0 with masks), and how."""

    cache: IPv4Address
    service: ServiceKey
    bucket: int
    forwarding: Forwarding
