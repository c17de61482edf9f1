"""The router's side of WCCPv2: what it refuses, what it tells of others, and services that are not the usual two."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tproxy_rpms.acceptance.wccp.component import (
    CacheIdentity,
    RouterView,
    Security,
)
from tproxy_rpms.acceptance.wccp.message import Kind, check_security, parse_message

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
    here_i_am,
    make_buckets,
    make_message,
)
from .wccptalk import ANSWER, CLIENT, MASK, REQUEST, Talk


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
