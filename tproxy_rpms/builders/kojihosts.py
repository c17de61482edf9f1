"""The builders of a Koji hub, as far as a release needs them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# Seconds after which a builder that has said nothing counts as gone; kojid speaks every few seconds.
SILENT = 600

# How many are told of one by one.
SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Host:
    """A builder.

    Fields:
        ready: whether it takes tasks. silent: seconds since it last said something, None if it never has.
    """

    name: str
    enabled: bool
    ready: bool
    load: float
    capacity: float
    silent: float | None

    @property
    def works(self) -> bool:
        """Whether it would take a task now, or soon."""
        return self.enabled and self.ready and self.silent is not None and self.silent < SILENT

    def __str__(self) -> str:
        if not self.enabled:
            return f"{self.name} is disabled"
        if self.silent is None or self.silent >= SILENT:
            return f"{self.name} has said nothing" + (
                f" for {self.silent / 60:.0f} minutes" if self.silent is not None else " yet"
            )
        if not self.ready:
            return f"{self.name} takes no task (its disk or memory may be full: see kojid.log)"
        if self.load >= self.capacity:
            return f"{self.name} is busy (load {self.load:g} of {self.capacity:g})"
        return f"{self.name} is ready"


def list_hosts(session: Any, arch: str, channel: int | str | None = None) -> Iterator[Host]:
    """Yield the builders of a channel, or of all, for an arch in the hub's words: `i386` is all of ix86, `noarch` any."""
    for host in session.listHosts(arches=None if arch == "noarch" else [arch], channelID=channel):
        seen = host.get("update_ts")
        if seen is None and host["enabled"]:  # before Koji 1.35; one more call a host, so not for all
            seen = session.getLastHostUpdate(host["id"], ts=True)
        yield Host(
            name=str(host["name"]),
            enabled=bool(host["enabled"]),
            ready=bool(host["ready"]),
            load=float(host["task_load"]),
            capacity=float(host["capacity"]),
            silent=max(0.0, time.time() - float(seen)) if seen else None,
        )


def describe_hosts(session: Any, arch: str, channel: int | str | None = None) -> str:
    """Return in one line who could build for an arch, and why nobody does."""
    return render_hosts(list_hosts(session, arch, channel), arch)


def render_hosts(found: Iterable[Host], arch: str) -> str:
    """Return builders for an arch in one line, those first that could take a task."""
    hosts = sorted(found, key=lambda host: (not host.works, not host.enabled, host.load))
    more = f"; and {len(hosts) - SHOWN} more" if len(hosts) > SHOWN else ""
    return "; ".join(map(str, hosts[:SHOWN])) + more if hosts else f"no builder of the hub builds for {arch} in its channel"
