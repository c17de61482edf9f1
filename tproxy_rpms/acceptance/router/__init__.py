"""A router in userspace between the hosts of an acceptance run, which forwards, speaks WCCPv2 and redirects."""

from .counters import Dropped, LinkCount, Redirected, Snapshot
from .loop import Router
from .redirect import Method, Mode

__all__ = ["Dropped", "LinkCount", "Method", "Mode", "Redirected", "Router", "Snapshot"]
