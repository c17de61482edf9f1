"""tproxy-host in a network namespace of its own: installed into a folder, beside the iptables of a finished cut."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SPEC_FILES = Path(__file__).parents[2] / "specs" / "files" / "tproxy-host"

# The page's rules as iptables-restore takes them.
MANGLE = """\
*mangle
:PREROUTING ACCEPT [0:0]
:DIVERT - [0:0]
-A PREROUTING -p tcp -m socket -j DIVERT
-A PREROUTING -p tcp --dport 80 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 3129
-A DIVERT -j MARK --set-mark 1
-A DIVERT -j ACCEPT
COMMIT
"""

# What is done before every test: tables that exist stay, so that what is saved before and after has the same of them; two
# interfaces; settings that no distribution would have, and that a careless switch of ip_forward would lose.
PRELUDE = """\
PATH=$FOLDER/bin:$SBIN:$PATH
snap() {
    for command in iptables ip6tables; do $command-save | grep -v '^#' | sed 's/^\\(:.*\\) \\[.*/\\1/'; done
    ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; ip -o link
    sysctl -a 2>/dev/null | grep -E '^net.ipv[46].*(rp_filter|forward|redirects)'
}
same() { snap > $FOLDER/after; diff $FOLDER/before $FOLDER/after && echo the same; }
for table in filter mangle; do iptables -t $table -S; ip6tables -t $table -S; done > /dev/null
ip link add c0 type veth peer name s0
ip addr add 10.9.0.1/24 dev c0
ip addr add 10.8.0.1/24 dev s0
ip link set c0 up; ip link set s0 up; ip link set lo up
ip -6 addr flush dev c0; ip -6 addr flush dev s0
echo 1 > /proc/sys/net/ipv4/conf/c0/rp_filter
echo 1 > /proc/sys/net/ipv4/conf/default/rp_filter
echo 0 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv4/conf/s0/forwarding
echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects
# Duplicate address detection would change what is seen a second later.
for interface in c0 s0; do echo 1 > /proc/sys/net/ipv6/conf/$interface/disable_ipv6; done
"""


@dataclass(frozen=True, kw_only=True)
class ProxyHost:
    """A folder that stands for the root of a host.

    Fields:
        unpacked: the folder of the unpacked iptables, sbin: its programs. shell: what runs tproxy-host.
    """

    folder: Path
    unpacked: Path
    sbin: Path
    shell: str = "sh"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / "etc/default/tproxy"

    @property
    def state(self) -> Path:
        """What was done, as tproxy-host notes it."""
        return self.folder / "var/run/tproxy-host/state"

    def configure(self, **values: str) -> None:
        """Set values in the settings; the others keep their defaults."""
        lines = self.config.read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in values]
        self.config.write_text("\n".join([*kept, *(f'{key}="{value}"' for key, value in values.items()), ""]))

    def add_program(self, name: str, text: str) -> None:
        """Put a program in front of the host's own."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)

    def run(self, *lines: str) -> str:
        """Run shell lines in one new network namespace, with `th` as the program; returns all that is said."""
        libraries = next(path.parent for path in self.unpacked.rglob("libxtables.so.*"))
        extensions = next(path.parent for path in self.unpacked.rglob("libxt_TPROXY.so"))
        environment = os.environ | {
            "LD_LIBRARY_PATH": str(libraries), "XTABLES_LIBDIR": str(extensions),
            "FOLDER": str(self.folder), "SBIN": str(self.sbin),
        }  # fmt: skip
        program = f'th() {{ {self.shell} $FOLDER/usr/sbin/tproxy-host --root $FOLDER "$@"; }}'
        result = subprocess.run(
            ["unshare", "--net", "sh", "-c", "\n".join([PRELUDE, program, *lines])],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=environment | self.environment,
        )  # fmt: skip
        return result.stdout


def install_host(folder: Path, *, init: str = "systemd") -> None:
    """Install the program as its spec does, and make squid.conf as people are told to."""
    environment = os.environ | {
        "DESTDIR": str(folder), "SBINDIR": "/usr/sbin", "CONFIG": "/etc/default/tproxy", "DOCS": "/usr/share/doc/tproxy-host",
        "INIT": init,
    }  # fmt: skip
    subprocess.run(["sh", str(SPEC_FILES / "install.sh")], check=True, capture_output=True, env=environment)
    (folder / "etc/squid/squid.conf").write_text("include /etc/squid/tproxy/*.conf\ncoredump_dir /var/spool/squid\n")
