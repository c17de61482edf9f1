"""Assignments: which cache gets which packets, by buckets of a hash or by masks and values."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import IPv4Address
from typing import ClassVar, Self

from .reader import MessageError, Reader
from .service import Flow

BUCKETS, UNASSIGNED = 256, 0xFF
# The flag of a bucket that is to be hashed a second time (5.6.7). The draft draws it last, after the index; as with a cache's
# flags, its drawings count bits from the lowest: Squid writes plain indexes, and 1 is its second cache.
ALTERNATIVE = 0x80
CACHES = 32
NOBODY = IPv4Address(0)


@dataclass(frozen=True, kw_only=True)
class AssignmentKey:
    """Which assignment this is (5.7.3): the designated cache, and its number for it."""

    address: IPv4Address = NOBODY
    change: int = 0

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the element."""
        return cls(address=reader.address(), change=reader.number(4))

    def render(self) -> bytes:
        """Return the element's bytes."""
        return self.address.packed + self.change.to_bytes(4)


@dataclass(frozen=True, kw_only=True)
class RouterAssignment:
    """A router that an assignment is for, and what the designated cache last heard from it (5.7.4)."""

    router: IPv4Address
    receive_id: int
    change: int

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the element."""
        return cls(router=reader.address(), receive_id=reader.number(4), change=reader.number(4))

    def render(self) -> bytes:
        """Return the element's bytes."""
        return self.router.packed + self.receive_id.to_bytes(4) + self.change.to_bytes(4)


def parse_routers(reader: Reader) -> tuple[RouterAssignment, ...]:
    """Read a number of routers, and the elements that follow it."""
    return tuple(RouterAssignment.parse(reader) for _ in range(reader.count(12)))


def render_routers(routers: tuple[RouterAssignment, ...]) -> bytes:
    """Return what `parse_routers` reads."""
    return len(routers).to_bytes(4) + b"".join(router.render() for router in routers)


