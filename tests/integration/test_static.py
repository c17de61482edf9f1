"""The static programs of a cut whose kernel is too old for the C library of its target, on the host and on that kernel."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.busybox.userland import make_busybox
from tproxy_rpms.acceptance.guest import QEMU
from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.acceptance.static.abi import needs_static, read_libc
from tproxy_rpms.acceptance.static.programs import StaticSources, make_static
from tproxy_rpms.builders.root import RootStore
from tproxy_rpms.errors import HostError
from tproxy_rpms.release.model import Arch

from .console import run_guest
from .finished import FinishedCut
from .proxyhost import MANGLE
from .test_cut import CACHE, ROOT, collect_modules, get_package

pytestmark = [pytest.mark.cut, pytest.mark.timeout(3600)]  # the first time they are built

CLASS = {"x86_64": "ELF64", "i386": "ELF32"}

SAVED = [
    "-A PREROUTING -p tcp -m socket -j DIVERT",
    "-A PREROUTING -p tcp -m tcp --dport 80 -j TPROXY --on-port 3129 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1",
    "-A DIVERT -j MARK --set-xmark 0x1/0xffffffff",
    "-A DIVERT -j ACCEPT",
]

# What the rules above need of a kernel, with what these need by modules.dep.
MODULES = ("iptable_mangle", "nf_conntrack_ipv4", "xt_TPROXY", "xt_socket", "xt_MARK", "xt_tcpudp")

CONFIGURATION = """\
http_port 3128
http_port 3129 tproxy
http_access allow all
visible_hostname guest
cache_mem 8 MB
max_filedescriptors 1024
access_log /var/log/squid/access.log squid
"""

USERS = {
    "etc/passwd": "root:x:0:0::/:/bin/sh\nsquid:x:23:23::/var/spool/squid:/bin/false\n",
    "etc/group": "root:x:0:\nsquid:x:23:\n",
}

# A page that says who asked, and through whom.
WHO = '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\necho "$REMOTE_ADDR|$HTTP_VIA|$HTTP_X_FORWARDED_FOR"\n'


def find_file(folder: Path, name: str) -> Path:
    """Return the one RPM of a name, whatever its version and arch."""
    (path,) = [path for path in folder.glob(f"{name}-*.rpm") if path.name[len(name) + 1].isdigit()]
    return path


@pytest.fixture(scope="module")
def release(cut: FinishedCut) -> str:
    """What `uname -r` says of the cut's kernel."""
    return cut.version_release(get_package(cut, "kernel"))


