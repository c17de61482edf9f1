"""What a host must be able to do for scenarios to run there, and what it lacks."""

import os
import shutil
from collections.abc import Iterable, Mapping

from tproxy_rpms.acceptance.guest import QEMU
from tproxy_rpms.acceptance.userland import as_root
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.model import Arch

# What a world needs, whatever runs in it. `i386` is asked for that arch alone.
WORLD_NEEDS: Mapping[str, tuple[str, ...]] = {"namespaces": ("root", "namespaces", "i386"), "machines": ("qemu", "users")}

# What the virtual machines of a cut bring themselves: it is the cut's own kernel that is tried.
BROUGHT: Mapping[str, tuple[str, ...]] = {"namespaces": (), "machines": ("tproxy", "gre")}


def find_lacks(world: str, needs: Iterable[str], *, arch: Arch) -> dict[str, str]:
    """Return what of these capabilities, and of those that a world needs itself, is not there: name → reason and cure."""
    lacks: dict[str, str] = {}
    for name in dict.fromkeys((*WORLD_NEEDS[world], *needs)):
        if name in BROUGHT[world] or (name == "i386" and arch != "i386"):
            continue
        if "root" in lacks and name in ("namespaces", "tproxy", "gre"):
            continue  # a plain user cannot tell
        reason = probe(name, arch)
        if reason:
            lacks[name] = reason
    return lacks


def probe(name: str, arch: Arch) -> str:
    """Return why this host lacks a capability, with its cure; empty if it has it."""
    match name:
        case "root":
            return "" if os.geteuid() == 0 else "not root: start as root"
        case "namespaces":
            tried = run_command(["unshare", "--mount", "--pid", "--net", "--fork", "true"], check=False)
            return (
                "" if tried.returncode == 0 else f"no namespaces here: use a host that is no container ({tried.stderr.strip()})"
            )
        case "tproxy":
            return probe_tables()
        case "gre":
            ip = require_tool("ip", package="iproute2")
            added = run_command(["unshare", "--net", ip, "link", "add", "g", "type", "gre"], check=False)
            return "" if added.returncode == 0 else "this kernel has no GRE: modprobe ip_gre, or use another kernel"
        case "qemu":
            program, _ = QEMU[arch]
            return "" if shutil.which(program) else f"{program} is not on PATH: install qemu-system-x86"
        case "users":
            tried = run_command([*as_root(), "true"], check=False)
            cure = "start as root, or install uidmap and give the user a range in /etc/subuid and /etc/subgid"
            return "" if tried.returncode == 0 else f"no user namespace with users of its own: {cure} ({tried.stderr.strip()})"
        case "i386":
            tried = run_command([require_tool("arch-test", package="arch-test"), "i386"], check=False)
            return "" if tried.returncode == 0 else "this kernel runs no 32-bit programs: boot with ia32_emulation=on"
        case _:
            raise ValueError(name)


def load_modules() -> None:
    """Load what a network of namespaces needs of this kernel: what is part of it, or not there, is told by what follows."""
    for module in ("ip_tables", "iptable_mangle", "xt_TPROXY", "xt_socket", "xt_mark", "xt_MARK", "veth"):
        run_command(["modprobe", "-q", module], check=False)


def probe_tables() -> str:
    """Return what the host's kernel lacks of the rules of a transparent proxy."""
    load_modules()
    cat = "cat /proc/net/ip_tables_targets /proc/net/ip_tables_matches"
    known = run_command(["unshare", "--net", "sh", "-c", cat], check=False).stdout.split()
    missing = [name for name in ("TPROXY", "socket") if name not in known]
    return f"this kernel's ip_tables knows no {' and no '.join(missing)}: load xt_TPROXY and xt_socket" if missing else ""
