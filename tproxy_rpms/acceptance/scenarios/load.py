"""Two thousand connections at once and ten thousand requests: none lost, every body checked, beside other ways to the server."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tproxy_rpms.acceptance.namespaces import NamespaceWorld
from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.node import NodeError
from tproxy_rpms.acceptance.stage import listens, proxy_running
from tproxy_rpms.acceptance.trial import Series, Trial
from tproxy_rpms.acceptance.world import World, wait_until
from tproxy_rpms.process import clean_environment, run_command
from tproxy_rpms.store import PACKAGE

ALONE = True
NEEDS = ("tproxy",)
WORLDS = ("namespaces",)

CONNECTIONS, REQUESTS = 2000, 10_000

# Seconds that one series may take.
PATIENCE = 300


def run(world: World, trial: Trial) -> None:
    """Run the scenario: the same client without the proxy, by the explicit port, and intercepted."""
    assert isinstance(world, NamespaceWorld)
    world.server.run("pkill httpd")
    wait_until(lambda: not listens(world.server, 80), seconds=10)
    world.redirect("off")
    with serving(world):
        measure(world, trial, "without a proxy", peer=NETWORK.client.host)
        with proxy_running(world, trial):
            measure(world, trial, "explicit proxy port", NETWORK.proxy.host, "3128", peer=NETWORK.proxy.host)
            world.redirect("static")
            measure(world, trial, "intercepted", peer=NETWORK.client.host)
    world.redirect("off")


@contextmanager
def serving(world: NamespaceWorld) -> Iterator[None]:
    """Serve in the server's network while the context lasts."""
    argv = ["setpriv", "--pdeathsig", "KILL", *world.command(world.server, "load", "serve", "80")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdin and server.stdout
        try:
            if server.stdout.readline() != "ready\n":
                raise NodeError("server: the load's server does not come up")
            yield
        finally:
            server.stdin.close()
            server.terminate()


def measure(world: NamespaceWorld, trial: Trial, name: str, *proxy: str, peer: str) -> None:
    """Send all requests in one way, and check what has come back."""
    argv = world.command(world.client, "load", "fetch", NETWORK.server.host, "80", str(CONNECTIONS), str(REQUESTS), *proxy)
    told = json.loads(run_command(argv, env=environment(), seconds=PATIENCE).stdout)
    series = Series(
        name=name, requests=REQUESTS, lost=told["lost"], connections=CONNECTIONS, seconds=round(told["seconds"], 3),
        latency=told["latencies"],
    )  # fmt: skip
    trial.series.append(series)
    figures = f"{series.rate:.0f} requests/s, latency {series.latency} ms, lost {series.lost} {told['causes'] or ''}"
    trial.check(f"{name}: {REQUESTS} requests over {CONNECTIONS} connections, none lost", not series.lost, figures)
    trial.check(f"{name}: the server saw {peer} alone", told["peers"] == {peer: REQUESTS - series.lost}, str(told["peers"]))
    if name != "without a proxy":
        trial.check(f"{name}: all passed squid", all("squid" in via for via in told["through"]), str(told["through"]))


def environment() -> dict[str, str]:
    """Return what a module of ours needs to be found."""
    return clean_environment({"PYTHONPATH": str(PACKAGE.parent)})
