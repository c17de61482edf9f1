"""A router in userspace between the hosts of an acceptance run, which forwards, speaks WCCPv2 and redirects."""

from ..wccp.state import Event, ServiceState, Timers
from .counters import Dropped, LinkCount, Redirected, Snapshot
from .loop import Router
from .redirect import Method, Mode

__all__ = [
    "Dropped", "Event", "LinkCount", "Method", "Mode", "Redirected", "Router", "ServiceState", "Snapshot", "Timers",
]  # fmt: skip
