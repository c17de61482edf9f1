"""What a finished cut of `bookworm` left: read by other means than those that made it.

Where there is no finished cut the tests are skipped: `./run doit release=bookworm` makes one.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import rpm

from tproxy_rpms.errors import HostError
from tproxy_rpms.kernel.audit import read_config
from tproxy_rpms.kernel.fragment import read_fragments
from tproxy_rpms.sources.apt import PrivateApt, read_codename, read_entries

from .guest import make_initramfs, run_guest

ROOT = Path(__file__).parents[2]
CUT = Path(os.environ.get("TPROXY_RPMS_CUT", ROOT / "build" / "bookworm"))
REPO = CUT / "repo"
ARCHES = {"x86_64": ("x86_64", "ELF 64-bit"), "i386": ("i686", "ELF 32-bit")}

pytestmark = [
    pytest.mark.cut,
    pytest.mark.skipif(
        not all((REPO / name / "repodata" / "repomd.xml").exists() for name in (*ARCHES, "SRPMS")),
        reason=f"no finished cut in {CUT}: run ./run doit release=bookworm first",
    ),
]


@pytest.fixture(params=sorted(ARCHES), scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def find_rpm(arch: str, name: str) -> Path:
    for path in (REPO / arch).glob("*.rpm"):
        if read_header(path)[rpm.RPMTAG_NAME] == name:
            return path
    raise AssertionError(f"no {name} in {REPO / arch}")


def read_header(path: Path) -> rpm.hdr:
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES)
    with path.open("rb") as stream:
        return transaction.hdrFromFdno(stream.fileno())


@pytest.fixture(scope="module")
def unpacked(arch: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All RPMs of one arch, unpacked without installing."""
    folder = tmp_path_factory.mktemp(arch)
    for path in sorted((REPO / arch).glob("*.rpm")):
        payload = subprocess.run(["rpm2cpio", str(path)], check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["cpio", "-idmu", "--quiet", "--no-absolute-filenames"], input=payload, cwd=folder, check=True)
    return folder


def test_every_package_is_there_for_its_arch(arch: str) -> None:
    headers = [read_header(path) for path in (REPO / arch).glob("*.rpm")]
    names = {header[rpm.RPMTAG_NAME] for header in headers}
    assert names == {"kernel", "kernel-devel", "iptables", "iptables-devel", "squid"}
    assert {header[rpm.RPMTAG_ARCH] for header in headers} == {ARCHES[arch][0]}
    assert {header[rpm.RPMTAG_BUILDHOST] for header in headers} == {"reproducible.invalid"}


def test_rpm_finds_every_package_whole(arch: str) -> None:
    for path in (REPO / arch).glob("*.rpm"):
        output = subprocess.run(["rpm", "-K", "--nosignature", str(path)], check=True, capture_output=True, text=True).stdout
        assert output.rstrip().endswith("digests OK")


def test_one_srpm_a_package() -> None:
    assert sorted(read_header(path)[rpm.RPMTAG_NAME] for path in (REPO / "SRPMS").glob("*.src.rpm")) == [
        "iptables",
        "kernel",
        "squid",
    ]


def test_the_elf_files_agree_with_the_arch(arch: str, unpacked: Path) -> None:
    programs = [
        unpacked / "usr/sbin/squid",
        *unpacked.glob("usr/sbin/*multi"),
        *unpacked.rglob("*.ko"),
        *unpacked.rglob("libxt_*.so"),
    ]
    programs = [path for path in programs if not path.is_symlink()]
    assert len(programs) > 100
    output = subprocess.run(["file", "-b", *map(str, programs)], check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line for line in output if not line.startswith(ARCHES[arch][1])] == []


def test_the_missions_extensions_and_modules_are_there(unpacked: Path) -> None:
    for name in (
        "libxt_TPROXY.so",
        "libxt_socket.so",
        "libxt_MARK.so",
        "xt_TPROXY.ko",
        "xt_socket.ko",
        "ip_gre.ko",
        "nf_conntrack.ko",
    ):
        assert list(unpacked.rglob(name)), name


def test_the_packaged_configuration_has_the_missions_symbols(unpacked: Path) -> None:
    (config,) = (unpacked / "boot").glob("config-*")
    symbols = read_config(config)
    (fragment,) = read_fragments([ROOT / "kconfig" / "tproxy.config"])
    wanted = {demand.symbol: demand.value for demand in fragment.demands if demand.kind == "demand"}
    assert {symbol: symbols.get(symbol) for symbol in wanted} == wanted


def test_squid_says_what_it_was_built_with(arch: str, unpacked: Path, tmp_path: Path) -> None:
    libraries = unpacked / "usr/lib" / f"{arch}-linux-gnu"
    if arch == "i386" and not Path("/lib/ld-linux.so.2").exists():
        text = (unpacked / "usr/sbin/squid").read_bytes()
        assert b"--enable-linux-netfilter" in text
        assert b"libcap.so.2" in text
        return
    environment = {"LD_LIBRARY_PATH": str(libraries), "PATH": "/usr/bin:/bin"}
    result = subprocess.run([unpacked / "usr/sbin/squid", "-v"], env=environment, capture_output=True, text=True)
    if "error while loading shared libraries" in result.stderr:
        pytest.skip(f"this host lacks a library that squid needs: {result.stderr.strip()}")
    for option in ("--enable-linux-netfilter", "--enable-wccpv2", "--with-libcap"):
        assert option in result.stdout


