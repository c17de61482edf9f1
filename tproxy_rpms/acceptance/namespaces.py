"""The acceptance network in namespaces of this host: its kernel, everything else of the cut. Needs root, takes seconds.

Nothing of it has a name on the host: each node is a process that holds its namespaces, and all goes when that ends.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.acceptance.capability import load_modules
from tproxy_rpms.acceptance.network import NETWORK, Link
from tproxy_rpms.acceptance.node import PATIENCE, Answer, NodeError
from tproxy_rpms.acceptance.wccp.namespace import NamespaceRouter
from tproxy_rpms.acceptance.world import Forwarding, ProxyHost, Redirect, Redirected
from tproxy_rpms.errors import HostError
from tproxy_rpms.process import OverdueError, clean_environment, require_tool, run_command, stop_group
from tproxy_rpms.release.model import RPM_ARCH, Arch

HOLD = Path(__file__).with_name("hold.sh")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Files that each node may have open: a proxy needs two for each connection.
FILES = 16384

# TCP as `ip rule` takes it on every host: its name would need /etc/protocols.
TCP = "6"

# What comes in on a link of the router, as WCCP's services 80 and 90 do, and the table that redirects it.
SERVICES: Mapping[int, tuple[str, int]] = {80: ("client", 180), 90: ("server", 190)}


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Namespaces that last as long as a process. pid: of the process in them, as this host sees it."""

    name: str
    pid: int

    @property
    def netns(self) -> Path:
        """The file that stands for the network namespace."""
        return Path(f"/proc/{self.pid}/ns/net")

    def enter(self, *words: str) -> list[str]:
        """Return a command that runs in the network namespace alone, with the host's own files."""
        return [require_tool("nsenter", package="util-linux"), "-t", str(self.pid), "-n", "--", *words]


@dataclass(frozen=True, kw_only=True)
class NamespaceNode:
    """A host in namespaces: the network is its own, the files are those of a folder."""

    name: str
    holder: Holder
    arch: Arch

    def run(self, script: str, *, seconds: float = PATIENCE) -> Answer:
        """Run a script as the node's root; see the protocol."""
        wrapped = f"(\n{script}\n) >/tmp/.said 2>&1 </dev/null; ended=$?; cat /tmp/.said; exit $ended"
        argv = [
            "prlimit", f"--nofile={FILES}:{FILES}", "setarch", RPM_ARCH[self.arch],
            "nsenter", "-t", str(self.holder.pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--",
            "/bin/busybox", "env", "-i", f"PATH={PATH}", "HOME=/", "LC_ALL=C", "/bin/sh", "-c", wrapped,
        ]  # fmt: skip
        try:
            done = run_command(argv, check=False, seconds=seconds)
        except OverdueError as error:
            raise NodeError(f"{self.name}: no answer in {seconds:g} seconds to\n{script}") from error
        return Answer(status=done.returncode, text=done.stdout + done.stderr)


@dataclass(kw_only=True)
class NamespaceWorld:
    """See the protocol of worlds. `router` is a namespace of the host's own files."""

    client: NamespaceNode
    proxy: NamespaceNode
    server: NamespaceNode
    router: Holder
    host: ProxyHost
    scratch: Path
    forwardings: tuple[Forwarding, ...] = ("l2",)
    speaker: NamespaceRouter | None = None

    def route(self, *words: str, check: bool = True) -> str:
        """Run the host's `ip` as the router."""
        return run_command(self.router.enter("ip", *words), check=check).stdout

    def redirect(self, how: Redirect, *, forwarding: Forwarding = "l2", password: str = "") -> None:
        """Have the router redirect by its own rules, or by what it agrees on with the proxy; see the protocol."""
        self.silence()
        for source, table in SERVICES.values():
            while self.route("rule", "show", "table", str(table), check=False).strip():
                self.route("rule", "del", "table", str(table))
            if how == "static":
                self.route("route", "replace", "default", "via", NETWORK.proxy.host, "dev", "proxy", "table", str(table))
                self.route("rule", "add", "iif", source, "ipproto", TCP, "lookup", str(table))
        if how == "wccp":
            self.speak(forwarding, password)

    def speak(self, forwarding: Forwarding, password: str) -> None:
        """Start the router's side of WCCP in its namespace; it sets the same rules, for what caches have asked for."""
        speaker = NamespaceRouter(
            self.router.netns, address=NETWORK.proxy.router, forwarding="l2" if forwarding == "l2" else "gre", password=password,
            interfaces={str(number): source for number, (source, _) in SERVICES.items()}, proxy_interface="proxy",
        )  # fmt: skip
        self.speaker = speaker.__enter__()

    def silence(self) -> None:
        """End the router's side of WCCP."""
        if self.speaker:
            self.speaker.__exit__(None, None, None)
            self.speaker = None

    def redirected(self) -> Redirected:
        """Return what the router has redirected by WCCP; see the protocol."""
        if self.speaker is None:
            return Redirected()
        services = {line.service: line.assigned for line in self.speaker.services()}
        return Redirected(services=services, said="\n".join(str(event) for event in self.speaker.events()[-20:]))

    @contextmanager
    def capture(self, name: str, folder: Path) -> Iterator[list[Path]]:
        """Capture what the router sees; see the protocol."""
        files: list[Path] = []
        path = folder / f"{name}.pcap"
        argv = self.router.enter(
            require_tool("tcpdump", package="tcpdump"), "-Z", "root", "-U", "-s", "256", "-i", "any", "-w", str(path)
        )
        with subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *argv], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
            start_new_session=True,
        ) as dump:  # fmt: skip
            try:
                yield files
            finally:
                time.sleep(0.2)  # what has just passed is still on its way to the file
                stop_group(dump)
        files += [path] if path.is_file() else []

    def command(self, node: NamespaceNode, module: str, *words: str) -> list[str]:
        """Return the command that runs a module of ours in a node's network, with the host's own files."""
        python = node.holder.enter(sys.executable, "-m", f"tproxy_rpms.acceptance.{module}", *words)
        return ["prlimit", f"--nofile={FILES}:{FILES}", *python]


