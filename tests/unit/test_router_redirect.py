"""What the userspace router redirects: statically, and as caches negotiate and assign it."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from .routerhosts import (
    ANSWER,
    CLIENT,
    GATEWAYS,
    PROXY,
    REQUEST,
    SERVER,
    SUM,
    Hosts,
    Ip,
    internet_sum,
    make_ip,
    make_tcp,
    make_udp,
    read_ip,
    to_bytes,
)
from .wccpmessages import SERVICE_80, SERVICE_90, assign, here_i_am, make_buckets

WCCP_80, WCCP_90 = b"\x80\x50\0\x44", b"\x80\x5a\0\x44"  # dynamic, the service, no alternative bucket, bucket 68
DOWNLOAD = make_ip(SERVER, CLIENT, make_tcp(80, 40_000, bytes(1460)))


def say_wccp(hosts: Hosts, data: bytes, *, link: str = "proxy", source: str = PROXY) -> bytes:
    """Send a message to the router's port 2048; return what it answers, having looked at the datagram."""
    sent = hosts.send(link, make_ip(source, GATEWAYS["proxy"], make_udp(2048, 2048, data), protocol=17))
    if not sent:
        return b""
    ((out, frame),) = sent
    packet = read_ip(frame[14:])
    assert (out, packet.source, packet.destination, packet.protocol) == ("proxy", GATEWAYS["proxy"], PROXY, 17)
    assert packet.payload[:4] == struct.pack("!HH", 2048, 2048)
    pseudo = to_bytes(packet.source) + to_bytes(packet.destination) + struct.pack("!HH", 17, len(packet.payload))
    assert internet_sum(pseudo + packet.payload) == SUM
    return packet.payload[8:]


def register(hosts: Hosts, *, forwarding: int = 1, buckets: bytes = bytes(256)) -> None:
    """Have the proxy registered and assigned for both services."""
    for service in (SERVICE_80, SERVICE_90):
        say_wccp(hosts, here_i_am(service, forwarding=forwarding))
        say_wccp(hosts, here_i_am(service, forwarding=forwarding, receive_id=1))
        say_wccp(hosts, assign(service, receive_id=2, change=2, buckets=buckets))


def unwrap(packet: Ip, kind: int, header: bytes) -> Ip:
    """Take a packet out of GRE (RFC 2784), and look at all around it."""
    assert (packet.source, packet.destination, packet.protocol) == (GATEWAYS["proxy"], PROXY, 47)
    assert packet.payload[:4] == struct.pack("!HH", 0, kind)
    assert packet.payload[4 : 4 + len(header)] == header
    return read_ip(packet.payload[4 + len(header) :])


def test_static_redirects_tcp_by_l2_and_nothing_else() -> None:
    hosts = Hosts(redirect="static")
    packets = (("client", REQUEST), ("server", ANSWER), ("client", make_ip(CLIENT, SERVER, make_tcp(80, 81))))
    for link, packet in packets:
        out, redirected = hosts.pass_on(link, packet)
        assert (out, redirected.ttl, redirected.data[12:]) == ("proxy", 63, packet[12:])
    assert hosts.pass_on("client", make_ip(CLIENT, SERVER, make_udp(1, 80, b""), protocol=17))[0] == "server"
    assert hosts.pass_on("proxy", REQUEST)[0] == "server", "else it would never leave"
    assert hosts.core.snapshot().redirected("static", "l2") == 3
    assert hosts.core.snapshot().redirected() == 3


def test_off_redirects_nothing() -> None:
    assert Hosts(redirect="off").pass_on("client", REQUEST)[0] == "server"


def test_wccp_redirects_nothing_before_there_is_a_cache() -> None:
    hosts = Hosts(redirect="wccp")
    assert hosts.pass_on("client", REQUEST)[0] == "server"
    assert hosts.core.snapshot().caches("80") == ()


