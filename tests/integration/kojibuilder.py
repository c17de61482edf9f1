"""A real Koji builder for the private hub: kojid in the foreground, with the host's mock.

It runs in namespaces of its own: when its first process ends, so does all that it started, and its mounts are gone. In there
/etc/mock holds the configurations that kojid writes, and build roots lie in memory. Nothing of that is seen outside.
"""

import contextlib
import grp
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .kojihub import KojiHub, why_no_hub
from .mockhost import why_no_mock

__all__ = ["KojiBuilder", "why_no_builder"]

CONFIG = """\
[kojid]
server = {hub.url}
user = {name}
password = {password}
topdir = {hub.topdir}
topurl = {hub.files_url}
workdir = {folder}/work
mockdir = {folder}/mock
mockuser = root
sleeptime = 1
retry_interval = 1
maxjobs = {maxjobs}
minspace = {minspace}
build_arch_can_fail = {build_arch_can_fail}
buildroot_basic_cleanup_delay = 1
buildroot_final_cleanup_delay = 1
failed_buildroot_lifetime = 1
"""

# What an administrator of builders would write there. Isolation is simple because systemd need not be the host's first process.
SITE_DEFAULTS = """
config_opts['isolation'] = 'simple'
config_opts['package_manager'] = 'dnf4'
config_opts['use_bootstrap'] = False
config_opts['legal_host_arches'] = ('i386', 'i686', 'x86_64')
config_opts['cache_topdir'] = '{folder}/cache'
"""

# kojid asks for `mockpath`, which its configuration cannot tell; and for a module that only repositories of a distribution need.
LAUNCHER = """\
import optparse, runpy, sys, types
try:
    import multilib
except ImportError:
    sys.modules["multilib"] = types.SimpleNamespace(multilib=None)
kojid, optparse.Values.mockpath, *arguments = sys.argv[1:]
sys.argv = [kojid, *arguments]
runpy.run_path(kojid, run_name="__main__")
"""

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
MOUNTS = """\
mount --bind "$0/etc-mock" /etc/mock
mount --bind "$0/log" /var/log
mount -t tmpfs -o "size=6g,mode=2775,gid=$1" tmpfs "$0/mock"
shift
exec "$@"
"""


def why_no_builder() -> str:
    """Why no Koji builder can be started here, or nothing."""
    return why_no_hub() or why_no_mock()


@dataclass(kw_only=True)
class KojiBuilder:
    """One builder. What it is told counts from its next start."""

    hub: KojiHub
    name: str = "builder"
    arches: tuple[str, ...] = ("x86_64", "i386")
    maxjobs: int = 4
    minspace: int = 64  # MiB; huge for a builder whose disk is full
    build_arch_can_fail: bool = False
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder = self.hub.folder / self.name
        for name in ("work", "mock", "cache", "log"):
            (self.folder / name).mkdir(parents=True)
        shutil.copytree("/etc/mock", self.folder / "etc-mock", symlinks=True)
        with (self.folder / "etc-mock" / "site-defaults.cfg").open("a") as file:
            file.write(SITE_DEFAULTS.format(folder=self.folder))
        (self.folder / "etc-mock" / "koji").mkdir(exist_ok=True)
        self.hub.admin.addHost(self.name, list(self.arches))
        self.hub.admin.editHost(self.name, capacity=1.5 * self.maxjobs + 1)
        self.hub.admin.addHostToChannel(self.name, "createrepo")
        self.hub.set_password(self.name)
        self.hub.start_kojira()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.hub.admin.disableHost(self.name)

    @property
    def log(self) -> Path:
        """What kojid has said; with the hub's logs."""
        return self.hub.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start kojid and wait until it has asked for work. Tasks that it did not finish before are begun anew."""
        begin = time.time()
        configuration = self.folder / "kojid.conf"
        configuration.write_text(CONFIG.format(**vars(self), password=self.hub.passwords[self.name]))
        mock = shutil.which("mock")
        kojid = [self.hub.python.path, "-c", LAUNCHER, self.hub.source / "builder" / "kojid", mock, "-c", configuration]
        command = [*NAMESPACES, "sh", "-ec", MOUNTS, self.folder, str(grp.getgrnam("mock").gr_gid), *kojid]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--fg", "--force-lock", "--verbose"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.hub.python.environment, start_new_session=True, cwd=self.folder,
            )  # fmt: skip
        while (self.hub.admin.getHost(self.name)["update_ts"] or 0) < begin:
            assert self.process.poll() is None and time.time() < begin + 120, self.log.read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """End kojid and all that it has started; tasks that it is at fail, or are freed. Does nothing if it is not there."""
        if self.process is None:
            return
        for child in find_children(self.process.pid):
            os.kill(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.kill()

    def kill(self) -> None:
        """End it as a loss of power would: its tasks stay open, and are begun anew when it starts again."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def processes(self) -> dict[int, str]:
        """All processes in the builder's namespace: their ids, as the host knows them, and their commands."""
        if self.process is None:
            return {}
        (first,) = find_children(self.process.pid)
        space = read_namespace(first)
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        found = {pid: read_command(pid) for pid in pids if read_namespace(pid) == space}
        return {pid: command for pid, command in found.items() if command}  # one without has ended, and nobody asked for it yet


def find_children(process: int) -> list[int]:
    """Return the ids of a process's children."""
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def read_namespace(process: int) -> Path | None:
    """Return what names a process's namespace of processes, or None if it has ended."""
    try:
        return Path(f"/proc/{process}/ns/pid").readlink()
    except OSError:
        return None


def read_command(process: int) -> str:
    """Return a process's command, or nothing if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def main() -> None:
    """Run a hub and a builder until Enter is pressed, to look at them by hand."""
    with KojiHub() as hub, KojiBuilder(hub=hub):
        print(hub.url, hub.tls_url, hub.folder)
        sys.stdin.readline()


if __name__ == "__main__":
    main()
