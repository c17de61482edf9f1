"""Where scenarios run: a client, a proxy and a server around a router, and what that place can and cannot do."""

import re
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tproxy_rpms.acceptance.node import Node
from tproxy_rpms.acceptance.router import Method, Mode

# What a router sends to the proxy: nothing, all TCP by its own rules, or what a cache has asked for by WCCP; and how the last.
Redirect = Mode
Forwarding = Method

# Seconds without a byte after which a client gives up.
SILENCE = 20


@dataclass(frozen=True, kw_only=True)
class Redirected:
    """What a router has redirected by WCCP.

    Fields:
        services: service ("80") → addresses of the caches that its packets go to.
        packets: service → how many went to one as it was agreed on; empty where the router does not count.
        said: what the router tells of it, for people.
    """

    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    packets: Mapping[str, int] = field(default_factory=dict)
    said: str = ""


class World(Protocol):
    """A small network: its hosts, and a router between them."""

    @property
    def client(self) -> Node:
        """The host that asks."""

    @property
    def proxy(self) -> Node:
        """The host with this cut's packages."""

    @property
    def server(self) -> Node:
        """The host that is asked."""

    @property
    def host(self) -> "ProxyHost":
        """Paths of the proxy's own."""

    @property
    def forwardings(self) -> tuple[Forwarding, ...]:
        """How the router can redirect by WCCP."""

    def redirect(self, how: Redirect, *, forwarding: Forwarding = "l2", password: str = "") -> None:
        """Have the router redirect web traffic so."""

    def redirected(self) -> Redirected:
        """Return what the router has redirected by WCCP."""

    def capture(self, name: str, folder: Path) -> AbstractContextManager[list[Path]]:
        """Capture packets while the context lasts; yields the list that then holds the files."""


@dataclass(frozen=True, kw_only=True)
class ProxyHost:
    """Where a proxy host has what scenarios touch, and the versions of what it runs.

    Fields:
        config: the file of tproxy-host's settings. service: what starts and stops it: the init script where the target has one.
    """

    config: str
    service: str
    squid: str
    iptables: str
    kernel: str


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a client got: the status of its program, headers in lower case, and the body. `said` is all that was told."""

    ended: int
    headers: Mapping[str, str]
    body: str
    said: str

    def field(self, name: str) -> str:
        """Return a line `NAME=…` of the body, empty if there is none."""
        match = re.search(rf"^{re.escape(name)}=(.*)$", self.body, re.MULTILINE)
        return match[1].strip() if match else ""


def fetch(node: Node, url: str, *, proxy: str = "") -> Response:
    """Fetch a page with the node's wget, through an explicit proxy (`http://HOST:PORT`) if one is named."""
    through = f"export http_proxy={shlex.quote(proxy)}\n" if proxy else "unset http_proxy\n"
    answer = node.run(
        f"{through}wget -S -T {SILENCE} -O /tmp/body {shlex.quote(url)} 2>&1\nended=$?\n"
        "echo ==\ncat /tmp/body 2>/dev/null\nrm -f /tmp/body\nexit $ended",
        seconds=SILENCE + 40,
    )
    head, _, body = answer.text.partition("==\n")
    headers = {
        name.lower(): value for name, value in re.findall(r"^\s+([A-Za-z0-9-]+): (.*)$", head.replace("\r", ""), re.MULTILINE)
    }
    return Response(ended=answer.status, headers=headers, body=body, said=answer.text)


def wait_until(holds: Callable[[], bool], *, seconds: float, pause: float = 0.5) -> bool:
    """Ask again and again until something holds; False when the time is up."""
    stop = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > stop:
            return False
        time.sleep(pause)
    return True
