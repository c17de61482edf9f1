"""Every spec of every release, rendered and read by the real rpmspec."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tproxy_rpms.packaging.spec import list_files, render_spec
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import RPM_ARCH, Arch, Package, Release

from .proxyhost import install_host

ROOT = Path(__file__).parents[2]
RELEASES = {path.stem: load_release(path.stem, root=ROOT) for path in sorted((ROOT / "releases").glob("*.toml"))}
VERSIONS = {"linux": "6.1.192", "iptables": "1.8.9", "squid": "5.7"}
CASES = [(release, package) for release in RELEASES.values() for package in release.packages.values()]

DOCS = "/usr/share/doc/probe-1"
PROBE = """\
{% import "preamble.j2" as preamble with context %}
{% include "preamble.j2" %}
Name: probe
Summary: A probe
License: MIT
Group: Applications/System
{{ preamble.tags() }}
%description
A probe.
%install
rm -rf %{buildroot}
mkdir -p %{buildroot}/usr/share/probe/sub %{buildroot}%{docs}
touch -d @1000000000 %{buildroot}/usr/share/probe/old
touch %{buildroot}/usr/share/probe/new %{buildroot}%{docs}/text
ln -s nowhere %{buildroot}/usr/share/probe/link
echo member > member
ar rcU %{buildroot}/usr/share/probe/library.a member
%files
/usr/share/probe
%doc %{docs}
{{ preamble.changelog() }}
"""


def render(release: Release, package: Package, folder: Path) -> Path:
    """The spec of a package, beside a stand-in for its first source, if it has sources."""
    version, tarballs = package.version, []
    if package.sources:
        source = release.sources[package.sources[0]]
        version = source.version or VERSIONS[source.name]
        tarballs.append(folder / (source.filename or f"{source.name}-{version}.tar.xz"))
        with tarfile.open(tarballs[0], "w:xz") as archive:
            archive.addfile(tarfile.TarInfo(f"{package.name}-{version}/file"), io.BytesIO())
    files = [path.name for path in list_files(package, root=ROOT)]
    spec = folder / f"{package.name}.spec"
    spec.write_text(render_spec(release, package, root=ROOT, version=version, sources=tarballs, files=files, patches=[]))
    return spec


@pytest.mark.parametrize(("release", "package"), CASES, ids=[f"{release.name}-{package.name}" for release, package in CASES])
@pytest.mark.parametrize("arch", ["x86_64", "i386"])
def test_rpmspec_reads_it(release: Release, package: Package, arch: Arch, tmp_path: Path) -> None:
    spec = render(release, package, tmp_path)
    result = subprocess.run(["rpmspec", "--target", RPM_ARCH[arch], "-P", str(spec)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr
    assert "{{" not in result.stdout
    assert f"\nRelease: {release.revision}{release.target.dist}\n" in result.stdout


@pytest.mark.parametrize(("release", "package"), CASES, ids=[f"{release.name}-{package.name}" for release, package in CASES])
def test_the_targets_traits_shape_it(release: Release, package: Package, tmp_path: Path) -> None:
    text = render(release, package, tmp_path).read_text()
    el = release.target.family == "el"
    assert f"%global _binary_payload {release.target.payload}" in text
    assert f"%global _binary_filedigest_algorithm {release.target.file_digest}" in text
    assert ("AutoReq: no" in text or "AutoReqProv: no" in text) or el
    assert ("-p <lua>" in text) == (not el)
    if package.spec == "kernel":
        assert ("/sbin/new-kernel-pkg --package kernel --mkinitrd --depmod --install" in text) == el
    if package.spec == "squid":
        assert "--enable-linux-netfilter --enable-wccpv2 --with-libcap" in text
        assert ("useradd -u 23" in text) == el
        assert ("/etc/rc.d/init.d/squid" in text) == el
    if package.spec == "iptables":
        assert ("%package ipv6" in text) == el


@pytest.mark.parametrize(
    ("config", "lost"),
    [
        ("CONFIG_NET_IPGRE=m\n# CONFIG_DEBUG_INFO is not set\n", []),
        ("CONFIG_NET_IPGRE=m\n", []),
        ("CONFIG_NET_IPGRE=y\n", ["CONFIG_NET_IPGRE=m"]),
        ("CONFIG_NET_IPGRE=m\nCONFIG_DEBUG_INFO=y\n", ["# CONFIG_DEBUG_INFO is not set"]),
        ("CONFIG_NET_IPGRE_BROADCAST=m\nCONFIG_DEBUG_INFO_REDUCED=y\n", ["CONFIG_NET_IPGRE=m"]),
        ("CONFIG_DEBUG_INFO=m\n", ["CONFIG_NET_IPGRE=m", "# CONFIG_DEBUG_INFO is not set"]),
    ],
)
def test_the_audit_in_the_root_sees_every_lost_demand(config: str, lost: list[str], tmp_path: Path) -> None:
    """As rpm hands it to the shell: with its own idea of percent signs."""
    spec = render(RELEASES["centos5"], RELEASES["centos5"].packages["kernel"], tmp_path)
    define = ["--define", f"_sourcedir {tmp_path}", "--target", "x86_64"]
    parsed = subprocess.run(["rpmspec", *define, "-P", str(spec)], check=True, capture_output=True, text=True).stdout
    script = parsed[parsed.index("\nlost=") : parsed.index("# With the headers")]
    (tmp_path / ".config").write_text(config)
    (tmp_path / "demands-x86_64").write_text("CONFIG_NET_IPGRE=m\n# CONFIG_DEBUG_INFO is not set\n")
    result = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == (1 if lost else 0)
    assert [line.strip() for line in result.stderr.splitlines()[1:]] == lost


def test_every_init_script_is_a_shell_script() -> None:
    scripts = sorted((ROOT / "specs" / "files").rglob("*.init"))
    assert scripts
    for script in scripts:
        subprocess.run(["sh", "-n", str(script)], check=True)


@pytest.mark.parametrize("arch", ["x86_64", "i386"])
def test_a_target_whose_rpm_does_not_clamp_times_has_the_spec_do_it(arch: Arch, tmp_path: Path) -> None:
    """Built by an rpm that is told to know no epoch, as EL5's does not; symbolic links and folders too."""
    release, epoch = RELEASES["centos5"], RELEASES["centos5"].epoch
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "preamble.j2").write_text((ROOT / "specs" / "preamble.j2").read_text())
    (specs / "probe.spec.j2").write_text(PROBE)
    package = Package(name="probe", spec="probe", sources=())
    text = render_spec(release, package, root=tmp_path, version="1", sources=[], files=[], patches=[])
    switched = text.replace("%global clamp_mtime_to_source_date_epoch 1", "%global clamp_mtime_to_source_date_epoch 0")
    (tmp_path / "probe.spec").write_text(switched.replace("%global source_date_epoch_from_changelog 1", ""))
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    argv = [
        "rpmbuild",
        "-bb",
        "--nodeps",
        "--target",
        RPM_ARCH[arch],
        "--define",
        f"_topdir {tmp_path}",
        f"{tmp_path}/probe.spec",
    ]
    result = subprocess.run(argv, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    (rpm,) = (tmp_path / "RPMS").rglob("*.rpm")
    listing = subprocess.run(
        ["rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEMTIMES}\\n]", rpm], capture_output=True, text=True
    ).stdout
    times = {name: int(time) for name, time in (line.split() for line in listing.splitlines())}
    assert times.pop("/usr/share/probe/old") == 1_000_000_000
    assert times.pop("/usr/share/probe/library.a") == epoch
    cpio = subprocess.run(["rpm2cpio", rpm], capture_output=True).stdout
    library = subprocess.run(["cpio", "-i", "--quiet", "--to-stdout", "*library.a"], input=cpio, capture_output=True).stdout
    assert library.startswith(b"!<arch>\nmember/         0           0     0     100644  7         `\nmember\n")
    assert set(times) == {
        "/usr/share/probe",
        "/usr/share/probe/link",
        "/usr/share/probe/new",
        "/usr/share/probe/sub",
        DOCS,
        f"{DOCS}/text",
    }
    assert set(times.values()) == {epoch}


@pytest.mark.parametrize("init", ["sysv", "systemd"])
def test_tproxy_host_is_installed_whole(init: str, tmp_path: Path) -> None:
    """Every place filled in, every script one that a shell reads; shellcheck looks, too, where it is."""
    install_host(tmp_path, init=init)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.name != "squid.conf")
    assert not [path for path in files if "@" in path.read_text().replace("._@-", "").replace("$@", "")]
    scripts = [path for path in files if path.read_text().startswith("#!/bin/sh")]
    assert {path.name for path in scripts} == {"tproxy-host"}
    assert len(scripts) == (3 if init == "sysv" else 2)
    for script in scripts:
        subprocess.run(["sh", "-n", str(script)], check=True)
        if shutil.which("shellcheck"):
            result = subprocess.run(["shellcheck", "--shell=sh", str(script)], capture_output=True, text=True)
            assert result.stdout == ""
    assert {path.name for path in (tmp_path / "etc/squid/tproxy").iterdir()} == {"ports.conf", "access.conf", "wccp.conf"}
