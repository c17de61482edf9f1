"""Who has which Ethernet address on a link: asked by ARP, and packets that wait for the answer."""

from collections import deque
from dataclasses import dataclass, field

from ..network import Link
from .packet import ARP, BROADCAST, IPV4, Arp

# How often a neighbour is asked, seconds between, and how many packets wait for it. A guest may be slow to boot its network.
TRIES, PAUSE, WAITING = 5, 1.0, 256


@dataclass(kw_only=True)
class _Wanted:
    """A neighbour that was asked for: the packets that wait, how often it was asked, and when it is asked again."""

    packets: deque[bytes] = field(default_factory=deque)
    tries: int = 1
    again: float


class Neighbours:
    """The neighbours of one link. An answer is kept until the neighbour says something else: hosts here do not move."""

    def __init__(self, link: Link) -> None:
        self.mac = bytes.fromhex(link.router_mac.replace(":", ""))
        self._address = to_number(link.router)
        self._mask = (0xFFFFFFFF << (32 - link.prefix)) & 0xFFFFFFFF
        self._known: dict[int, bytes] = {}
        self._wanted: dict[int, _Wanted] = {}

    def holds(self, address: int) -> bool:
        """Tell whether an address belongs to this link."""
        return (address ^ self._address) & self._mask == 0

    def is_broadcast(self, address: int) -> bool:
        """Tell whether an address means all of this link."""
        return self.holds(address) and address & ~self._mask & 0xFFFFFFFF in (0, ~self._mask & 0xFFFFFFFF)

    def send(self, neighbour: int, packets: list[bytes], now: float) -> tuple[list[bytes], int]:
        """Return the frames that bring packets to a neighbour, or the question for it while they wait, and the drops."""
        known = self._known.get(neighbour)
        if known is not None:
            return [self._frame(known, packet) for packet in packets], 0
        wanted = self._wanted.get(neighbour)
        frames = [] if wanted else [self._ask(neighbour)]
        if wanted is None:
            wanted = self._wanted[neighbour] = _Wanted(again=now + PAUSE)
        room = WAITING - len(wanted.packets)
        wanted.packets.extend(packets[:room])
        return frames, max(0, len(packets) - room)

    def hear(self, arp: Arp) -> list[bytes]:
        """Take an ARP message, and return the answer to it and what has waited for its sender.

        Nothing is learnt of a sender outside the link's addresses: a proxy that speaks in a client's name must not seem to be it.
        """
        frames = []
        if self.holds(arp.sender) and (arp.target == self._address or arp.sender in self._known):
            self._known[arp.sender] = arp.sender_mac
            waited = self._wanted.pop(arp.sender, None)
            frames += [self._frame(arp.sender_mac, packet) for packet in waited.packets] if waited else []
        if arp.operation == 1 and arp.target == self._address:
            answer = Arp(
                operation=2, sender_mac=self.mac, sender=self._address, target_mac=arp.sender_mac, target=arp.sender
            )  # fmt: skip
            frames.insert(0, frame(arp.sender_mac, self.mac, ARP, answer.render()))
        return frames

    def tick(self, now: float) -> tuple[list[bytes], int]:
        """Return the questions that are to be asked again, and how many packets were given up with their neighbour."""
        frames, lost = [], 0
        for address, wanted in list(self._wanted.items()):
            if wanted.again > now:
                continue
            if wanted.tries == TRIES:
                lost += len(self._wanted.pop(address).packets)
                continue
            wanted.tries += 1
            wanted.again = now + PAUSE
            frames.append(self._ask(address))
        return frames, lost

    def _ask(self, neighbour: int) -> bytes:
        question = Arp(operation=1, sender_mac=self.mac, sender=self._address, target_mac=bytes(6), target=neighbour)
        return frame(BROADCAST, self.mac, ARP, question.render())

    def _frame(self, mac: bytes, packet: bytes) -> bytes:
        return frame(mac, self.mac, IPV4, packet)


def frame(destination: bytes, source: bytes, kind: int, data: bytes) -> bytes:
    """Return an Ethernet frame, filled up to its smallest size, without the checksum, which cards add."""
    return (destination + source + kind.to_bytes(2) + data).ljust(60, b"\0")


def to_number(address: str) -> int:
    """Return 10.77.1.1 as a number of 32 bits."""
    first, second, third, fourth = (int(part) for part in address.split("."))
    return first << 24 | second << 16 | third << 8 | fourth
