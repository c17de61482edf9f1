"""What happens to a host meanwhile: the service iptables, saved rules, changed settings, interfaces that go."""

import os
import shutil
from pathlib import Path

import pytest

from .finished import FinishedCut
from .proxyhost import SPEC_FILES, ProxyHost, install_host

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]


@pytest.fixture
def host(cut: FinishedCut, unpacked_iptables: Path, tmp_path: Path) -> ProxyHost:
    install_host(tmp_path)
    return ProxyHost(folder=tmp_path, unpacked=unpacked_iptables, sbin=unpacked_iptables / cut.sbin, shell="dash")


# -- beside the service iptables

RULES = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"


@pytest.fixture
def served(host: ProxyHost) -> ProxyHost:
    """With the service iptables, whose hook leads to this program."""
    text = (SPEC_FILES.parent / "iptables" / "iptables.init").read_text()
    places = {"NAME": "iptables", "PREFIX": "IPTABLES", "RULES": f"{host.folder}/rules", "CONFIG": f"{host.folder}/no-config",
              "SBINDIR": str(host.sbin), "HOOKS": f"{host.folder}/etc/iptables.d"}  # fmt: skip
    for name, value in places.items():
        text = text.replace(f"@{name}@", value)
    host.add_program("service", text)
    hook = host.folder / "etc/iptables.d/tproxy-host"
    assert hook.read_text().splitlines()[-1] == "exec /usr/sbin/tproxy-host condrestart"
    # The service sets PATH to the folders of a host; this iptables lies elsewhere.
    hook.write_text(f"#!/bin/sh\nPATH=$SBIN:$PATH exec sh $FOLDER/usr/sbin/tproxy-host --root {host.folder} condrestart\n")
    (host.folder / "rules").write_text(RULES)
    return host


def test_a_restart_of_iptables_brings_the_rules_back(served: ProxyHost) -> None:
    said = served.run("service start", "snap > $FOLDER/before", "th start", "snap > $FOLDER/started",
                      "service restart; echo restart $?", "th status; echo status $?",
                      "snap | cmp - $FOLDER/started && echo as started", "th stop", "same", "service restart",
                      "same")  # fmt: skip
    assert "restart 0\n" in said and "status 0\nas started\n" in said, said
    assert said.count("the same\n") == 2


def test_a_restart_of_iptables_goes_on_without_an_interface_that_is_away(served: ProxyHost) -> None:
    served.configure(INTERFACES="c0 tun0")
    said = served.run("ip link add tun0 type veth peer name tun1", "service start", "th start; echo start $?", "ip link del tun0",
                      "service restart; echo restart $?", "iptables -t mangle -S PREROUTING", "th restart; echo again $?",
                      "th stop; echo stop $?")  # fmt: skip
    assert "start 0\n" in said and "restart 0\n" in said and "stop 0\n" in said, said
    assert "there is no interface 'tun0' just now; its rules wait for it" in said
    for interface in ("c0", "tun0"):
        assert any(f"-i {interface}" in line and "TPROXY" in line for line in said.splitlines()), said
    assert "again 6\n" in said, "who starts it himself is told"


def test_stopped_iptables_has_no_rules_and_started_has_them_again(served: ProxyHost) -> None:
    said = served.run("service start", "th start", "snap > $FOLDER/started", "service stop",
                      "iptables -t mangle -S | grep -c -e -A", "th status > /dev/null; echo status $?", "service start",
                      "snap | cmp - $FOLDER/started && echo as started")  # fmt: skip
    assert "\n0\nstatus 1\n" in said
    assert "as started" in said


def test_rules_that_were_saved_are_not_doubled(served: ProxyHost) -> None:
    """Saved while started, loaded at the next boot, which knows nothing of what was done; and stopped after that."""
    forget = "rm -r $FOLDER/var/run; ip rule del lookup 100; ip route flush table 100"
    load = "iptables-restore < $FOLDER/rules"  # by something that calls no hooks
    count = "iptables -S | grep -c -e '-j LocalFW'; iptables -t mangle -S | grep -c -e '-j DIVERT' -e '-j TPROXY' -e '-A DIVERT'"
    said = served.run("service start", "th start", "service save", "service restart", count, forget, load, count,
                      "th start; th start; th status > /dev/null; echo status $?", count, "th stop", count,
                      "iptables -S; iptables -t mangle -S", forget, f"{load}; echo loaded", "th stop", count)  # fmt: skip
    assert said.count("2\n4\n") == 3, said
    assert "status 0\n2\n4\ntproxy-host: stopped\n0\n0\n" in said
    assert said.endswith("tproxy-host: stopped\n0\n0\n")
    assert "DIVERT" not in said.partition("stopped")[2].partition("loaded")[0]


