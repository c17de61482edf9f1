"""A large file over loopback: our fetch, which checks its digest as it arrives, against `curl | sha256sum`."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import CannotRunError, Measured, Setting, take_turns

WHAT = "a fetch from a server on loopback, Python's start and all, against curl | sha256sum"
SLOW = False

# Runs in a process of its own, so that its memory is its own: prints the most that it had, in KiB.
FETCH = """
import sys
from pathlib import Path
from tproxy_rpms.console import Console
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.fetch import fetch_source

url, digest, limit, directory = sys.argv[1:]
source = Source(name="big", version="1", urls=(url,), filename="big.tar", digests={"sha256": digest}, limit=int(limit))
fetch_source(source, directory=Path(directory), mirrors=(), console=Console())
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


def serve_file(listener: socket.socket, path: Path) -> None:
    """Answer every request with the file, by sendfile(2), until the listener is closed."""
    size = path.stat().st_size
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, path.open("rb") as stream:
            while b"\r\n\r\n" not in connection.recv(1 << 16):
                pass
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
            try:
                while os.sendfile(connection.fileno(), stream.fileno(), None, 1 << 22):  # None: from its place
                    pass
            except OSError:
                continue


@contextmanager
def serve(path: Path) -> Iterator[str]:
    """Yield the URL of a file on loopback; the server is a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = os.fork()
        if server == 0:
            serve_file(listener, path)
            os._exit(0)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/{path.name}"
        finally:
            os.kill(server, 9)
            os.waitpid(server, 0)


def time_curl(url: str, digest: str) -> float:
    """Return the seconds that `curl | sha256sum` takes."""
    start = time.perf_counter()
    result = subprocess.run(
        ["sh", "-c", 'curl --silent --noproxy "*" "$1" | sha256sum', "sh", url], check=True, capture_output=True, text=True
    )
    assert result.stdout.split()[0] == digest
    return time.perf_counter() - start


def time_fetch(url: str, digest: str, limit: int, directory: Path) -> tuple[float, int]:
    """Return the seconds that our fetch takes, interpreter and all, and its most memory in KiB."""
    environment = os.environ | {"no_proxy": "*"}
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", FETCH, url, digest, str(limit), directory],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    shutil.rmtree(directory)
    return seconds, int(result.stdout)


def write_file(path: Path, mebibytes: int) -> str:
    """Write a file that does not compress, and return its digest."""
    block = os.urandom(1 << 20)
    with path.open("wb") as stream:
        for _ in range(mebibytes):
            stream.write(block)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def measure(setting: Setting) -> Measured:
    """Measure with a file of 1 GiB, or of 128 MiB if it is to be quick; the note tells the most memory that a fetch took."""
    if shutil.which("curl") is None:
        raise CannotRunError("no curl on PATH to compare with: install curl")
    mebibytes = 128 if setting.quick else 1024
    path, most = setting.scratch / "big.tar", 0
    digest = write_file(path, mebibytes)

    def fetch() -> float:
        nonlocal most
        seconds, memory = time_fetch(url, digest, mebibytes << 20, setting.scratch / "out")
        most = max(most, memory)
        return seconds

    with serve(path) as url:
        measured = take_turns(fetch, lambda: time_curl(url, digest), samples=setting.samples(5))
    note = f"{mebibytes} MiB; the most memory of a fetch: {most / 1024:.0f} MiB"
    return Measured(ours=measured.ours, theirs=measured.theirs, note=note)