def test_iptables_knows_the_missions_target_and_match(arch: str, unpacked: Path) -> None:
    if arch == "i386" and not Path("/lib/ld-linux.so.2").exists():
        pytest.skip("this host cannot run i386 programs: no /lib/ld-linux.so.2")
    libraries = unpacked / "usr/lib" / f"{arch}-linux-gnu"
    environment = {"LD_LIBRARY_PATH": str(libraries), "XTABLES_LIBDIR": str(libraries / "xtables"), "PATH": "/usr/bin:/bin"}
    for words, expected in (
        (["-j", "TPROXY", "-h"], "--tproxy-mark"),
        (["-m", "socket", "-h"], "--transparent"),
        (["-V"], "v1.8.9 (legacy)"),
    ):
        result = subprocess.run([unpacked / "usr/sbin/iptables", *words], env=environment, capture_output=True, text=True)
        assert expected in result.stdout, result.stderr


def test_nothing_of_the_build_is_left_in_the_payload(unpacked: Path) -> None:
    for path in (unpacked / "usr/sbin/squid", *(unpacked / "boot").glob("vmlinuz-*")):
        assert b"/builddir/BUILDROOT" not in path.read_bytes()


def test_a_real_client_reads_the_repository(arch: str, tmp_path: Path) -> None:
    dnf = shutil.which("dnf")
    if dnf is None:
        pytest.skip("no dnf on this host")
    base = [
        dnf,
        "--installroot",
        str(tmp_path),
        "--forcearch",
        ARCHES[arch][0],
        "--releasever",
        "1",
        "--setopt",
        f"cachedir={tmp_path}/cache",
    ]
    repo = ["--repofrompath", f"cut,{(REPO / arch).as_uri()}", "--repo", "cut", "--setopt", "cut.gpgcheck=0", "-q"]
    listed = subprocess.run(
        [*base, *repo, "repoquery", "--qf", "%{name}"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert set(listed) == {"kernel", "kernel-devel", "iptables", "iptables-devel", "squid"}


def test_the_set_installs_without_forcing(arch: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("rpm --root needs root")
    names = [str(find_rpm(arch, name)) for name in ("kernel", "kernel-devel", "iptables", "iptables-devel", "squid")]
    subprocess.run(["rpm", "--root", str(tmp_path), "--noscripts", "--ignorearch", "--ignoreos", "-i", *names], check=True)
    listed = subprocess.run(
        ["rpm", "--root", str(tmp_path), "-qa"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert len(listed) == len(names)


def test_rpmlint_has_no_errors(arch: str) -> None:
    if shutil.which("rpmlint") is None:
        pytest.skip("no rpmlint on this host")
    paths: Sequence[Path] = [*(REPO / arch).glob("*.rpm"), *(REPO / "SRPMS").glob("*.rpm")]
    result = subprocess.run(
        ["rpmlint", "-c", str(ROOT / "specs" / "rpmlint.toml"), *map(str, paths)], capture_output=True, text=True
    )
    complaints = [line for line in result.stdout.splitlines() if ": E: " in line or ": W: " in line]
    assert complaints == [], "\n".join(complaints)


@pytest.mark.qemu
def test_the_kernel_boots_to_a_shell_and_its_modules_load(arch: str, unpacked: Path, tmp_path: Path) -> None:
    busybox = Path("/bin/busybox")
    qemu = {"x86_64": "qemu-system-x86_64", "i386": "qemu-system-i386"}[arch]
    if shutil.which(qemu) is None or not busybox.exists():
        pytest.skip(f"needs {qemu} and a static busybox")
    if arch == "i386":
        busybox = i386_busybox(tmp_path)
    (kernel,) = (unpacked / "boot").glob("vmlinuz-*")
    release = kernel.name.removeprefix("vmlinuz-")
    subprocess.run(["/sbin/depmod", "-b", str(unpacked), release], check=True)
    modules = {
        f"/{path.relative_to(unpacked)}": path for path in (unpacked / "lib/modules" / release).rglob("*") if path.is_file()
    }
    initramfs = make_initramfs(tmp_path / "initramfs", modules, busybox=busybox)
    loads = " && ".join(f"modprobe {name}" for name in ("xt_TPROXY", "xt_socket", "ip_gre", "iptable_mangle"))
    said = run_guest(
        kernel,
        initramfs,
        arch=arch,
        commands=f"uname -r; uname -m; {loads} && echo MODULES-$((6*7)); ip rule add fwmark 1 lookup 100 && ip rule",
    )
    assert release in said
    assert "MODULES-42" in said
    assert "fwmark 0x1 lookup 100" in said


def i386_busybox(folder: Path) -> Path:
    """A static busybox for i386 from the host's archive."""
    etc = folder / "etc" / "sources.list.d"
    etc.mkdir(parents=True)
    try:
        codename = read_codename()
        # The suite alone: it is there for every arch even while a mirror lags with the updates.
        entries = [replace(entry, suites=(codename,)) for entry in read_entries(Path("/etc/apt")) if codename in entry.suites]
        (etc / "test.sources").write_text("\n".join(entry.render() for entry in entries))
        apt = PrivateApt.create(suite=codename, cache=folder, etc=etc.parent)
        with (apt.top / "apt.conf").open("a") as conf:
            conf.write('APT::Architecture "i386";\nAPT::Architectures "i386";\n')
        with apt.updated():
            apt.run("apt-get", "-q", "download", "busybox-static", cwd=folder)
    except HostError as error:
        pytest.skip(f"no i386 busybox from the host's archive: {error.message}")
    (package,) = folder.glob("busybox-static_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "busybox")], check=True)
    return folder / "busybox" / "bin" / "busybox"
