"""tproxy-host starts, stops, and leaves a host as it was: in network namespaces, with the iptables of a finished cut."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.busybox.userland import make_busybox

from ..conftest import ROOT
from .finished import FinishedCut
from .proxyhost import ProxyHost, install_host

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]

# What the page tells a person to type.
PAGE = """\
iptables -t mangle -N DIVERT
iptables -t mangle -A PREROUTING -p tcp -m socket -j DIVERT
iptables -t mangle -A DIVERT -j MARK --set-mark 1
iptables -t mangle -A DIVERT -j ACCEPT
iptables -t mangle -A PREROUTING -p tcp --dport 80 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 3129
ip rule add fwmark 1 lookup 100
ip route add local 0.0.0.0/0 dev lo table 100
"""

# The programs that a userland must have besides a shell, ip and iptables: nothing else is on PATH in one of the tests.
NEEDED = ("cat", "chmod", "cut", "grep", "head", "ls", "mkdir", "rm", "sed", "sleep", "tr", "uname")

# How commands that change something are made to fail, from the nth of them on: what looks, probes or undoes goes through.
FAILING = """\
case "$*" in
    "link set"*down) ;;
    *" -I "* | *"-N DIVERT" | *"-N LocalFW" | "rule add"* | "-6 rule add"* | "route add"* | "-6 route add"* | "link set"*)
        count=$(($(cat $FOLDER/count) + 1))
        echo $count > $FOLDER/count
        [ $count -lt "$(cat $FOLDER/limit)" ] || { echo 'this one was made to fail'; exit 1; } ;;
