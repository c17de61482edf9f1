"""The router's sockets and its one thread: QEMU's guests, or anything that sends frames, connect to a port for each link.

Each frame is preceded by its length, four octets, big endian: `-netdev socket,connect=127.0.0.1:PORT` of QEMU (net/socket.c).
"""

import contextlib
import os
import selectors
import socket
import threading
import time
from types import TracebackType

from tproxy_rpms.errors import HostError

from ..network import Network
from ..wccp.state import Timers
from .core import Core
from .counters import Snapshot
from .redirect import METHODS, MODES, Method, Mode

# A frame of Ethernet with room to spare; QEMU itself takes 68 KiB. What is longer is no length: the stream is out of step.
LONGEST = 69_632
# How many bytes may wait for a guest that does not read. A loaded guest is slow, but a network that never drops would be none.
QUEUE = 8 << 20


class Peer:
    """A connection of one link: bytes that have come in and are no frame yet, and frames that wait to be sent."""

    def __init__(self, link: str, connection: socket.socket) -> None:
        self.link = link
        self.connection = connection
        self.waiting = bytearray()
        self._read = bytearray()

    def read_frames(self) -> list[bytes] | None:
        """Return the frames that have come in whole; None if the other side is gone or talks nonsense."""
        try:
            piece = self.connection.recv(1 << 18)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not piece:
            return None
        self._read += piece
        frames, place = [], 0
        while len(self._read) - place >= 4:
            length = int.from_bytes(self._read[place : place + 4])
            if length > LONGEST:
                return None
            if len(self._read) - place - 4 < length:
                break
            frames.append(bytes(self._read[place + 4 : place + 4 + length]))
            place += 4 + length
        del self._read[:place]
        return frames

    def write(self, frame: bytes) -> bool:
        """Queue a frame; False if too much waits already."""
        if len(self.waiting) > QUEUE:
            return False
        self.waiting += len(frame).to_bytes(4) + frame
        return True

    def flush(self) -> None:
        """Send what waits, as far as the other side takes it. What cannot be sent at all is noticed when reading."""
        with contextlib.suppress(OSError):
            sent = self.connection.send(self.waiting)
            del self.waiting[:sent]


class Router:
    """A userspace router on loopback, at work between `start` and `close`, or within a `with`.

    `redirect` is "wccp", "static" (TCP to the proxy by L2, without WCCP) or "off". `forwarding` is what WCCP offers: "gre"
    (type 0x883E with its redirect header), "plain gre" (type 0x0800) or "l2". With a password WCCP demands MD5 of every message.
    No privileges are needed.
    """

    def __init__(
        self, network: Network, *, redirect: Mode = "off", forwarding: Method = "gre", password: str = "",
        timers: Timers | None = None,
    ) -> None:  # fmt: skip
        if redirect not in MODES or forwarding not in METHODS:
            raise ValueError(f"redirect is one of {MODES}, forwarding one of {METHODS}")
        self._core = Core(network, redirect=redirect, forwarding=forwarding, password=password, timers=timers)
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[str, socket.socket] = {}
        self._peers: dict[str, Peer] = {}
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._run, name="router", daemon=True)
        self._failure: BaseException | None = None
        self.ports: dict[str, int] = {}

    def __enter__(self) -> "Router":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Listen for each link, and begin to route. `ports` tells the TCP ports on 127.0.0.1, link → port."""
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        for link in self._core.network.links:
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
            self._listeners[link.name] = listener
            self.ports[link.name] = listener.getsockname()[1]
            self._selector.register(listener, selectors.EVENT_READ, link.name)
        self._thread.start()

    def close(self) -> None:
        """Stop routing and close every connection. Raises HostError if the router had failed before."""
        if self._thread.is_alive():
            os.write(self._woken, b"x")
            self._thread.join()
        self._selector.close()
        for connection in (*self._listeners.values(), *(peer.connection for peer in self._peers.values())):
            connection.close()
        for pipe in (self._wake, self._woken):
            with contextlib.suppress(OSError):
                os.close(pipe)
        self._check()

    def switch(self, mode: Mode, *, forwarding: Method | None = None, password: str | None = None) -> None:
        """Change what is redirected: "wccp" (which starts anew, without caches), "static" or "off", whose WCCP is silent.

        `forwarding` and `password` stay as they are if they are None.
        """
        if mode not in MODES:
            raise ValueError(f"a router redirects by one of {MODES}")
        with self._lock:
            self._core.switch(mode, forwarding=forwarding, password=password)

    def snapshot(self) -> Snapshot:
        """Return counters, services with their usable caches, and events, as they are now. Raises HostError if it failed."""
        self._check()
        with self._lock:
            return self._core.snapshot()

    def connected(self) -> tuple[str, ...]:
        """Return the links that have a host connected."""
        with self._lock:
            return tuple(sorted(self._peers))

    def _check(self) -> None:
        if self._failure is not None:
            raise HostError(f"the router has failed: {self._failure!r}") from self._failure

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException as error:  # noqa: BLE001  # told to whoever asks next: a thread has nobody to raise to
            self._failure = error

    def _loop(self) -> None:
        next_tick = time.monotonic()
        while True:
            ready = self._selector.select(max(0.0, min(0.5, next_tick - time.monotonic())))
            with self._lock:
                for key, events in ready:
                    if key.fileobj == self._wake:
                        return
                    self._serve(key, events)
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + 0.5
                    self._send(self._core.tick(time.monotonic()))
                self._flush()

    def _serve(self, key: selectors.SelectorKey, events: int) -> None:
        if isinstance(key.data, Peer):
            if events & selectors.EVENT_READ:
                self._read(key.data)
            return
        try:
            connection, _ = self._listeners[key.data].accept()
        except OSError:
            return  # gone again already
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if key.data in self._peers:
            self._forget(self._peers[key.data])  # a guest that was started again
        self._peers[key.data] = Peer(key.data, connection)
        self._selector.register(connection, selectors.EVENT_READ, self._peers[key.data])

    def _read(self, peer: Peer) -> None:
        if self._peers.get(peer.link) is not peer:
            return  # replaced in this same round
        frames = peer.read_frames()
        if frames is None:
            self._forget(peer)
            return
        for frame in frames:
            self._send(self._core.receive(peer.link, frame, time.monotonic()))

    def _send(self, sent: list[tuple[str, bytes]]) -> None:
        for link, frame in sent:
            peer = self._peers.get(link)
            if peer is None:
                self._core.counters.drop(link, "no host is connected")
            elif not peer.write(frame):
                self._core.counters.drop(link, "the host does not read")

    def _flush(self) -> None:
        for peer in self._peers.values():
            if peer.waiting:
                peer.flush()
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.waiting else 0)
            if self._selector.get_key(peer.connection).events != events:
                self._selector.modify(peer.connection, events, peer)

    def _forget(self, peer: Peer) -> None:
        self._selector.unregister(peer.connection)
        peer.connection.close()
        del self._peers[peer.link]
