"""tproxy-host's settings: every kind of wrong value is told with its key and cure, and changes nothing on the host."""

import os
from pathlib import Path

import pytest

from .finished import FinishedCut
from .proxyhost import ProxyHost, install_host

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]

# Key → values that it may not have, each with a part of what is said.
WRONG = {
    "INTERFACES": {
        "nope0": "there is no interface 'nope0'",
        "lo": "no clients behind it",
        "c0;reboot": "no name of an interface",
        "c0 c0": "stands there twice",
        "averyveryverylongname": "no name of an interface",
        "c0 ../c0": "no name of an interface",
    },
    "PORTS": {
        "": "nothing would be intercepted",
        "0": "is no port",
        "65536": "is no port",
        "080": "is no port",
        "80,81": "is no port",
        "http": "is no port",
        "-1": "is no port",
        "80 80": "stands there twice",
        "80 3129": "a port of Squid itself",
        "80 3128": "a port of Squid itself",
        "99999999999999999999": "is no port",
    },
    "HTTP_PORT": {"": "is no port", "x": "is no port", "3129": "is HTTP_PORT, too"},
    "TPROXY_PORT": {"": "is no port", "0x50": "is no port", "3128": "is HTTP_PORT, too"},
    "MARK": {
        "": "is no mark",
        "0": "is no mark",
        "0x0": "is no mark",
        "010": "is no mark",
        "1/1": "is no mark",
        "0x": "is no mark",
        "0x100000001": "is no mark",
        "4294967296": "is no mark",
        "0x3": "has bits that the mask 0x1 has not",
    },
    "MASK": {"": "is no mark", "0": "is no mark", "0xg": "is no mark", "0x2": "has bits that the mask 0x2 has not"},
    "TABLE": {
        "": "is no table",
        "0": "is no table",
        "253": "is no table",
        "254": "is no table",
        "255": "is no table",
        "main": "is no table",
        "2147483648": "is no table",
    },
    "IPV6": {"": "write one of: auto yes no", "on": "write one of: auto yes no", "auto yes": "write one of: auto yes no"},
    "LOCALNET": {
        "": "nobody could use the proxy",
        " ": "nobody could use the proxy",
        "10.0.0.0/33": "no length of a network",
        "10.0.0.0/": "no length of a network",
        "10.0.0.1/8": "an address inside of a network",
        "10.0.0/8": "no address or network",
        "10.0.0.0.0": "no address or network",
        "10.0.0.256": "no address or network",
        "all": "no address or network",
        "10.01.0.0/16": "no address or network",
        "2001:db8::1::/32": "no address or network",
        "1:2:3:4:5:6:7": "no address or network",
        "12345::/16": "no address or network",
        "2001:db8::/129": "no length of a network",
        ":1": "no address or network",
        "10.0.0.0/8 nets": "no address or network",
        "1:2:3:4:5:6:7:8:9": "no address or network",
    },
    "FIREWALL": {"": "write one of", "INPUT": "write one of", "RH-Firewall-1-INPUT": "there is no chain RH-Firewall-1-INPUT"},
    "WCCP_ROUTERS": {
        "router": "is no IPv4 address",
        "10.0.0.0/8": "is no IPv4 address",
        "10.0.0.1 10.0.0.1": "stands there twice",
        "2001:db8::1": "is no IPv4 address",
        " ".join(f"10.0.0.{number}" for number in range(33)): "32 at most",
    },
    "WCCP_SERVICES": {
        "": "no pair of dynamic services",
        "80": "no pair of dynamic services",
        "80 80": "no pair of dynamic services",
        "80 90 100": "no pair of dynamic services",
        "80 256": "no pair of dynamic services",
        "50 90": "no pair of dynamic services",
    },
    "WCCP_FORWARDING": {"": "write one of: gre l2", "1": "write one of: gre l2", "L2": "write one of: gre l2"},
    "WCCP_RETURN": {"": "write one of: gre l2", "gre l2": "write one of: gre l2"},
    "WCCP_ASSIGNMENT": {"": "write one of: hash mask", "hashed": "write one of: hash mask"},
    "WCCP_PASSWORD": {
        "ninechars": "longer than 8",
        "two word": "cannot stand in squid.conf",
        "a#b": "cannot stand in squid.conf",
        "ü": "cannot stand in squid.conf",
        "a$b": "a shell would read",
        "`id`": "a shell would read",
        "a\\b": "a shell would read",
    },
    "WCCP_INTERFACE": {"": "write one of: gre0 wccp0", "gre1": "write one of: gre0 wccp0"},
    "WCCP_ADDRESS": {
        "proxy": "is no IPv4 address",
        "10.8.0.1/24": "is no IPv4 address",
        "10.8.0.1 10.9.0.1": "is no IPv4 address",
    },
}

