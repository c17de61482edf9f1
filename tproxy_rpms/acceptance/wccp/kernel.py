"""The data plane of a router that is a network namespace: policy routing sends a service's packets to its cache by L2."""

from dataclasses import dataclass

from tproxy_rpms.process import run_command

from .service import HTTP, PORTS_SOURCE, TCP
from .state import ServiceState

# The routing table of service N, and the preference of its rules, is 100 + N: below the kernel's main table (32766).
TABLE = 100


@dataclass(frozen=True, kw_only=True)
class Route:
    """What a service's rules are made of: the table, the interface that packets come in by, their ports, and the cache."""

    table: int
    interface: str
    match: tuple[tuple[str, int], ...]
    cache: str


def plan_routes(states: tuple[ServiceState, ...], interfaces: dict[str, str]) -> frozenset[Route]:
    """Return the routes that services want now; `interfaces` is service → the interface that it is redirected on.

    The kernel knows no buckets: of several caches the one with most of them gets all.
    """
    routes = set()
    for state in states:
        interface = interfaces.get(state.service)
        if interface is None or not state.assigned:
            continue
        _, cache = max(zip(state.shares, state.assigned, strict=True), key=lambda pair: pair[0])
        table = TABLE + state.definition.key.number
        routes.add(Route(table=table, interface=interface, match=match_ports(state), cache=cache))
    return frozenset(routes)


def match_ports(state: ServiceState) -> tuple[tuple[str, int], ...]:
    """Return "dport" or "sport" with each port of a TCP service; nothing of others, which no rule is made for."""
    service = state.definition
    if not service.key.dynamic:
        return (("dport", 80),) if service.key.number == HTTP else ()
    if service.protocol != TCP:
        return ()
    return tuple(("sport" if service.flags & PORTS_SOURCE else "dport", port) for port in service.ports)


class KernelRedirect:
    """The rules and routes in this process's namespace: `follow` makes them what the services want, `clear` removes them."""

    def __init__(self, *, interfaces: dict[str, str], proxy_interface: str) -> None:
        self._interfaces = interfaces
        self._proxy_interface = proxy_interface
        self._routes: frozenset[Route] = frozenset()

    def follow(self, states: tuple[ServiceState, ...]) -> bool:
        """Add and remove what has changed; tell whether anything has. Raises CommandError."""
        wanted = plan_routes(states, self._interfaces)
        if wanted == self._routes:
            return False
        for route in self._routes - wanted:
            self._remove(route)
        for route in wanted - self._routes:
            self._add(route)
        self._routes = wanted
        return True

    def clear(self) -> None:
        """Remove all."""
        self.follow(())

    def _add(self, route: Route) -> None:
        table = str(route.table)
        hop = ["via", route.cache, "dev", self._proxy_interface]
        run_command(["ip", "route", "replace", "default", *hop, "table", table])
        for rule in self._rules(route):
            run_command(["ip", "rule", "add", *rule])

    def _remove(self, route: Route) -> None:
        for rule in self._rules(route):
            run_command(["ip", "rule", "del", *rule], check=False)
        run_command(["ip", "route", "flush", "table", str(route.table)], check=False)

    def _rules(self, route: Route) -> list[list[str]]:
        table = str(route.table)
        start = ["pref", table, "iif", route.interface, "ipproto", str(TCP)]  # its name would need /etc/protocols
        return [[*start, side, str(port), "lookup", table] for side, port in route.match]
