"""The router's side of the protocol: datagrams and the time go in, answers come out, and who is redirected to is known."""

from collections import deque
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from .assignment import CACHES, Assignment, AssignmentKey, HashAssignment
from .component import (
    ASSIGNMENT,
    FORWARDING,
    GRE,
    HASH,
    L2,
    MASK,
    RETURN,
    UNASSIGNED_FLAG,
    AlternateAssignment,
    AssignmentMap,
    CacheIdentity,
    CacheView,
    Capabilities,
    RouterId,
    RouterIdentity,
    RouterQuery,
    RouterView,
    Security,
)  # fmt: skip
from .message import Component, Kind, Message, check_security, parse_message, render_message
from .reader import MessageError
from .service import Flow, Service, ServiceKey
from .state import Choice, Datagram, Event, EventKind, Forwarding, ServiceState, Timers

_BITS: dict[Forwarding, int] = {"gre": GRE, "l2": L2}
EVENTS = 1000


@dataclass(kw_only=True)
class _Cache:
    """A cache of a group. `receive_id` is that of the last answer to it."""

    identity: CacheIdentity
    sent_to: IPv4Address
    heard: float
    forwarding: Forwarding = "gre"
    receive_id: int = 0
    usable: bool = False
    queried: bool = False


@dataclass(kw_only=True)
class _Group:
    """A service group. `assigned_change` is the change number that the assignment was made for."""

    service: Service
    change: int = 1
    changed: float = 0.0
    receive_id: int = 0
    caches: dict[IPv4Address, _Cache] = field(default_factory=dict)
    routers: tuple[IPv4Address, ...] = ()
    assignment: Assignment | None = None
    assigned_change: int = 0

    @property
    def usable(self) -> dict[IPv4Address, _Cache]:
        """The usable caches in the order of their addresses."""
        return {address: cache for address, cache in sorted(self.caches.items()) if cache.usable}