# Lines that are no settings, with a part of what is said.
BAD_LINES = {
    "hello": "'hello' is no setting; write KEY=\"value\"",
    'INTERFACE="c0"': "unknown key 'INTERFACE'; did you mean INTERFACES?",
    'tproxy-port="3129"': "unknown key 'tproxy-port'; did you mean TPROXY_PORT?",
    'WCCP_ROUTRES=""': "unknown key 'WCCP_ROUTRES'; ",
    'WCCP_ROUTRS=""': "unknown key 'WCCP_ROUTRS'; did you mean WCCP_ROUTERS?",
    'PROXY=""': "unknown key 'PROXY'; the keys are INTERFACES ",
    'export PORTS="80"': "unknown key 'export PORTS'",
    "PORTS=80 81": "PORTS: something follows the value in line ",
    'PORTS="80': "PORTS: the quotation mark in line ",
    'PORTS="80" "81"': "PORTS: something follows the value in line ",
    "PORTS=$(touch pwned)": "PORTS: ",
    'PORTS="$(touch pwned)"': "PORTS: '$(touch pwned)' has a character that a shell would read",
    'PORTS="80"\nPORTS="81"': "PORTS: given a second time in line ",
    'INTERFACES PORTS="80"': "unknown key 'INTERFACES PORTS'",
    "; touch pwned": "is no setting",
}


@pytest.fixture
def host(cut: FinishedCut, unpacked_iptables: Path, tmp_path: Path) -> ProxyHost:
    install_host(tmp_path)
    return ProxyHost(folder=tmp_path, unpacked=unpacked_iptables, sbin=unpacked_iptables / cut.sbin)


def test_every_key_has_wrong_values_here(host: ProxyHost) -> None:
    keys = [line.partition("=")[0] for line in host.config.read_text().splitlines() if line and not line.startswith("#")]
    assert keys == sorted(set(keys), key=keys.index)
    assert set(keys) == set(WRONG)


# All values of a key in one namespace, before and after a good start: neither an idle host nor a started one changes.
@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_changes_nothing(key: str, host: ProxyHost) -> None:
    files = []
    for number, value in enumerate(WRONG[key]):
        host.configure(**{key: value})
        files.append(host.config.with_name(f"tproxy.{number}"))
        host.config.rename(files[-1])
        install_host(host.folder)
    lines = ["cp $FOLDER/etc/default/tproxy $FOLDER/good"]
    for begin in ("", "th start > /dev/null"):
        lines += [begin, "snap > $FOLDER/before; cat $FOLDER/etc/squid/tproxy/* > $FOLDER/pieces"]
        for file in files:
            lines += [
                f"cp {file} {host.config}",
                "for command in start restart reload condrestart; do th $command; echo status $?; done",
            ]
            lines += ["same; cat $FOLDER/etc/squid/tproxy/* | cmp - $FOLDER/pieces; echo ===="]
    answers = host.run(*lines).split("====\n")[:-1]
    assert len(answers) == 2 * len(WRONG[key])
    for number, said in enumerate(answers):
        value = list(WRONG[key])[number % len(files)]
        assert said.endswith("the same\n"), f"{value!r} changed the host:\n{said}"
        assert f"{key if value != '3129' else 'TPROXY_PORT'}: " in said or key == "MASK"
        assert WRONG[key][value] in said, f"{value!r}:\n{said}"
        refused = said.count("status 6\n")
        assert refused == 4 or (refused >= 2 and "there is no " in said), f"{value!r}:\n{said}"


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_setting_changes_nothing(line: str, host: ProxyHost) -> None:
    key = line.partition("=")[0]
    kept = [one for one in host.config.read_text().splitlines() if not one.startswith(f"{key}=")]
    host.config.write_text("\n".join([*kept, line, ""]))
    said = host.run("cd $FOLDER; snap > $FOLDER/before", "th start; echo status $?", "same")
    assert BAD_LINES[line] in said
    assert str(host.config) in said
    assert "nothing was changed\nstatus 6\nthe same\n" in said
    assert not (host.folder / "pwned").exists()


