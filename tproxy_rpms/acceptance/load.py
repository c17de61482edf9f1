"""Many connections at once: a small HTTP server, and a client that checks every body. Runs as a program on either side.

    python -m tproxy_rpms.acceptance.load serve PORT
    python -m tproxy_rpms.acceptance.load fetch HOST PORT CONNECTIONS REQUESTS [PROXY PORT]

The server ends with its standard input; it answers /N with a body that N tells, and names who asked (X-Peer). The client prints
one JSON object: see `Told`.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# Bytes of the longest body, and seconds that one answer may take.
LONGEST = 32 * 1024
PATIENCE = 60

PERCENTILES = (50, 90, 99, 100)


@dataclass(kw_only=True)
class Told:
    """What a client has seen.

    Fields:
        lost: requests without an answer, or with a wrong one; causes: why, text → how often.
        latencies: seconds of each answer. peers: address that the server saw → how often. through: as Via says → how often.
    """

    requests: int = 0
    lost: int = 0
    seconds: float = 0
    latencies: list[float] = field(default_factory=list)
    peers: Counter[str] = field(default_factory=Counter)
    through: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)

    def lose(self, cause: str) -> None:
        """Note a request that was lost."""
        self.lost += 1
        self.causes[cause] += 1


def make_body(number: int) -> bytes:
    """Return the body of a page: its length and every byte of it are told by its number."""
    digest = hashlib.sha256(str(number).encode()).digest()
    length = 1 + int.from_bytes(digest[:4]) % LONGEST
    return (digest * (length // len(digest) + 1))[:length]


def percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """Return percentile → milliseconds; 100 is the slowest."""
    ordered = sorted(latencies)
    if not ordered:
        return {}
    return {
        str(percent): round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000, 2) for percent in PERCENTILES
    }


async def serve(port: int) -> None:
    """Serve until standard input ends."""
    server = await asyncio.start_server(answer, "0.0.0.0", port, backlog=4096)  # a network of its own
    print("ready", flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    peer = writer.get_extra_info("peername")[0]
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            target = head.split(b" ", 2)[1].decode()
            body = make_body(int(target.rpartition("/")[2]))
            fields = f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Peer: {peer}\r\n"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n{fields}\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def fetch(host: str, port: int, connections: int, requests: int, proxy: tuple[str, int] | None) -> Told:
    """Open all connections, then send all requests over them, and return what came back."""
    told, numbers = Told(requests=requests), iter(range(requests))
    opened = await asyncio.gather(*(open_stream(proxy or (host, port), told) for _ in range(connections)))
    started = time.monotonic()
    target = f"http://{host}:{port}" if proxy else ""
    share = [len(range(start, requests, connections)) for start in range(connections)]
    batches = [[next(numbers) for _ in range(count)] for count in share]
    tasks = [ask(stream, batch, host, port, target, told, proxy) for stream, batch in zip(opened, batches, strict=True)]
    await asyncio.gather(*tasks)
    told.seconds = time.monotonic() - started
    return told


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_stream(address: tuple[str, int], told: Told) -> Stream | None:
    """Open a connection, or note why that was not possible."""
    try:
        return await asyncio.wait_for(asyncio.open_connection(*address), PATIENCE)
    except (OSError, TimeoutError) as error:
        told.causes[f"connect: {type(error).__name__}"] += 1
        return None


async def ask(
    stream: Stream | None, numbers: Sequence[int], host: str, port: int, target: str, told: Told, proxy: tuple[str, int] | None
) -> None:
    """Send the requests of one connection one after the other; one that the other side closes politely is opened anew."""
    for number in numbers:
        if stream is None:
            told.lose("no connection")
            continue
        started = time.monotonic()
        try:
            keep = await asyncio.wait_for(exchange(stream, number, host, port, target, told), PATIENCE)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            told.lose(f"{type(error).__name__}: {error}"[:100])
            keep = False
        else:
            told.latencies.append(time.monotonic() - started)
        if not keep:
            stream[1].close()
            stream = await open_stream(proxy or (host, port), told)
    if stream:
        stream[1].close()


async def exchange(stream: Stream, number: int, host: str, port: int, target: str, told: Told) -> bool:
    """Send one request and read its answer; tells whether the connection stays. Raises ValueError for a wrong answer."""
    reader, writer = stream
    authority = host if port == 80 else f"{host}:{port}"
    writer.write(f"GET {target}/{number} HTTP/1.1\r\nHost: {authority}\r\nConnection: keep-alive\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if " 200 " not in f"{status} ":
        raise ValueError(status)
    body = await reader.readexactly(int(fields["content-length"])) if "content-length" in fields else await reader.read()
    if body != make_body(number):
        raise ValueError("another body than was asked for")
    told.peers[fields.get("x-peer", "")] += 1
    told.through[fields.get("via", "")] += 1
    return "content-length" in fields and fields.get("connection", fields.get("proxy-connection", "")).lower() != "close"


def main(words: Sequence[str]) -> None:
    """Run one side; see the module's docstring."""
    if words[0] == "serve":
        asyncio.run(serve(int(words[1])))
        return
    host, port, connections, requests, *proxy = words[1:]
    told = asyncio.run(fetch(host, int(port), int(connections), int(requests), (proxy[0], int(proxy[1])) if proxy else None))
    latencies = percentiles(told.latencies)
    print(json.dumps(vars(told) | {"latencies": latencies}))


if __name__ == "__main__":
    main(sys.argv[1:])
