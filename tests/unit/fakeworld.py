"""A small network that is only told of: hosts that answer scripts as a proxy host and its neighbours would, or with one fault."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tproxy_rpms.acceptance.network import NETWORK
from tproxy_rpms.acceptance.node import Answer
from tproxy_rpms.acceptance.world import Forwarding, ProxyHost, Redirect, Redirected

CLIENT, PROXY = NETWORK.client.host, NETWORK.proxy.host
HOST = ProxyHost(
    config="/etc/sysconfig/tproxy", service="/usr/sbin/tproxy-host", squid="5.7", iptables="1.8.9", kernel="6.1.0-1.deb12"
)
SUM = "0123abcd  -"


@dataclass
class FakeWorld:
    """What the hosts' state is; `fault` is the one thing that is wrong."""

    fault: str = ""
    forwardings: tuple[Forwarding, ...] = ("gre", "l2")
    host: ProxyHost = HOST
    settings: str = ""
    started: bool = False
    squid: bool = False
    mode: Redirect = "off"
    made: int = 0
    passwords: list[str] = field(default_factory=list)

    @property
    def client(self) -> "FakeNode":
        return FakeNode(self, "client")

    @property
    def proxy(self) -> "FakeNode":
        return FakeNode(self, "proxy")

    @property
    def server(self) -> "FakeNode":
        return FakeNode(self, "server")

    def redirect(self, how: Redirect, *, forwarding: Forwarding = "l2", password: str = "") -> None:
        self.mode = how
        if how == "wccp":
            self.passwords.append(password)

    def redirected(self) -> Redirected:
        there = self.mode == "wccp" and (self.squid or self.fault == "not forgotten") and self.fault != "not registered"
        services = dict.fromkeys(("80", "90"), (PROXY,)) if there else {}
        return Redirected(services=services, packets={"80": 5, "90": 0 if self.fault == "one way" else 5}, said="told")

    @contextmanager
    def capture(self, name: str, folder: Path) -> Iterator[list[Path]]:
        yield []

    def answer_client(self, script: str) -> Answer:
        if "/long" in script:
            return Answer(status=0, text="ffff  -" if self.fault == "long" else SUM)
        explicit = "http_proxy=" in script and "unset http_proxy" not in script
        caught = self.squid and self.mode != "off" and ":8080" not in script
        through = explicit or caught or self.fault == "never plain"
        peer = PROXY if explicit or (caught and self.fault == "proxy's address") else CLIENT
        via = "1.1 proxy (squid/5.7)" if through else ""
        head = f"  HTTP/1.1 200 OK\r\n  Via: {via}\r\n" if via else "  HTTP/1.1 200 OK\r\n"
        if "/made" in script:
            hit = self.made and self.fault != "no cache"
            self.made += not hit
            return Answer(status=0, text=f"{head}  X-Cache: {'HIT' if hit else 'MISS'} from proxy\r\n==\nmade={self.made}\n")
        return Answer(status=0, text=f"{head}==\npeer={peer}\nvia={via}\n")

    def answer_proxy(self, script: str) -> Answer:
        for pattern, act in (
            (r"cat > /etc/sysconfig/tproxy", self.configure), (r"tproxy-host (start|stop|status|check)", self.serve),
            (r"-k shutdown", self.end_squid), (r"^squid -f", self.start_squid), (r"^pidof squid|/proc/net/tcp", self.find_squid),
            (r"-t mangle -L", self.count), (r"^for table in", self.tell_state),
        ):  # fmt: skip
            if re.search(pattern, script):
                return act(script)
        said = {"uname -r": HOST.kernel, "iptables --version": "iptables v1.8.9 (legacy)", "squid -v": "Squid Cache: Version 5.7"}
        text = said.get(script, "")
        return Answer(status=0, text=text.replace("5.7", "5.70") if self.fault == "another squid" else text)

    def configure(self, script: str) -> Answer:
        self.settings = script
        return Answer(status=0, text="")

    def serve(self, script: str) -> Answer:
        word = script.split()[-1]
        if word == "start" and "312900" in self.settings:
            told = "" if self.fault == "silent" else f"{HOST.config}: TPROXY_PORT: 312900 is no port"
            return Answer(status=1, text=told)
        if word in ("start", "stop"):
            if word == "start" and self.fault == "no start":
                return Answer(status=1, text="no such module")
            self.started = word == "start"
        failed = word == self.fault
        return Answer(status=1 if failed else 0, text=word)

    def tell_state(self, script: str) -> Answer:
        rest = "\nip rule left" if self.fault == "leaves something" and self.settings and not self.started else ""
        return Answer(status=0, text=("rules" if self.started else "nothing") + rest)

    def start_squid(self, script: str) -> Answer:
        self.squid = True
        return Answer(status=0, text="")

    def end_squid(self, script: str) -> Answer:
        self.squid = False
        return Answer(status=0, text="")

    def find_squid(self, script: str) -> Answer:
        return Answer(status=0 if self.squid else 1, text="")

    def count(self, script: str) -> Answer:
        divert, tproxy = (3, 9) if self.fault == "no divert" else (90, 7)
        return Answer(status=0, text=f"   {divert} 5400 DIVERT tcp -- * *\n   {tproxy} 420 TPROXY tcp -- * *\n")


@dataclass(frozen=True)
class FakeNode:
    """A host of that network."""

    world: FakeWorld
    name: str

    def run(self, script: str, *, seconds: float = 60) -> Answer:
        if self.name == "client":
            return self.world.answer_client(script)
        if self.name == "proxy":
            return self.world.answer_proxy(script)
        return Answer(status=0, text=SUM if "sha256sum" in script else "")
