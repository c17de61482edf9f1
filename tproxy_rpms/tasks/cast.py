"""What an acceptance run of a cut is made of: its packages, the system that they run on, and programs that an old kernel runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.errors import UserError
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import PACKAGE, read_outputs
from tproxy_rpms.tasks.cut import Cut

if TYPE_CHECKING:
    from tproxy_rpms.acceptance.run import Cast
    from tproxy_rpms.acceptance.world import ProxyHost


def assemble(cut: Cut, world: str, arch: Arch, folder: Path) -> "Cast":
    """Return what a run is made of: the packages of an arch, and the system that they run on."""
    from tproxy_rpms.acceptance.busybox.userland import make_busybox
    from tproxy_rpms.acceptance.run import Cast
    from tproxy_rpms.acceptance.static.abi import needs_static, read_libc

    release, host = cut.release, describe_host(cut, world)
    kernels = {name for name, package in release.packages.items() if package.kconfig}
    rpms = {name: list(read_outputs(cut.stamp(*cut.finished_by(name, arch)))) for name in release.packages}
    chosen = {name: [path for path in paths if not is_for_building(path)] for name, paths in rpms.items()}
    kernel = next((path for name in kernels for path in chosen[name]), None)
    archive: Path | None = make_userland(cut, arch, folder)
    programs = None
    if world == "machines" and archive and kernel and needs_static(read_libc(archive), kernel_version(kernel)):
        archive, programs = None, make_programs(cut, arch, folder)
    return Cast(
        arch=arch,
        rpms=tuple(path for name in release.packages if name not in kernels for path in chosen[name]),
        kernel=kernel,
        busybox=make_busybox(arch, root=PACKAGE.parent, cache=cut.cache),
        archive=archive,
        programs=programs,
        host=host,
    )


def kernel_version(kernel: Path) -> str:
    """Return the version of a kernel's RPM."""
    from tproxy_rpms.packaging.header import read_header

    return read_header(kernel).version


def make_programs(cut: Cut, arch: Arch, folder: Path) -> Path:
    """Return the static programs of the release, which run on any kernel."""
    from tproxy_rpms.acceptance.static.programs import StaticSources, make_static

    def find_srpm(spec: str) -> Path | None:
        names = (name for name, package in cut.release.packages.items() if package.spec == spec)
        return next((path for name in names for path in read_outputs(cut.stamp("srpm", name))), None)

    squid, iptables = find_srpm("squid"), find_srpm("iptables")
    kernels = (name for name, package in cut.release.packages.items() if package.kconfig)
    devel = next(
        (path for name in kernels for path in read_outputs(cut.stamp("rpm", name, arch)) if "-devel-" in path.name), None
    )
    if squid is None or iptables is None or devel is None:
        raise UserError(f"{cut.release.files[-1]}: packages: no squid, iptables or kernel-devel to build for an old kernel from")
    sources = StaticSources(squid=squid, iptables=iptables, kernel_devel=devel, libcap=find_srpm("libcap2"))
    return make_static(arch, sources, root=PACKAGE.parent, cache=cut.cache, logs=folder / "programs", mirrors=cut.mirrors)


def is_for_building(path: Path) -> bool:
    """Tell whether an RPM holds only what others are built with."""
    return "-devel-" in path.name or "-headers-" in path.name


def make_userland(cut: Cut, arch: Arch, folder: Path) -> Path:
    """Return the archive of the target's own system. Raises UserError if the builder makes none."""
    from tproxy_rpms.builders import Settler

    if not isinstance(cut.builder, Settler):
        raise UserError(f"{cut.release.name}: the {cut.release.builder} builder makes no system to try packages in")
    return cut.builder.make_userland(arch, log=folder / "userland.log")


def describe_host(cut: Cut, world: str) -> "ProxyHost":
    """Return the proxy's paths, and the versions of what it runs."""
    from tproxy_rpms.acceptance.world import ProxyHost
    from tproxy_rpms.sources.fetched import read_fetched

    release = cut.release
    versions = {
        package.spec: read_fetched(cut.sources, package.sources[0]).version if package.sources else package.version
        for package in release.packages.values()
    }
    for spec in ("squid", "iptables", "tproxy-host"):
        if spec not in versions:
            raise UserError(
                f"{release.files[-1]}: packages: no {spec}", hint="an acceptance run needs squid, iptables and tproxy-host"
            )
    kernel = os.uname().release if world == "namespaces" else versions.get("kernel", "")
    return ProxyHost(
        config=f"{release.target.traits['service_config']}/tproxy",
        service="/etc/rc.d/init.d/tproxy-host" if release.target.init == "sysv" else "/usr/sbin/tproxy-host",
        squid=versions["squid"],
        iptables=versions["iptables"],
        kernel=kernel,
    )
