"""What `tproxy-host check` finds: each trap is planted alone, and named with its cure; and the pieces of squid.conf."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.payload import unpack_rpms

from .finished import FinishedCut
from .proxyhost import ProxyHost, install_host

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")]

SQUID = """\
# Error enabling needed capabilities.
case $1 in
    -v) echo "configure options: '--enable-linux-netfilter' '--with-libcap'" ;;
esac
"""

LISTEN = """\
python3 -c '
import socket, time
listener = socket.create_server(("", 3129))
print("listening", flush=True)
time.sleep(60)
' > $FOLDER/listening & listener=$!
until grep -q listening $FOLDER/listening; do sleep 0.05; done
"""

ROUTER = "sed -i 's/^WCCP_ROUTERS=.*/WCCP_ROUTERS=10.8.0.2/' $FOLDER/etc/default/tproxy"
WCCP = f"{ROUTER}; sed -i 's/^WCCP_FORWARDING=.*/WCCP_FORWARDING=l2/' $FOLDER/etc/default/tproxy"
CONF = "$FOLDER/etc/squid/squid.conf"
FIRST = "routing: IPv4: this rule comes first: "
OLD_IPTABLES = 'echo "iptables v1.3.5"'

# What is done to a host that is all right → level, subject and text of what is found, and its cure.
TRAPS = {
    "th stop": ("fail", "service: is not started", "tproxy-host start"),
    "iptables -t mangle -D PREROUTING 1": ("fail", "rules: IPv4: .* has no -m socket -j DIVERT rule", "tproxy-host restart"),
    "iptables -t mangle -D PREROUTING 2": ("fail", "rules: IPv4: .* has no +TPROXY rule", "tproxy-host restart"),
    "iptables -t mangle -F DIVERT": ("fail", "service: started, but missing: .*DIVERT", "tproxy-host restart"),
    "iptables -t mangle -I PREROUTING -p tcp -j ACCEPT": ("fail", "rules: IPv4: in front of .*: .*ACCEPT", "remove it"),
    "iptables -t mangle -I PREROUTING 2 -j DROP": ("fail", "rules: IPv4: in front of the TPROXY rule: .*DROP", "remove it"),
    "iptables -t mangle -A PREROUTING -p tcp -m socket -j DIVERT; iptables -t mangle -D PREROUTING 1": (
        "fail", r"rules: IPv4: rule 1 \(TPROXY\) stands before rule 2 \(socket\)", "tproxy-host restart",
    ),
    "iptables -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128": (
        "warn", "nat: IPv4 port 80 is redirected, too: .*REDIRECT", "remove it",
    ),
    "iptables -t raw -A PREROUTING -j NOTRACK": ("warn", "nat: connections are not tracked", "accept by the mark"),
    "ip rule del lookup 100": ("fail", "routing: IPv4: no ip rule for the mark 0x1", "tproxy-host restart"),
    "ip rule add pref 50 lookup main": ("fail", f"{FIRST}50: from all lookup main", "ip rule del pref 50"),
    "ip rule add pref 60 fwmark 1 lookup 7": ("fail", f"{FIRST}60: .*fwmark 0x1", "ip rule del pref 60"),
    "ip route flush table 100": ("fail", "routing: IPv4: table 100 has no route local", "tproxy-host restart"),
    "ip link set lo down": ("fail", "routing: lo is down", "ip link set lo up"),
    "echo 0 > /proc/sys/net/ipv4/ip_forward": ("fail", "settings: net.ipv4.ip_forward = 0", "sysctl -w net.ipv4.ip_forward=1"),
    "echo 1 > /proc/sys/net/ipv4/conf/c0/rp_filter": ("fail", "settings: rp_filter is on: c0;", "net/ipv4/conf/c0/rp_filter=0"),
    "echo 1 > /proc/sys/net/ipv4/conf/all/send_redirects": ("warn", "settings: send_redirects is on", "send_redirects=0"),
    "iptables -F LocalFW; iptables -P INPUT DROP": ("warn", "firewall: INPUT refuses things .policy DROP.", "iptables -I INPUT"),
    "kill $listener; wait 2> /dev/null": ("fail", "squid: nothing listens on port 3129", "start squid"),
    "rm $FOLDER/bin/squid": ("fail", "squid: there is no squid on PATH", "install the package squid"),
    "sed -i s/--enable-linux-netfilter// $FOLDER/bin/squid": (
        "fail", "squid: .* without --enable-linux-netfilter", "install the squid of this release",
    ),
    "sed -i 's/Error enabling.*/Missing needed capability support./' $FOLDER/bin/squid": (
        "fail", "squid: .* was built without libcap", "install the squid of this release",
    ),
    "sed -i '/Error enabling/d' $FOLDER/bin/squid": ("warn", "squid: cannot tell whether", "ldd"),
    f"echo 'http_port 3128' >> {CONF}": ("fail", "squid.conf: http_port 3128 stands there 2 times", "remove"),
    f"echo 'http_port 0.0.0.0:3129 tproxy' >> {CONF}": ("fail", "squid.conf: http_port 3129 stands .* 2 times", "remove"),
    f"echo 'http_port 3128' > {CONF}": ("fail", "squid.conf: no line http_port 3129 tproxy", "include .*/etc/squid/tproxy/"),
    "rm $FOLDER/etc/squid/squid.conf": ("warn", "squid.conf: .* cannot be read", "as root"),
    "rm $FOLDER/etc/squid/tproxy/access.conf": ("fail", "squid.conf: .*access.conf is not there", "tproxy-host squid-conf"),
    "echo >> $FOLDER/etc/squid/tproxy/ports.conf; echo http_port 1 >> $FOLDER/etc/squid/tproxy/ports.conf": (
        "fail", "squid.conf: .*ports.conf is not what .* says", "tproxy-host squid-conf",
    ),
    f"{WCCP}; th squid-conf": ("warn", "WCCP: no rule accepts UDP 2048 of 10.8.0.2", "tproxy-host restart"),
    f"{WCCP}; th restart; rm $FOLDER/etc/squid/tproxy/wccp.conf": ("fail", "squid.conf: no wccp2_router", "include"),
    ROUTER: ("fail", "WCCP: .*gre0", "(modprobe ip_gre|up)"),
    "echo PORT=1 >> $FOLDER/etc/default/tproxy": ("fail", "configuration: .*unknown key 'PORT'", "mend"),
    f"mkdir $FOLDER/old; echo '{OLD_IPTABLES}' > $FOLDER/old/iptables; chmod +x $FOLDER/old/iptables; PATH=$FOLDER/old:$PATH": (
        "fail", "iptables: .*/old/iptables is 1.3.5: TPROXY came with 1.4.3", "remove what stands before it on PATH",
    ),
    "mkdir $FOLDER/other; cp -L $SBIN/iptables $FOLDER/other; PATH=$PATH:$FOLDER/other": (
        "warn", "iptables: there are others: .*/other/iptables", "remove those that are not wanted",
    ),
}  # fmt: skip


@pytest.fixture
def host(cut: FinishedCut, unpacked_iptables: Path, tmp_path: Path) -> ProxyHost:
    install_host(tmp_path)
    made = ProxyHost(folder=tmp_path, unpacked=unpacked_iptables, sbin=unpacked_iptables / cut.sbin)
    made.configure(INTERFACES="c0")
    made.add_program("squid", SQUID)
    # The test host's own iptables, if it has one, is no trap.
    made.add_program("uname", 'echo "${KERNEL:-2.6.30}"\n')
    return made


BEGIN = ("for one in all c0; do echo 0 > /proc/sys/net/ipv4/conf/$one/send_redirects; done", "th start > /dev/null", LISTEN)


def find(said: str, level: str) -> list[str]:
    return [line[6:] for line in said.splitlines() if line.startswith(f"{level} ")]


def test_a_host_that_is_all_right(host: ProxyHost) -> None:
    said = host.run(*BEGIN, "th check; echo status $?", "kill $listener")
    assert find(said, "fail") == []
    assert [line for line in find(said, "warn") if not line.startswith("iptables: there are others: ")] == []
    assert "status 0\n" in said
    subjects = {line.partition(":")[0] for line in find(said, "ok")}
    assert subjects >= {"configuration", "kernel", "iptables", "extension", "module", "service", "rules", "routing", "settings",
                        "squid", "squid.conf"}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_is_found_and_has_its_cure(trap: str, host: ProxyHost) -> None:
    level, text, cure = TRAPS[trap]
    said = host.run(*BEGIN, f"{{ {trap}; }} > /dev/null", "th check; echo status $?", "kill $listener 2>/dev/null")
    found = [line for line in find(said, level) if re.search(text, line)]
    assert found, said
    assert re.search(f"; cure: .*{cure}", found[0]), found
    assert ("status 1\n" in said) == bool(find(said, "fail"))
    assert (level == "fail") <= ("status 1\n" in said)


def test_an_old_kernel_is_told(host: ProxyHost) -> None:
    said = host.run("KERNEL=2.6.18-398.el5 th check")
    assert "fail  kernel: 2.6.18-398.el5 has no TPROXY: it came with 2.6.28; cure: " in said


@pytest.mark.parametrize(("answer", "level", "text"), [
    ("squid_use_tproxy --> off", "fail", "squid_use_tproxy is off; cure: setsebool -P squid_use_tproxy 1"),
    ("squid_use_tproxy --> on", "ok", "squid_use_tproxy is on"),
    ("", "warn", "the policy knows no squid_use_tproxy; cure: see README.SELinux"),
])  # fmt: skip
def test_selinux_is_asked_where_it_enforces(answer: str, level: str, text: str, host: ProxyHost) -> None:
    program = host.folder / "usr/sbin/tproxy-host"
    enforce = host.folder / "enforce"
    enforce.write_text("1\n")
    program.write_text(program.read_text().replace("/selinux/enforce)", f"{enforce})", 1))
    host.add_program("getsebool", f'[ "$1" != squid_use_tproxy ] || echo "{answer}"\n')
    said = host.run("th check")
    assert any(line.startswith(f"SELinux: {text}") for line in find(said, level)), said


def test_the_findings_come_as_json_too(host: ProxyHost) -> None:
    (host.folder / "etc/squid/squid.conf").write_text('http_port 3129 "quoted\\\n')
    said = host.run(*BEGIN, "th check --json > $FOLDER/found; echo status $?", "kill $listener")
    found = json.loads((host.folder / "found").read_text())
    assert "status 1\n" in said
    assert {key for one in found for key in one} == {"level", "subject", "text", "cure"}
    assert {one["subject"] for one in found if one["level"] == "fail"} == {"squid.conf"}


# -- the pieces of squid.conf

WCCP_PIECE = """\
wccp2_router 10.48.33.2
wccp2_router 10.48.33.3
wccp2_address 10.48.33.9
wccp2_forwarding_method l2
wccp2_return_method gre
wccp2_assignment_method mask
wccp2_service dynamic 81 password=s3cret
wccp2_service_info 81 protocol=tcp flags=src_ip_hash priority=240 ports=80,8080
wccp2_service dynamic 91 password=s3cret
wccp2_service_info 91 protocol=tcp flags=dst_ip_hash,ports_source priority=240 ports=80,8080
"""

# What every test of squid -k parse changes, so that it needs no user, no folder and no helper of a host.
PARSE = """\
visible_hostname proxy
cache_effective_user nobody
mime_table {etc}/mime.conf
icon_directory {share}/icons
error_directory {share}/errors/templates
unlinkd_program /bin/true
access_log none
coredump_dir /tmp
pid_filename none
"""


def configure_wccp(host: ProxyHost) -> None:
    host.configure(PORTS="80 8080", LOCALNET="10.1.0.0/16 2001:db8::/32", WCCP_ROUTERS="10.48.33.2 10.48.33.3",
                   WCCP_ADDRESS="10.48.33.9", WCCP_FORWARDING="l2", WCCP_ASSIGNMENT="mask", WCCP_SERVICES="81 91",
                   WCCP_PASSWORD="s3cret")  # fmt: skip


def read_piece(host: ProxyHost, name: str) -> str:
    return (host.folder / "etc/squid/tproxy" / f"{name}.conf").read_text().partition("\n")[2]


def test_the_pieces_say_what_the_settings_say(host: ProxyHost) -> None:
    assert read_piece(host, "ports") == "http_port 3128\nhttp_port 3129 tproxy\n"
    assert "acl tproxy_clients src 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16\n" in read_piece(host, "access")
    assert read_piece(host, "wccp") == "# No routers (WCCP_ROUTERS), so no WCCP.\n"
    configure_wccp(host)
    said = host.run("th squid-conf", "th squid-conf; echo again $?", "th squid-conf --print")
    assert "written: " in said.partition("again 0")[0] and said.count("written: ") == 1
    assert "ports.conf" not in said.partition("again")[0]
    assert read_piece(host, "wccp") == WCCP_PIECE and WCCP_PIECE in said
    assert "acl tproxy_clients src 10.1.0.0/16 2001:db8::/32\n" in read_piece(host, "access")
    mode = (host.folder / "etc/squid/tproxy/wccp.conf").stat().st_mode & 0o777
    assert mode == 0o600, "the password is for root alone"


@pytest.mark.parametrize("wccp", [False, True])
def test_squid_takes_the_pieces(wccp: bool, cut: FinishedCut, host: ProxyHost, tmp_path: Path) -> None:
    """The cut's own squid, its own squid.conf, changed by the one line that people are told."""
    package = cut.package("squid")
    if package is None:
        pytest.skip(f"{cut.release.name} has no squid")
    squid = tmp_path / "squid"
    squid.mkdir()
    unpack_rpms([path for path in cut.rpms("x86_64") if path.name.startswith(f"{package.name}-")], squid)
    if wccp:
        configure_wccp(host)
        host.run("th squid-conf")
    conf = squid / "etc/squid/squid.conf"
    documented = f"sed -i -e '1i include {host.folder}/etc/squid/tproxy/*.conf' -e 's/^http_port 3128/#&/' {conf}"
    subprocess.run(documented, shell=True, check=True)
    extra = PARSE.format(etc=squid / "etc/squid", share=squid / "usr/share/squid")
    if not cut.version(package).startswith("3.1."):
        extra += "logfile_daemon /bin/true\n"
    conf.write_text(f"{conf.read_text().replace('coredump_dir', '#')}{extra}")
    argv = [str(squid / "usr/sbin/squid"), "-k", "parse", "-f", str(conf)]
    result = subprocess.run(argv, capture_output=True, text=True)
    if "error while loading shared libraries" in result.stderr:
        pytest.skip(f"this host lacks a library of squid: {result.stderr.strip()}")
    assert result.returncode == 0, result.stderr
    told = result.stderr.replace("WARNING: Cannot write log file", "")
    assert not re.search("FATAL|ERROR|WARNING|Bungled|unrecognized", told), told
    assert ("[::]:3129" in result.stderr) or ("0.0.0.0:3129" in result.stderr)
