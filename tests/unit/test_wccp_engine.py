"""The router's side of WCCPv2: who is usable, what is assigned, and when it ends."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tproxy_rpms.acceptance.wccp.assignment import Fields, MaskSet
from tproxy_rpms.acceptance.wccp.component import (
    AssignmentMap,
    Capabilities,
    RouterIdentity,
    RouterQuery,
    RouterView,
)
from tproxy_rpms.acceptance.wccp.message import Kind
from tproxy_rpms.acceptance.wccp.service import Service
from tproxy_rpms.acceptance.wccp.state import Timers

from .wccpmessages import (
    KEY_80,
    KEY_90,
    PROXY,
    ROUTER,
    SECOND,
    SERVICE_80,
    SERVICE_90,
    assign,
    assign_masks,
    here_i_am,
    make_buckets,
)
from .wccptalk import ANSWER, CLIENT, MASK, REQUEST, Talk


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
