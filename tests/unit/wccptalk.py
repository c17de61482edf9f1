"""Caches that talk to a router, for tests of its side of WCCPv2."""

from ipaddress import IPv4Address

from tproxy_rpms.acceptance.wccp.assignment import Fields, MaskSet
from tproxy_rpms.acceptance.wccp.component import (
    RouterIdentity,
    RouterView,
)
from tproxy_rpms.acceptance.wccp.engine import Engine
from tproxy_rpms.acceptance.wccp.message import Message, parse_message
from tproxy_rpms.acceptance.wccp.service import Flow, Service, ServiceKey

from .wccpmessages import (
    KEY_80,
    PROXY,
    ROUTER,
    SERVICE_80,
    here_i_am,
)

CLIENT, SERVER = int(IPv4Address("10.77.1.2")), int(IPv4Address("10.77.3.2"))
REQUEST = Flow(protocol=6, source=CLIENT, destination=SERVER, source_port=40_000, destination_port=80)
ANSWER = Flow(protocol=6, source=SERVER, destination=CLIENT, source_port=80, destination_port=40_000)
MASK = {"assignment": 2, "flags": 2, "buckets": b"", "sets": (MaskSet(mask=Fields(source=0x1741)),)}


class Talk:
    """An engine and its clock; what it answers is read again."""

    def __init__(self, **options: object) -> None:
        self.engine = Engine(address=ROUTER, **options)  # type: ignore[arg-type]
        self.now = 100.0

    def say(self, data: bytes, *, cache: IPv4Address = PROXY, after: float = 0.0) -> Message | None:
        """Send a datagram, after some seconds; return the answer."""
        self.now += after
        answers = self.engine.receive(cache, data, self.now, sent_to=ROUTER)
        assert all((answer.source, answer.destination) == (ROUTER, cache) for answer in answers)
        return parse_message(answers[0].data) if answers else None

    def tick(self, after: float) -> list[Message]:
        """Let time pass; return what the router says of itself."""
        self.now += after
        return [parse_message(one.data) for one in self.engine.tick(self.now)]

    def join(self, service: Service = SERVICE_80, *, cache: IPv4Address = PROXY, **options: object) -> tuple[int, int]:
        """Make a cache usable; return the receive id and the change number that it then knows."""
        first = self.say(here_i_am(service, cache=cache, **options), cache=cache)  # type: ignore[arg-type]
        assert first
        receive_id = first.demand(RouterIdentity).identity.receive_id
        answer = self.say(here_i_am(service, cache=cache, receive_id=receive_id, **options), cache=cache)  # type: ignore[arg-type]
        assert answer
        return answer.demand(RouterIdentity).identity.receive_id, answer.demand(RouterView).change

    def choose(self, flow: Flow = REQUEST, *services: ServiceKey) -> IPv4Address | None:
        """Where a packet goes."""
        choice = self.engine.choose(flow, services or (KEY_80,))
        return choice.cache if choice else None

    def kinds(self) -> list[str]:
        """The kinds of all events."""
        return [event.kind for event in self.engine.events()]

    def last(self) -> str:
        """What the last event says."""
        return self.engine.events()[-1].detail
