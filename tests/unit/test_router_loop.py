"""The router's sockets: frames behind their lengths, as QEMU sends them."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.router import Router
from tproxy_rpms.errors import HostError

from .routerhosts import CLIENT, GATEWAYS, MACS, REQUEST, ROUTER_MACS, SERVER, make_arp, make_ip, make_tcp, read_ip

FRAME = ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + REQUEST


class Guest:
    """A guest's end of `-netdev socket,connect=…`."""

    def __init__(self, router: Router, link: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", router.ports[link]), timeout=10)
        self.stream = self.socket.makefile("rb")
        wait_for(lambda: link in router.connected())

    def send(self, frame: bytes) -> None:
        self.socket.sendall(len(frame).to_bytes(4, "big") + frame)

    def receive(self) -> bytes:
        return self.stream.read(int.from_bytes(self.stream.read(4), "big"))


def wait_for(done: Callable[[], bool]) -> None:
    stop = time.monotonic() + 10
    while not done():
        assert time.monotonic() < stop
        time.sleep(0.01)


@pytest.fixture
def router() -> Iterator[Router]:
    with Router(NETWORK, redirect="static") as made:
        yield made


def connect(router: Router, link: str, *, host: str) -> Guest:
    """Connect a guest that has asked for its gateway."""
    guest = Guest(router, link)
    guest.send(make_arp(link, 1, sender=host, target=GATEWAYS[link]))
    assert guest.receive()[12:14] == b"\x08\x06"
    return guest


def test_frames_go_from_port_to_port(router: Router) -> None:
    client, proxy = connect(router, "client", host=CLIENT), connect(router, "proxy", host=NETWORK.proxy.host)
    client.send(FRAME)
    assert read_ip(proxy.receive()[14:]).ttl == 63
    router.switch("off")
    server = connect(router, "server", host=SERVER)
    client.send(FRAME)
    assert read_ip(server.receive()[14:]).destination == SERVER
    snapshot = router.snapshot()
    assert (snapshot.redirected("static", "l2"), snapshot.forwarded, snapshot.mode) == (1, 1, "off")


def test_frames_may_come_in_any_pieces(router: Router) -> None:
    client, proxy = connect(router, "client", host=CLIENT), connect(router, "proxy", host=NETWORK.proxy.host)
    stream = (len(FRAME).to_bytes(4, "big") + FRAME) * 3
    for place in range(0, len(stream), 7):
        client.socket.sendall(stream[place : place + 7])
        time.sleep(0.001)
    assert [read_ip(proxy.receive()[14:]).ttl for _ in range(3)] == [63] * 3


def test_a_guest_that_starts_again_takes_its_port_over(router: Router) -> None:
    client = connect(router, "client", host=CLIENT)
    first = connect(router, "proxy", host=NETWORK.proxy.host)
    second = connect(router, "proxy", host=NETWORK.proxy.host)
    client.send(FRAME)
    assert read_ip(second.receive()[14:]).ttl == 63
    assert first.socket.recv(1) == b""


def test_a_frame_for_nobody_is_counted(router: Router) -> None:
    client, proxy = connect(router, "client", host=CLIENT), connect(router, "proxy", host=NETWORK.proxy.host)
    proxy.socket.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: router.connected() == ("client",))
    client.send(FRAME)
    wait_for(lambda: router.snapshot().dropped("no host is connected", "proxy") == 1)


def test_a_length_that_is_none_ends_the_connection(router: Router) -> None:
    client = Guest(router, "client")
    client.socket.sendall(b"\xff" * 4)
    assert client.socket.recv(1) == b""
    connect(router, "client", host=CLIENT)


def test_a_guest_that_does_not_read_loses_frames_and_stops_nobody(router: Router) -> None:
    client, proxy = connect(router, "client", host=CLIENT), connect(router, "proxy", host=NETWORK.proxy.host)
    long = ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + make_ip(CLIENT, SERVER, make_tcp(1, 80, bytes(1460)))
    stream = (len(long).to_bytes(4, "big") + long) * 100
    stop = time.monotonic() + 60
    while not router.snapshot().dropped("the host does not read", "proxy"):
        assert time.monotonic() < stop
        client.socket.sendall(stream)
    client.send(make_arp("client", 1, sender=CLIENT, target=GATEWAYS["client"]))
    assert client.receive()[12:14] == b"\x08\x06"
    assert len(proxy.receive()) == 1514


def test_it_passes_on_more_than_5000_packets_a_second_of_a_processor(router: Router) -> None:
    client, proxy = connect(router, "client", host=CLIENT), connect(router, "proxy", host=NETWORK.proxy.host)
    count = 10_000
    long = ROUTER_MACS["client"] + MACS["client"] + b"\x08\x00" + make_ip(CLIENT, SERVER, make_tcp(1, 80, bytes(1460)))
    stream = len(long).to_bytes(4, "big") + long
    start = time.process_time()  # others may be at work on this host, and it makes the packets, too
    threading.Thread(target=lambda: client.socket.sendall(stream * count), daemon=True).start()
    for _ in range(count):
        assert len(proxy.receive()) == 1514
    assert count / (time.process_time() - start) > 5000


def test_a_router_that_has_failed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    router = Router(NETWORK)
    router.start()
    monkeypatch.setattr(router._core, "receive", lambda *_: 1 / 0)
    Guest(router, "client").send(FRAME)
    wait_for(lambda: not router._thread.is_alive())
    for ask in (router.snapshot, router.close):
        with pytest.raises(HostError, match="the router has failed: ZeroDivisionError"):
            ask()


def test_ports_are_free_after_it(router: Router) -> None:
    guest = Guest(router, "client")
    router.close()
    assert guest.socket.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", router.ports["client"]))


def test_modes_and_methods_are_known() -> None:
    with pytest.raises(ValueError, match="redirect is one of"):
        Router(NETWORK, redirect="on")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="forwarding one of"):
        Router(NETWORK, forwarding="ipip")  # type: ignore[arg-type]
