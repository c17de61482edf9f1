"""What the router has done so far: per link, per service, and what it dropped and why."""

from collections import Counter
from dataclasses import dataclass, field

from ..wccp.state import Event, ServiceState


@dataclass(frozen=True, kw_only=True)
class LinkCount:
    """Frames and bytes of one link, as the router sees them."""

    link: str
    received: int
    received_bytes: int
    sent: int
    sent_bytes: int


@dataclass(frozen=True, kw_only=True)
class Redirected:
    """Packets of a service that went to a cache by a method: "gre", "plain gre" or "l2"."""

    service: str
    method: str
    packets: int


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Packets that came in on a link (or were meant for it) and went nowhere."""

    link: str
    reason: str
    packets: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The router at one moment. `mode` is "wccp", "static" or "off"; `services` and `events` are the WCCP engine's."""

    mode: str
    links: tuple[LinkCount, ...]
    forwarded: int
    returned: int
    redirections: tuple[Redirected, ...]
    drops: tuple[Dropped, ...]
    services: tuple[ServiceState, ...]
    events: tuple[Event, ...]

    def redirected(self, service: str | None = None, method: str | None = None) -> int:
        """Return how many packets were redirected, of all services and by all methods if they are not named."""
        return sum(
            one.packets for one in self.redirections if service in (None, one.service) and method in (None, one.method)
        )  # fmt: skip

    def dropped(self, reason: str | None = None, link: str | None = None) -> int:
        """Return how many packets were dropped, of all links and for all reasons that begin with `reason`."""
        return sum(one.packets for one in self.drops if one.reason.startswith(reason or "") and link in (None, one.link))

    def link(self, name: str) -> LinkCount:
        """Return the counts of a link."""
        return next(one for one in self.links if one.link == name)

    def caches(self, service: str) -> tuple[str, ...]:
        """Return the addresses of the caches that a service is redirected to now: usable, with buckets or values assigned."""
        return tuple(cache for state in self.services if state.service == service for cache in state.assigned)


@dataclass(kw_only=True)
class Counters:
    """The counters themselves; the router's thread adds to them."""

    received: Counter[str] = field(default_factory=Counter)
    received_bytes: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    sent_bytes: Counter[str] = field(default_factory=Counter)
    redirected: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    forwarded: int = 0
    returned: int = 0

    def drop(self, link: str, reason: str, packets: int = 1) -> None:
        """Count packets that go nowhere."""
        if packets:
            self.dropped[link, reason] += packets

    def snapshot(
        self, *, mode: str, links: tuple[str, ...], services: tuple[ServiceState, ...], events: tuple[Event, ...]
    ) -> Snapshot:  # fmt: skip
        """Return the counters as they are now."""
        return Snapshot(
            mode=mode, forwarded=self.forwarded, returned=self.returned, services=services, events=events,
            links=tuple(
                LinkCount(link=name, received=self.received[name], received_bytes=self.received_bytes[name], sent=self.sent[name],
                          sent_bytes=self.sent_bytes[name])
                for name in links
            ),
            redirections=tuple(
                Redirected(service=key[0], method=key[1], packets=count)
                for key, count in sorted(self.redirected.items())
            ),
            drops=tuple(
                Dropped(link=key[0], reason=key[1], packets=count) for key, count in sorted(self.dropped.items())
            ),
        )  # fmt: skip
