"""Squid of a finished cut registers with the WCCPv2 router: a kernel redirects to it while it is there, and only then."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.wccp.namespace import NamespaceRouter

from .finished import FinishedCut
from .wccpworld import Unpacked, World, make_world, unpack_cut

SERVICES = """\
wccp2_service dynamic 80{password}
wccp2_service_info 80 protocol=tcp flags=src_ip_hash priority=240 ports=80
wccp2_service dynamic 90{password}
wccp2_service_info 90 protocol=tcp flags=dst_ip_hash,ports_source priority=240 ports=80
"""
L2 = "wccp2_forwarding_method l2\nwccp2_return_method l2\n"
SERVICE_NUMBERS = ("80", "90")
PROXY = (NETWORK.proxy.host,)

# Squid speaks every ten seconds, and assigns fifteen after the last change: it is usable after 11, assigned after 26.
ASSIGNED = 45.0

pytestmark = [
    pytest.mark.cut,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="no ip here: install iproute2"),
]


@pytest.fixture(scope="module")
def unpacked(cut: FinishedCut) -> Iterator[Unpacked]:
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-wccp-") as folder:
        Path(folder).chmod(0o755)
        yield unpack_cut(cut, Path(folder))


@pytest.fixture
def world() -> Iterator[World]:
    # Squid drops root, and pytest keeps its own folders for their owner alone.
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-wccp-") as scratch:
        Path(scratch).chmod(0o755)
        with make_world(Path(scratch)) as made:
            yield made


def start_router(world: World, *, forwarding: str = "l2", password: str = "", redirect: bool = True) -> NamespaceRouter:
    """The router in its namespace, with an interval of five seconds: a silence of 15 drops a cache."""
    return NamespaceRouter(
        world.path("router"), address=NETWORK.proxy.router, forwarding=forwarding, password=password, here_i_am=5.0,
        interfaces={"80": "to-client", "90": "to-server"} if redirect else None, proxy_interface="to-proxy",
    )  # fmt: skip


def require_tproxy(world: World, unpacked: Unpacked) -> None:
    try:
        unpacked.intercept(world)
    except AssertionError as error:
        pytest.skip(f"the host's kernel does not take the rules of TPROXY: {error}")


def test_squid_registers_is_redirected_to_and_dropped_when_it_is_gone(world: World, unpacked: Unpacked) -> None:
    require_tproxy(world, unpacked)
    rules, client = world.run("router", "ip rule"), NETWORK.client.host
    assert world.fetch() == (client, "-")
    with start_router(world) as router:
        squid = unpacked.start_squid(world, L2, SERVICES.format(password=""))
        router.wait_for_caches(dict.fromkeys(SERVICE_NUMBERS, PROXY), ASSIGNED)
        address, via = world.fetch()
        assert address == client
        assert "proxy.example" in via
        squid.kill()
        router.wait_for_caches(dict.fromkeys(SERVICE_NUMBERS, ()), 20)
        assert {(event.service, event.cache) for event in router.events("lost")} == {("80", *PROXY), ("90", *PROXY)}
        assert [event.kind for event in router.events()] == [
            kind for kind in ("heard", "registered", "assignment", "queried", "lost") for _ in SERVICE_NUMBERS
        ]
        assert world.run("router", "ip rule") == rules
        assert world.fetch() == (client, "-")


def test_rules_are_gone_after_the_router(world: World, unpacked: Unpacked) -> None:
    rules = world.run("router", "ip rule; ip -4 route show table all")
    with start_router(world) as router:
        unpacked.start_squid(world, L2, SERVICES.format(password=""))
        router.wait_for_caches(dict.fromkeys(SERVICE_NUMBERS, PROXY), ASSIGNED)
        assert "iif to-client ipproto tcp dport 80 lookup 180" in world.run("router", "ip rule")
        assert "iif to-server ipproto tcp sport 80 lookup 190" in world.run("router", "ip rule")
    assert world.run("router", "ip rule; ip -4 route show table all") == rules


@pytest.mark.parametrize(
    ("forwarding", "password", "extra"),
    [
        ("gre", "", ""),
        ("gre", "secret12", ""),
        ("l2", "", L2 + "wccp2_assignment_method mask\n"),
    ],
    ids=["gre", "gre-md5", "l2-mask"],
)
def test_squid_negotiates(world: World, unpacked: Unpacked, forwarding: str, password: str, extra: str) -> None:
    with start_router(world, forwarding=forwarding, password=password, redirect=False) as router:
        unpacked.start_squid(world, extra, SERVICES.format(password=f" password={password}" if password else ""))
        router.wait_for_caches(dict.fromkeys(SERVICE_NUMBERS, PROXY), ASSIGNED)
    assert router.events("refused") == ()
    shares = {event.detail for event in router.events("assignment")}
    assert shares == {f"{NETWORK.proxy.host}: {64 if 'mask' in extra else 256}"}
    assert {event.detail for event in router.events("registered")} == {f"by {forwarding}"}


def test_another_password_is_not_answered(world: World, unpacked: Unpacked) -> None:
    with start_router(world, password="secret12", redirect=False) as router:
        unpacked.start_squid(world, L2, SERVICES.format(password=" password=other"))
        stop = time.monotonic() + 20
        while len(router.events("refused")) < 2 and time.monotonic() < stop:
            time.sleep(0.2)
        assert {event.detail for event in router.events()} == {"HERE_I_AM: made with another password"}
        assert router.services() == ()


def test_squid_gives_up_on_a_router_without_its_method(world: World, unpacked: Unpacked) -> None:
    with start_router(world, forwarding="gre", redirect=False) as router:
        unpacked.start_squid(world, L2, SERVICES.format(password=""))
        log = world.scratch / "squid" / "cache.log"
        stop = time.monotonic() + 20
        while time.monotonic() < stop and not (log.exists() and "different forwarding method" in log.read_text()):
            time.sleep(0.2)
        assert "different forwarding method 1, expected 2" in log.read_text()
        assert router.events("registered") == ()
