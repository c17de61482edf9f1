"""Entering a build root: namespaces of its own, no network, nothing of the host in sight."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tproxy_rpms.process import require_tool

# Bytes that one build may take of the host's memory for its root, and what must stay free beside it.
BUILD_MEMORY = 8 << 30
SPARE_MEMORY = 2 << 30

_reserved = 0
_reserving = threading.Lock()


def unshare_argv() -> list[str]:
    """Return the words that start a command in new namespaces, as their root.

    Whoever kills us ends it all: the command dies with `unshare`, `unshare` with us, and the mounts with the namespace.
    """
    argv = [
        require_tool("unshare", package="util-linux"),
        "--mount",
        "--pid",
        "--ipc",
        "--uts",
        "--net",
        "--fork",
        "--kill-child",
    ]
    return argv if os.geteuid() == 0 else [*argv, "--user", "--map-auto", "--map-root-user"]


def remove_argv(path: Path) -> list[str]:
    """Return the command that removes a folder whose files belong to the users of a root."""
    remove = ["rm", "-rf", "--one-file-system", "--", str(path)]
    if os.geteuid() == 0:
        return remove
    return [require_tool("unshare", package="util-linux"), "--user", "--map-auto", "--map-root-user", *remove]


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that the host can give without swapping."""
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def reserve_memory() -> Iterator[int]:
    """Yield how many bytes a build's root may take in memory, or 0 when it should lie on the disk."""
    global _reserved  # one host, one account of its memory
    with _reserving:
        granted = BUILD_MEMORY if available_memory() - _reserved >= BUILD_MEMORY + SPARE_MEMORY else 0
        _reserved += granted
    try:
        yield granted
    finally:
        with _reserving:
            _reserved -= granted
