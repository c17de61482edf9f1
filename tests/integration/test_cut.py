"""What a finished cut left: read by other means than those that made it.

`--cut RELEASE` says which, by the release's name or file; without it, bookworm. What is expected comes from the release and from
what the cut has recorded, so that the same tests hold for old sources and new ones. Without --cut the tests are skipped where
there is no finished cut: `./run doit release=bookworm` makes one.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import rpm

from tproxy_rpms.acceptance.busybox.userland import make_busybox
from tproxy_rpms.acceptance.guest import QEMU
from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.builders.root import RootStore
from tproxy_rpms.errors import HostError
from tproxy_rpms.kernel.audit import read_config
from tproxy_rpms.kernel.fragment import Demand, list_all, read_fragments
from tproxy_rpms.release.model import RPM_ARCH, Arch, Package
from tproxy_rpms.tasks.kconfig import fragment_paths

from .console import run_guest
from .finished import FinishedCut, run_in_root, unpack_root

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tproxy-rpms"
ELF = {"x86_64": "ELF 64-bit", "i386": "ELF 32-bit"}

# A module of the mission, and the symbol that makes it.
MODULES = {
    "ip_gre": "NET_IPGRE",
    "xt_TPROXY": "NETFILTER_XT_TARGET_TPROXY",
    "xt_socket": "NETFILTER_XT_MATCH_SOCKET",
    "nf_tproxy_core": "NETFILTER_TPROXY",
    "nf_conntrack": "NF_CONNTRACK",
    "iptable_mangle": "IP_NF_MANGLE",
}

pytestmark = pytest.mark.cut


def get_package(cut: FinishedCut, spec: str) -> Package:
    """Return the package that a spec makes; skips when the release has none."""
    package = cut.package(spec)
    if package is None:
        pytest.skip(f"{cut.release.name} has no {spec}")
    return package


@pytest.fixture(scope="module")
def kernel(cut: FinishedCut) -> Package:
    return get_package(cut, "kernel")


def read_header(path: Path) -> rpm.hdr:
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES)
    with path.open("rb") as stream:
        return transaction.hdrFromFdno(stream.fileno())


@pytest.fixture(scope="module")
def unpacked(cut: FinishedCut, arch: Arch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All RPMs of one arch, unpacked without installing."""
    folder = tmp_path_factory.mktemp(arch)
    unpack_rpms(cut.rpms(arch), folder)
    return folder


@pytest.fixture(scope="module")
def rooted(cut: FinishedCut, arch: Arch) -> Iterator[Path]:
    """A build root of one arch with this cut's programs unpacked in it: there they run, whatever the host is."""
    if cut.release.builder != "chroot":
        pytest.skip(f"the builder {cut.release.builder} keeps no root that programs could be run in")
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-rooted-") as name:
        try:
            root = RootStore(target=cut.release.target, cache=CACHE).make(arch, log=Path(name) / "root.log")
        except HostError as error:
            pytest.skip(f"no {arch} root to run programs in: {error.message}")
        folder = Path(name) / "root"
        folder.mkdir()
        unpack_root(root, folder)
        kernels = {name for name, package in cut.list_names().items() if cut.release.packages[package].kconfig}
        unpack_rpms([path for path in cut.rpms(arch) if read_header(path)[rpm.RPMTAG_NAME] not in kernels], folder)
        yield folder


@pytest.fixture(scope="module")
def config(cut: FinishedCut, kernel: Package, unpacked: Path) -> dict[str, str]:
    """The kernel configuration out of the package."""
    return read_config(unpacked / "boot" / f"config-{cut.version_release(kernel)}")


def list_demands(package: Package, arch: Arch) -> tuple[Demand, ...]:
    """Return every line of the fragments that a kernel is made with."""
    assert package.kconfig
    paths = [path for name in package.kconfig.fragments for path in fragment_paths(ROOT, name, arch)]
    return list_all(read_fragments(paths))