@contextmanager
def open_namespaces(roots: Mapping[str, Path], *, arch: Arch, host: ProxyHost, scratch: Path) -> Iterator[NamespaceWorld]:
    """Yield the network; roots: name of each node → the folder that it runs in. Raises HostError if it cannot be made."""
    load_modules()
    with ExitStack() as stack:
        holders = {name: stack.enter_context(hold(name, roots[name], scratch)) for name in ("client", "proxy", "server")}
        router = stack.enter_context(hold("router", roots["client"], scratch))
        for link in NETWORK.links:
            join(router, holders[link.name], link)
        for path in ("ip_forward", *(f"conf/{name}/rp_filter" for name in ("all", "default", "client", "proxy", "server"))):
            value = 1 if path == "ip_forward" else 0
            run_command(router.enter("sh", "-c", f"echo {value} > /proc/sys/net/ipv4/{path}"))
        nodes = {name: NamespaceNode(name=name, holder=holder, arch=arch) for name, holder in holders.items()}
        world = NamespaceWorld(
            client=nodes["client"], proxy=nodes["proxy"], server=nodes["server"], router=router, host=host, scratch=scratch
        )
        stack.callback(world.silence)
        yield world


@contextmanager
def hold(name: str, root: Path, scratch: Path) -> Iterator[Holder]:
    """Keep new namespaces around a folder while the context lasts."""
    log = scratch / f"{name}.log"
    argv = [
        "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child",
        "sh", str(HOLD), str(root), name,
    ]  # fmt: skip
    with (
        log.open("w") as errors,
        subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=clean_environment(),
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdin and process.stdout
        try:
            if process.stdout.readline() != "ready\n":
                raise HostError(f"{name}: no namespaces\n{log.read_text()}", hint="run as root, on a host that is no container")
            yield Holder(name=name, pid=find_child(process.pid))
        finally:
            process.stdin.close()
            stop_group(process)


def find_child(parent: int) -> int:
    """Return the one child of a process. Raises HostError if it has ended."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):  # processes come and go
            # pid (name) state parent …; a name may hold anything (proc_pid_stat(5)).
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                return int(stat.parent.name)
    raise HostError(f"process {parent} has no child any more", hint="run it again")


def join(router: Holder, node: Holder, link: Link) -> None:
    """Join a node with the router: the router's side has the node's name, the node's is eth0."""
    ip = require_tool("ip", package="iproute2")
    pair = ["netns", str(router.pid), "type", "veth", "peer", "name", "eth0", "netns", str(node.pid)]
    run_command([ip, "link", "add", "name", link.name, *pair])
    for holder, device, address in ((router, link.name, link.router), (node, "eth0", link.host)):
        run_command(holder.enter(ip, "addr", "add", f"{address}/{link.prefix}", "dev", device))
        for up in (device, "lo"):
            run_command(holder.enter(ip, "link", "set", up, "up"))
    run_command(node.enter(ip, "route", "add", "default", "via", link.router))
