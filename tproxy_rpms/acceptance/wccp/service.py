"""Services: which packets belong to one, and the bucket that a packet falls into."""

from dataclasses import dataclass
from typing import Self

from .reader import MessageError, Reader

# Flags of a service (5.6.2).
SOURCE_IP, DESTINATION_IP, SOURCE_PORT, DESTINATION_PORT = 0x1, 0x2, 0x4, 0x8
PORTS_DEFINED, PORTS_SOURCE = 0x10, 0x20
# The one well-known service is HTTP: TCP to port 80, spread by the server's address. Its priority stands in 5.6.2.
HTTP, HTTP_PRIORITY, TCP = 0, 240, 6
PORTS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceKey:
    """What identifies a service group: well known or dynamic, and its number (4.2)."""

    dynamic: bool
    number: int

    @property
    def name(self) -> str:
        """The number of a dynamic service; "web-cache" for HTTP, as IOS calls it, or "well-known N"."""
        if self.dynamic:
            return str(self.number)
        return "web-cache" if self.number == HTTP else f"well-known {self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """What of a packet decides where it is redirected to: numbers, addresses as 32 bits."""

    protocol: int
    source: int
    destination: int
    source_port: int
    destination_port: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """A Service Info component (5.6.2). Of a well-known service only the key counts, the rest is zero."""

    key: ServiceKey
    priority: int = 0
    protocol: int = 0
    flags: int = 0
    ports: tuple[int, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the component's body. Ports end at the first zero."""
        kind = reader.number(1)
        if kind > 1:
            raise MessageError(f"{reader.what}: service type {kind}, neither well known (0) nor dynamic (1)")
        key = ServiceKey(dynamic=bool(kind), number=reader.number(1))
        priority, protocol, flags = reader.number(1), reader.number(1), reader.number(4)
        ports = [reader.number(2) for _ in range(PORTS)]
        ports = ports[: ports.index(0)] if 0 in ports else ports
        return cls(key=key, priority=priority, protocol=protocol, flags=flags, ports=tuple(ports))

    def render(self) -> bytes:
        """Return the component's body."""
        start = bytes((int(self.key.dynamic), self.key.number, self.priority, self.protocol)) + self.flags.to_bytes(4)
        return start + b"".join(port.to_bytes(2) for port in self.ports).ljust(2 * PORTS, b"\0")

    @property
    def rank(self) -> int:
        """Its priority among the services that are looked at: the highest is first."""
        return self.priority if self.key.dynamic else HTTP_PRIORITY

    def holds(self, flow: Flow) -> bool:
        """Tell whether a packet is one of this service (4.10)."""
        if not self.key.dynamic:
            return self.key.number == HTTP and flow.protocol == TCP and flow.destination_port == 80
        if flow.protocol != self.protocol:
            return False
        port = flow.source_port if self.flags & PORTS_SOURCE else flow.destination_port
        return not self.flags & PORTS_DEFINED or port in self.ports

    def bucket(self, flow: Flow) -> int:
        """Return the bucket, 0 to 255, of the primary hash: the chosen fields folded by XOR to eight bits (5.6.2)."""
        flags = self.flags if self.key.dynamic else DESTINATION_IP
        fields = (
            (SOURCE_IP, flow.source), (DESTINATION_IP, flow.destination), (SOURCE_PORT, flow.source_port),
            (DESTINATION_PORT, flow.destination_port),
        )  # fmt: skip
        key = 0
        for flag, value in fields:
            key ^= value if flags & flag else 0
        key ^= key >> 16
        return (key ^ key >> 8) & 0xFF