esac
"""


@pytest.fixture(scope="module")
def busybox() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tproxy-rpms"
    return make_busybox("x86_64", root=ROOT, cache=cache)


Maker = Callable[[str], ProxyHost]


@pytest.fixture
def make_host(cut: FinishedCut, unpacked_iptables: Path, tmp_path: Path, busybox: Path) -> Maker:
    def make(shell: str) -> ProxyHost:
        install_host(tmp_path)
        command = {"dash": "dash", "bash": "bash --posix", "busybox": f"{busybox} sh"}[shell]
        return ProxyHost(folder=tmp_path, unpacked=unpacked_iptables, sbin=unpacked_iptables / cut.sbin, shell=command)

    return make


@pytest.fixture
def networks(cut: FinishedCut) -> str:
    """The clients' networks, IPv6 among them if the cut's iptables has TPROXY for it: 1.4.3.2 has not."""
    package = cut.package("iptables")
    old = package is not None and cut.version(package).startswith("1.4.")
    return "10.9.0.0/24" if old else "10.9.0.0/24 2001:db8::/32"


@pytest.fixture
def host(make_host: Maker) -> ProxyHost:
    return make_host("dash")


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_what_start_does_stop_undoes(shell: str, make_host: Maker, networks: str) -> None:
    host = make_host(shell)
    host.configure(INTERFACES="c0", PORTS="80 8080", LOCALNET=networks, WCCP_ROUTERS="10.8.0.2", WCCP_FORWARDING="l2")
    said = host.run(
        "snap > $FOLDER/before", "th start; echo start $?",
        "iptables -t mangle -S; iptables -S; ip rule; ip route show table 100",
        "ip6tables -t mangle -S; ip -6 rule; ip -6 route show table 100", "cat /proc/sys/net/ipv4/conf/c0/rp_filter",
        "th status; echo status $?", "snap > $FOLDER/started", "th start; echo again $?", "th restart; echo restart $?",
        "snap > $FOLDER/twice; cmp $FOLDER/started $FOLDER/twice && echo nothing twice", "th stop; echo stop $?", "same",
        "th stop; echo stop $?", "same", "th status; echo status $?",
    )  # fmt: skip
    for line in ("start 0", "status 0", "again 0", "restart 0", "nothing twice", "status 3"):
        assert f"\n{line}\n" in f"\n{said}", said
    assert said.count("stop 0\nthe same\n") == 2, said
    assert "missing" not in said
    for port in ("80", "8080"):
        assert f"--dport {port} " in said
    assert said.count("local default dev lo") == len(networks.split())
    assert "-s 10.8.0.2/32 -p udp -m udp --dport 2048" in said
    assert not host.state.exists()


def test_the_rules_are_the_pages_and_come_first(host: ProxyHost) -> None:
    said = host.run("iptables -t mangle -A PREROUTING -p tcp --dport 80 -j ACCEPT", "th start",
                    "iptables -t mangle -S PREROUTING", "iptables -t mangle -S DIVERT", "iptables -S LocalFW")  # fmt: skip
    lines = [line for line in said.splitlines() if line.startswith("-A ")]
    assert [line.split(" -j ")[1].split()[0] for line in lines[:5]] == ["DIVERT", "TPROXY", "ACCEPT", "MARK", "ACCEPT"]
    assert "-m socket" in lines[0]
    assert "--on-port 3129" in lines[1] and "--tproxy-mark 0x1/0x1" in lines[1]
    assert "--set-xmark 0x1/0x1" in lines[3]
    assert [word in line for word, line in zip(("-i lo", "-p icmp", "--mark 0x1/0x1"), lines[5:], strict=True)] == [True] * 3


def test_connections_to_the_host_itself_are_left_alone(host: ProxyHost) -> None:
    """With the addrtype match if the kernel has it, else by each address."""
    said = host.run("th start; iptables -t mangle -S PREROUTING | grep TPROXY")
    assert "! --dst-type LOCAL" in said
    text = (host.folder / "usr/sbin/tproxy-host").read_text()
    (host.folder / "usr/sbin/tproxy-host").write_text(text.replace("comment addrtype; do", "; do"))
    said = host.run("snap > $FOLDER/before; th start; iptables -t mangle -S PREROUTING; th stop; same")
    lines = [line for line in said.splitlines() if line.startswith("-A ")]
    assert ["10.8.0.1/32" in line or "10.9.0.1/32" in line for line in lines] == [False, True, True, False]
    assert "comment" not in said
    assert "the same" in said


def test_rules_of_others_stay(host: ProxyHost) -> None:
    """The same rule, too, that does not carry our comment."""
    strip = "-e 's/--on-ip [^ ]*//' -e 's/-m comment --comment [^ ]* //'"
    own = f"iptables -t mangle -S PREROUTING | grep TPROXY | head -n 1 | sed -e 's/^-A/iptables -t mangle -A/' {strip} | sh"
    said = host.run(
        "iptables -t mangle -A PREROUTING -p tcp -m socket -j ACCEPT",
        "iptables -A INPUT -p icmp -j DROP; iptables -N LocalFW; iptables -A LocalFW -p udp -j DROP",
        "iptables -t mangle -A PREROUTING -j MARK --set-mark 7", "snap > $FOLDER/before",
        "th start; th stop; same", "th start", own, "iptables -t mangle -S PREROUTING | grep -c TPROXY",
        "th stop", "iptables -t mangle -S PREROUTING | grep -c TPROXY",
        own.replace("mangle -A", "mangle -D"), "same",
    )  # fmt: skip
    assert said.count("the same\n") == 2, said
    assert "\n2\n" in said and "\n1\n" in said


def test_what_the_page_had_people_type_stays(host: ProxyHost) -> None:
    said = host.run(PAGE, "snap > $FOLDER/before", "th start; echo start $?", "th status; echo status $?", "th stop", "same")
    assert "start 0\n" in said and "status 0\n" in said
    assert "the same" in said


def test_a_chain_of_somebody_else_is_not_taken(host: ProxyHost) -> None:
    said = host.run("iptables -t mangle -N DIVERT; iptables -t mangle -A DIVERT -j DROP", "snap > $FOLDER/before",
                    "th start; echo start $?", "same")  # fmt: skip
    assert "DIVERT is somebody else's" in said
    assert "start 1\nthe same\n" in said


def test_a_table_of_somebody_else_is_not_taken(host: ProxyHost) -> None:
    said = host.run("ip route add 10.7.0.0/24 dev c0 table 100", "snap > $FOLDER/before", "th start; echo start $?", "same")
    assert "table 100 has routes of somebody else" in said
    assert "start 1\nthe same\n" in said


def test_whatever_fails_half_way_everything_is_undone(host: ProxyHost, networks: str) -> None:
    """Each command that changes something is the first to fail, in its turn."""
    host.configure(LOCALNET=networks)
    for name in ("ip", "iptables", "ip6tables"):
        real = shutil.which("ip") if name == "ip" else host.sbin / name
        host.add_program(name, f'{FAILING}exec {real} "$@"\n')
    for name, number in {"count": "0", "limit": "999"}.items():
        (host.folder / name).write_text(number)
    said = host.run(
        "ip link set lo down; snap > $FOLDER/before; limit=0",
        "until limit=$((limit + 1)); echo $limit > $FOLDER/limit; echo 0 > $FOLDER/count; th start > $FOLDER/said 2>&1; do",
        "grep -q 'made to fail' $FOLDER/said && grep -q 'what was done is undone' $FOLDER/said || cat $FOLDER/said",
        "same; [ $limit -lt 50 ] || exit; done; echo $limit steps; th stop; same",
    )  # fmt: skip
    *undone, steps, stopped, last = said.splitlines()
    assert undone == ["the same"] * len(undone)
    assert steps == f"{len(undone) + 1} steps" and len(undone) > 12
    assert (stopped, last) == ("tproxy-host: stopped", "the same")


def test_a_setting_that_somebody_has_changed_since_stays(host: ProxyHost) -> None:
    said = host.run(
        "th start", "echo 2 > /proc/sys/net/ipv4/conf/c0/rp_filter", "th stop", "cat /proc/sys/net/ipv4/conf/c0/rp_filter"
    )
    assert said.splitlines()[-1] == "2"


@pytest.mark.parametrize(
    "loss", ["rm -r $FOLDER/var/run", "sed -i 's/^about [^ ]*/about another-boot/' $FOLDER/var/run/tproxy-host/state"]
)
def test_without_its_notes_it_knows_its_own(loss: str, host: ProxyHost) -> None:
    """After /var/run was cleared, or with notes of another boot; only old settings are not known any more."""
    look = "snap | grep -v -e ^net -e redirects > $FOLDER/%s"
    said = host.run(look % "before", "th start", "snap > $FOLDER/started", loss, "th status; echo status $?", "th start",
                    "snap > $FOLDER/twice; cmp $FOLDER/started $FOLDER/twice && echo nothing twice",
                    "th stop; echo stop $?", look % "after", "cmp $FOLDER/before $FOLDER/after && echo gone",
                    "th start", loss, "th stop", look % "after", "cmp $FOLDER/before $FOLDER/after && echo gone")  # fmt: skip
    assert "status 3\n" in said
    assert "nothing twice" in said
    assert said.count("gone") == 2, said


def test_one_that_was_killed_is_finished_by_the_next(host: ProxyHost) -> None:
    cut_off = "sed -i -e '/^seen/d' -e '/^done/d' -e '/^rule .* TPROXY/d' $FOLDER/var/run/tproxy-host/state"
    said = host.run("snap > $FOLDER/before", "th start", "iptables -t mangle -D PREROUTING 2", cut_off,
                    "th status; echo status $?", "th start; echo start $?", "th status; echo status $?",
                    "th stop; same")  # fmt: skip
    assert "status 1\n" in said and "start 0\n" in said and "status 0\n" in said
    assert "the same" in said


def test_two_at_once_wait_for_each_other(host: ProxyHost) -> None:
    said = host.run("snap > $FOLDER/before", "th start & th start & th restart & th start & wait", "th status; echo status $?",
                    "iptables -t mangle -S PREROUTING | grep -c TPROXY; ip rule | grep -c fwmark", "th stop; same")  # fmt: skip
    assert "status 0\n1\n1\n" in said
    assert "the same" in said


def test_busybox_is_enough_of_a_userland(make_host: Maker, busybox: Path) -> None:
    """Nothing but a few of its programs and iptables; so there is no flock either, and two at once wait by a folder."""
    host = make_host("busybox")
    (host.folder / "few").mkdir()
    for name in (*NEEDED, "ip"):
        (host.folder / "few" / name).symlink_to(busybox)
    for name in ("iptables", "ip6tables"):
        (host.folder / "few" / name).symlink_to(host.sbin / name)
    program = host.folder / "usr/sbin/tproxy-host"
    program.write_text(program.read_text().replace(":}/usr/sbin:/sbin:/usr/bin:/bin", f":}}{host.folder}/few"))
    few = f"env PATH={host.folder}/few {busybox} sh $FOLDER/usr/sbin/tproxy-host --root $FOLDER"
    said = host.run("snap > $FOLDER/before", f'few="{few}"', "rm $FOLDER/etc/squid/tproxy/*", "$few start & $few start & wait",
                    "$few status; echo status $?", "iptables -t mangle -S PREROUTING | grep -c TPROXY", "$few check",
                    "$few stop; same")  # fmt: skip
    assert "status 0\n1\n" in said
    assert "not found" not in said
    assert "the same" in said
    assert (host.folder / "etc/squid/tproxy/ports.conf").exists()


def test_reload_and_condrestart_start_nothing(host: ProxyHost) -> None:
    said = host.run("snap > $FOLDER/before", "th reload; echo reload $?", "th condrestart; echo condrestart $?", "same",
                    "th start; sed -i 's/^PORTS=.*/PORTS=\"81\"/' $FOLDER/etc/default/tproxy", "th reload; echo reload $?",
                    "iptables -t mangle -S PREROUTING | grep TPROXY", "th stop; same")  # fmt: skip
    assert "reload 7\ncondrestart 0\nthe same\n" in said
    assert "reload 0\n" in said and "--dport 81 " in said and "--dport 80 " not in said
    assert said.endswith("the same\n")


@pytest.mark.parametrize("words", ["", "begin", "start now", "check --xml", "squid-conf -p", "--root"])
def test_what_it_does_not_know_is_told(words: str, host: ProxyHost) -> None:
    said = host.run("snap > $FOLDER/before", f"{host.shell} $FOLDER/usr/sbin/tproxy-host {words}; echo status $?", "same")
    assert "usage: tproxy-host" in said
    assert "status 2\nthe same\n" in said


def test_status_names_what_is_missing(host: ProxyHost) -> None:
    for harm, line in {
        "iptables -t mangle -D PREROUTING 1": "IPv4 rule mangle PREROUTING -p tcp -m socket",
        "ip rule del lookup 100": "ip rule fwmark 0x1/0x1 lookup 100",
        "ip route flush table 100": "ip route local 0.0.0.0/0 dev lo table 100",
        "echo 1 > /proc/sys/net/ipv4/conf/c0/rp_filter": "setting /proc/sys/net/ipv4/conf/c0/rp_filter = 0: it is 1",
        "iptables -F LocalFW": "IPv4 rule filter LocalFW -i lo",
    }.items():
        said = host.run("th start", harm, "th status; echo status $?", "th start; th status; echo status $?; th stop")
        assert f"missing  {line}" in said
        assert "status 1\n" in said and "status 0\n" in said


# A stand-in for squid: answers with the addresses that the connection has, which only a transparent socket may have.
PROXY = """\
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 3129))
listener.listen()
print("listening", flush=True)
while True:
    connection, peer = listener.accept()
    connection.recv(100)
    connection.sendall("{} asks {}:{}".format(peer[0], *connection.getsockname()).encode())
    connection.close()
