"""Ethernet frames and IPv4 packets: read, made and changed. Pure functions of bytes; addresses are numbers of 32 bits."""

import struct
from dataclasses import dataclass

# Ethernet's types: https://www.iana.org/assignments/ieee-802-numbers
ARP, IPV4 = 0x0806, 0x0800
# IP's protocols: https://www.iana.org/assignments/protocol-numbers
ICMP, TCP, UDP, GRE = 1, 6, 17, 47
BROADCAST = b"\xff" * 6
MTU = 1500
# Of IPv4's word of flags and fragment offset (RFC 791).
DONT_FRAGMENT, MORE_FRAGMENTS, OFFSET = 0x4000, 0x2000, 0x1FFF

_HEADER = struct.Struct("!BBHHHBBHII")
_PORTS = struct.Struct("!HH")
# hardware, protocol, their lengths, operation, then twice an Ethernet and an IPv4 address (RFC 826)
_ARP = struct.Struct("!HHBBH6sI6sI")
_ARP_START = (1, IPV4, 6, 4)


class PacketError(ValueError):
    """These bytes are no packet that a router takes; the text is a reason short enough to count by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packet:
    """An IPv4 packet: what a router looks at, and `data`, all its bytes without Ethernet's padding."""

    data: bytes
    header_length: int
    ttl: int
    protocol: int
    source: int
    destination: int
    fragment: int

    @property
    def payload(self) -> bytes:
        """What follows the header."""
        return self.data[self.header_length :]

    @property
    def may_fragment(self) -> bool:
        """False if the sender forbids it."""
        return not self.fragment & DONT_FRAGMENT

    @property
    def is_whole(self) -> bool:
        """False of every fragment of something larger."""
        return not self.fragment & (MORE_FRAGMENTS | OFFSET)

    @property
    def ports(self) -> tuple[int, int] | None:
        """Source and destination port of TCP and UDP; None of all else and of a fragment that does not hold them."""
        if self.protocol not in (TCP, UDP) or self.fragment & OFFSET or len(self.data) < self.header_length + 4:
            return None
        source, destination = _PORTS.unpack_from(self.data, self.header_length)
        return source, destination


@dataclass(frozen=True, kw_only=True, slots=True)
class Arp:
    """An ARP message for IPv4 on Ethernet: operation 1 asks, 2 answers."""

    operation: int
    sender_mac: bytes
    sender: int
    target_mac: bytes
    target: int

    def render(self) -> bytes:
        """Return the message's bytes."""
        return _ARP.pack(*_ARP_START, self.operation, self.sender_mac, self.sender, self.target_mac, self.target)


def read_arp(data: bytes) -> Arp:
    """Read what follows Ethernet's header. Raises PacketError."""
    if len(data) < _ARP.size:
        raise PacketError("truncated ARP")
    hardware, protocol, long, short, operation, sender_mac, sender, target_mac, target = _ARP.unpack_from(data)
    if (hardware, protocol, long, short) != _ARP_START or operation not in (1, 2):
        raise PacketError("ARP of another kind")
    return Arp(operation=operation, sender_mac=sender_mac, sender=sender, target_mac=target_mac, target=target)


def read_packet(data: bytes) -> Packet:
    """Read what follows Ethernet's header, which may be longer than the packet. Raises PacketError."""
    if len(data) < _HEADER.size:
        raise PacketError("truncated IPv4 header")
    first, _, total, _, fragment, ttl, protocol, _, source, destination = _HEADER.unpack_from(data)
    length = (first & 15) * 4
    if first >> 4 != 4 or length < _HEADER.size:
        raise PacketError("bad IPv4 header")
    if total < length or total > len(data):
        raise PacketError("truncated IPv4 packet")
    if add_up(data[:length]) != 0:
        raise PacketError("bad IPv4 checksum")
    return Packet(
        data=data[:total], header_length=length, ttl=ttl, protocol=protocol, source=source, destination=destination,
        fragment=fragment,
    )  # fmt: skip


def make_packet(
    *, source: int, destination: int, protocol: int, payload: bytes, identification: int = 0, fragment: int = 0, ttl: int = 64,
    service: int = 0,
) -> bytes:  # fmt: skip
    """Return an IPv4 packet without options. `service` is the octet of type of service."""
    total = _HEADER.size + len(payload)
    fields = (0x45, service, total, identification & 0xFFFF, fragment, ttl, protocol, 0, source, destination)
    return with_checksum(_HEADER.pack(*fields), place=10) + payload


def decrement_ttl(packet: Packet) -> Packet:
    """Return the packet with a TTL that is one less, and the checksum to it."""
    header = bytearray(packet.data[: packet.header_length])
    header[8] -= 1
    data = with_checksum(bytes(header), place=10) + packet.payload
    return Packet(
        data=data, header_length=packet.header_length, ttl=packet.ttl - 1, protocol=packet.protocol, source=packet.source,
        destination=packet.destination, fragment=packet.fragment,
    )  # fmt: skip


def cut_fragments(data: bytes, *, mtu: int = MTU) -> list[bytes]:
    """Return a packet without options as packets of at most `mtu` bytes (RFC 791, 3.2)."""
    if len(data) <= mtu:
        return [data]
    _, service, _, identification, fragment, ttl, protocol, _, source, destination = _HEADER.unpack_from(data)
    payload, size = data[_HEADER.size :], (mtu - _HEADER.size) // 8 * 8
    pieces = []
    for start in range(0, len(payload), size):
        more = MORE_FRAGMENTS if start + size < len(payload) else fragment & MORE_FRAGMENTS
        place = (fragment & OFFSET) + start // 8
        piece = make_packet(
            source=source, destination=destination, protocol=protocol, payload=payload[start : start + size],
            identification=identification, fragment=more | place, ttl=ttl, service=service,
        )  # fmt: skip
        pieces.append(piece)
    return pieces


def make_udp(
    *, source: int, destination: int, source_port: int, destination_port: int, payload: bytes, identification: int
) -> bytes:
    """Return an IPv4 packet that carries a UDP datagram (RFC 768)."""
    length = 8 + len(payload)
    pseudo = struct.pack("!IIBBH", source, destination, 0, UDP, length)
    datagram = struct.pack("!HHHH", source_port, destination_port, length, 0) + payload
    checksum = add_up(pseudo + datagram) or 0xFFFF
    datagram = datagram[:6] + struct.pack("!H", checksum) + payload
    return make_packet(source=source, destination=destination, protocol=UDP, payload=datagram, identification=identification)


def make_icmp(kind: int, code: int, rest: int, data: bytes) -> bytes:
    """Return an ICMP message (RFC 792); `rest` is its second word."""
    return with_checksum(struct.pack("!BBHI", kind, code, 0, rest) + data, place=2)


def with_checksum(data: bytes, *, place: int) -> bytes:
    """Return bytes with their Internet checksum at a place."""
    zeroed = data[:place] + b"\0\0" + data[place + 2 :]
    return zeroed[:place] + struct.pack("!H", add_up(zeroed)) + zeroed[place + 2 :]


def add_up(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of bytes; 0 if they hold their own and it is right."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
