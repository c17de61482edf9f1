"""Servers that tests need and nobody wants installed: from PATH, or unpacked from the host's archive into the user's cache."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.sources.apt import PrivateApt, read_codename
from tproxy_rpms.store import wait_for_lock, whole_folder

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tproxy-rpms"

# Tool → the packages that have it, with what of their needs a Debian host with ./run's packages may lack.
PACKAGES = {"nginx": ("nginx",), "sshd": ("openssh-server", "libwrap0", "libnsl2")}


@dataclass(frozen=True, kw_only=True)
class HostTool:
    """A program, and the environment that it finds its libraries with."""

    path: str
    environment: dict[str, str]


def find_host_tool(name: str) -> HostTool:
    """Return a server; skips the test where it cannot be had."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found:
        return HostTool(path=found, environment=dict(os.environ))
    try:
        folder = unpack(PACKAGES[name])
    except (TproxyError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no {name} on this host, and none from its archive: {error}")
    libraries = folder / "usr/lib/x86_64-linux-gnu"
    return HostTool(path=str(folder / "usr/sbin" / name), environment={**os.environ, "LD_LIBRARY_PATH": str(libraries)})


def unpack(packages: tuple[str, ...]) -> Path:
    """Return a folder with these packages unpacked, made once."""
    suite = read_codename()
    folder = CACHE / "hosttools" / f"{suite}-{packages[0]}"
    with wait_for_lock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            apt = PrivateApt.create(suite=suite, cache=CACHE)
            with whole_folder(folder) as made, apt.updated():
                apt.run("apt-get", "-q", "download", *packages, cwd=made)
                for deb in made.glob("*.deb"):
                    subprocess.run(["dpkg-deb", "-x", deb, made], check=True)
                    deb.unlink()
    return folder