def is_before(version: str, *numbers: int) -> bool:
    """Tell whether a version is older than another, by rpm's own order."""
    return bool(rpm.labelCompare(("0", version, ""), ("0", ".".join(map(str, numbers)), "")) < 0)


def test_every_package_is_there_for_its_arch(cut: FinishedCut, arch: Arch) -> None:
    headers = [read_header(path) for path in cut.rpms(arch)]
    names = cut.list_names()
    assert sorted(header[rpm.RPMTAG_NAME] for header in headers) == sorted(names)
    assert {header[rpm.RPMTAG_NAME]: header[rpm.RPMTAG_ARCH] for header in headers} == cut.list_arches(arch)
    assert {header[rpm.RPMTAG_BUILDHOST] for header in headers} == {"reproducible.invalid"}
    for header in headers:
        package = cut.release.packages[names[header[rpm.RPMTAG_NAME]]]
        assert f"{header[rpm.RPMTAG_VERSION]}-{header[rpm.RPMTAG_RELEASE]}" == cut.version_release(package)


def test_rpm_finds_every_package_whole(cut: FinishedCut, arch: Arch) -> None:
    for path in cut.rpms(arch):
        output = subprocess.run(["rpm", "-K", "--nosignature", str(path)], check=True, capture_output=True, text=True).stdout
        assert output.rstrip().endswith("digests OK")


def test_one_srpm_a_package(cut: FinishedCut) -> None:
    names = {read_header(path)[rpm.RPMTAG_NAME] for path in cut.repository("SRPMS").glob("*.src.rpm")}
    assert names - {"tproxy-release"} == set(cut.release.packages)


def test_the_elf_files_agree_with_the_arch(cut: FinishedCut, arch: Arch, unpacked: Path) -> None:
    programs = [
        unpacked / "usr/sbin/squid",
        *unpacked.glob(f"{cut.sbin}/*multi"),
        *unpacked.rglob("*.ko"),
        *unpacked.rglob("libxt_*.so"),
    ]
    programs = [path for path in programs if not path.is_symlink()]
    # 2.6.30 made of few symbols has 34 modules, and iptables 1.4.3.2 has 49 of these extensions.
    assert len(programs) > (80 if is_before(cut.version(get_package(cut, "kernel")), 3) else 100)
    output = subprocess.run(["file", "-b", *map(str, programs)], check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line for line in output if not line.startswith(ELF[arch])] == []


def test_the_missions_extensions_and_modules_are_there(
    cut: FinishedCut, kernel: Package, config: dict[str, str], unpacked: Path
) -> None:
    extensions = ["libxt_TPROXY.so", "libxt_socket.so", "libxt_MARK.so"]
    for name in (*extensions, *(f"{module}.ko" for module in list_modules(cut, kernel, config))):
        assert list(unpacked.rglob(name)), name


def list_modules(cut: FinishedCut, kernel: Package, config: dict[str, str]) -> list[str]:
    """Return the mission's modules that this kernel has to have: until 3.12 the heart of TPROXY was one of its own."""
    core = is_before(cut.version(kernel), 3, 12)
    wanted = {module: symbol for module, symbol in MODULES.items() if module != "nf_tproxy_core" or core}
    assert {symbol: config.get(symbol) for symbol in wanted.values()} == dict.fromkeys(wanted.values(), "m")
    return list(wanted)


def test_the_packaged_configuration_keeps_every_demand(kernel: Package, arch: Arch, config: dict[str, str]) -> None:
    demands = [demand for demand in list_demands(kernel, arch) if demand.kind != "optional"]
    assert {"NETFILTER_XT_TARGET_TPROXY", "NETFILTER_XT_MATCH_SOCKET", "NET_IPGRE"} <= {demand.symbol for demand in demands}
    wanted = {demand.symbol: demand.value for demand in demands}
    assert {symbol: config.get(symbol, "n") for symbol in wanted} == wanted


