"""The userspace router: forwarding, ARP, ICMP, and what it does with frames that are wrong."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.router.neighbours import Neighbours, to_number
from tproxy_rpms.acceptance.router.packet import MTU, cut_fragments, read_arp
from tproxy_rpms.acceptance.router.packet import make_udp as make_udp_packet

from .routerhosts import (
    ANSWER,
    CLIENT,
    GATEWAYS,
    MACS,
    PROXY,
    REQUEST,
    ROUTER_MACS,
    SERVER,
    SUM,
    Hosts,
    internet_sum,
    make_arp,
    make_ip,
    make_tcp,
    make_udp,
    read_ip,
    to_bytes,
)


def test_a_packet_is_forwarded_with_one_hop_less_and_nothing_else_changed() -> None:
    hosts = Hosts()
    out, packet = hosts.pass_on("client", REQUEST)
    assert out == "server"
    assert packet.ttl == 63
    assert packet.data[:8] + packet.data[12:] == REQUEST[:8] + REQUEST[12:]
    assert hosts.pass_on("server", ANSWER)[0] == "client"
    snapshot = hosts.core.snapshot()
    assert (snapshot.forwarded, snapshot.redirected(), snapshot.dropped()) == (2, 0, 0)
    assert (snapshot.link("client").received, snapshot.link("client").sent) == (2, 2)  # one of each was ARP


def test_the_proxy_may_speak_in_the_clients_name() -> None:
    hosts = Hosts(redirect="static")
    assert hosts.pass_on("proxy", REQUEST)[0] == "server"
    assert hosts.pass_on("proxy", ANSWER)[0] == "client"


def test_options_of_a_packet_are_kept() -> None:
    packet = make_ip(CLIENT, SERVER, make_tcp(1, 2), options=b"\x07\x07\x04" + bytes(5))
    assert Hosts().pass_on("client", packet)[1].data[20:] == packet[20:]


def test_padding_is_not_forwarded_as_data() -> None:
    packet = make_ip(CLIENT, SERVER, b"x", protocol=17)
    _, frame = Hosts().send("client", packet + b"junk" * 6)[0]
    assert read_ip(frame[14:]).data[20:] == b"x"


def test_arp_for_the_router_is_answered_and_for_others_not() -> None:
    hosts = Hosts(strange=True)
    ((link, frame),) = hosts.send_frame("client", make_arp("client", 1, sender=CLIENT, target=GATEWAYS["client"]))
    assert (link, frame[:6], frame[6:12], frame[12:14]) == ("client", MACS["client"], ROUTER_MACS["client"], b"\x08\x06")
    expected = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + ROUTER_MACS["client"] + to_bytes(GATEWAYS["client"])
    assert frame[14:42] == expected + MACS["client"] + to_bytes(CLIENT)
    assert hosts.send_frame("client", make_arp("client", 1, sender=CLIENT, target="10.77.1.9")) == []
    assert hosts.send_frame("client", make_arp("client", 1, sender=CLIENT, target=GATEWAYS["server"])) == []


def test_a_neighbour_is_asked_for_and_packets_wait_for_it() -> None:
    hosts = Hosts(strange=True)
    ((link, question),) = hosts.send("client", REQUEST)
    assert (link, question[:6], question[20:22]) == ("server", b"\xff" * 6, b"\0\1")
    assert question[38:42] == to_bytes(SERVER)
    assert hosts.send("client", REQUEST) == []
    hosts.now += 1.1
    assert [frame[38:42] for _, frame in hosts.core.tick(hosts.now)] == [to_bytes(SERVER)]
    answer = make_arp("server", 2, sender=SERVER, target=GATEWAYS["server"])
    waited = hosts.send_frame("server", answer)
    assert [(link, frame[:6], read_ip(frame[14:]).ttl) for link, frame in waited] == [("server", MACS["server"], 63)] * 2
    assert hosts.pass_on("client", REQUEST)[0] == "server"


def test_a_neighbour_that_does_not_answer_is_given_up() -> None:
    hosts = Hosts(strange=True)
    for _ in range(300):
        hosts.send("client", REQUEST)
    asked = 0
    for _ in range(20):
        hosts.now += 1
        asked += len(hosts.core.tick(hosts.now))
    assert asked == 4
    assert hosts.drops() == {"too many packets wait for ARP": 44, "no answer to ARP": 256}
    assert len(hosts.send("client", REQUEST)) == 1  # and asked for again


def test_a_host_that_comes_back_with_another_address_is_heard() -> None:
    hosts, other = Hosts(), b"\2\0\0\0\0\1"
    hosts.send_frame("server", make_arp("server", 1, sender=SERVER, target=SERVER, sender_mac=other))
    ((_, frame),) = hosts.send("client", REQUEST)
    assert frame[:6] == other


def test_the_proxy_does_not_become_the_client_by_asking_in_its_name() -> None:
    hosts = Hosts()
    hosts.send_frame("proxy", make_arp("proxy", 1, sender=CLIENT, target=GATEWAYS["proxy"]))
    assert hosts.pass_on("server", ANSWER)[0] == "client"


def test_nothing_is_learnt_of_strangers_on_a_link() -> None:
    neighbours = Neighbours(NETWORK.proxy)
    asking = make_arp("proxy", 1, sender=CLIENT, target=GATEWAYS["proxy"])
    assert len(neighbours.hear(read_arp(asking[14:]))) == 1
    for address, frames in ((CLIENT, [b"\x08\x06"]), (PROXY, [b"\x08\x06"])):
        assert [frame[12:14] for frame in neighbours.send(to_number(address), [REQUEST], 0)[0]] == frames


def test_nobody_becomes_the_router() -> None:
    hosts = Hosts()
    hosts.send_frame("client", make_arp("client", 1, sender=GATEWAYS["client"], target=GATEWAYS["client"]))
    assert hosts.pass_on("server", ANSWER)[0] == "client"


@pytest.mark.parametrize("gateway", GATEWAYS.values())
def test_echo_is_answered_on_every_address(gateway: str) -> None:
    echo = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"ping" * 5 + b"!"
    echo = echo[:2] + struct.pack("!H", SUM - internet_sum(echo)) + echo[4:]
    out, packet = Hosts().pass_on("client", make_ip(CLIENT, gateway, echo, protocol=1))
    assert (out, packet.source, packet.destination) == ("client", gateway, CLIENT)
    assert packet.payload[:2] == b"\0\0"
    assert packet.payload[4:] == echo[4:]
    assert internet_sum(packet.payload) == SUM


def test_a_long_echo_is_answered_whole() -> None:
    echo = b"\x08\0" + bytes(1478)
    answers = Hosts().send("client", make_ip(CLIENT, GATEWAYS["client"], echo, protocol=1))
    assert [len(read_ip(frame[14:]).data) for _, frame in answers] == [1500]


@pytest.mark.parametrize(
    ("packet", "kind", "reason"),
    [
        (make_ip(CLIENT, SERVER, make_tcp(1, 2), ttl=1), b"\x0b\0", "TTL exceeded"),
        (make_ip(CLIENT, SERVER, make_tcp(1, 2), ttl=0), b"\x0b\0", "TTL exceeded"),
        (make_ip(CLIENT, "192.0.2.1", make_tcp(1, 2)), b"\x03\0", "no route"),
        (make_ip(CLIENT, GATEWAYS["client"], make_udp(1, 33434, b"")), b"\x03\3", "protocol 6 for the router"),
        (make_ip(CLIENT, GATEWAYS["client"], make_udp(1, 33434, b""), protocol=17), b"\x03\3", "UDP port of the router"),
    ],
)
def test_who_sends_what_cannot_be_delivered_is_told(packet: bytes, kind: bytes, reason: str) -> None:
    hosts = Hosts()
    if reason.startswith("protocol"):
        assert hosts.send("client", packet) == []
    else:
        out, error = hosts.pass_on("client", packet)
        assert (out, error.source, error.destination, error.protocol) == ("client", GATEWAYS["client"], CLIENT, 1)
        assert error.payload[:2] == kind
        assert error.payload[8:] == packet[: len(error.payload) - 8]
        assert internet_sum(error.payload) == SUM
    assert hosts.drops() == {reason: 1}


def test_no_error_is_sent_about_an_error_or_a_later_fragment() -> None:
    hosts = Hosts()
    assert hosts.send("client", make_ip(CLIENT, SERVER, b"\3\0" + bytes(30), protocol=1, ttl=1)) == []
    assert hosts.send("client", make_ip(CLIENT, SERVER, bytes(30), ttl=1, word=5)) == []
    assert hosts.drops() == {"TTL exceeded": 2}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"short", "truncated frame"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x86\xdd" + bytes(40), "Ethernet type 0x86dd"),
        (MACS["server"] + MACS["client"] + b"\x08\x00" + REQUEST, "for another Ethernet address"),
        (b"\xff" * 6 + MACS["client"] + b"\x08\x00" + REQUEST, "broadcast"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + REQUEST[:-1], "truncated IPv4 packet"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + REQUEST[:19], "truncated IPv4 header"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + b"\x44" + REQUEST[1:], "bad IPv4 header"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + REQUEST[:8] + b"\x41" + REQUEST[9:], "bad IPv4 checksum"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x08\x06" + bytes(28), "ARP of another kind"),
        (ROUTER_MACS["client"] + MACS["client"] + b"\x08\x06" + bytes(20), "truncated ARP"),
    ],
)
def test_a_frame_that_is_wrong_is_dropped_and_counted(frame: bytes, reason: str) -> None:
    hosts = Hosts()
    assert hosts.send_frame("client", frame) == []
    assert hosts.drops() == {reason: 1}
    assert hosts.core.snapshot().dropped(reason, "client") == 1
    assert hosts.core.snapshot().dropped(link="server") == 0


@pytest.mark.parametrize(
    ("source", "destination", "reason"),
    [
        (CLIENT, "10.77.3.255", "broadcast"),
        (CLIENT, "255.255.255.255", "broadcast"),
        (CLIENT, "224.0.0.22", "broadcast"),
        ("127.0.0.1", SERVER, "impossible source address"),
        ("0.0.0.0", SERVER, "impossible source address"),
        ("224.0.0.1", SERVER, "impossible source address"),
    ],
)
def test_addresses_that_are_not_routed(source: str, destination: str, reason: str) -> None:
    hosts = Hosts()
    assert hosts.send("client", make_ip(source, destination, make_tcp(1, 2))) == []
    assert hosts.drops() == {reason: 1}


@given(st.sampled_from(["client", "proxy", "server"]), st.binary(max_size=120), st.sampled_from(["wccp", "static", "off"]))
def test_noise_never_stops_the_router(link: str, noise: bytes, mode: str) -> None:
    hosts = Hosts(redirect=mode)
    for frame in (
        noise,
        ROUTER_MACS[link] + MACS[link] + b"\x08\x00" + noise,
        ROUTER_MACS[link] + MACS[link] + b"\x08\x06" + noise,
    ):
        hosts.send_frame(link, frame)
    for protocol in (1, 6, 17, 47):
        for destination in (GATEWAYS["proxy"], SERVER):
            hosts.send(link, make_ip(CLIENT, destination, noise, protocol=protocol))
    assert hosts.pass_on("proxy", REQUEST)[0] == "server"


@given(st.integers(0, 5000), st.sampled_from([68, 576, 1500]), st.booleans())
def test_fragments_make_the_packet_again(size: int, mtu: int, of_a_fragment: bool) -> None:
    word = 0x2000 | 40 if of_a_fragment else 0
    packet = make_ip(CLIENT, SERVER, bytes(index % 251 for index in range(size)), protocol=47, word=word)
    pieces = [read_ip(piece) for piece in cut_fragments(packet, mtu=mtu)]
    whole, place = b"", word & 0x1FFF
    for piece in pieces:
        assert len(piece.data) <= mtu
        assert piece.word & 0x1FFF == place + len(whole) // 8
        assert len(whole) % 8 == 0
        whole += piece.payload
    assert whole == packet[20:]
    assert [bool(piece.word & 0x2000) for piece in pieces] == [True] * (len(pieces) - 1) + [of_a_fragment]
    assert {piece.data[4:6] for piece in pieces} == {packet[4:6]}


def test_a_udp_checksum_is_never_zero_which_would_mean_none() -> None:
    sums = {
        make_udp_packet(
            source=1, destination=2, source_port=3, destination_port=4, payload=number.to_bytes(2), identification=0
        )[26:28]
        for number in range(0x10000)
    }  # fmt: skip
    assert b"\0\0" not in sums
    assert b"\xff\xff" in sums


def test_links_are_told_apart() -> None:
    assert MTU == 1500
    assert len({*MACS.values(), *ROUTER_MACS.values()}) == 6
    assert (NETWORK.proxy.host, NETWORK.proxy.router) == (PROXY, GATEWAYS["proxy"])