@pytest.mark.parametrize(
    ("forwarding", "kind", "headers"), [("gre", 0x883E, (WCCP_80, WCCP_90)), ("plain gre", 0x0800, (b"", b""))]
)
def test_wccp_redirects_in_gre(forwarding: str, kind: int, headers: tuple[bytes, bytes]) -> None:
    hosts = Hosts(redirect="wccp", forwarding=forwarding)
    register(hosts)
    for link, packet, header in (("client", REQUEST, headers[0]), ("server", ANSWER, headers[1])):
        out, redirected = hosts.pass_on(link, packet)
        inner = unwrap(redirected, kind, header)
        assert (out, redirected.dont_fragment) == ("proxy", True)
        assert (inner.ttl, inner.data[12:]) == (63, packet[12:])
    snapshot = hosts.core.snapshot()
    assert (snapshot.redirected("80", forwarding), snapshot.redirected("90", forwarding), snapshot.redirected()) == (1, 1, 2)
    assert snapshot.caches("80") == snapshot.caches("90") == (PROXY,)
    assert snapshot.forwarded == 0


def test_wccp_redirects_by_l2() -> None:
    hosts = Hosts(redirect="wccp", forwarding="l2")
    register(hosts, forwarding=2)
    out, packet = hosts.pass_on("client", REQUEST)
    assert (out, packet.protocol, packet.data[12:]) == ("proxy", 6, REQUEST[12:])
    assert hosts.core.snapshot().redirected("80", "l2") == 1


def test_services_are_redirected_on_their_own_links_only() -> None:
    hosts = Hosts(redirect="wccp")
    register(hosts)
    assert hosts.pass_on("server", make_ip(SERVER, CLIENT, make_tcp(40_000, 80)))[0] == "client"
    assert hosts.pass_on("client", make_ip(CLIENT, SERVER, make_tcp(80, 40_000)))[0] == "server"
    for packet in (REQUEST, ANSWER):
        assert hosts.pass_on("proxy", packet)[0] != "proxy"


def test_only_assigned_buckets_are_redirected() -> None:
    hosts = Hosts(redirect="wccp")
    register(hosts, buckets=make_buckets(68))
    assert hosts.pass_on("client", REQUEST)[0] == "server"
    other = make_ip(str(IPv4Address(CLIENT) + 1), SERVER, make_tcp(1, 80))
    assert hosts.pass_on("client", other)[0] == "server"  # bucket 69
    near = make_ip("10.77.1.5", SERVER, make_tcp(1, 80))
    assert hosts.pass_on("client", near)[0] == "proxy"  # bucket 67


@pytest.mark.parametrize(("forwarding", "room"), [("gre", 1472), ("plain gre", 1476)])
def test_a_packet_too_long_for_gre_is_sent_back_for_shorter_ones(forwarding: str, room: int) -> None:
    hosts = Hosts(redirect="wccp", forwarding=forwarding)
    register(hosts)
    out, error = hosts.pass_on("server", DOWNLOAD)
    assert (out, error.source, error.destination, error.protocol) == ("server", GATEWAYS["server"], SERVER, 1)
    assert error.payload[:2] == b"\x03\x04"
    assert struct.unpack("!HH", error.payload[4:8]) == (0, room)
    assert error.payload[8:36][12:] == DOWNLOAD[12:28]  # header and ports, which the sender's TCP knows it by
    assert hosts.core.snapshot().dropped("fragmentation needed", "server") == 1
    assert hosts.core.snapshot().redirected() == 0
    for length, goes in ((room, "proxy"), (room + 1, "server")):
        packet = make_ip(SERVER, CLIENT, make_tcp(80, 40_000, bytes(length - 40)))
        assert hosts.pass_on("server", packet)[0] == goes
    longest = read_ip(hosts.send("server", make_ip(SERVER, CLIENT, make_tcp(80, 40_000, bytes(room - 40))))[0][1][14:])
    assert len(longest.data) == 1500


def test_a_long_packet_that_may_be_fragmented_is_sent_in_fragments_of_the_outer_one() -> None:
    hosts = Hosts(redirect="wccp")
    register(hosts)
    packet = make_ip(SERVER, CLIENT, make_tcp(80, 40_000, bytes(range(256)) * 5 + bytes(180)), word=0)
    pieces = [read_ip(frame[14:]) for _, frame in hosts.send("server", packet)]
    assert [len(piece.data) for piece in pieces] == [1500, 48]
    assert [(piece.word & 0x2000, piece.word & 0x1FFF) for piece in pieces] == [(0x2000, 0), (0, 185)]
    assert len({piece.data[4:6] for piece in pieces}) == 1
    inner = unwrap(replace(pieces[0], payload=pieces[0].payload + pieces[1].payload), 0x883E, WCCP_90)
    assert inner.payload == packet[20:]