def test_squid_says_what_it_was_built_with(cut: FinishedCut, arch: Arch, rooted: Path) -> None:
    version = cut.version(get_package(cut, "squid"))
    result = run_in_root(rooted, arch, ["squid", "-v"])
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == f"Squid Cache: Version {version}"
    for option in ("--enable-linux-netfilter", "--enable-wccpv2", "--with-libcap"):
        assert f"'{option}'" in result.stdout


def test_iptables_knows_the_missions_target_and_match(cut: FinishedCut, arch: Arch, rooted: Path) -> None:
    version = cut.version(get_package(cut, "iptables"))
    program = f"/{cut.sbin}/iptables"
    # Since 1.8 it says which of the kernel's two interfaces it speaks; the recipe's rules are for the older one.
    exact = f"iptables v{version}" + ("" if is_before(version, 1, 8) else " (legacy)")
    assert run_in_root(rooted, arch, [program, "-V"]).stdout.strip() == exact
    # The match had no options in the first releases that had it.
    socket = "has no options" if version == "1.4.3.2" else "--transparent"
    for words, expected in ((["-j", "TPROXY", "-h"], "--tproxy-mark"), (["-m", "socket", "-h"], socket)):
        result = run_in_root(rooted, arch, [program, *words])
        assert expected in result.stdout, result.stderr


def test_nothing_of_the_build_is_left_in_the_payload(unpacked: Path) -> None:
    for path in (unpacked / "usr/sbin/squid", *(unpacked / "boot").glob("vmlinuz-*")):
        assert b"/builddir/BUILDROOT" not in path.read_bytes()