@dataclass(frozen=True, kw_only=True)
class HashAssignment:
    """An Assignment Info component (5.6.7): a cache's index, or UNASSIGNED, for each bucket."""

    KIND: ClassVar[int] = 0

    key: AssignmentKey
    routers: tuple[RouterAssignment, ...]
    caches: tuple[IPv4Address, ...]
    buckets: bytes

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the component's body. Raises MessageError for a bucket without a cache and for alternative hashing."""
        key, routers = AssignmentKey.parse(reader), parse_routers(reader)
        caches = tuple(reader.address() for _ in range(reader.count(4)))
        buckets = reader.take(BUCKETS)
        if len(caches) > CACHES:
            raise MessageError(f"{reader.what}: {len(caches)} caches, the most is {CACHES}")
        for bucket, index in enumerate(buckets):
            if index != UNASSIGNED and index & ALTERNATIVE:
                raise MessageError(f"{reader.what}: bucket {bucket} asks for alternative hashing, which this router does not do")
            if index != UNASSIGNED and index >= len(caches):
                raise MessageError(f"{reader.what}: bucket {bucket} has cache {index} of {len(caches)}")
        return cls(key=key, routers=routers, caches=caches, buckets=buckets)

    def render(self) -> bytes:
        """Return the component's body."""
        caches = len(self.caches).to_bytes(4) + b"".join(cache.packed for cache in self.caches)
        return self.key.render() + render_routers(self.routers) + caches + self.buckets

    def choose(self, flow: Flow, bucket: int) -> IPv4Address | None:  # noqa: ARG002  # the other kind asks for the flow
        """Return the cache of a packet that falls into a bucket."""
        index = self.buckets[bucket]
        return None if index == UNASSIGNED else self.caches[index]

    def without(self, cache: IPv4Address) -> Self:
        """Return the assignment with every bucket of a cache unassigned."""
        gone = {index for index, one in enumerate(self.caches) if one == cache}
        return replace(self, buckets=bytes(UNASSIGNED if index in gone else index for index in self.buckets))

    def shares(self) -> dict[IPv4Address, int]:
        """Return how many buckets each cache has that has any."""
        return dict(Counter(self.caches[index] for index in self.buckets if index != UNASSIGNED))

    def vector(self, cache: IPv4Address) -> bytes:
        """Return a bit for each bucket that tells whether it is a cache's, the lowest bit of the first octet being bucket 0."""
        bits = bytearray(BUCKETS // 8)
        for bucket, index in enumerate(self.buckets):
            if index != UNASSIGNED and self.caches[index] == cache:
                bits[bucket // 8] |= 1 << bucket % 8
        return bytes(bits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """A mask, or a value to compare with after masking: addresses and ports of a packet (5.7.7, 5.7.8). Zero in a mask: any."""

    source: int = 0
    destination: int = 0
    source_port: int = 0
    destination_port: int = 0

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the four fields."""
        return cls(
            source=reader.number(4), destination=reader.number(4), source_port=reader.number(2), destination_port=reader.number(2)
        )  # fmt: skip

    def render(self) -> bytes:
        """Return the four fields' bytes."""
        addresses = self.source.to_bytes(4) + self.destination.to_bytes(4)
        return addresses + self.source_port.to_bytes(2) + self.destination_port.to_bytes(2)

    def mask(self, flow: Flow) -> "Fields":
        """Return what this mask leaves of a packet."""
        return Fields(
            source=flow.source & self.source, destination=flow.destination & self.destination,
            source_port=flow.source_port & self.source_port, destination_port=flow.destination_port & self.destination_port,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MaskSet:
    """A Mask/Value Set element (5.7.6): a mask, and the cache of each value in the order of comparison."""

    mask: Fields
    values: tuple[tuple[Fields, IPv4Address], ...] = ()

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the element."""
        mask = Fields.parse(reader)
        return cls(mask=mask, values=tuple((Fields.parse(reader), reader.address()) for _ in range(reader.count(16))))

    def render(self) -> bytes:
        """Return the element's bytes."""
        values = b"".join(value.render() + cache.packed for value, cache in self.values)
        return self.mask.render() + len(self.values).to_bytes(4) + values

    @cached_property
    def table(self) -> dict[Fields, IPv4Address]:
        """Value → cache; of equal values the first counts."""
        return dict(reversed(self.values))


def parse_sets(reader: Reader) -> tuple[MaskSet, ...]:
    """Read a number of sets, and the elements that follow it."""
    return tuple(MaskSet.parse(reader) for _ in range(reader.count(16)))


def render_sets(sets: tuple[MaskSet, ...]) -> bytes:
    """Return what `parse_sets` reads."""
    return len(sets).to_bytes(4) + b"".join(one.render() for one in sets)


@dataclass(frozen=True, kw_only=True)
class MaskAssignment:
    """The body of an Alternate Assignment component with masks (5.6.10)."""

    KIND: ClassVar[int] = 1

    key: AssignmentKey
    routers: tuple[RouterAssignment, ...]
    sets: tuple[MaskSet, ...]

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        """Read the body."""
        return cls(key=AssignmentKey.parse(reader), routers=parse_routers(reader), sets=parse_sets(reader))

    def render(self) -> bytes:
        """Return the body."""
        return self.key.render() + render_routers(self.routers) + render_sets(self.sets)

    def choose(self, flow: Flow, bucket: int) -> IPv4Address | None:  # noqa: ARG002  # the other kind asks for the bucket
        """Return the cache of a packet: that of the first value, of the first set that has it (4.11.2)."""
        for one in self.sets:
            cache = one.table.get(one.mask.mask(flow))
            if cache is not None:
                return cache
        return None

    def without(self, cache: IPv4Address) -> Self:
        """Return the assignment without a cache's values."""
        sets = (replace(one, values=tuple(value for value in one.values if value[1] != cache)) for one in self.sets)
        return replace(self, sets=tuple(sets))

    def shares(self) -> dict[IPv4Address, int]:
        """Return how many values each cache has that has any."""
        return dict(Counter(cache for one in self.sets for _, cache in one.values))


Assignment = HashAssignment | MaskAssignment