class Engine:
    """Router `address` in every group of `services` (any, if None). Bad messages are counted, told as events, and not answered.

    One forwarding method is offered, both methods of assignment and of return. With a password all messages have MD5 security.
    `refused` and `happened` count bad messages and events.
    """

    def __init__(
        self, *, address: IPv4Address, forwarding: Forwarding = "gre", password: str = "", timers: Timers | None = None,
        services: frozenset[ServiceKey] | None = None,
    ) -> None:  # fmt: skip
        self.address = address
        self.refused = 0
        self.happened = 0
        self._forwarding: Forwarding = forwarding
        self._password = password
        self._timers = timers or Timers()
        self._services = services
        self._groups: dict[ServiceKey, _Group] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS)

    def events(self) -> tuple[Event, ...]:
        """Return what happened, the oldest first, at most a thousand."""
        return tuple(self._events)

    def services(self) -> tuple[ServiceState, ...]:
        """Return every group that a cache has spoken of."""
        return tuple(describe_group(key, group) for key, group in self._groups.items())

    def choose(self, flow: Flow, services: tuple[ServiceKey, ...]) -> Choice | None:
        """Return where a packet goes that may belong to one of some services, or None if it goes its own way (4.10, 4.11)."""
        groups = [group for key in services if (group := self._groups.get(key)) is not None and group.service.holds(flow)]
        for group in sorted(groups, key=lambda group: -group.service.rank):
            choice = choose_cache(group, flow)
            if choice is not None:
                return choice
        return None

    def receive(self, source: IPv4Address, data: bytes, now: float, *, sent_to: IPv4Address) -> list[Datagram]:
        """Take a datagram; return the answers to it."""
        try:
            message = parse_message(data)
            check_security(message, data, password=self._password)
            if message.kind == Kind.HERE_I_AM:
                return self._take_here_i_am(source, message, now, sent_to)
            if message.kind == Kind.REDIRECT_ASSIGN:
                self._take_assignment(source, message, now)
                return []
            raise MessageError(f"{message.kind.name} is what a router sends")
        except MessageError as error:
            self.refused += 1
            self._tell(now, "refused", cache=str(source), detail=error.message)
            return []

    def tick(self, now: float) -> list[Datagram]:
        """Return the queries that are due, and drop what has been silent for too long."""
        queries = []
        for key, group in self._groups.items():
            for address, cache in list(group.caches.items()):
                silence = now - cache.heard
                if silence >= self._timers.lost:
                    del group.caches[address]
                    self._lose(now, key, group, address, "lost", f"silent for {silence:.0f} s", was_usable=cache.usable)
                elif silence >= self._timers.query and cache.usable and not cache.queried:
                    cache.queried = True
                    queries.append(self._query(group, address, cache))
                    self._tell(now, "queried", key, address)
            self._flush_old(now, key, group)
        return queries

    def _take_here_i_am(self, source: IPv4Address, message: Message, now: float, sent_to: IPv4Address) -> list[Datagram]:
        service, identity, view = message.demand(Service), message.demand(CacheIdentity), message.demand(CacheView)
        if identity.address != source:
            raise MessageError(f"HERE_I_AM: {source} speaks for {identity.address}")
        group = self._find_group(service)
        echoed = next((one.receive_id for one in view.routers if one.router == self.address), 0)
        cache = group.caches.get(source)
        if cache is None and len(group.caches) == CACHES:
            raise MessageError(f"HERE_I_AM: service {service.key.name} has {CACHES} caches already")
        if cache is None:
            cache = group.caches[source] = _Cache(identity=identity, sent_to=sent_to, heard=now)
            self._tell(now, "heard", service.key, source)
        elif echoed == cache.receive_id:
            self._confirm(now, group, source, identity, message.find(Capabilities) or Capabilities(elements=()))
        elif cache.usable:
            cache.usable = False
            detail = f"receive id {echoed}, not {cache.receive_id}"
            self._lose(now, service.key, group, source, "unusable", detail, was_usable=True)
        cache.sent_to = sent_to
        group.routers = tuple(sorted({*group.routers, *(one.router for one in view.routers)}))
        return [self._see(group, source, cache)]

    def _find_group(self, service: Service) -> _Group:
        """Return the group of a service. The first cache defines it, the others have to agree (4.2)."""
        if self._services is not None and service.key not in self._services:
            raise MessageError(f"HERE_I_AM: this router has no service {service.key.name}")
        group = self._groups.setdefault(service.key, _Group(service=service))
        if not group.caches:
            group.service = service
        if group.service != service:
            raise MessageError(f"HERE_I_AM: service {service.key.name} is described otherwise than by the caches that are there")
        return group

    def _confirm(
        self, now: float, group: _Group, address: IPv4Address, identity: CacheIdentity, capabilities: Capabilities
    ) -> None:  # fmt: skip
        """Take a cache that has heard our last answer for usable, if it picked from what it was offered (4.3 to 4.5)."""
        offers = ((FORWARDING, _BITS[self._forwarding], GRE), (ASSIGNMENT, HASH | MASK, HASH), (RETURN, GRE | L2, GRE))
        for kind, offered, default in offers:
            picked = capabilities.bits(kind, default=default)
            if picked.bit_count() != 1 or not picked & offered:
                raise MessageError(f"HERE_I_AM: capability {kind} picks {picked:#x} of {offered:#x}")
        cache = group.caches[address]
        cache.heard, cache.queried, cache.identity, cache.forwarding = now, False, identity, self._forwarding
        if not cache.usable:
            cache.usable = True
            self._count_change(now, group)
            self._tell(now, "registered", group.service.key, address, f"by {self._forwarding}")

    def _count_change(self, now: float, group: _Group) -> None:
        group.change += 1
        group.changed = now

    def _lose(
        self, now: float, key: ServiceKey, group: _Group, address: IPv4Address, kind: EventKind, detail: str, *, was_usable: bool
    ) -> None:  # fmt: skip
        """Assign nothing to a cache any more that is gone, or not usable."""
        if was_usable:
            self._count_change(now, group)
        if group.assignment is not None:
            group.assignment = group.assignment.without(address)
        self._tell(now, kind, key, address, detail)

    def _flush_old(self, now: float, key: ServiceKey, group: _Group) -> None:
        """Forget an assignment that was not renewed after a change (4.8.1)."""
        old = group.assignment is not None and group.assigned_change != group.change
        if old and now - group.changed >= self._timers.assignment:
            group.assignment = None
            self._tell(now, "flushed", key, detail="not assigned anew after a change")

    def _take_assignment(self, source: IPv4Address, message: Message, now: float) -> None:
        """Take the assignment of a usable cache that knows our last answer (5.6.7, 5.7.4)."""
        key = message.demand(Service).key
        group = self._groups.get(key)
        cache = group.usable.get(source) if group else None
        if group is None or cache is None:
            raise MessageError(f"REDIRECT_ASSIGN: {source} is not usable in service {key.name}")
        alternate = message.find(AlternateAssignment)
        assignment: Assignment = alternate.assignment if alternate else message.demand(HashAssignment)
        if assignment.key.address != source:
            raise MessageError(f"REDIRECT_ASSIGN: {source} sends the assignment of {assignment.key.address}")
        ours = next((one for one in assignment.routers if one.router == self.address), None)
        if ours is None:
            group.assignment = None
            self._tell(now, "flushed", key, source, "this router is not in the assignment")
            return
        if (ours.receive_id, ours.change) != (cache.receive_id, group.change):
            known, now_is = f"{ours.receive_id}, {ours.change}", f"{cache.receive_id}, {group.change}"
            raise MessageError(f"REDIRECT_ASSIGN: made for receive id and change {known}, not {now_is}")
        group.assignment, group.assigned_change = assignment, group.change
        shares = ", ".join(f"{address}: {count}" for address, count in assignment.shares().items())
        self._tell(now, "assignment", key, source, shares)

    def _see(self, group: _Group, address: IPv4Address, cache: _Cache) -> Datagram:
        """Return I_SEE_YOU for a cache."""
        group.receive_id += 1
        cache.receive_id = group.receive_id
        identity = RouterIdentity(
            identity=RouterId(router=self.address, receive_id=cache.receive_id), sent_to=cache.sent_to, received_from=(address,)
        )  # fmt: skip
        key = group.assignment.key if group.assignment else AssignmentKey()
        caches = tuple(describe_cache(group, one.identity) for one in group.usable.values())
        view = RouterView(change=group.change, key=key, routers=group.routers, caches=caches)
        components = (group.service, identity, view, *_echo_assignment(group.assignment), self._capabilities())
        return self._make(cache.sent_to, address, Kind.I_SEE_YOU, components)

    def _capabilities(self) -> Capabilities:
        offers = ((FORWARDING, _BITS[self._forwarding]), (ASSIGNMENT, HASH | MASK), (RETURN, GRE | L2))
        return Capabilities(elements=tuple((kind, bits.to_bytes(4)) for kind, bits in offers))

    def _query(self, group: _Group, address: IPv4Address, cache: _Cache) -> Datagram:
        """Return REMOVAL_QUERY for a cache."""
        identity = RouterId(router=self.address, receive_id=cache.receive_id)
        query = RouterQuery(identity=identity, sent_to=cache.sent_to, target=address)
        return self._make(cache.sent_to, address, Kind.REMOVAL_QUERY, (group.service, query))

    def _make(self, source: IPv4Address, destination: IPv4Address, kind: Kind, components: tuple[Component, ...]) -> Datagram:
        message = Message(kind=kind, components=(Security(), *components))
        return Datagram(source=source, destination=destination, data=render_message(message, password=self._password))

    def _tell(
        self, now: float, kind: EventKind, key: ServiceKey | None = None, cache: IPv4Address | str = "", detail: str = ""
    ) -> None:  # fmt: skip
        self.happened += 1
        self._events.append(Event(when=now, kind=kind, service=key.name if key else "", cache=str(cache), detail=detail))