def test_a_real_client_reads_the_repository(cut: FinishedCut, arch: Arch, tmp_path: Path) -> None:
    dnf = shutil.which("dnf")
    if dnf is None:
        pytest.skip("no dnf on this host")
    base = [
        dnf,
        "--installroot",
        str(tmp_path),
        "--forcearch",
        RPM_ARCH[arch],
        "--releasever",
        "1",
        "--setopt",
        f"cachedir={tmp_path}/cache",
    ]
    repo = [
        "--repofrompath", f"cut,{cut.repository(arch).resolve().as_uri()}", "--repo", "cut", "--setopt", "cut.gpgcheck=0", "-q",
    ]  # fmt: skip
    listed = subprocess.run(
        [*base, *repo, "repoquery", "--qf", "%{name}"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert set(listed) - {"tproxy-release"} == set(cut.list_names())


def test_the_set_installs_without_forcing(cut: FinishedCut, arch: Arch, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("rpm --root needs root")
    rpms = [str(path) for path in cut.rpms(arch)]
    install = ["rpm", "--root", str(tmp_path), "--noscripts", "--ignorearch", "--ignoreos", "-i", *rpms]
    if cut.release.target.traits["rpm_base"]:
        # The base system is not here: what is missing of it may be, but nothing that the set itself is to have.
        unmet = set(
            re.findall(
                r"^\s*(\S+).* is needed by", subprocess.run([*install, "--test"], capture_output=True, text=True).stderr, re.M
            )
        )
        own = {name for path in cut.rpms(arch) for name in read_header(path)[rpm.RPMTAG_PROVIDENAME]}
        assert unmet
        assert not unmet & (own | {"libcap.so.2", "libcap.so.2()(64bit)", "libxtables.so.2", "libxtables.so.2()(64bit)"})
        install.append("--nodeps")
    subprocess.run(install, check=True)
    listed = subprocess.run(
        ["rpm", "--root", str(tmp_path), "-qa"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert len(listed) == len(cut.list_names())


def test_rpmlint_has_no_errors(cut: FinishedCut, arch: Arch) -> None:
    if shutil.which("rpmlint") is None:
        pytest.skip("no rpmlint on this host")
    paths: Sequence[Path] = [*cut.repository(arch).glob("*.rpm"), *cut.repository("SRPMS").glob("*.rpm")]
    result = subprocess.run(
        ["rpmlint", "-c", str(ROOT / "specs" / "rpmlint.toml"), *map(str, paths)], capture_output=True, text=True
    )
    complaints = [line for line in result.stdout.splitlines() if ": E: " in line or ": W: " in line]
    assert complaints == [], "\n".join(complaints)


@pytest.fixture(scope="module")
def busybox(arch: Arch) -> Path:
    """The userland of guests."""
    if shutil.which(QEMU[arch][0]) is None:
        pytest.skip(f"no {QEMU[arch][0]} on this host")
    try:
        return make_busybox(arch, root=ROOT, cache=CACHE)
    except HostError as error:
        pytest.skip(f"no busybox for {arch} from the host's archive: {error.message}")


@pytest.mark.qemu
@pytest.mark.timeout(1800)  # the first time it makes the busybox
def test_the_kernel_boots_to_a_shell_and_its_modules_load(
    cut: FinishedCut, arch: Arch, kernel: Package, config: dict[str, str], unpacked: Path, busybox: Path, tmp_path: Path
) -> None:
    release = cut.version_release(kernel)
    modules = list_modules(cut, kernel, config)
    loads = [f"modprobe {module}" for module in modules]
    recipe = ["ip link set lo up", "ip rule add fwmark 1 lookup 100", "ip route add local 0.0.0.0/0 dev lo table 100",
              "ip tunnel add wccp0 mode gre remote 192.0.2.1 local 192.0.2.2", "ip link set wccp0 up"]  # fmt: skip
    reads = ["uname -r", "uname -m", "uname -v", "cut -d' ' -f1 /proc/modules", "cat /proc/net/ip_tables_targets",
             "cat /proc/net/ip_tables_matches", "ip rule", "ip route show table 100", "ip link show wccp0"]  # fmt: skip
    answers = run_guest(
        unpacked / "boot" / f"vmlinuz-{release}",
        collect_modules(unpacked, release, modules),
        arch=arch,
        busybox=busybox,
        commands=[*loads, *recipe, *reads],
        scratch=tmp_path,
    )
    assert {command: answer.text for command, answer in answers.items() if answer.status != 0} == {}
    said = {command: answer.text for command, answer in answers.items()}
    assert said["uname -r"] == release
    assert said["uname -m"] == RPM_ARCH[arch]
    # Old kernels print the date with single blanks.
    date = time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(cut.release.epoch))
    assert said["uname -v"].startswith("#1 ")
    assert " ".join(said["uname -v"].split()).endswith(" ".join(date.split()))
    assert set(modules) <= set(said["cut -d' ' -f1 /proc/modules"].split())
    assert "TPROXY" in said["cat /proc/net/ip_tables_targets"].split()
    assert "socket" in said["cat /proc/net/ip_tables_matches"].split()
    assert "from all fwmark 0x1 lookup 100" in said["ip rule"]
    assert said["ip route show table 100"].startswith("local default dev lo")
    assert "link/gre 192.0.2.2 peer 192.0.2.1" in said["ip link show wccp0"]


def collect_modules(tree: Path, release: str, modules: Sequence[str]) -> dict[str, Path]:
    """Return the files that modprobe needs for some modules, place in the guest → file; runs depmod as installing does.

    Not all modules: a whole distribution's would take the emulated machine longer to unpack than all the rest.
    """
    subprocess.run(["/sbin/depmod", "-b", str(tree), release], check=True)
    folder = tree / "lib" / "modules" / release
    needs = dict(line.split(":", 1) for line in (folder / "modules.dep").read_text().splitlines())
    paths = {Path(path).stem: path for path in needs}
    wanted = {path for module in modules for path in (paths[module], *needs[paths[module]].split())}
    return {f"lib/modules/{release}/{name}": folder / name for name in (*sorted(wanted), "modules.dep")}
