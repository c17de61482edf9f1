"""How fast a fetch is, as a multiple of `curl | sha256sum`: `./run python benchmarks/fetch.py`.

Fetches a large file over loopback, with its digest, from a server of its own. Prints both speeds, the ratio (the target is at
least 0.8) and the most memory that the fetch took (the target is under 100 MiB). The two take turns, so that what else the
host does weighs on both; the ratio is that of the medians.
"""

import argparse
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
                while os.sendfile(connection.fileno(), stream.fileno(), None, 1 << 22):  # type: ignore[arg-type]  # None: from its place
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files go; the default is the system's folder for temporary files")
    options = parser.parse_args()
    if shutil.which("curl") is None:
        sys.exit("curl: not found; install it to compare with it")
    size = options.mebibytes << 20
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "big.tar"
        block = os.urandom(1 << 20)
        with path.open("wb") as stream:
            for _ in range(options.mebibytes):
                stream.write(block)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        theirs, ours, memory = [], [], 0
        with serve(path) as url:
            for _ in range(options.runs):
                theirs.append(time_curl(url, digest))
                seconds, most = time_fetch(url, digest, size, Path(folder) / "out")
                ours.append(seconds)
                memory = max(memory, most)
    report(size, statistics.median(theirs), statistics.median(ours), memory)


def report(size: int, theirs: float, ours: float, memory: int) -> None:
    """Print the figures."""
    for name, seconds in (("curl | sha256sum", theirs), ("fetch", ours)):
        print(f"{name:17} {seconds:.2f} s, {size / seconds / (1 << 20):.0f} MiB/s")
    print(f"ratio             {theirs / ours:.2f} (target: at least 0.8)")
    print(f"most memory       {memory / 1024:.0f} MiB (target: under 100)")


if __name__ == "__main__":
    main()
