"""Components of messages other than services and assignments: each parses its body and renders it back."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Self

from .assignment import (
    Assignment,
    AssignmentKey,
    HashAssignment,
    MaskAssignment,
    MaskSet,
    parse_sets,
    render_sets,
)  # fmt: skip
from .reader import MessageError, Reader

NO_SECURITY, MD5_SECURITY = 0, 1  # 5.6.1
DIGEST = 16
# Flags of a cache's identity (5.7.2), as Squid's wccp2.cc and routers have them: the draft's drawing counts from the lowest bit.
# After U the assignment's kind: 0 hash, 1 mask.
UNASSIGNED_FLAG, KIND_MASK = 0x1, 0x6
# Types of capabilities, and their bits (5.7.5).
FORWARDING, ASSIGNMENT, RETURN = 1, 2, 3
GRE, L2 = 1, 2
HASH, MASK = 1, 2


@dataclass(frozen=True, kw_only=True)
class Security:
    """Security Info (5.6.1): the option, and with MD5 the digest of password and message."""

    option: int = NO_SECURITY
    digest: bytes = b""

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        option = reader.number(4)
        if option not in (NO_SECURITY, MD5_SECURITY):
            raise MessageError(f"{reader.what}: security option {option}")
        return cls(option=option, digest=reader.take(DIGEST) if option else b"")

    def render(self) -> bytes:
        """Return the body."""
        return self.option.to_bytes(4) + self.digest


@dataclass(frozen=True, kw_only=True)
class RouterId:
    """A router's address and the receive id of its last message (5.7.1)."""

    router: IPv4Address
    receive_id: int

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the element."""
        return cls(router=reader.address(), receive_id=reader.number(4))

    def render(self) -> bytes:
        """Return the element's bytes."""
        return self.router.packed + self.receive_id.to_bytes(4)


def parse_addresses(reader: Reader) -> tuple[IPv4Address, ...]:
    """Read a number of addresses, and the addresses that follow it."""
    return tuple(reader.address() for _ in range(reader.count(4)))


def render_addresses(addresses: tuple[IPv4Address, ...]) -> bytes:
    """Return what `parse_addresses` reads."""
    return len(addresses).to_bytes(4) + b"".join(address.packed for address in addresses)


