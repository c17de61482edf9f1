"""The userspace router between kernels: their TCP goes through it, and Squid is redirected to as it negotiates."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.router import Router
from tproxy_rpms.acceptance.wccp.state import Timers

from .finished import FinishedCut
from .test_wccp import ASSIGNED, L2, PROXY, SERVICES
from .wccpworld import Unpacked, World, make_world, unpack_cut

CLIENT = NETWORK.client.host
BIG = 3_000_000

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="no ip here: install iproute2"),
    pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="no TAP devices on this host"),
]


@contextmanager
def run_world(router: Router) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-router-") as scratch:
        Path(scratch).chmod(0o755)
        with router, make_world(Path(scratch), userspace=router) as world:
            yield world


@pytest.fixture(scope="module")
def unpacked(cut: FinishedCut) -> Iterator[Unpacked]:
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-router-") as folder:
        Path(folder).chmod(0o755)
        yield unpack_cut(cut, Path(folder))


def wait_for(done: Callable[[], bool], seconds: float, router: Router) -> None:
    stop = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < stop, router.snapshot()
        time.sleep(0.2)


# What ping does, which not every host has: arguments are address, TTL and octets; it prints who answers, type and code.
PING = r"""
import socket, struct, sys
ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ping.settimeout(10)
ping.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(sys.argv[2]))
message = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + bytes(int(sys.argv[3]))
total = sum(struct.unpack(f"!{len(message) // 2}H", message))
ping.sendto(message[:2] + struct.pack("!H", 0xFFFF - total) + message[4:], (sys.argv[1], 0))
answer, source = ping.recvfrom(65535)
print(source[0], answer[20], answer[21])
"""


def ping(world: World, address: str, *, ttl: int = 64, size: int = 56) -> tuple[str, int, int]:
    source, kind, code = world.run("client", f"python3 -c '{PING}' {address} {ttl} {size}").split()
    return source, int(kind), int(code)


def test_kernels_talk_through_it() -> None:
    router = Router(NETWORK)
    with run_world(router) as world:
        assert world.fetch(BIG) == (CLIENT, "-")
        for link in NETWORK.links:
            assert ping(world, link.router) == (link.router, 0, 0)
        assert ping(world, NETWORK.server.host, size=1472) == (NETWORK.server.host, 0, 0)
        assert ping(world, NETWORK.server.host, ttl=1) == (NETWORK.client.router, 11, 0)
        assert ping(world, "192.0.2.1") == (NETWORK.client.router, 3, 0)
        snapshot = router.snapshot()
        assert (snapshot.redirected(), router.connected()) == (0, ("client", "proxy", "server"))
        assert snapshot.link("client").sent_bytes > BIG
        assert {drop.reason for drop in snapshot.drops} <= {"TTL exceeded", "no route", "Ethernet type 0x86dd"}


def test_static_redirection_reaches_the_proxy_and_is_switched_off() -> None:
    router = Router(NETWORK, redirect="static")
    with run_world(router) as world:
        # Without TPROXY the proxy only forwards what it gets: the packets take the way through it, nothing else changes.
        world.run("proxy", "sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0")
        before = router.snapshot().redirected("static", "l2")
        assert world.fetch() == (CLIENT, "-")
        assert router.snapshot().redirected("static", "l2") >= before + 8
        router.switch("off")
        before = router.snapshot().redirected()
        assert world.fetch() == (CLIENT, "-")
        assert router.snapshot().redirected() == before


@pytest.mark.cut
@pytest.mark.parametrize("forwarding", ["gre", "plain gre", "l2"])
def test_squid_serves_what_is_redirected_to_it(unpacked: Unpacked, forwarding: str) -> None:
    router = Router(NETWORK, redirect="wccp", forwarding=forwarding, password="secret12", timers=Timers(here_i_am=5))  # type: ignore[arg-type]
    with run_world(router) as world:
        try:
            unpacked.intercept(world)
        except AssertionError as error:
            pytest.skip(f"the host's kernel does not take the rules of TPROXY: {error}")
        squid = unpacked.start_squid(world, L2 if forwarding == "l2" else "", SERVICES.format(password=" password=secret12"))
        wait_for(lambda: router.snapshot().caches("80") == router.snapshot().caches("90") == PROXY, ASSIGNED, router)
        for extra in (0, BIG):
            address, via = world.fetch(extra)
            assert address == CLIENT
            assert "proxy.example" in via
        snapshot = router.snapshot()
        assert snapshot.redirected("80", forwarding) > 10
        assert snapshot.redirected("90", forwarding) > BIG // 1500
        assert snapshot.redirected() == snapshot.redirected("80", forwarding) + snapshot.redirected("90", forwarding)
        # The server's kernel sends shorter packets once it was told to: its long ones do not fit into GRE.
        assert bool(snapshot.dropped("fragmentation needed", "server")) == (forwarding != "l2")
        squid.kill()
        wait_for(lambda: not router.snapshot().caches("80") and not router.snapshot().caches("90"), 20, router)
        assert world.fetch() == (CLIENT, "-")
