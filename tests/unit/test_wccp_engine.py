"""The router's side of WCCPv2: who is usable, what is assigned, and when it ends."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tproxy_rpms.acceptance.wccp.assignment import Fields, MaskSet
from tproxy_rpms.acceptance.wccp.component import (
    AssignmentMap,
    CacheIdentity,
    Capabilities,
    RouterIdentity,
    RouterQuery,
    RouterView,
    Security,
)
from tproxy_rpms.acceptance.wccp.engine import Engine
from tproxy_rpms.acceptance.wccp.message import Kind, Message, check_security, parse_message
from tproxy_rpms.acceptance.wccp.service import Flow, Service, ServiceKey
from tproxy_rpms.acceptance.wccp.state import Timers

from .wccpmessages import (
    KEY_80,
    KEY_90,
    PROXY,
    ROUTER,
    SECOND,
    SERVICE_80,
    SERVICE_90,
    WEB_CACHE,
    assign,
    assign_masks,
    here_i_am,
    make_buckets,
    make_message,
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


def test_a_cache_is_usable_when_it_repeats_the_receive_id() -> None:
    talk = Talk()
    first = talk.say(here_i_am())
    assert first and first.kind == Kind.I_SEE_YOU
    identity, view = first.demand(RouterIdentity), first.demand(RouterView)
    assert (identity.identity.router, identity.sent_to, identity.received_from) == (ROUTER, ROUTER, (PROXY,))
    assert identity.identity.receive_id == 1
    assert (view.caches, view.routers, view.key.address) == ((), (ROUTER,), IPv4Address(0))
    assert first.demand(Service) == SERVICE_80
    second = talk.say(here_i_am(receive_id=1), after=10)
    assert second
    assert [one.address for one in second.demand(RouterView).caches] == [PROXY]
    assert second.demand(RouterView).change == view.change + 1
    assert second.demand(RouterIdentity).identity.receive_id == 2
    assert talk.kinds() == ["heard", "registered"]


def test_what_the_router_offers_is_told() -> None:
    for forwarding, bits in (("gre", 1), ("l2", 2)):
        answer = Talk(forwarding=forwarding).say(here_i_am())
        assert answer
        assert answer.demand(Capabilities).elements == ((1, struct.pack("!I", bits)), (2, b"\0\0\0\3"), (3, b"\0\0\0\3"))


def test_services_count_receive_ids_of_their_own() -> None:
    talk = Talk()
    talk.join(SERVICE_80)
    answer = talk.say(here_i_am(SERVICE_90))
    assert answer
    assert answer.demand(RouterIdentity).identity.receive_id == 1


def test_a_wrong_receive_id_makes_a_cache_unusable_until_it_hears_again() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    talk.say(assign(receive_id=receive_id, change=change))
    assert talk.choose() == PROXY
    answer = talk.say(here_i_am(receive_id=receive_id + 7))
    assert answer
    assert answer.demand(RouterView).caches == ()
    assert answer.demand(RouterView).change == change + 1
    assert talk.choose() is None
    assert talk.last() == "receive id 9, not 2"
    again = talk.say(here_i_am(receive_id=answer.demand(RouterIdentity).identity.receive_id))
    assert again
    assert [one.address for one in again.demand(RouterView).caches] == [PROXY]
    assert talk.choose() is None  # nothing is assigned before the cache has said so


def test_packets_go_to_the_cache_after_the_assignment_only() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    assert talk.choose() is None
    assert talk.say(assign(receive_id=receive_id, change=change)) is None
    choice = talk.engine.choose(REQUEST, (KEY_80,))
    assert choice
    assert (choice.cache, choice.service, choice.forwarding) == (PROXY, KEY_80, "gre")
    assert choice.bucket == 10 ^ 77 ^ 1 ^ 2
    assert talk.choose(replace(REQUEST, destination_port=81)) is None
    assert talk.choose(replace(REQUEST, protocol=17)) is None
    assert talk.choose(ANSWER) is None
    assert talk.choose(REQUEST, KEY_90) is None
    state = talk.engine.services()[0]
    assert (state.service, state.usable, state.assigned, state.shares) == ("80", ("10.77.2.2",), ("10.77.2.2",), (256,))


def test_answers_of_servers_fall_into_the_clients_bucket() -> None:
    talk = Talk()
    for service in (SERVICE_80, SERVICE_90):
        receive_id, change = talk.join(service)
        talk.say(assign(service, receive_id=receive_id, change=change))
    there, back = talk.engine.choose(REQUEST, (KEY_80,)), talk.engine.choose(ANSWER, (KEY_90,))
    assert there and back
    assert there.bucket == back.bucket


def test_what_a_cache_sends_itself_is_left_alone() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    talk.say(assign(receive_id=receive_id, change=change))
    assert talk.choose(replace(REQUEST, source=int(PROXY))) is None


def test_buckets_are_split_and_the_view_tells_whose_they_are() -> None:
    talk = Talk()
    talk.join()
    talk.join(cache=SECOND)
    answer = talk.say(here_i_am(receive_id=2))
    assert answer
    receive_id, change = answer.demand(RouterIdentity).identity.receive_id, answer.demand(RouterView).change
    talk.say(assign(caches=(PROXY, SECOND), buckets=make_buckets(68, 100), receive_id=receive_id, change=change))
    assert talk.choose() == SECOND  # bucket 68
    assert talk.choose(replace(REQUEST, source=CLIENT + 1)) == SECOND  # 69
    assert talk.choose(replace(REQUEST, source=CLIENT ^ 0x07)) == PROXY  # 67
    assert talk.choose(replace(REQUEST, source=CLIENT ^ 0x80)) is None  # 196
    told = talk.say(here_i_am(receive_id=receive_id))
    assert told
    first, second = told.demand(RouterView).caches
    assert first.buckets == bytes([255] * 8 + [0x0F]) + bytes(23)
    assert int.from_bytes(second.buckets, "little") == (1 << 168) - (1 << 68)
    assert (first.flags, first.weight) == (0, 10_000)


def test_a_silent_cache_is_queried_then_dropped() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    talk.say(assign(receive_id=receive_id, change=change))
    assert talk.tick(24.9) == []
    (query,) = talk.tick(0.2)
    assert query.kind == Kind.REMOVAL_QUERY
    asked = query.demand(RouterQuery)
    assert (asked.identity.router, asked.identity.receive_id, asked.target) == (ROUTER, receive_id, PROXY)
    assert talk.tick(1) == []
    assert talk.choose() == PROXY
    assert talk.tick(4) == []
    assert talk.choose() is None
    assert talk.kinds()[-3:] == ["assignment", "queried", "lost"]
    assert talk.engine.services()[0].usable == ()


def test_an_answer_to_the_query_keeps_a_cache() -> None:
    talk = Talk(timers=Timers(here_i_am=4))
    receive_id, change = talk.join()
    talk.say(assign(receive_id=receive_id, change=change))
    assert len(talk.tick(10)) == 1
    talk.say(here_i_am(receive_id=receive_id), after=1)
    assert talk.tick(9) == []
    assert talk.choose() == PROXY
    assert len(talk.tick(1)) == 1


def test_only_the_buckets_of_a_lost_cache_are_free() -> None:
    talk = Talk()
    talk.join(cache=SECOND)
    receive_id, change = talk.join()
    talk.say(assign(caches=(PROXY, SECOND), buckets=make_buckets(68, 188), receive_id=receive_id, change=change))
    assert talk.choose() == SECOND
    talk.say(here_i_am(receive_id=receive_id), after=20)
    talk.tick(11)
    assert talk.choose() is None
    assert talk.choose(replace(REQUEST, source=CLIENT ^ 0x07)) == PROXY
    assert talk.engine.services()[0].change == change + 1


def test_a_table_that_is_not_renewed_after_a_change_is_flushed() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    talk.say(assign(receive_id=receive_id, change=change))
    talk.join(cache=SECOND)
    for _ in range(5):
        answer = talk.say(here_i_am(receive_id=receive_id), after=9.9)
        assert answer
        receive_id = answer.demand(RouterIdentity).identity.receive_id
        talk.engine.tick(talk.now)
    assert talk.choose() == PROXY
    talk.tick(0.6)
    assert "flushed" not in talk.kinds()  # the second cache has been lost meanwhile, which is a change again
    for _ in range(6):
        answer = talk.say(here_i_am(receive_id=receive_id), after=9.9)
        assert answer
        receive_id = answer.demand(RouterIdentity).identity.receive_id
        talk.engine.tick(talk.now)
    assert talk.choose() is None
    assert talk.kinds()[-1] == "flushed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"receive_id": 9}, "made for receive id and change 9, 2, not 2, 2"),
        ({"change": 9}, "made for receive id and change 2, 9, not 2, 2"),
        ({"sender": SECOND}, "10.77.2.2 sends the assignment of 10.77.2.3"),
        ({"caches": ()}, "bucket 0 has cache 0 of 0"),
        ({"buckets": bytes([0] * 255 + [0x80])}, "bucket 255 asks for alternative hashing"),
        ({"service": SERVICE_90}, "10.77.2.2 is not usable in service 90"),
    ],
)
def test_a_wrong_assignment_is_refused(change: dict, said: str) -> None:
    talk = Talk()
    receive_id, number = talk.join()
    talk.say(assign(**({"receive_id": receive_id, "change": number} | change)))
    assert said in talk.last()
    assert talk.kinds()[-1] == "refused"
    assert talk.choose() is None


def test_an_assignment_without_this_router_flushes_the_table() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    talk.say(assign(receive_id=receive_id, change=change))
    talk.say(assign(receive_id=receive_id, change=change, router=SECOND))
    assert talk.choose() is None
    assert talk.kinds()[-1] == "flushed"


def test_masks_and_values() -> None:
    talk = Talk(forwarding="l2")
    receive_id, change = talk.join(forwarding=2, **MASK)
    values = ((Fields(source=0x0102), PROXY), (Fields(source=0x0102), SECOND), (Fields(source=0x0103), SECOND))
    sets = (MaskSet(mask=Fields(source=0xFFFF), values=values), MaskSet(mask=Fields(), values=((Fields(), PROXY),)))
    talk.say(assign_masks(SERVICE_80, sets[:1], receive_id=receive_id, change=change))
    assert talk.choose() == PROXY
    assert talk.choose(replace(REQUEST, source=CLIENT + 1)) is None  # of a cache that is not there
    assert talk.choose(replace(REQUEST, source=CLIENT + 2)) is None
    talk.say(assign_masks(SERVICE_80, sets, receive_id=receive_id, change=change))
    assert talk.choose(replace(REQUEST, source=CLIENT + 2)) == PROXY
    choice = talk.engine.choose(REQUEST, (KEY_80,))
    assert choice
    assert (choice.forwarding, choice.bucket) == ("l2", 0)
    answer = talk.say(here_i_am(receive_id=receive_id, forwarding=2, **MASK))
    assert answer
    assert answer.demand(AssignmentMap).sets == sets


def test_a_cache_with_masks_is_told_in_sixteen_octets() -> None:
    talk = Talk()
    talk.join(**MASK)
    answer = talk.say(here_i_am(receive_id=2, **MASK))
    assert answer
    (told,) = answer.demand(RouterView).caches
    assert told.by_mask
    assert len(told.render()) == 16


@pytest.mark.parametrize("picked", [2, 3, 0])
def test_a_method_that_was_not_offered_is_not_taken(picked: int) -> None:
    talk = Talk()
    answer = talk.say(here_i_am(forwarding=picked))
    assert answer  # it is told what there is
    assert talk.say(here_i_am(forwarding=picked, receive_id=1)) is None
    assert f"capability 1 picks {picked:#x} of 0x1" in talk.last()
    assert talk.engine.services()[0].usable == ()


def test_a_second_cache_has_to_describe_the_service_alike() -> None:
    talk = Talk()
    talk.join()
    assert talk.say(here_i_am(replace(SERVICE_80, ports=(80, 8080)), cache=SECOND), cache=SECOND) is None
    assert "described otherwise" in talk.last()
    talk.tick(30)
    assert talk.say(here_i_am(replace(SERVICE_80, ports=(80, 8080)), cache=SECOND), cache=SECOND)


def test_a_service_that_the_router_has_not_is_refused() -> None:
    talk = Talk(services=frozenset({KEY_80}))
    assert talk.say(here_i_am(SERVICE_90)) is None
    assert talk.last() == "HERE_I_AM: this router has no service 90"
    assert talk.say(here_i_am(SERVICE_80))


def test_nobody_speaks_for_another() -> None:
    talk = Talk()
    assert talk.say(here_i_am(cache=SECOND)) is None
    assert talk.last() == "HERE_I_AM: 10.77.2.2 speaks for 10.77.2.3"
    assert talk.engine.services() == ()


def test_the_well_known_service_needs_no_description() -> None:
    talk = Talk()
    receive_id, change = talk.join(WEB_CACHE)
    talk.say(assign(WEB_CACHE, receive_id=receive_id, change=change))
    choice = talk.engine.choose(REQUEST, (KEY_80, WEB_CACHE.key))
    assert choice
    assert (choice.service.name, choice.bucket) == ("web-cache", 10 ^ 77 ^ 3 ^ 2)
    assert talk.choose(ANSWER, WEB_CACHE.key) is None


def test_the_service_of_the_highest_priority_is_first() -> None:
    talk = Talk()
    low = replace(SERVICE_90, priority=10, flags=SERVICE_80.flags)
    for service in (low, SERVICE_80):
        receive_id, change = talk.join(service)
        talk.say(assign(service, receive_id=receive_id, change=change))
    choice = talk.engine.choose(REQUEST, (KEY_90, KEY_80))
    assert choice
    assert choice.service == KEY_80


def test_with_a_password_all_is_signed_both_ways() -> None:
    talk = Talk(password="secret")
    assert talk.say(here_i_am()) is None
    assert talk.last() == "HERE_I_AM: not secured, and the router has a password"
    assert talk.say(here_i_am(password="Secret")) is None
    assert talk.last() == "HERE_I_AM: made with another password"
    data = talk.engine.receive(PROXY, here_i_am(password="secret"), talk.now, sent_to=ROUTER)[0].data
    check_security(parse_message(data), data, password="secret")
    assert parse_message(data).demand(Security).option == 1
    talk.engine.receive(PROXY, here_i_am(password="secret", receive_id=1), talk.now, sent_to=ROUTER)
    assert talk.kinds()[-1] == "registered"
    unsigned = Talk()
    assert unsigned.say(here_i_am(password="secret")) is None
    assert unsigned.last() == "HERE_I_AM: secured by MD5, and the router has no password"


def test_what_is_no_message_is_counted_and_not_answered() -> None:
    talk = Talk()
    whole = here_i_am()
    bad = [
        b"",
        whole + b"\0\x63\0\0",
        whole[:-1],
        whole + b"\0",
        bytes(500),
        whole[:8],
        make_message(Kind.REMOVAL_QUERY, SERVICE_80),
    ]
    for data in bad:
        assert talk.say(data) is None
    assert talk.engine.refused == len(bad)
    assert talk.kinds() == ["refused"] * len(bad)
    assert talk.last() == "REMOVAL_QUERY is what a router sends"
    assert talk.engine.services() == ()


def test_a_group_has_32_caches_at_most() -> None:
    talk = Talk()
    for number in range(40):
        cache = IPv4Address(int(PROXY) + number)
        talk.say(here_i_am(cache=cache), cache=cache)
    assert talk.kinds() == ["heard"] * 32 + ["refused"] * 8


def test_an_assignment_to_a_cache_that_is_not_usable_is_not_followed() -> None:
    talk = Talk()
    receive_id, change = talk.join()
    talk.say(here_i_am(cache=SECOND), cache=SECOND)
    talk.say(assign(caches=(PROXY, SECOND), buckets=make_buckets(68, 188), receive_id=receive_id, change=change))
    assert talk.choose() is None
    assert talk.choose(replace(REQUEST, source=CLIENT ^ 0x07)) == PROXY
    assert talk.engine.services()[0].assigned == (str(PROXY),)


def test_the_view_tells_what_a_cache_said_last() -> None:
    talk = Talk()
    receive_id, _ = talk.join()
    answer = talk.say(here_i_am(receive_id=receive_id, weight=5))
    assert answer
    assert [one.weight for one in answer.demand(RouterView).caches] == [5]


def test_a_service_without_ports_has_all_of_them() -> None:
    talk, service = Talk(), replace(SERVICE_80, flags=1, ports=())
    receive_id, change = talk.join(service)
    talk.say(assign(service, receive_id=receive_id, change=change))
    assert talk.choose(replace(REQUEST, destination_port=443)) == PROXY
    assert talk.choose(replace(REQUEST, protocol=17)) is None


def test_identity_flags_say_that_nothing_is_assigned() -> None:
    talk = Talk()
    talk.join()
    answer = talk.say(here_i_am(receive_id=2))
    assert answer
    assert answer.demand(RouterView).caches == (CacheIdentity(address=PROXY, weight=10_000, flags=1),)
