"""What a router in a namespace asks of its kernel, and the lines that it prints."""

import json
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tproxy_rpms.acceptance.wccp import kernel
from tproxy_rpms.acceptance.wccp.__main__ import tell_new
from tproxy_rpms.acceptance.wccp.engine import EVENTS, Engine
from tproxy_rpms.acceptance.wccp.kernel import KernelRedirect, Route, plan_routes
from tproxy_rpms.acceptance.wccp.line import ServiceLine, parse_line, render_event, render_state
from tproxy_rpms.acceptance.wccp.state import Event, ServiceState

from .wccpmessages import PROXY, ROUTER, SERVICE_80, SERVICE_90, WEB_CACHE

INTERFACES = {"80": "to-client", "90": "to-server", "web-cache": "to-client"}
STATE = ServiceState(
    service="80",
    definition=SERVICE_80,
    change=2,
    usable=("10.77.2.2", "10.77.2.3"),
    assigned=("10.77.2.2", "10.77.2.3"),
    shares=(100, 156),
    forwarding=("l2", "l2"),
)
ROUTE = Route(table=180, interface="to-client", match=(("dport", 80),), cache="10.77.2.3")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that are run, none of them for real."""
    commands: list[str] = []
    monkeypatch.setattr(kernel, "run_command", lambda argv, **_: commands.append(" ".join(argv)))
    return commands


def test_the_cache_with_most_buckets_gets_the_service() -> None:
    assert plan_routes((STATE,), INTERFACES) == {ROUTE}


def test_services_differ_in_side_and_ports() -> None:
    answers = replace(STATE, service="90", definition=replace(SERVICE_90, ports=(80, 8080)))
    (route,) = plan_routes((answers,), INTERFACES)
    assert route == replace(ROUTE, table=190, interface="to-server", match=(("sport", 80), ("sport", 8080)))
    (route,) = plan_routes((replace(STATE, service="web-cache", definition=WEB_CACHE),), INTERFACES)
    assert (route.table, route.match) == (100, (("dport", 80),))


def test_nothing_is_asked_for_without_a_cache_or_an_interface() -> None:
    assert plan_routes((replace(STATE, assigned=(), shares=()), replace(STATE, service="70")), INTERFACES) == frozenset()


def test_udp_makes_no_rule() -> None:
    (route,) = plan_routes((replace(STATE, definition=replace(SERVICE_80, protocol=17)),), INTERFACES)
    assert route.match == ()


def test_rules_follow_the_services(said: list[str]) -> None:
    redirect = KernelRedirect(interfaces=INTERFACES, proxy_interface="to-proxy")
    assert redirect.follow((STATE,))
    assert said == [
        "ip route replace default via 10.77.2.3 dev to-proxy table 180",
        "ip rule add pref 180 iif to-client ipproto 6 dport 80 lookup 180",
    ]
    said.clear()
    assert not redirect.follow((replace(STATE, change=3),))
    assert said == []
    redirect.follow((replace(STATE, shares=(156, 100)),))
    assert said == [
        "ip rule del pref 180 iif to-client ipproto 6 dport 80 lookup 180",
        "ip route flush table 180",
        "ip route replace default via 10.77.2.2 dev to-proxy table 180",
        "ip rule add pref 180 iif to-client ipproto 6 dport 80 lookup 180",
    ]
    said.clear()
    redirect.clear()
    assert said == ["ip rule del pref 180 iif to-client ipproto 6 dport 80 lookup 180", "ip route flush table 180"]


def test_lines_are_read_back() -> None:
    event = Event(when=1.5, kind="lost", service="80", cache="10.77.2.2", detail="silent for 30 s")
    assert parse_line(json.dumps(render_event(event))) == event
    line = ServiceLine(service="80", change=2, usable=STATE.usable, assigned=STATE.assigned)
    assert parse_line(json.dumps(render_state(STATE))) == line
    assert parse_line('{"event": "listening", "address": "10.77.2.1"}') is None


def test_each_event_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    engine, told = Engine(address=ROUTER), 0
    for number in (1, 0, 2, EVENTS + 5):
        for _ in range(number):
            engine.receive(IPv4Address(PROXY), b"noise", 0, sent_to=ROUTER)
        told = tell_new(engine, told)
        lines = capsys.readouterr().out.splitlines()
        assert [json.loads(line)["event"] for line in lines] == ["refused"] * min(number, EVENTS)