@dataclass(frozen=True, kw_only=True)
class RouterIdentity:
    """Router Identity Info (5.6.3): who answers, where the question was sent to, and whom the answer is for."""

    identity: RouterId
    sent_to: IPv4Address
    received_from: tuple[IPv4Address, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        return cls(identity=RouterId.parse(reader), sent_to=reader.address(), received_from=parse_addresses(reader))

    def render(self) -> bytes:
        """Return the body."""
        return self.identity.render() + self.sent_to.packed + render_addresses(self.received_from)


@dataclass(frozen=True, kw_only=True)
class CacheIdentity:
    """A Web-Cache Identity element (5.7.2), also the body of the component 5.6.4.

    `buckets` is a bit for each bucket; of a cache that is assigned by masks it is empty and `sets` counts.
    """

    address: IPv4Address
    revision: int = 0
    flags: int = 0
    buckets: bytes = bytes(32)
    sets: tuple[MaskSet, ...] = ()
    weight: int = 0
    status: int = 0

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the element."""
        address, revision, flags = reader.address(), reader.number(2), reader.number(2)
        kind = (flags & KIND_MASK) >> 1
        if kind > MaskAssignment.KIND:
            raise MessageError(f"{reader.what}: assignment data of kind {kind}")
        buckets = reader.take(32) if kind == HashAssignment.KIND else b""
        sets = parse_sets(reader) if kind == MaskAssignment.KIND else ()
        return cls(
            address=address, revision=revision, flags=flags, buckets=buckets, sets=sets, weight=reader.number(2),
            status=reader.number(2),
        )  # fmt: skip

    @property
    def by_mask(self) -> bool:
        """Whether the cache is assigned by masks."""
        return bool(self.flags & KIND_MASK)

    def render(self) -> bytes:
        """Return the element's bytes."""
        start = self.address.packed + self.revision.to_bytes(2) + self.flags.to_bytes(2)
        data = render_sets(self.sets) if self.by_mask else self.buckets
        return start + data + self.weight.to_bytes(2) + self.status.to_bytes(2)


@dataclass(frozen=True, kw_only=True)
class RouterView:
    """Router View Info (5.6.5): what the router knows of the group. `change` counts whenever usable caches come or go."""

    change: int
    key: AssignmentKey
    routers: tuple[IPv4Address, ...]
    caches: tuple[CacheIdentity, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        change, key, routers = reader.number(4), AssignmentKey.parse(reader), parse_addresses(reader)
        caches = tuple(CacheIdentity.parse(reader) for _ in range(reader.count(16)))
        return cls(change=change, key=key, routers=routers, caches=caches)

    def render(self) -> bytes:
        """Return the body."""
        caches = len(self.caches).to_bytes(4) + b"".join(cache.render() for cache in self.caches)
        return self.change.to_bytes(4) + self.key.render() + render_addresses(self.routers) + caches


@dataclass(frozen=True, kw_only=True)
class CacheView:
    """Web-Cache View Info (5.6.6): the routers that a cache hears, with the receive id of each, and the caches they told of."""

    change: int
    routers: tuple[RouterId, ...]
    caches: tuple[IPv4Address, ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        change = reader.number(4)
        routers = tuple(RouterId.parse(reader) for _ in range(reader.count(8)))
        return cls(change=change, routers=routers, caches=parse_addresses(reader))

    def render(self) -> bytes:
        """Return the body."""
        routers = len(self.routers).to_bytes(4) + b"".join(router.render() for router in self.routers)
        return self.change.to_bytes(4) + routers + render_addresses(self.caches)


@dataclass(frozen=True, kw_only=True)
class RouterQuery:
    """Router Query Info (5.6.8): a router asks a silent cache whether it is there."""

    identity: RouterId
    sent_to: IPv4Address
    target: IPv4Address

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        return cls(identity=RouterId.parse(reader), sent_to=reader.address(), target=reader.address())

    def render(self) -> bytes:
        """Return the body."""
        return self.identity.render() + self.sent_to.packed + self.target.packed


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Capabilities Info (5.6.9): type and value of each element. A router offers bits, a cache picks one of them."""

    elements: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        elements = []
        while reader.left:
            kind = reader.number(2)
            elements.append((kind, reader.take(reader.number(2))))
        return cls(elements=tuple(elements))

    def render(self) -> bytes:
        """Return the body."""
        return b"".join(kind.to_bytes(2) + len(value).to_bytes(2) + value for kind, value in self.elements)

    def bits(self, kind: int, *, default: int) -> int:
        """Return the bits of a type; `default` if it is not mentioned."""
        return next((int.from_bytes(value) for one, value in self.elements if one == kind), default)


@dataclass(frozen=True, kw_only=True)
class AlternateAssignment:
    """Alternate Assignment (5.6.10): either kind of assignment with its kind before it."""

    assignment: Assignment

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        kind = reader.number(2)
        body = Reader(reader.take(reader.number(2)), reader.what)
        if kind not in (HashAssignment.KIND, MaskAssignment.KIND):
            raise MessageError(f"{reader.what}: assignment of kind {kind}")
        parse = HashAssignment.parse if kind == HashAssignment.KIND else MaskAssignment.parse
        assignment: Assignment = parse(body)
        body.finish()
        return cls(assignment=assignment)

    def render(self) -> bytes:
        """Return the body."""
        body = self.assignment.render()
        return self.assignment.KIND.to_bytes(2) + len(body).to_bytes(2) + body


@dataclass(frozen=True, kw_only=True)
class AssignmentMap:
    """Assignment Map (5.6.11): the masks and values that a router has."""

    sets: tuple[MaskSet, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        return cls(sets=parse_sets(reader))

    def render(self) -> bytes:
        """Return the body."""
        return render_sets(self.sets)
