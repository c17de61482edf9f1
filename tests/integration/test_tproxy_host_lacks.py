"""tproxy-host beside WCCP's routers, kernels that lack something, and firewalls: the commands, and what is told."""

import os
import shutil
from pathlib import Path

import pytest

from .finished import FinishedCut
from .proxyhost import ProxyHost, install_host

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]


@pytest.fixture
def host(cut: FinishedCut, unpacked_iptables: Path, tmp_path: Path) -> ProxyHost:
    install_host(tmp_path)
    return ProxyHost(folder=tmp_path, unpacked=unpacked_iptables, sbin=unpacked_iptables / cut.sbin, shell="dash")


# -- WCCP: no kernel of a test host need have GRE, so that the commands are looked at

GRE = """\
echo "$*" >> $FOLDER/commands
case "$*" in
    'link show gre0') echo '9: gre0@NONE: <NOARP> mtu 1476'; exit ;;
    'link show wccp0') [ -e $FOLDER/tunnel ] && echo '9: wccp0@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1476'; exit ;;
    'tunnel add '*) touch $FOLDER/tunnel; exit ;;
    'tunnel del wccp0') rm $FOLDER/tunnel; exit ;;
    'link set gre0 '*) exit ;;
esac
"""


@pytest.mark.parametrize(
    ("interface", "made", "undone"),
    [
        ("gre0", "link set gre0 up", "link set gre0 down"),
        ("wccp0", "tunnel add wccp0 mode gre remote any local 10.8.0.1", "tunnel del wccp0"),
    ],
)
def test_the_routers_packets_come_in_gre(interface: str, made: str, undone: str, host: ProxyHost) -> None:
    host.configure(INTERFACES="c0", WCCP_ROUTERS="10.8.0.2 10.8.0.3", WCCP_INTERFACE=interface)
    host.add_program("ip", f'{GRE}exec {shutil.which("ip")} "$@"\n')
    said = host.run("snap > $FOLDER/before", ": > $FOLDER/commands", "th start; echo start $?",
                    "iptables -S; iptables -t mangle -S", "grep -e ' add ' -e ' set ' $FOLDER/commands",
                    ": > $FOLDER/commands", "th stop; same",
                    "grep -e ' del ' -e ' set ' $FOLDER/commands")  # fmt: skip
    assert "start 0\n" in said, said
    assert said.index(made) < said.index(undone)
    assert f"-A INPUT -i {interface} " in said and "-A INPUT -p gre " in said
    for router in ("10.8.0.2", "10.8.0.3"):
        assert f"-s {router}/32 -p udp -m udp --dport 2048 " in said
    assert said.count("-j TPROXY") == 2 and f"-A PREROUTING -i {interface} -p tcp" in said
    assert "the same" in said


def test_a_kernel_without_gre_is_told(host: ProxyHost) -> None:
    host.configure(WCCP_ROUTERS="10.8.0.2")
    said = host.run(
        "snap > $FOLDER/before", "ip link show gre0 > /dev/null 2>&1 && echo there", "th start; echo start $?", "same"
    )
    if said.startswith("there"):
        pytest.skip("this kernel has gre0")
    assert "the kernel has no gre0: the module ip_gre (CONFIG_NET_IPGRE) is missing" in said
    assert "start 1\nthe same\n" in said


@pytest.mark.parametrize(
    ("words", "need"),
    [
        ("-m socket", "CONFIG_NETFILTER_XT_MATCH_SOCKET"),
        ("-j TPROXY", "CONFIG_NETFILTER_XT_TARGET_TPROXY"),
        ("-j MARK", "CONFIG_NETFILTER_XT_TARGET_MARK"),
        ("-m mark", "CONFIG_NETFILTER_XT_MATCH_MARK"),
        ("-N tproxy-host", "CONFIG_IP_NF_MANGLE"),
    ],
)
def test_what_the_kernel_lacks_is_named_before_anything_is_done(words: str, need: str, host: ProxyHost) -> None:
    lacking = f'case "$*" in *"{words}"* | *-F*) echo "no chain/target/match by that name"; exit 1 ;; esac'
    host.add_program("iptables", f'{lacking}\nexec {host.sbin}/iptables "$@"\n')
    said = host.run("snap > $FOLDER/before", "th start; echo start $?", "same; cat $FOLDER/var/run/tproxy-host/state")
    assert need in said and "no chain/target/match by that name" in said
    assert "start 1\n" in said
    assert "No such file" in said, "it had begun"


@pytest.mark.parametrize("setting", ["auto", "RH-Firewall-1-INPUT"])
def test_the_chain_of_el5_gets_the_rules(setting: str, host: ProxyHost) -> None:
    host.configure(FIREWALL=setting, WCCP_ROUTERS="10.8.0.2", WCCP_FORWARDING="l2")
    said = host.run("iptables -N RH-Firewall-1-INPUT; iptables -A INPUT -j RH-Firewall-1-INPUT",
                    "iptables -A RH-Firewall-1-INPUT -j REJECT", "snap > $FOLDER/before", "th start", "iptables -S",
                    "th stop; same")  # fmt: skip
    chain = [line for line in said.splitlines() if line.startswith("-A RH-Firewall-1-INPUT")]
    assert ["--mark 0x1/0x1" in chain[0], "--dport 2048" in chain[1], "REJECT" in chain[2]] == [True] * 3
    assert "LocalFW" not in said
    assert "the same" in said


def test_the_filter_can_be_left_alone(host: ProxyHost) -> None:
    host.configure(FIREWALL="none", WCCP_ROUTERS="10.8.0.2", WCCP_FORWARDING="l2")
    said = host.run("iptables -S > $FOLDER/filter", "th start; iptables -S | cmp - $FOLDER/filter && echo untouched")
    assert "untouched" in said
