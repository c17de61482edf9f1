"""Four network namespaces, as in an acceptance run: client, proxy and server, each on a link of its own to a router."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tproxy_rpms.acceptance.network import NETWORK, Link
from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.acceptance.router import Router

from .finished import FinishedCut

SERVER = """\
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.client_address[0]} {self.headers.get('Via', '-')}".encode() + b"." * int(self.path[1:] or 0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("0.0.0.0", 80), Handler).serve_forever()
"""

FETCH = "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())'"

# What the reference page has of rules and routes, with the cut's own iptables.
INTERCEPT = """\
ip rule add fwmark 1 lookup 100
ip route add local 0.0.0.0/0 dev lo table 100
iptables -t mangle -N DIVERT
iptables -t mangle -A DIVERT -j MARK --set-mark 1
iptables -t mangle -A DIVERT -j ACCEPT
iptables -t mangle -A PREROUTING -p tcp -m socket -j DIVERT
iptables -t mangle -A PREROUTING -p tcp --dport 80 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 3129
"""


@dataclass(kw_only=True)
class World:
    """The namespaces, named so that no other run has the same; processes that were started in them."""

    scratch: Path
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def netns(self, name: str) -> str:
        """The namespace of client, router, proxy or server."""
        return f"wccp{os.getpid()}-{name}"

    def path(self, name: str) -> Path:
        """The file of a namespace."""
        return Path("/run/netns") / self.netns(name)

    def run(self, name: str, script: str, **environment: str) -> str:
        """Run shell lines in a namespace; return what they print."""
        argv = ["ip", "netns", "exec", self.netns(name), "sh", "-ec", script]
        result = subprocess.run(argv, capture_output=True, text=True, env=os.environ | environment, check=False, timeout=60)
        assert result.returncode == 0, f"{script}\n{result.stdout}{result.stderr}"
        return result.stdout

    def start(self, name: str, argv: list[str], *, log: Path, inherit: tuple[int, ...] = ()) -> "subprocess.Popen[bytes]":
        """Start a program in a namespace, with some files of ours; it ends with the world."""
        with log.open("wb") as output:
            words = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.netns(name), *argv]
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, pass_fds=inherit
            )  # fmt: skip
        self.started.append(process)
        return process

    def fetch(self, extra: int = 0) -> tuple[str, str]:
        """Ask the server for a page, as the client; return the address that the server sees, and its Via header.

        With `extra` the page is so many dots longer, which have all to arrive.
        """
        said = self.run("client", f"{FETCH} http://{NETWORK.server.host}/{extra or ''}").strip()
        address, via = said.rstrip(".").split(" ", 1)
        assert len(said) == len(address) + 1 + len(via) + extra
        return address, via


@contextmanager
def make_world(scratch: Path, *, userspace: Router | None = None) -> Iterator[World]:
    """Make the namespaces with their links and the server; all is gone at the end.

    With a userspace router there is no namespace for it: hosts have TAP devices that are joined to its ports.
    """
    world = World(scratch=scratch)
    names = (*(() if userspace else ("router",)), *(link.name for link in NETWORK.links))
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", world.netns(name)], check=True)
            settle = "ip link set lo up; sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"
            world.run(name, f"{settle} net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0")
        for link in NETWORK.links:
            if userspace:
                _plug(world, link, userspace.ports[link.name])
            else:
                _join(world, link)
            settle = f"ip addr add {link.host}/{link.prefix} dev eth0; ip link set eth0 up"
            world.run(link.name, f"{settle}; ip route add default via {link.router}")
        for name in {"router", "proxy"} & set(names):
            world.run(name, "sysctl -qw net.ipv4.ip_forward=1")
        world.start("server", ["python3", "-c", SERVER], log=scratch / "server.log")
        world.run(
            "client", f"for n in $(seq 40); do {FETCH} http://{NETWORK.server.host}/ && break; sleep 0.25; done 2>/dev/null"
        )
        yield world
    finally:
        for process in world.started:
            process.kill()
            process.wait()
        for name in names:
            subprocess.run(["ip", "netns", "del", world.netns(name)], check=False, capture_output=True)


def _join(world: World, link: Link) -> None:
    """Join a host to the router: `eth0` on its side, `to-NAME` on the router's."""
    router, host = world.netns("router"), world.netns(link.name)
    ends = ["name", "eth0", "netns", host, "type", "veth", "peer", "name", f"to-{link.name}", "netns", router]
    subprocess.run(["ip", "link", "add", *ends], check=True)
    world.run("router", f"ip addr add {link.router}/{link.prefix} dev to-{link.name}; ip link set to-{link.name} up")


def _plug(world: World, link: Link, port: int) -> None:
    """Give a host a TAP device whose frames go to a port of the userspace router."""
    log = world.scratch / f"tap-{link.name}.log"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        argv = ["python3", str(Path(__file__).with_name("tap.py")), str(connection.fileno())]
        world.start(link.name, argv, log=log, inherit=(connection.fileno(),))
    stop = time.monotonic() + 10
    while "up" not in log.read_text():
        assert time.monotonic() < stop, log.read_text()
        time.sleep(0.05)


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """Squid and iptables of a cut, unpacked."""

    folder: Path
    sbin: str

    def intercept(self, world: World) -> None:
        """Have the proxy's kernel hand to Squid what is redirected to it."""
        libraries = next(self.folder.rglob("libxtables.so.*")).parent
        extensions = next(self.folder.rglob("libxt_TPROXY.so")).parent
        lines = f'iptables() {{ {self.folder / self.sbin}/iptables "$@"; }}\n{INTERCEPT}'
        world.run("proxy", lines, LD_LIBRARY_PATH=str(libraries), XTABLES_LIBDIR=str(extensions))

    def start_squid(self, world: World, *extra: str) -> "subprocess.Popen[bytes]":
        """Start Squid on the proxy, registering with the router; its log is `squid.log` in the world's scratch folder."""
        home = world.scratch / "squid"
        home.mkdir(exist_ok=True)
        home.chmod(0o777)
        share = self.folder / "usr/share/squid"
        mime, unlinkd = next(self.folder.rglob("mime.conf")), next(self.folder.rglob("unlinkd"))
        conf = home / "squid.conf"
        conf.write_text("\n".join([CONF.format(home=home, share=share, mime=mime, unlinkd=unlinkd), *extra, ""]))
        squid = str(self.folder / "usr/sbin/squid")
        return world.start(
            "proxy", ["prlimit", "--nofile=1024", squid, "-N", "-f", str(conf)], log=world.scratch / "squid.log"
        )  # fmt: skip


# No place of the host is touched: each that Squid has built in is named.
CONF = f"""\
http_port 3128
http_port 3129 tproxy
http_access allow all
cache_effective_user nobody
cache_log {{home}}/cache.log
access_log none
pid_filename {{home}}/squid.pid
coredump_dir {{home}}
mime_table {{mime}}
icon_directory {{share}}/icons
error_directory {{share}}/errors/templates
unlinkd_program {{unlinkd}}
cache_mem 8 MB
shutdown_lifetime 1 seconds
visible_hostname proxy.example
wccp2_router {NETWORK.proxy.router}
wccp2_rebuild_wait off
"""


def unpack_cut(cut: FinishedCut, folder: Path) -> Unpacked:
    """Unpack what the proxy runs of a cut."""
    names = [package.name for spec in ("squid", "iptables") if (package := cut.package(spec)) is not None]
    rpms = [path for path in cut.rpms("x86_64") if path.name.startswith(tuple(f"{name}-" for name in names))]
    unpack_rpms(rpms, folder)
    return Unpacked(folder=folder, sbin=cut.sbin)
