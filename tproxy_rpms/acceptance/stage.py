"""What scenarios do again and again: serve pages, set the proxy up and take it down, and look at what it has."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.node import Node
from tproxy_rpms.acceptance.trial import Trial
from tproxy_rpms.acceptance.world import Response, World, fetch, wait_until

SITE = f"http://{NETWORK.server.host}"
PROXY = f"http://{NETWORK.proxy.host}:3128"
CONF = "/etc/squid/squid.conf"

# Pages: who asks; one that may be kept, with how often it was made; and one that is long.
SERVE = """\
mkdir -p /srv/cgi-bin
cat > /srv/cgi-bin/who <<'PAGE'
#!/bin/busybox sh
printf 'Content-Type: text/plain\\r\\nCache-Control: no-store\\r\\n\\r\\n'
echo "peer=$REMOTE_ADDR"
echo "via=$HTTP_VIA"
PAGE
cat > /srv/cgi-bin/made <<'PAGE'
#!/bin/busybox sh
made=$(($(cat /tmp/made 2>/dev/null || echo 0) + 1))
echo $made > /tmp/made
now=$(date -u '+%a, %d %b %Y %H:%M:%S GMT')
printf 'Content-Type: text/plain\\r\\nCache-Control: max-age=3600\\r\\nDate: %s\\r\\n\\r\\n' "$now"
echo "made=$made"
PAGE
chmod 755 /srv/cgi-bin/*
seq 1 200000 > /srv/long
rm -f /tmp/made
for port in 80 8080; do httpd -p $port -h /srv 2>/dev/null; done
exit 0  # the pages are served already where a port is taken
"""

# What of the host a proxy changes: rules, chains, policy routing, addresses, and how packets are let through.
STATE = """\
for table in mangle filter; do
    iptables -t $table -S 2>/dev/null | sed "s/^/$table /"
done | grep -v ' -P '
ip rule show
ip route show table 100 2>/dev/null
ip link show | sed -n 's/^[0-9]*: \\([^:@]*\\).*/\\1/p' | grep -vx -e gre0 -e gretap0 -e erspan0  # ip_gre brings these
ip link show gre0 2>/dev/null | grep '[<,]UP[,>]'
for path in ip_forward conf/all/rp_filter conf/default/rp_filter conf/eth0/rp_filter; do
    echo "$path $(cat /proc/sys/net/ipv4/$path)"
done
exit 0
"""

# Squid's own parts of its configuration; the rest comes from tproxy-host.
SQUID = """\
include /etc/squid/tproxy/*.conf
visible_hostname proxy
cache_mem 16 MB
shutdown_lifetime 1 second
cache_effective_user squid
"""


def serve(world: World) -> None:
    """Start the server's pages."""
    world.server.run(SERVE)


def configure(world: World, **settings: str) -> None:
    """Write the proxy's one file, each key as it is in there."""
    given = {"INTERFACES": "eth0", **settings}
    lines = "\n".join(f'{key}="{value}"' for key, value in given.items())
    world.proxy.run(
        f"mkdir -p {shlex.quote(world.host.config.rpartition('/')[0])}\ncat > {world.host.config} <<'END'\n{lines}\nEND"
    )


@contextmanager
def proxy_running(world: World, trial: Trial, **settings: str) -> Iterator[None]:
    """Set the proxy up as its settings say, and take it down in the end. Raises TrialError if it does not come up."""
    configure(world, **settings)
    started = world.proxy.run(f"{world.host.service} start")
    trial.require("tproxy-host starts", started.status == 0, started.text)
    try:
        start_squid(world, trial)
        yield
    finally:
        stop_squid(world)
        stopped = world.proxy.run(f"{world.host.service} stop")
        trial.check("tproxy-host stops", stopped.status == 0, stopped.text)


def start_squid(world: World, trial: Trial) -> None:
    """Start Squid with what tproxy-host has written. Raises TrialError if it does not listen."""
    world.proxy.run(f"cat > {CONF} <<'END'\n{SQUID}END\nrm -f /var/log/squid/cache.log")
    started = world.proxy.run(f"squid -f {CONF}", seconds=120)
    up = wait_until(lambda: listens(world.proxy, 3128) and listens(world.proxy, 3129), seconds=90)
    told = f"status {started.status}\n{started.text}"
    told += "" if up else world.proxy.run("tail -n 30 /var/log/squid/cache.log").text
    trial.require("squid listens at its ports", up, told)


def stop_squid(world: World) -> None:
    """Stop Squid, and wait until it has gone."""
    world.proxy.run(f"squid -f {CONF} -k shutdown", seconds=120)
    wait_until(lambda: world.proxy.run("pidof squid").status != 0, seconds=60)


def listens(node: Node, port: int) -> bool:
    """Tell whether something listens at a TCP port of a node."""
    return node.run(f"grep -qi ':{port:04X} [0:]* 0A ' /proc/net/tcp /proc/net/tcp6").status == 0


def check_plain(world: World, trial: Trial, name: str, *, site: str = SITE) -> None:
    """Check that the client reaches the server without a proxy between them."""
    got = fetch(world.client, f"{site}/cgi-bin/who")
    plain = got.field("peer") == NETWORK.client.host and not got.field("via") and "via" not in got.headers
    trial.check(name, got.ended == 0 and plain, got.said)


def check_intercepted(world: World, trial: Trial, name: str) -> Response:
    """Check that a request passes Squid, and that the server sees the client's own address."""
    got = fetch(world.client, f"{SITE}/cgi-bin/who")
    trial.check(f"{name}: the server sees the client's address", got.field("peer") == NETWORK.client.host, got.said)
    trial.check(
        f"{name}: Via names squid, to server and client",
        "squid" in got.field("via") and "squid" in got.headers.get("via", ""),
        got.said,
    )
    return got