PORT = "sed -i 's/^PORTS=.*/PORTS=\"%s\"/' $FOLDER/etc/default/tproxy"
OURS = "iptables-save | grep -c -e tproxy-host -e LocalFW -e DIVERT"


@pytest.mark.parametrize("command", ["start", "stop"])
def test_saved_rules_of_older_settings_go(command: str, served: ProxyHost) -> None:
    """Saved while started with other ports and another mark than the next start knows of."""
    said = served.run(
        "service start", PORT % "80 8080", "th start; service save; th stop", PORT % "81",
        "rm -r $FOLDER/var/run; service() { iptables-restore < $FOLDER/rules; }", "service restart", "iptables-save | grep 8080",
        f"th {command}; echo {command} $?", "iptables -t mangle -S", "th stop", OURS,
    )  # fmt: skip
    before, after = said.split(f"{command} 0\n")
    assert "--dport 8080" in before
    assert "--dport 8080" not in after and "--dport 80 " not in after
    assert ("--dport 81 " in after) == (command == "start")
    assert after.endswith("stopped\n0\n"), said


def test_saved_rules_do_not_come_back_to_a_host_where_it_is_stopped(served: ProxyHost) -> None:
    """They would send port 80 nowhere: there is neither a rule nor a route for the mark."""
    said = served.run(
        "service start", "iptables -A INPUT -p udp -j ACCEPT", "th start; service save; th stop", OURS,
        "service restart; echo restart $?", "iptables -S INPUT", OURS,
    )  # fmt: skip
    assert "stopped\n0\n" in said
    assert "restart 0\n" in said and "-A INPUT -p udp -j ACCEPT" in said
    assert said.endswith("\n0\n"), said


# -- settings that turn out to be impossible

WCCP0 = {"WCCP_ROUTERS": "10.8.0.2", "WCCP_INTERFACE": "wccp0"}

# What is there → what is set, and what is said of it.
HARMS = {
    "ip route add 10.7.0.0/24 dev c0 table 101": ({"TABLE": "101"}, "table 101 has routes of somebody else"),
    "true": ({"WCCP_ROUTERS": "10.8.0.2"}, "the kernel has no gre0"),
    "ip link add wccp0 type veth peer name other": (WCCP0, "a wccp0 that is not ours"),
    "ip route add unreachable default": (WCCP0 | {"WCCP_ROUTERS": "203.0.113.9"}, "no route leads to 203.0.113.9"),
}


@pytest.mark.parametrize("command", ["start", "restart", "reload"])
@pytest.mark.parametrize("harm", HARMS)
def test_what_cannot_be_leaves_what_was_started(harm: str, command: str, host: ProxyHost) -> None:
    settings, complaint = HARMS[harm]
    host.add_program("ip", f'[ "$*" != "link show gre0" ] || exit 1\nexec {shutil.which("ip")} "$@"\n')
    lines = "\n".join(f"sed -i 's/^{key}=.*/{key}=\"{value}\"/' $FOLDER/etc/default/tproxy" for key, value in settings.items())
    said = host.run(harm, "th start; snap > $FOLDER/before", lines, f"th {command}; echo {command} $?", "same", "th stop")
    assert complaint in said
    assert f"{command} 1\nthe same\n" in said, said
    assert said.endswith("tproxy-host: stopped\n")


# -- interfaces

VETH = "ip link add %s type veth peer name other"
SYSTEM = "/proc/sys/net/ipv4/conf"


def test_an_interface_that_has_gone_does_no_harm(host: ProxyHost) -> None:
    said = host.run(VETH % "d0", f"echo 1 > {SYSTEM}/d0/forwarding; th start; ip link del d0", "th stop; echo stop $?",
                    "th status; echo status $?")  # fmt: skip
    assert "tproxy-host: stopped\nstop 0\n" in said and "status 3\n" in said
    assert "d0" not in said, said


def test_the_cure_for_an_interface_with_a_dot_works(host: ProxyHost) -> None:
    host.configure(INTERFACES="c0 v.1")
    lines = (VETH % "v.1", f"th start; echo 1 > {SYSTEM}/v.1/rp_filter")
    (found,) = (line for line in host.run(*lines, "th check").splitlines() if "rp_filter is on: v.1" in line)
    cure = found.partition("cure: ")[2].partition(", and")[0]
    assert "rp_filter = 0 where clients come in" in host.run(*lines, cure, "th check")
