"""Which packets go to a cache instead of where they want to, and how they are wrapped for the way."""

from dataclasses import dataclass
from typing import Literal, Protocol

from ..network import Network
from ..wccp.engine import Engine
from ..wccp.service import Flow, ServiceKey
from .neighbours import to_number
from .packet import GRE, TCP, Packet, PacketError, make_packet

Mode = Literal["wccp", "static", "off"]
Method = Literal["gre", "plain gre", "l2"]
METHODS: tuple[Method, ...] = ("gre", "plain gre", "l2")
MODES: tuple[Mode, ...] = ("wccp", "static", "off")

# Protocol types of GRE: WCCP's (draft-wilson-wrec-wccp-v2-01, 4.12.1) and IPv4's (RFC 2784).
GRE_WCCP, GRE_IPV4 = 0x883E, 0x0800
# What GRE puts before a packet: a header of IPv4, GRE's own, and WCCP's redirect header.
OVERHEAD: dict[Method, int] = {"gre": 28, "plain gre": 24, "l2": 0}

# Where packets are looked at as they come in, as `ip wccp N redirect in` does on interfaces. Never on the proxy's link: what it
# sends with the client's address would come back to it.
REDIRECTED_IN: dict[str, tuple[ServiceKey, ...]] = {
    "client": (ServiceKey(dynamic=True, number=80), ServiceKey(dynamic=False, number=0)),
    "server": (ServiceKey(dynamic=True, number=90),),
}


SERVICES = frozenset(service for services in REDIRECTED_IN.values() for service in services)


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirection:
    """What becomes of a packet: the cache, the service's name, how it gets there, and WCCP's redirect header for GRE."""

    cache: int
    service: str
    method: Method
    header: bytes = bytes(4)


class Redirector(Protocol):
    """Decides about packets that come in on a link."""

    def choose(self, link: str, packet: Packet) -> Redirection | None:
        """Return where a packet is redirected to, or None if it goes its own way."""
        ...


class NoRedirector:
    """Mode "off": every packet goes its own way."""

    def choose(self, link: str, packet: Packet) -> Redirection | None:  # noqa: ARG002  # the protocol's arguments
        """Return None."""
        return None


class StaticRedirector:
    """Mode "static": policy routing of all TCP to the proxy, without WCCP and unchanged but for the Ethernet addresses."""

    def __init__(self, network: Network) -> None:
        self._cache = to_number(network.proxy.host)

    def choose(self, link: str, packet: Packet) -> Redirection | None:
        """Return the proxy for what clients and servers send: what it is to leave alone has to come by, too."""
        if packet.protocol != TCP or link == "proxy":
            return None
        return Redirection(cache=self._cache, service="static", method="l2")


class WccpRedirector:
    """Mode "wccp": what the caches have negotiated and their designated cache has assigned."""

    def __init__(self, engine: Engine, *, plain_gre: bool) -> None:
        self._engine = engine
        self._gre: Method = "plain gre" if plain_gre else "gre"

    def choose(self, link: str, packet: Packet) -> Redirection | None:
        """Return the cache of the packet's bucket."""
        services, ports = REDIRECTED_IN.get(link), packet.ports
        if not services or ports is None:
            return None
        flow = Flow(
            protocol=packet.protocol, source=packet.source, destination=packet.destination, source_port=ports[0],
            destination_port=ports[1],
        )  # fmt: skip
        choice = self._engine.choose(flow, services)
        if choice is None:
            return None
        # D (0x80) says that the service is dynamic. A, the alternative hash, is never used here. The last octet is the bucket.
        header = bytes((0x80 if choice.service.dynamic else 0, choice.service.number, 0, choice.bucket))
        method: Method = "l2" if choice.forwarding == "l2" else self._gre
        return Redirection(cache=int(choice.cache), service=choice.service.name, method=method, header=header)


def encapsulate(packet: Packet, redirection: Redirection, *, source: int, identification: int) -> bytes:
    """Return a packet in GRE from the router to a cache.

    The outer header forbids fragments exactly if the inner one does (RFC 2784 leaves it open; Linux does the same), and has its
    type of service.
    """
    inner = packet.data
    header = GRE_WCCP.to_bytes(4) + redirection.header if redirection.method == "gre" else GRE_IPV4.to_bytes(4)
    return make_packet(
        source=source, destination=redirection.cache, protocol=GRE, payload=header + inner, identification=identification,
        fragment=packet.fragment & 0x4000, service=inner[1],
    )  # fmt: skip


def decapsulate(payload: bytes) -> bytes:
    """Return the packet that a cache has returned in GRE: of WCCP's type or IPv4's. Raises PacketError.

    Keys, checksums and sequence numbers of GRE (RFC 2890) are skipped, not checked. After WCCP's type a redirect header follows,
    which version 1 had not: its first octet is never 0x4_, as Linux's ip_gre.c tells them apart too.
    """
    if len(payload) < 4:
        raise PacketError("truncated GRE")
    flags, kind = int.from_bytes(payload[:2]), int.from_bytes(payload[2:4])
    if flags & ~0xB000 or kind not in (GRE_WCCP, GRE_IPV4):
        raise PacketError("GRE of another kind")
    start = 4 + 4 * (flags & 0xB000).bit_count()
    if kind == GRE_WCCP and payload[start : start + 1] and payload[start] & 0xF0 != 0x40:
        start += 4
    return payload[start:]