@pytest.mark.parametrize(
    "header",
    [b"\0\0\x88\x3e" + WCCP_80, b"\0\0\x88\x3e", b"\0\0\x08\0", b"\x20\0\x08\0KEY!", b"\xb0\0\x88\x3esum.key.seq." + WCCP_80],
)
def test_what_the_cache_returns_goes_its_way_without_being_redirected(header: bytes) -> None:
    hosts = Hosts(redirect="wccp")
    register(hosts)
    out, packet = hosts.pass_on("proxy", make_ip(PROXY, GATEWAYS["proxy"], header + REQUEST, protocol=47))
    assert (out, packet.ttl, packet.data[12:]) == ("server", 63, REQUEST[12:])
    assert (hosts.core.snapshot().returned, hosts.core.snapshot().redirected()) == (1, 0)


@pytest.mark.parametrize(
    ("link", "payload", "reason"),
    [
        ("client", b"\0\0\x08\0" + REQUEST, "GRE from another link than the proxy's"),
        ("proxy", b"\0\0\x86\xdd" + REQUEST, "GRE of another kind"),
        ("proxy", b"\0\1\x08\0" + REQUEST, "GRE of another kind"),
        ("proxy", b"\x40\0\x08\0" + REQUEST, "GRE of another kind"),
        ("proxy", b"\0\0", "truncated GRE"),
        ("proxy", b"\0\0\x88\x3e" + WCCP_80 + REQUEST[:10], "truncated IPv4 header"),
        ("proxy", b"\0\0\x08\0" + make_ip(PROXY, GATEWAYS["proxy"], b"", protocol=47), "GRE that holds a packet for the router"),
    ],
)
def test_gre_that_is_no_return_is_dropped(link: str, payload: bytes, reason: str) -> None:
    hosts = Hosts(redirect="wccp")
    assert hosts.send(link, make_ip(PROXY, GATEWAYS["proxy"], payload, protocol=47)) == []
    assert hosts.drops() == {reason: 1}


def test_a_cache_that_falls_silent_is_not_redirected_to() -> None:
    hosts = Hosts(redirect="wccp")
    register(hosts)
    hosts.now += 26
    queries = hosts.core.tick(hosts.now)
    assert [read_ip(frame[14:]).payload[8:12] for _, frame in queries] == [b"\0\0\0\x0d"] * 2
    assert hosts.pass_on("client", REQUEST)[0] == "proxy"
    hosts.now += 4
    hosts.core.tick(hosts.now)
    assert hosts.pass_on("client", REQUEST)[0] == "server"
    snapshot = hosts.core.snapshot()
    assert snapshot.caches("80") == ()
    assert [event.kind for event in snapshot.events][-2:] == ["lost", "lost"]


def test_the_mode_is_switched_while_the_router_runs() -> None:
    hosts = Hosts(redirect="wccp")
    register(hosts)
    hosts.core.switch("off")
    assert hosts.pass_on("client", REQUEST)[0] == "server"
    assert say_wccp(hosts, here_i_am()) == b""
    hosts.core.switch("static")
    assert hosts.pass_on("client", REQUEST)[1].protocol == 6
    hosts.core.switch("wccp")
    assert hosts.pass_on("client", REQUEST)[0] == "server"  # starts without caches
    register(hosts)
    assert hosts.pass_on("client", REQUEST)[1].protocol == 47
    assert hosts.core.snapshot().mode == "wccp"
    assert hosts.drops() == {"WCCP, which is off": 1}


def test_wccp_is_heard_from_the_proxys_link_only() -> None:
    hosts = Hosts(redirect="wccp")
    assert say_wccp(hosts, here_i_am(), link="client") == b""
    assert hosts.drops() == {"WCCP from another link than the proxy's": 1}


def test_other_services_are_not_joined() -> None:
    hosts = Hosts(redirect="wccp")
    key = replace(SERVICE_80.key, number=70)
    assert say_wccp(hosts, here_i_am(replace(SERVICE_80, key=key))) == b""
    assert hosts.core.snapshot().events[-1].detail == "HERE_I_AM: this router has no service 70"


def test_with_a_password_the_router_answers_in_kind() -> None:
    hosts = Hosts(redirect="wccp", password="secret")
    assert say_wccp(hosts, here_i_am()) == b""
    assert say_wccp(hosts, here_i_am(password="secret"))[8:16] == b"\0\0\0\x14\0\0\0\1"
