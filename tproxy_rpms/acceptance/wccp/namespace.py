"""A WCCPv2 router at work in a network namespace, seen from outside."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import clean_environment, stop_group
from tproxy_rpms.store import PACKAGE

from .line import ServiceLine, parse_line
from .state import Event, Forwarding


class NamespaceRouter:
    """`python -m tproxy_rpms.acceptance.wccp` in a namespace, for the time of a `with`. Needs root.

    `netns` is a file: /run/netns/NAME or /proc/PID/ns/net. `interfaces` is service → interface, as {"80": "to-client"}; with it
    the kernel redirects, and `proxy_interface` is where to.
    """

    def __init__(
        self, netns: Path, *, address: str, interfaces: dict[str, str] | None = None, proxy_interface: str = "",
        forwarding: Forwarding = "l2", password: str = "", here_i_am: float = 10.0,
    ) -> None:  # fmt: skip
        redirects = [f"--redirect={service}={interface}" for service, interface in (interfaces or {}).items()]
        self._argv = [
            "setpriv", "--pdeathsig", "TERM", "nsenter", f"--net={netns}", sys.executable, "-m", __package__,
            f"--address={address}", f"--forwarding={forwarding}", f"--password={password}", f"--here-i-am={here_i_am}",
            f"--proxy={proxy_interface}", *redirects,
        ]  # fmt: skip
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._services: dict[str, ServiceLine] = {}
        self._said: list[str] = []
        self._ready = False

    def __enter__(self) -> "NamespaceRouter":
        here = {"PYTHONPATH": str(PACKAGE.parent)}
        self._process = subprocess.Popen(
            self._argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environment(here),
            start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._wait(lambda: self._ready, 20, "listen")
        except HostError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        stop_group(self._process)
        self._reader.join(10)
        if self._process.stdout:
            self._process.stdout.close()

    def events(self, kind: str | None = None) -> tuple[Event, ...]:
        """Return what has happened so far, the oldest first."""
        with self._changed:
            return tuple(event for event in self._events if kind in (None, event.kind))

    def services(self) -> tuple[ServiceLine, ...]:
        """Return how services are."""
        with self._changed:
            return tuple(self._services.values())

    def wait_for_caches(self, caches: dict[str, tuple[str, ...]], seconds: float) -> None:
        """Wait until each service is redirected to just these caches. Raises HostError with what was said."""

        def done() -> bool:
            return all(caches[name] == (self._services[name].assigned if name in self._services else ()) for name in caches)

        self._wait(done, seconds, f"redirect to {caches}")

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        stop = time.monotonic() + seconds
        with self._changed:
            while not done():
                left = stop - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    said = "\n".join(self._said[-20:])
                    raise HostError(f"the WCCP router does not {what} within {seconds:g} s; it said:\n{said}")
                self._changed.wait(min(left, 1.0))

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self._said.append(line.rstrip())
                self._take(line)
                self._changed.notify_all()

    def _take(self, line: str) -> None:
        if not line.startswith("{"):
            return  # a traceback: told by whoever waits
        found = parse_line(line)
        if isinstance(found, Event):
            self._events.append(found)
        elif found is not None:
            self._services[found.service] = found
        else:
            self._ready = True
