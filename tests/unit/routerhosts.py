"""Hosts around a router under test: they make frames and take them apart by means of their own, not by the router's."""

import ipaddress
import struct
from dataclasses import dataclass

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.router.core import Core

CLIENT, PROXY, SERVER = (link.host for link in NETWORK.links)
GATEWAYS = {link.name: link.router for link in NETWORK.links}
SUM = 0xFFFF


def to_mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


MACS = {link.name: to_mac(link.host_mac) for link in NETWORK.links}
ROUTER_MACS = {link.name: to_mac(link.router_mac) for link in NETWORK.links}


def to_bytes(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed


def internet_sum(data: bytes) -> int:
    """The sum of RFC 1071, octet by octet: 0xFFFF if the data holds its own checksum."""
    total = 0
    for place, octet in enumerate(data):
        total += octet << (8 if place % 2 == 0 else 0)
    while total > SUM:
        total = (total >> 16) + (total & SUM)
    return total


@dataclass(frozen=True)
class Ip:
    """A packet taken apart, its checksum checked."""

    source: str
    destination: str
    ttl: int
    protocol: int
    word: int
    payload: bytes
    data: bytes

    @property
    def dont_fragment(self) -> bool:
        return bool(self.word & 0x4000)


def make_ip(
    source: str, destination: str, payload: bytes, *, protocol: int = 6, ttl: int = 64, word: int = 0x4000, options: bytes = b""
) -> bytes:
    length = 20 + len(options)
    header = struct.pack("!BBHHHBBH", 0x40 | length // 4, 0, length + len(payload), 7, word, ttl, protocol, 0)
    header += to_bytes(source) + to_bytes(destination) + options
    return header[:10] + struct.pack("!H", SUM - internet_sum(header)) + header[12:] + payload


def make_tcp(source_port: int, destination_port: int, data: bytes = b"") -> bytes:
    return struct.pack("!HHIIBBHHH", source_port, destination_port, 1, 2, 0x50, 0x18, 1000, 0, 0) + data


def make_udp(source_port: int, destination_port: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", source_port, destination_port, 8 + len(data), 0) + data


def read_ip(data: bytes) -> Ip:
    first, _, total, _, word, ttl, protocol, _ = struct.unpack_from("!BBHHHBBH", data)
    length = (first & 15) * 4
    assert first >> 4 == 4
    assert internet_sum(data[:length]) == SUM, "wrong checksum"
    assert total <= len(data)
    assert not any(data[total:]), "padding that is not zero"
    source, destination = (str(ipaddress.IPv4Address(data[place : place + 4])) for place in (12, 16))
    return Ip(source, destination, ttl, protocol, word, data[length:total], data[:total])


def make_arp(link: str, operation: int, *, sender: str, target: str, sender_mac: bytes | None = None) -> bytes:
    mac = sender_mac or MACS[link]
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac + to_bytes(sender) + bytes(6) + to_bytes(target)
    return b"\xff" * 6 + mac + b"\x08\x06" + body


class Hosts:
    """A router, and its three hosts, whose addresses it knows unless `strange`. A clock that only moves when told."""

    def __init__(self, *, strange: bool = False, **options: object) -> None:
        self.core = Core(NETWORK, **options)  # type: ignore[arg-type]
        self.now = 1000.0
        if not strange:
            for link in NETWORK.links:
                self.core.receive(link.name, make_arp(link.name, 1, sender=link.host, target=link.router), self.now)

    def send_frame(self, link: str, frame: bytes) -> list[tuple[str, bytes]]:
        return self.core.receive(link, frame, self.now)

    def send(self, link: str, packet: bytes) -> list[tuple[str, bytes]]:
        """Send a packet to the router's Ethernet address."""
        return self.send_frame(link, ROUTER_MACS[link] + MACS[link] + b"\x08\x00" + packet)

    def pass_on(self, link: str, packet: bytes) -> tuple[str, Ip]:
        """Send a packet that one frame comes of; return its link and what is in it, having looked at the Ethernet addresses."""
        ((out, frame),) = self.send(link, packet)
        assert frame[:6] == MACS[out]
        assert frame[6:12] == ROUTER_MACS[out]
        assert frame[12:14] == b"\x08\x00"
        assert len(frame) >= 60
        return out, read_ip(frame[14:])

    def drops(self) -> dict[str, int]:
        """Reason → packets."""
        return {one.reason: one.packets for one in self.core.snapshot().drops}


REQUEST = make_ip(CLIENT, SERVER, make_tcp(40_000, 80, b"GET /"))
ANSWER = make_ip(SERVER, CLIENT, make_tcp(80, 40_000, b"200 OK"))
