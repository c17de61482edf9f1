"""The acceptance network as virtual machines: the cut's own kernel, and a router in user space. Needs QEMU, but no root.

Emulated (TCG), since a /dev/kvm may be there and hang an old kernel.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.acceptance.guest import QEMU, write_archive
from tproxy_rpms.acceptance.network import NETWORK, Link
from tproxy_rpms.acceptance.node import PATIENCE, Answer, NodeError
from tproxy_rpms.acceptance.router import Router
from tproxy_rpms.acceptance.userland import as_root
from tproxy_rpms.acceptance.world import Forwarding, ProxyHost, Redirect, Redirected
from tproxy_rpms.process import clean_environment, require_tool, run_command
from tproxy_rpms.release.model import Arch

INIT = Path(__file__).with_name("init.sh")

# Seconds that a guest may take to boot, emulated and beside others.
BOOT = 300

# Megabytes of each guest: the proxy's whole system lies in memory.
MEMORY: Mapping[str, int] = {"client": 256, "proxy": 1024, "server": 256}

# What of a kernel's modules a guest can have a use for.
MODULES = (
    "net",
    "lib",
    "crypto",
    "arch",
    "drivers/virtio",
    "drivers/net/virtio_net*",
    "drivers/net/e1000",
    "drivers/net/ethernet/intel/e1000",
)


@dataclass(kw_only=True)
class MachineNode:
    """A guest.

    Fields:
        agent: the stream of its second serial port. console: what the first one says. errors: what QEMU says.
    """

    name: str
    agent: socket.socket
    console: Path
    errors: Path
    unread: bytes = b""

    def run(self, script: str, *, seconds: float = PATIENCE) -> Answer:
        """Run a script as the guest's root; see the protocol."""
        lines = script.split("\n")
        stop = time.monotonic() + seconds
        self.send(f"{len(lines)}\n", stop)
        for line in lines:
            self.send(f"{line}\n", stop)
            self.expect_line(stop, b"+")
        end = self.read_line(stop)
        if not re.fullmatch(rb"\d+ \d+", end):
            raise self.complain(f"said {end!r}, not how the script has ended")
        ended, size = (int(word) for word in end.split())
        return Answer(status=ended, text=self.read(size, stop).decode(errors="replace"))

    def send(self, text: str, stop: float) -> None:
        """Send text. Raises NodeError if the guest does not take it."""
        self.agent.settimeout(max(0.1, stop - time.monotonic()))
        try:
            self.agent.sendall(text.encode())
        except OSError as error:
            raise self.complain(f"the guest takes nothing: {error}") from error

    def expect_line(self, stop: float, line: bytes) -> None:
        """Read a line that must be this one."""
        found = self.read_line(stop)
        if found != line:
            raise self.complain(f"said {found!r}, not {line!r}")

    def read_line(self, stop: float) -> bytes:
        """Return the next line, without its end."""
        while b"\n" not in self.unread:
            self.receive(stop)
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def read(self, size: int, stop: float) -> bytes:
        """Return the next bytes."""
        while len(self.unread) < size:
            self.receive(stop)
        content, self.unread = self.unread[:size], self.unread[size:]
        return content

    def receive(self, stop: float) -> None:
        """Take what comes next. Raises NodeError if nothing comes in time."""
        self.agent.settimeout(max(0.1, stop - time.monotonic()))
        try:
            piece = self.agent.recv(65536)
        except TimeoutError as error:
            raise self.complain("no answer in time") from error
        except OSError as error:
            raise self.complain(f"the guest is off: {error}") from error
        if not piece:
            raise self.complain("the guest is off")
        self.unread += piece

    def complain(self, text: str) -> NodeError:
        """Return the error, with the end of what the console said."""
        said = "\n".join(path.read_text(errors="replace")[-2000:] for path in (self.errors, self.console) if path.is_file())
        return NodeError(f"{self.name}: {text}\n{said}".strip(), hint=f"the whole console: {self.console}")


@dataclass(kw_only=True)
class MachineWorld:
    """See the protocol of worlds."""

    client: MachineNode
    proxy: MachineNode
    server: MachineNode
    router: Router
    host: ProxyHost
    scratch: Path
    forwardings: tuple[Forwarding, ...] = ("gre", "plain gre", "l2")
    forwarding: Forwarding = "gre"

    def redirect(self, how: Redirect, *, forwarding: Forwarding = "l2", password: str = "") -> None:
        """Have the router redirect so; see the protocol."""
        self.forwarding = forwarding
        self.router.switch(how, forwarding=forwarding, password=password)

    def redirected(self) -> Redirected:
        """Return what the router has redirected by WCCP; see the protocol."""
        seen = self.router.snapshot()
        services = {state.service: state.assigned for state in seen.services}
        packets = {service: seen.redirected(service, self.forwarding) for service in services}
        said = [*(str(event) for event in seen.events[-20:]), *(str(one) for one in (*seen.redirections, *seen.drops))]
        return Redirected(services=services, packets=packets, said="\n".join(said))

    @contextmanager
    def capture(self, name: str, folder: Path) -> Iterator[list[Path]]:
        """Yield the list that in the end holds each guest's packets since it was started; see the protocol."""
        files: list[Path] = []
        yield files
        for link in NETWORK.links:
            kept = folder / f"{name}-{link.name}.pcap"
            shutil.copyfile(self.scratch / f"{link.name}.pcap", kept)
            files.append(kept)


