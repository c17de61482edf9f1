"""WCCPv2: Squid registers for services 80 and 90, is sent what they stand for, and nothing any more when it has gone."""

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.stage import STATE, check_intercepted, check_plain, proxy_running, serve, stop_squid
from tproxy_rpms.acceptance.trial import Trial
from tproxy_rpms.acceptance.world import Forwarding, World, wait_until

ALONE = False
NEEDS = ("tproxy",)
WORLDS = ("namespaces", "machines")

# Services: what clients send to port 80, and what comes back from it.
SERVICES = ("80", "90")

# Squid says that it is there every 10 seconds; after three times in vain a router forgets it (draft-wilson-wrec-wccp-v2-01, 4.2).
REGISTERED, FORGOTTEN = 90, 60


def run(world: World, trial: Trial) -> None:
    """Run the scenario with each way that this world's router can redirect, the last one with a password."""
    serve(world)
    world.proxy.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    before = world.proxy.run(STATE).text
    for forwarding in world.forwardings:
        redirect(world, trial, forwarding, password="secret12" if forwarding == world.forwardings[-1] else "")
    world.redirect("off")
    after = world.proxy.run(STATE).text
    trial.check("stop leaves nothing of WCCP behind", after == before, f"before:\n{before}\nafter:\n{after}")


def redirect(world: World, trial: Trial, forwarding: Forwarding, *, password: str) -> None:
    """Let Squid register and be redirected to; the first time let it go away, too, which takes the router long to notice."""
    name = {"gre": "GRE with WCCP's header", "plain gre": "plain GRE", "l2": "L2"}[forwarding]
    name += " and a password" if password else ""
    method = "l2" if forwarding == "l2" else "gre"
    world.redirect("wccp", forwarding=forwarding, password=password)
    settings = {"WCCP_ROUTERS": NETWORK.proxy.router, "WCCP_FORWARDING": method, "WCCP_RETURN": method, "WCCP_PASSWORD": password}
    if forwarding == "plain gre":
        settings["WCCP_INTERFACE"] = "wccp0"  # a tunnel of its own; else the kernel's gre0
    with proxy_running(world, trial, **settings):
        registered = wait_until(lambda: serves(world, (NETWORK.proxy.host,)), seconds=REGISTERED)
        trial.require(f"{name}: squid is assigned the packets of services 80 and 90", registered, world.redirected().said)
        check_intercepted(world, trial, name)
        packets = world.redirected().packets
        counted = all(packets[service] > 0 for service in SERVICES) if packets else True
        trial.check(f"{name}: packets of both services came that way", counted, f"{packets}\n{world.redirected().said}")
        if forwarding == world.forwardings[0]:
            check_forgotten(world, trial, name)


def check_forgotten(world: World, trial: Trial, name: str) -> None:
    """Check that a router stops redirecting to a Squid that has gone."""
    stop_squid(world)
    forgotten = wait_until(lambda: serves(world, ()), seconds=FORGOTTEN)
    trial.check(f"{name}: the router sends nothing more when squid has gone", forgotten, world.redirected().said)
    check_plain(world, trial, f"{name}: then the client reaches the server without a proxy")


def serves(world: World, caches: tuple[str, ...]) -> bool:
    """Tell whether packets of all services go to just these caches."""
    services = world.redirected().services
    return all(services.get(service, ()) == caches for service in SERVICES)