def test_all_problems_are_told_at_once(host: ProxyHost) -> None:
    host.configure(PORTS="none", MARK="0", WCCP_INTERFACE="gre7")
    said = host.run("th start")
    assert [key for key in ("PORTS: ", "MARK: ", "WCCP_INTERFACE: ") if key in said] == ["PORTS: ", "MARK: ", "WCCP_INTERFACE: "]


def test_values_may_be_written_as_shells_let_them(host: ProxyHost) -> None:
    kept = [
        line for line in host.config.read_text().splitlines() if not line.startswith(("PORTS", "MARK", "MASK", "TABLE", "HTTP"))
    ]
    text = "\r\n".join([*kept, "  PORTS='80 8080'  # both", "MARK=0x1", 'MASK="255"#', "\tTABLE=200 # ours", "HTTP_PORT=8081"])
    host.config.write_text(text)
    said = host.run("th start; echo status $?", "iptables -t mangle -S; ip rule")
    assert "status 0\n" in said, said
    assert "--dport 8080" in said and "--tproxy-mark 0x1/0xff" in said and "fwmark 0x1/0xff lookup 200" in said


def test_without_a_file_nothing_is_done(host: ProxyHost) -> None:
    host.config.unlink()
    said = host.run("snap > $FOLDER/before", "th start; echo status $?", "th stop; echo status $?", "same")
    assert f"{host.config}: cannot be read" in said
    assert "status 6\n" in said and said.endswith("status 0\nthe same\n")


def test_ipv6_goes_by_the_clients_networks(host: ProxyHost) -> None:
    if "TPROXY" not in host.run("ip6tables -t mangle -A PREROUTING -p tcp -j TPROXY --on-port 1; ip6tables -t mangle -S"):
        pytest.skip("this iptables has no TPROXY for IPv6")

    def start(**values: str) -> str:
        host.configure(**values)
        return host.run("th start; echo status $?; ip6tables -t mangle -S; th stop")

    assert "TPROXY --on" not in start(IPV6="auto", LOCALNET="10.0.0.0/8")
    assert "TPROXY --on" in start(IPV6="auto", LOCALNET="10.0.0.0/8 2001:db8::/32")
    assert "TPROXY --on" not in start(IPV6="no", LOCALNET="10.0.0.0/8 2001:db8::/32")
    assert "TPROXY --on" in start(IPV6="yes", LOCALNET="10.0.0.0/8")


def test_ipv6_that_cannot_be_is_told_only_if_it_must_be(host: ProxyHost) -> None:
    host.add_program("ip6tables", "echo 'no IPv6 here'; exit 3\n")
    host.configure(IPV6="yes")
    said = host.run("snap 2>/dev/null > $FOLDER/before", "th start; echo status $?")
    assert "IPV6=yes" in said and "no IPv6 here" in said and "status 1\n" in said
    host.configure(IPV6="auto", LOCALNET="10.0.0.0/8 2001:db8::/32")
    assert "status 0\n" in host.run("th start; echo status $?")


def test_an_address_that_is_not_the_hosts_is_told(host: ProxyHost) -> None:
    host.configure(WCCP_ROUTERS="10.8.0.2", WCCP_FORWARDING="l2", WCCP_ADDRESS="10.8.0.77")
    said = host.run("snap > $FOLDER/before", "th start; echo status $?", "same")
    assert "WCCP_ADDRESS: no interface has the address 10.8.0.77" in said
    assert "status 6\nthe same\n" in said
    host.configure(WCCP_ADDRESS="10.8.0.1")
    assert "status 0\n" in host.run("th start; echo status $?")


def test_more_ports_than_a_service_has(host: ProxyHost) -> None:
    host.configure(WCCP_ROUTERS="10.8.0.2", PORTS=" ".join(str(port) for port in range(80, 89)))
    assert "PORTS: 9 ports, but a WCCP service has 8 at most" in host.run("th start")