def choose_cache(group: _Group, flow: Flow) -> Choice | None:
    """Return where a group sends a packet of its service. What a cache of the group sends itself is left alone (4.10)."""
    if group.assignment is None or IPv4Address(flow.source) in group.caches:
        return None
    bucket = group.service.bucket(flow) if isinstance(group.assignment, HashAssignment) else 0
    address = group.assignment.choose(flow, bucket)
    cache = group.caches.get(address) if address is not None else None
    if cache is None or address is None or not cache.usable:
        return None
    return Choice(cache=address, service=group.service.key, bucket=bucket, forwarding=cache.forwarding)


def describe_cache(group: _Group, identity: CacheIdentity) -> CacheIdentity:
    """Return a cache's identity as a router tells it: with the buckets that it has now.

    Of a cache with masks no set is repeated: Squid reads sixteen octets for it (wccp2.cc, cache_mask_info_t) whatever it counts.
    """
    if identity.by_mask:
        return replace(identity, flags=identity.flags & ~UNASSIGNED_FLAG, sets=())
    assignment = group.assignment
    has_hash = isinstance(assignment, HashAssignment)
    buckets = assignment.vector(identity.address) if isinstance(assignment, HashAssignment) else bytes(32)
    return replace(identity, buckets=buckets, flags=0 if has_hash and any(buckets) else UNASSIGNED_FLAG)


def describe_group(key: ServiceKey, group: _Group) -> ServiceState:
    """Return a group as others see it."""
    shares = group.assignment.shares() if group.assignment else {}
    assigned = [address for address in group.usable if shares.get(address)]
    return ServiceState(
        service=key.name, definition=group.service, change=group.change, usable=tuple(str(address) for address in group.usable),
        assigned=tuple(str(address) for address in assigned), shares=tuple(shares[address] for address in assigned),
        forwarding=tuple(group.caches[address].forwarding for address in assigned),
    )  # fmt: skip


def _echo_assignment(assignment: Assignment | None) -> tuple[Component, ...]:
    """Return the component that tells caches what the router has been assigned (5.2)."""
    if assignment is None:
        return ()
    return (assignment,) if isinstance(assignment, HashAssignment) else (AssignmentMap(sets=assignment.sets),)
