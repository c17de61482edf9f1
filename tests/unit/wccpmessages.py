"""What caches say: messages as Squid makes them, for tests of the router."""

from dataclasses import replace
from ipaddress import IPv4Address

from tproxy_rpms.acceptance.wccp.assignment import (
    UNASSIGNED,
    AssignmentKey,
    HashAssignment,
    MaskAssignment,
    MaskSet,
    RouterAssignment,
)
from tproxy_rpms.acceptance.wccp.component import (
    ASSIGNMENT,
    FORWARDING,
    RETURN,
    AlternateAssignment,
    CacheIdentity,
    CacheView,
    Capabilities,
    RouterId,
    Security,
)
from tproxy_rpms.acceptance.wccp.message import Component, Kind, Message, render_message
from tproxy_rpms.acceptance.wccp.service import (
    DESTINATION_IP,
    PORTS_DEFINED,
    PORTS_SOURCE,
    SOURCE_IP,
    TCP,
    Service,
    ServiceKey,
)

ROUTER, PROXY, SECOND = IPv4Address("10.77.2.1"), IPv4Address("10.77.2.2"), IPv4Address("10.77.2.3")
KEY_80, KEY_90 = ServiceKey(dynamic=True, number=80), ServiceKey(dynamic=True, number=90)
SERVICE_80 = Service(key=KEY_80, priority=240, protocol=TCP, flags=SOURCE_IP | PORTS_DEFINED, ports=(80,))
SERVICE_90 = Service(key=KEY_90, priority=240, protocol=TCP, flags=DESTINATION_IP | PORTS_DEFINED | PORTS_SOURCE, ports=(80,))
WEB_CACHE = Service(key=ServiceKey(dynamic=False, number=0))


def make_message(kind: Kind, *components: Component, password: str = "") -> bytes:
    return render_message(Message(kind=kind, components=(Security(), *components)), password=password)


def here_i_am(
    service: Service = SERVICE_80,
    *,
    cache: IPv4Address = PROXY,
    receive_id: int = 0,
    forwarding: int = 1,
    assignment: int = 1,
    password: str = "",
    **identity: object,
) -> bytes:
    """HERE_I_AM, with `forwarding` and `assignment` as the capabilities that are picked."""
    capabilities = ((FORWARDING, forwarding), (ASSIGNMENT, assignment), (RETURN, forwarding))
    return make_message(
        Kind.HERE_I_AM,
        service,
        replace(CacheIdentity(address=cache, weight=10_000), **identity),  # type: ignore[arg-type]
        CacheView(change=1, routers=(RouterId(router=ROUTER, receive_id=receive_id),)),
        Capabilities(elements=tuple((kind, bits.to_bytes(4)) for kind, bits in capabilities)),
        password=password,
    )


def make_buckets(*shares: int) -> bytes:
    """Buckets of so many for each cache in turn; the rest is unassigned."""
    return b"".join(bytes([index]) * share for index, share in enumerate(shares)).ljust(256, bytes([UNASSIGNED]))


def assign(
    service: Service = SERVICE_80,
    *,
    sender: IPv4Address = PROXY,
    caches: tuple[IPv4Address, ...] = (PROXY,),
    buckets: bytes = bytes(256),
    receive_id: int,
    change: int,
    router: IPv4Address = ROUTER,
    password: str = "",
) -> bytes:
    """REDIRECT_ASSIGN with buckets of a hash."""
    routers = (RouterAssignment(router=router, receive_id=receive_id, change=change),)
    key = AssignmentKey(address=sender, change=1)
    assignment = HashAssignment(key=key, routers=routers, caches=caches, buckets=buckets)
    return make_message(Kind.REDIRECT_ASSIGN, service, assignment, password=password)


def assign_masks(service: Service, sets: tuple[MaskSet, ...], *, receive_id: int, change: int) -> bytes:
    """REDIRECT_ASSIGN with masks and values."""
    routers = (RouterAssignment(router=ROUTER, receive_id=receive_id, change=change),)
    assignment = MaskAssignment(key=AssignmentKey(address=PROXY, change=1), routers=routers, sets=sets)
    return make_message(Kind.REDIRECT_ASSIGN, service, AlternateAssignment(assignment=assignment))