"""
CLIENT = """\
import socket, sys
for address, port in (("198.51.100.7", 80), ("198.51.100.7", 81), ("10.9.0.1", 80)):
    try:
        with socket.create_connection((address, port), 1) as connection:
            connection.sendall(b"hello")
            print(connection.recv(100).decode())
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("addrtype", [True, False])
def test_connections_reach_the_proxy_with_both_addresses(addrtype: bool, host: ProxyHost) -> None:
    """A client in a namespace of its own asks a server that is nowhere, another port, and the host itself."""
    program = host.folder / "usr/sbin/tproxy-host"
    program.write_text(program.read_text().replace("comment addrtype; do", "comment addrtype; do" if addrtype else "; do"))
    for name, text in {"proxy": PROXY, "client": CLIENT}.items():
        (host.folder / f"{name}.py").write_text(text)
    said = host.run(
        "unshare --net sleep 100 & other=$!; client='nsenter --net --target '$other",
        'until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done',
        "ip link set s0 netns $other",
        "$client ip addr add 10.9.0.2/24 dev s0; $client ip link set s0 up; $client ip route add default via 10.9.0.1",
        "python3 $FOLDER/proxy.py > $FOLDER/said & proxy=$!; until grep -q listening $FOLDER/said; do sleep 0.05; done",
        "th start", "$client python3 $FOLDER/client.py", "th stop", "$client python3 $FOLDER/client.py; kill $proxy $other",
    )  # fmt: skip
    started, stopped = said.split("tproxy-host: stopped\n")
    assert started.splitlines()[1:] == ["10.9.0.2 asks 198.51.100.7:80", "OSError", "ConnectionRefusedError"]
    assert stopped.splitlines() == ["TimeoutError", "TimeoutError", "ConnectionRefusedError"]
