"""The network of every acceptance run: a client, a proxy and a server, each on a link of its own, with a router between them."""

from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link of the router: its name, the router's address on it, and the one host there, whose gateway the router is."""

    name: str
    router: str
    host: str
    prefix: int = 24

    @property
    def router_mac(self) -> str:
        """The router's Ethernet address on this link."""
        return make_mac(self.router)

    @property
    def host_mac(self) -> str:
        """An Ethernet address for the host. The router does not rely on it: it asks by ARP."""
        return make_mac(self.host)


def make_mac(address: str) -> str:
    """Return a locally administered Ethernet address that is made of an IPv4 address: each is unique where addresses are."""
    return ":".join(f"{byte:02x}" for byte in (b"\x02\x00" + IPv4Address(address).packed))


@dataclass(frozen=True, kw_only=True)
class Network:
    """The three links."""

    client: Link
    proxy: Link
    server: Link

    @property
    def links(self) -> tuple[Link, Link, Link]:
        """Client, proxy, server."""
        return self.client, self.proxy, self.server


NETWORK = Network(
    client=Link(name="client", router="10.77.1.1", host="10.77.1.2"),
    proxy=Link(name="proxy", router="10.77.2.1", host="10.77.2.2"),
    server=Link(name="server", router="10.77.3.1", host="10.77.3.2"),
)
