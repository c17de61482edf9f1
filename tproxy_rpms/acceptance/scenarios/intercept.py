"""The founding page: port 80 passes Squid with the client's address kept, everything else passes untouched."""

import re

from tproxy_rpms.acceptance import world as world_module
from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.stage import PROXY, SITE, STATE, check_intercepted, check_plain, configure, proxy_running, serve
from tproxy_rpms.acceptance.trial import Trial
from tproxy_rpms.acceptance.world import World, fetch

ALONE = False
NEEDS = ("tproxy",)
WORLDS = ("namespaces", "machines")


def run(world: World, trial: Trial) -> None:
    """Run the scenario; the router sends all TCP, both ways, by the proxy: what is no web traffic has to pass untouched."""
    serve(world)
    world.redirect("off")
    check_plain(world, trial, "without a proxy the client reaches the server")
    world.proxy.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    world.redirect("static")
    check_plain(world, trial, "as long as nothing intercepts, the proxy host passes port 80 on")
    before = world.proxy.run(STATE).text
    check_bad_values(world, trial, before)
    with proxy_running(world, trial):
        check_host(world, trial)
        check_intercepted(world, trial, "intercepted")
        check_explicit(world, trial)
        check_cache(world, trial)
        check_plain(world, trial, "other ports pass untouched", site=f"{SITE}:8080")
        check_long(world, trial)
        check_divert(world, trial)
    check_plain(world, trial, "after stop the same path is plain routing")
    after = world.proxy.run(STATE).text
    trial.check("stop leaves nothing behind", after == before, f"before:\n{before}\nafter:\n{after}")


def check_bad_values(world: World, trial: Trial, before: str) -> None:
    """Check that a bad value is named, and changes nothing."""
    configure(world, TPROXY_PORT="312900")
    answer = world.proxy.run(f"{world.host.service} start")
    named = all(word in answer.text for word in ("TPROXY_PORT", "312900", world.host.config))
    trial.check("a bad value is refused with file, key and value", answer.status != 0 and named, answer.text)
    after = world.proxy.run(STATE).text
    trial.check("a bad value changes nothing", after == before, after)


def check_versions(world: World, trial: Trial) -> None:
    """Check that the host runs what the verdict says."""
    for command, words in {
        "uname -r": world.host.kernel, "iptables --version": f"v{world.host.iptables}", "squid -v": f"Version {world.host.squid}",
    }.items():  # fmt: skip
        said = world.proxy.run(command).text
        trial.check(f"{command} says {words}", re.search(rf"{re.escape(words)}(?![0-9.])", said) is not None, said)


def check_host(world: World, trial: Trial) -> None:
    """Check what the host says of itself, and that a second start adds nothing."""
    check_versions(world, trial)
    once = world.proxy.run(STATE).text
    again = world.proxy.run(f"{world.host.service} start")
    twice = world.proxy.run(STATE).text
    trial.check("a second start adds nothing", again.status == 0 and twice == once, f"{again.text}\n{once}\n{twice}")
    status = world.proxy.run(f"{world.host.service} status")
    trial.check("status says that all is there", status.status == 0, status.text)
    found = world.proxy.run("tproxy-host check")
    trial.check("check finds nothing wrong", found.status == 0, found.text)


def check_explicit(world: World, trial: Trial) -> None:
    """Check the port for clients that know of the proxy."""
    got = fetch(world.client, f"{SITE}/cgi-bin/who", proxy=PROXY)
    trial.check(
        "port 3128 serves as an explicit proxy, with the proxy's address", got.field("peer") == NETWORK.proxy.host, got.said
    )
    trial.check("port 3128: Via names squid", "squid" in got.field("via"), got.said)


def check_cache(world: World, trial: Trial) -> None:
    """Check that a page that may be kept is made once."""
    first, second = (fetch(world.client, f"{SITE}/cgi-bin/made") for _ in range(2))
    same = bool(first.field("made")) and first.field("made") == second.field("made")
    trial.check("a second request is a cache hit", same and "HIT" in second.headers.get("x-cache", ""), first.said + second.said)


def check_long(world: World, trial: Trial) -> None:
    """Check a body of more than a megabyte by its digest."""
    sent = world.server.run("sha256sum < /srv/long").text.split()
    got = world.client.run(f"wget -q -T {world_module.SILENCE} -O - {SITE}/long | sha256sum", seconds=120).text.split()
    trial.check("a long body arrives as it was sent", bool(sent) and sent == got, f"{sent} {got}")


def check_divert(world: World, trial: Trial) -> None:
    """Check by the counters that established flows went to their socket through DIVERT, and only new ones through TPROXY."""
    counters = world.proxy.run("iptables -t mangle -L -v -n -x").text
    divert = re.search(r"^\s*(\d+)\s+\d+\s+DIVERT\b", counters, re.MULTILINE)
    tproxy = re.search(r"^\s*(\d+)\s+\d+\s+TPROXY\b", counters, re.MULTILINE)
    caught = divert is not None and tproxy is not None and int(divert[1]) > int(tproxy[1]) > 0
    trial.check("the DIVERT rule catches established flows", caught, counters)
