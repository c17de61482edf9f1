"""The router without its sockets: a frame and the time go in, frames and their links come out."""

import itertools
from collections.abc import Iterator
from ipaddress import IPv4Address

from ..network import Network
from ..wccp.engine import Engine
from ..wccp.state import Datagram, Timers
from .counters import Counters, Snapshot
from .neighbours import Neighbours, to_number
from .packet import (
    ARP,
    GRE,
    ICMP,
    IPV4,
    MTU,
    OFFSET,
    UDP,
    Packet,
    PacketError,
    cut_fragments,
    decrement_ttl,
    make_icmp,
    make_packet,
    make_udp,
    read_arp,
    read_packet,
)  # fmt: skip
from .redirect import (
    OVERHEAD,
    SERVICES,
    Method,
    Mode,
    NoRedirector,
    Redirection,
    Redirector,
    StaticRedirector,
    WccpRedirector,
    decapsulate,
    encapsulate,
)  # fmt: skip

WCCP_PORT = 2048  # draft-wilson-wrec-wccp-v2-01, 5
# Types and codes of ICMP (RFC 792).
ECHO_REPLY, UNREACHABLE, ECHO, TIME_EXCEEDED = 0, 3, 8, 11
NETWORK_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 0, 3, 4


class Core:
    """A router with a link to each host of an acceptance network.

    A packet that GRE makes longer than 1500 bytes is answered by "fragmentation needed" if it forbids fragments, as TCP's do,
    which makes its sender use shorter ones; else the GRE packet is sent in fragments.
    """

    def __init__(
        self, network: Network, *, redirect: Mode = "off", forwarding: Method = "gre", password: str = "",
        timers: Timers | None = None,
    ) -> None:  # fmt: skip
        self.network = network
        self.counters = Counters()
        self.mode: Mode = redirect
        self._forwarding = forwarding
        self._password = password
        self._timers = timers or Timers()
        self._neighbours = {link.name: Neighbours(link) for link in network.links}
        self._addresses = {link.name: to_number(link.router) for link in network.links}
        self._own = frozenset(self._addresses.values())
        self._identification = itertools.count(1)
        self.switch(redirect)

    def switch(self, mode: Mode, *, forwarding: Method | None = None, password: str | None = None) -> None:
        """Change what is redirected from now on, and how if that is named; see `Router.switch`."""
        self.mode = mode
        self._forwarding = self._forwarding if forwarding is None else forwarding
        self._password = self._password if password is None else password
        self.engine = Engine(
            address=IPv4Address(self.network.proxy.router), forwarding="l2" if self._forwarding == "l2" else "gre",
            password=self._password, timers=self._timers, services=SERVICES,
        )  # fmt: skip
        self._redirector = self._make_redirector(mode)

    def snapshot(self) -> Snapshot:
        """Return what was counted so far, and what WCCP knows."""
        links = tuple(link.name for link in self.network.links)
        return self.counters.snapshot(mode=self.mode, links=links, services=self.engine.services(), events=self.engine.events())

    def receive(self, link: str, frame: bytes, now: float) -> list[tuple[str, bytes]]:
        """Take a frame that has come in on a link; return (link, frame) of all that it causes. Never raises for what it holds."""
        self.counters.received[link] += 1
        self.counters.received_bytes[link] += len(frame)
        try:
            sent = list(self._take_frame(link, frame, now))
        except PacketError as error:
            self.counters.drop(link, str(error))
            return []
        return self._count_sent(sent)

    def tick(self, now: float) -> list[tuple[str, bytes]]:
        """Return what is due by the clock; to be called about once a second."""
        sent: list[tuple[str, bytes]] = []
        for name, neighbours in self._neighbours.items():
            frames, lost = neighbours.tick(now)
            self.counters.drop(name, "no answer to ARP", lost)
            sent += [(name, frame) for frame in frames]
        if self.mode == "wccp":
            sent += self._send_datagrams(self.engine.tick(now), now)
        return self._count_sent(sent)

    def _make_redirector(self, mode: Mode) -> Redirector:
        if mode == "wccp":
            return WccpRedirector(self.engine, plain_gre=self._forwarding == "plain gre")
        return StaticRedirector(self.network) if mode == "static" else NoRedirector()

    def _count_sent(self, sent: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        for link, frame in sent:
            self.counters.sent[link] += 1
            self.counters.sent_bytes[link] += len(frame)
        return sent

    def _take_frame(self, link: str, frame: bytes, now: float) -> Iterator[tuple[str, bytes]]:
        if len(frame) < 14:
            raise PacketError("truncated frame")
        neighbours, target, kind = self._neighbours[link], frame[:6], int.from_bytes(frame[12:14])
        if kind == ARP:
            for answer in neighbours.hear(read_arp(frame[14:])):
                yield link, answer
        elif kind != IPV4:
            raise PacketError(f"Ethernet type {kind:#06x}")
        elif target != neighbours.mac:
            raise PacketError("broadcast" if target[0] & 1 else "for another Ethernet address")
        else:
            yield from self._take_packet(link, read_packet(frame[14:]), now)

    def _take_packet(self, link: str, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        if packet.source >> 24 in (0, 127) or packet.source >> 28 >= 14:
            raise PacketError("impossible source address")
        if packet.destination in self._own:
            yield from self._take_own(link, packet, now)
        elif packet.destination >> 28 >= 14 or any(one.is_broadcast(packet.destination) for one in self._neighbours.values()):
            raise PacketError("broadcast")
        else:
            yield from self._forward(link, packet, now)

    def _take_own(self, link: str, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        """Take what is meant for the router itself."""
        if not packet.is_whole:
            raise PacketError("fragment for the router")
        if packet.protocol == ICMP:
            yield from self._answer_echo(packet, now)
        elif packet.protocol == GRE:
            yield from self._take_returned(link, packet, now)
        elif packet.protocol == UDP and packet.ports and packet.ports[1] == WCCP_PORT:
            yield from self._take_wccp(link, packet, now)
        elif packet.protocol == UDP:
            self.counters.drop(link, "UDP port of the router")
            yield from self._complain(link, packet, UNREACHABLE, PORT_UNREACHABLE, now)
        else:
            raise PacketError(f"protocol {packet.protocol} for the router")

    def _answer_echo(self, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        message = packet.payload
        if len(message) < 8 or message[0] != ECHO:
            raise PacketError("ICMP for the router")
        answer = make_icmp(ECHO_REPLY, 0, int.from_bytes(message[4:8]), message[8:])
        yield from self._send_own(packet.destination, packet.source, ICMP, answer, now)

    def _take_returned(self, link: str, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        """Forward what a cache has returned in GRE. It is not redirected again, as nothing is that the proxy's link brings."""
        if link != self.network.proxy.name:
            raise PacketError("GRE from another link than the proxy's")
        inner = read_packet(decapsulate(packet.payload))
        if inner.destination in self._own:
            raise PacketError("GRE that holds a packet for the router")
        self.counters.returned += 1
        yield from self._forward(link, inner, now)

    def _take_wccp(self, link: str, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        if self.mode != "wccp":
            raise PacketError("WCCP, which is off")
        if link != self.network.proxy.name:
            raise PacketError("WCCP from another link than the proxy's")
        data = packet.payload[8 : int.from_bytes(packet.payload[4:6])]
        answers = self.engine.receive(IPv4Address(packet.source), data, now, sent_to=IPv4Address(packet.destination))
        yield from self._send_datagrams(answers, now)

    def _send_datagrams(self, datagrams: list[Datagram], now: float) -> Iterator[tuple[str, bytes]]:
        for one in datagrams:
            source, destination = int(one.source), int(one.destination)
            packet = make_udp(
                source=source, destination=destination, source_port=WCCP_PORT, destination_port=WCCP_PORT, payload=one.data,
                identification=next(self._identification),
            )  # fmt: skip
            yield from self._send(destination, packet, now)

    def _forward(self, link: str, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        if packet.ttl <= 1:
            self.counters.drop(link, "TTL exceeded")
            yield from self._complain(link, packet, TIME_EXCEEDED, 0, now)
            return
        if self._find_link(packet.destination) is None:
            self.counters.drop(link, "no route")
            yield from self._complain(link, packet, UNREACHABLE, NETWORK_UNREACHABLE, now)
            return
        redirection = self._redirector.choose(link, packet)
        onward = decrement_ttl(packet)
        if redirection is not None and self._find_link(redirection.cache) is not None:
            yield from self._redirect(link, onward, redirection, now)
        else:
            self.counters.forwarded += 1
            yield from self._send_within_mtu(onward, now)

    def _redirect(self, link: str, packet: Packet, redirection: Redirection, now: float) -> Iterator[tuple[str, bytes]]:
        room = MTU - OVERHEAD[redirection.method]
        if len(packet.data) > room and not packet.may_fragment:
            self.counters.drop(link, "fragmentation needed")
            yield from self._complain(link, packet, UNREACHABLE, FRAGMENTATION_NEEDED, now, rest=room)
            return
        key = redirection.service, redirection.method
        self.counters.redirected[key] += 1
        if redirection.method == "l2":
            yield from self._send(redirection.cache, packet.data, now)
            return
        source = self._addresses[self._find_link(redirection.cache) or self.network.proxy.name]
        wrapped = encapsulate(packet, redirection, source=source, identification=next(self._identification))
        for piece in cut_fragments(wrapped):
            yield from self._send(redirection.cache, piece, now)

    def _send_within_mtu(self, packet: Packet, now: float) -> Iterator[tuple[str, bytes]]:
        """Forward a packet as it is. All links have the same MTU: a longer one is a fault of the host that sent it."""
        if len(packet.data) > MTU:
            raise PacketError("longer than the MTU")
        yield from self._send(packet.destination, packet.data, now)

    def _complain(
        self, link: str, packet: Packet, kind: int, code: int, now: float, *, rest: int = 0
    ) -> Iterator[tuple[str, bytes]]:  # fmt: skip
        """Send an ICMP error to a packet's source: never about an error, nor about a later fragment (RFC 1122, 3.2.2)."""
        about_error = packet.protocol == ICMP and packet.payload[:1] not in (b"\x00", b"\x08")
        if about_error or packet.fragment & OFFSET:
            return
        quoted = packet.data[: packet.header_length + 64]
        yield from self._send_own(self._addresses[link], packet.source, ICMP, make_icmp(kind, code, rest, quoted), now)

    def _send_own(self, source: int, destination: int, protocol: int, payload: bytes, now: float) -> Iterator[tuple[str, bytes]]:
        """Send a packet of the router's own."""
        packet = make_packet(
            source=source, destination=destination, protocol=protocol, payload=payload, identification=next(self._identification)
        )  # fmt: skip
        for piece in cut_fragments(packet):
            yield from self._send(destination, piece, now)

    def _send(self, neighbour: int, packet: bytes, now: float) -> Iterator[tuple[str, bytes]]:
        """Send a packet to a neighbour on the link that its address belongs to."""
        name = self._find_link(neighbour)
        if name is None:
            raise PacketError("no route")
        frames, lost = self._neighbours[name].send(neighbour, [packet], now)
        self.counters.drop(name, "too many packets wait for ARP", lost)
        for frame in frames:
            yield name, frame

    def _find_link(self, address: int) -> str | None:
        return next((name for name, neighbours in self._neighbours.items() if neighbours.holds(address)), None)