@pytest.fixture(scope="module")
def programs(cut: FinishedCut, arch: Arch, release: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static programs; skips for a cut whose own run on its kernel."""
    if cut.release.builder != "chroot":
        pytest.skip(f"the builder {cut.release.builder} keeps no root whose C library could be asked")
    logs = tmp_path_factory.mktemp("logs")
    try:
        root = RootStore(target=cut.release.target, cache=CACHE).make(arch, log=logs / "target.log")
        if not needs_static(read_libc(root.archive), release):
            pytest.skip(f"the programs of {cut.release.target.name} run on {release} themselves")
        sources = StaticSources(
            squid=find_file(cut.repository("SRPMS"), "squid"),
            iptables=find_file(cut.repository("SRPMS"), "iptables"),
            libcap=find_file(cut.repository("SRPMS"), "libcap2") if cut.package("libcap2") else None,
            kernel_devel=find_file(cut.repository(arch), "kernel-devel"),
        )
        return make_static(arch, sources, root=ROOT, cache=CACHE, logs=logs)
    except HostError as error:
        pytest.skip(f"no static programs for {arch}: {error.message}")


@pytest.fixture(scope="module")
def unpacked(cut: FinishedCut, arch: Arch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Kernel, iptables and squid of the cut, unpacked."""
    folder = tmp_path_factory.mktemp(arch)
    unpack_rpms([find_file(cut.repository(arch), name) for name in ("kernel", "iptables", "squid")], folder)
    yield folder
    shutil.rmtree(folder)


def is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def test_every_program_of_the_packages_has_a_static_twin(programs: Path, arch: Arch, unpacked: Path) -> None:
    folders = ("sbin", "usr/sbin", "usr/bin", "usr/lib/*/squid")
    paths = {path for folder in folders for path in unpacked.glob(f"{folder}/*") if is_elf(path)}
    # What the names of iptables lead to is a matter of how it is built.
    ours = {path.relative_to(unpacked) for path in paths if not path.name.endswith("-multi")}
    assert {"squid", "iptables", "unlinkd"} <= {path.name for path in ours}
    for path in sorted(ours):
        assert is_elf(programs / path), path
    for path in programs.rglob("*"):
        if path.is_file():
            said = subprocess.run(["readelf", "-hlW", path], check=True, capture_output=True, text=True).stdout
            assert CLASS[arch] in said, path
            assert "INTERP" not in said, path
            assert "DYNAMIC" not in said, path


def test_they_are_of_the_versions_and_options_of_the_cut(cut: FinishedCut, programs: Path) -> None:
    squid = subprocess.run([programs / "usr/sbin/squid", "-v"], check=True, capture_output=True, text=True).stdout
    assert squid.splitlines()[0] == f"Squid Cache: Version {cut.version(get_package(cut, 'squid'))}"
    for option in ("--prefix=/usr", "--sysconfdir=/etc/squid", "--enable-linux-netfilter", "--enable-wccpv2", "--with-libcap"):
        assert f"'{option}'" in squid
    assert str(CACHE) not in squid
    assert "/builddir" not in squid
    iptables = subprocess.run([programs / "sbin/iptables", "-V"], check=True, capture_output=True, text=True).stdout
    assert iptables == f"iptables v{cut.version(get_package(cut, 'iptables'))}\n"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_iptables_speaks_with_the_kernel_of_the_host(programs: Path, arch: Arch) -> None:
    commands = f"cd {programs}/sbin && ./iptables-restore && ./iptables -t mangle -S DIVERT && ./iptables-save -t mangle"
    result = subprocess.run(["unshare", "--net", "sh", "-c", commands], input=MANGLE, capture_output=True, text=True)
    if "Module is wrong version" in result.stderr or "table does not exist" in result.stderr.lower():
        pytest.skip(f"the kernel of this host has no mangle table for {arch}: {result.stderr.strip()}")
    assert result.stderr == ""
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert [line for line in lines if line in SAVED] == [*SAVED[2:], *SAVED]


@pytest.fixture(scope="module")
def busybox(arch: Arch) -> Path:
    if shutil.which(QEMU[arch][0]) is None:
        pytest.skip(f"no {QEMU[arch][0]} on this host")
    try:
        return make_busybox(arch, root=ROOT, cache=CACHE)
    except HostError as error:
        pytest.skip(f"no busybox for {arch} from the host's archive: {error.message}")


@pytest.mark.qemu
def test_they_run_on_the_kernel_of_the_cut(
    cut: FinishedCut, arch: Arch, release: str, programs: Path, unpacked: Path, busybox: Path, tmp_path: Path
) -> None:
    files = collect_modules(unpacked, release, MODULES)
    files |= {str(path.relative_to(programs)): path for path in programs.rglob("*") if path.is_file()}
    shared = [path for folder in ("etc/squid", "usr/share/squid") for path in (unpacked / folder).rglob("*") if path.is_file()]
    files |= {str(path.relative_to(unpacked)): path for path in shared}
    own = {**USERS, "etc/squid/squid.conf": CONFIGURATION, "rules": MANGLE, "www/cgi-bin/who": WHO, "www/page": "a page\n" * 5000}
    for place, text in own.items():
        files[place] = tmp_path / place.replace("/", "-")
        files[place].write_text(text)
    starts = [
        *(f"modprobe {module}" for module in MODULES),
        "ip link set lo up", "ip addr add 192.0.2.1/24 dev lo",
        "/sbin/iptables-restore < /rules",
        "ip rule add fwmark 1 lookup 100", "ip route add local 0.0.0.0/0 dev lo table 100",
        "mkdir -p /var/log/squid /var/spool/squid /var/run && chown squid:squid /var/log/squid /var/spool/squid",
        "httpd -p 192.0.2.1:8000 -h /www",
        "ulimit -n 1024; /usr/sbin/squid",
        "for i in $(seq 60); do netstat -ltn | grep -q :3129 && break; sleep 1; done; netstat -ltn",
    ]  # fmt: skip
    fetch = "http_proxy=http://127.0.0.1:3128 wget -q -T 20 -O - http://192.0.2.1:8000"
    asks = [
        "/sbin/iptables-save -t mangle", f"{fetch}/cgi-bin/who", f"{fetch}/page | md5sum", "md5sum < /www/page",
        "/usr/sbin/squid -k check", "cat /proc/$(cat /var/run/squid.pid)/status | grep -E '^(Uid|CapEff)'",
        "pidof unlinkd", "cat /var/log/squid/cache.log", "awk '{ print $4 }' /var/log/squid/access.log | uniq",
    ]  # fmt: skip
    answers = run_guest(
        unpacked / "boot" / f"vmlinuz-{release}", files, arch=arch, busybox=busybox, commands=[*starts, *asks], scratch=tmp_path
    )
    assert {command: answer.text for command, answer in answers.items() if answer.status != 0} == {}
    said = {command: answer.text for command, answer in answers.items()}
    rules, who, page, expected, _, state, _, log, results = (said[command] for command in asks)
    assert [line.strip() for line in rules.splitlines() if line.startswith("-A")] == SAVED
    assert "0.0.0.0:3129 " in said[starts[-1]]
    version = cut.version(get_package(cut, "squid"))
    assert who == f"192.0.2.1|1.1 guest (squid/{version})|127.0.0.1"
    assert page == expected
    # Squid has dropped root, and kept what it needs to bind to a client's address: NET_BIND_SERVICE and NET_ADMIN, 10 and 12.
    assert state.split() == ["Uid:", "23", "23", "0", "23", "CapEff:", f"{1 << 10 | 1 << 12:016x}"]
    assert "Accepting  spoofing HTTP connections at 0.0.0.0:3129" in log
    assert "Loaded Icons" in log
    assert results == "TCP_MISS/200"