@contextmanager
def open_machines(
    roots: Mapping[str, Path], *, arch: Arch, boot: Path, host: ProxyHost, scratch: Path, logs: Path
) -> Iterator[MachineWorld]:
    """Yield the network, booted.

    Args:
        roots: name of each node → the folder of its files. boot: a folder with the unpacked kernel package.
        logs: a folder for what the consoles say.

    Raises NodeError with the end of a console if a guest does not come up.
    """
    (kernel,) = boot.glob("boot/vmlinuz-*")
    # As the package's scriptlet does on a host that it is installed on.
    run_command([*as_root(), require_tool("depmod", package="kmod"), "-b", str(boot), kernel.name.removeprefix("vmlinuz-")])
    initrds = {folder: pack_root(folder, boot, scratch) for folder in {*roots.values()}}
    with Router(NETWORK) as router, ExitStack() as stack:
        started = {
            link.name: stack.enter_context(
                start_guest(
                    link, arch=arch, kernel=kernel, initrd=initrds[roots[link.name]], port=router.ports[link.name],
                    scratch=scratch, console=logs / f"console-{link.name}.log",
                )
            )
            for link in NETWORK.links
        }  # fmt: skip
        stop = time.monotonic() + BOOT
        for node in started.values():
            node.expect_line(stop, b"ready")
        yield MachineWorld(
            client=started["client"], proxy=started["proxy"], server=started["server"], router=router, host=host, scratch=scratch
        )


def pack_root(folder: Path, boot: Path, scratch: Path) -> Path:
    """Return an initramfs of a folder, the kernel's modules, our init, and the devices that an old kernel does not make."""
    initrd = scratch / f"{folder.name}.cpio"
    chosen = " -o ".join(f"-path './lib/modules/*/kernel/{pattern}*'" for pattern in MODULES)
    modules = f"find ./lib/modules -type d -o -name 'modules.*' -o \\( {chosen} \\)"
    pack = "cpio -o -H newc --quiet"
    script = f'set -e; (cd "$1" && find . -xdev | {pack}) > "$3"; (cd "$2" && {modules} | {pack}) >> "$3"'
    run_command([*as_root(), "sh", "-c", script, "sh", folder, boot, initrd])
    with initrd.open("ab") as stream:
        stream.writelines(write_archive({"init": INIT.read_bytes()}))
    return initrd


def escape(path: Path) -> str:
    """Return a path as QEMU's options have it: a comma begins the next option."""
    return str(path).replace(",", ",,")


@contextmanager
def start_guest(
    link: Link, *, arch: Arch, kernel: Path, initrd: Path, port: int, scratch: Path, console: Path
) -> Iterator[MachineNode]:
    """Start a guest on its link, and end it with the context. Raises HostError if there is no QEMU."""
    program, cpu = QEMU[arch]
    ours, theirs = socket.socketpair()
    words = f"tproxy.name={link.name} tproxy.address={link.host}/{link.prefix} tproxy.router={link.router}"
    argv = [
        require_tool(program, package="qemu-system-x86"), "-nodefaults", "-display", "none", "-no-reboot",
        "-accel", "tcg", "-cpu", cpu,
        "-m", str(MEMORY[link.name]), "-kernel", os.fspath(kernel), "-initrd", os.fspath(initrd),
        # no_timer_check: a loaded host makes a guest panic otherwise.
        "-append", f"console=ttyS0 panic=1 no_timer_check rdinit=/init {words}",
        "-chardev", f"file,id=console,path={escape(console)}", "-serial", "chardev:console",
        "-chardev", f"socket,id=agent,fd={theirs.fileno()}", "-serial", "chardev:agent",
        "-netdev", f"socket,id=link,connect=127.0.0.1:{port}",
        "-device", f"virtio-net-pci,netdev=link,mac={link.host_mac}",
        "-object", f"filter-dump,id=dump,netdev=link,file={escape(scratch / f'{link.name}.pcap')}",
    ]  # fmt: skip
    errors = scratch / f"{link.name}.qemu.log"
    with (
        errors.open("w") as stream, theirs,
        subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            env=clean_environment(), start_new_session=True, pass_fds=[theirs.fileno()],
        ) as process, ours,
    ):  # fmt: skip
        theirs.close()  # so that ours ends with the guest
        try:
            yield MachineNode(name=link.name, agent=ours, console=console, errors=errors)
        finally:
            process.kill()
