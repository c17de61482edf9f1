"""A WCCPv2 router in the network namespace that it is started in: what happens is printed as JSON, a line an event.

    nsenter --net=/run/netns/router python -m tproxy_rpms.acceptance.wccp \\
        --address 10.77.2.1 --redirect 80=to-client --redirect 90=to-server --proxy to-proxy

With `--redirect` the kernel sends a service's packets, as they come in on an interface, to its cache by L2, as soon as they are
assigned and as long as it is there. SIGTERM removes all rules.
"""

import argparse
import select
import signal
import socket
import time
from ipaddress import IPv4Address
from typing import NoReturn

from .engine import Engine
from .kernel import KernelRedirect
from .line import print_line, render_event, render_state
from .state import Timers

PORT = 2048


class Stopped(Exception):  # nothing is wrong
    """SIGTERM or SIGINT has come."""


def main() -> None:
    """Run until SIGTERM."""
    given = parse_arguments()
    engine = Engine(
        address=IPv4Address(given.address), forwarding=given.forwarding, password=given.password,
        timers=Timers(here_i_am=given.here_i_am),
    )  # fmt: skip
    interfaces = dict(one.split("=", 1) for one in given.redirect)
    redirect = KernelRedirect(interfaces=interfaces, proxy_interface=given.proxy)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _stop)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind((given.address, PORT))
            print_line({"event": "listening", "address": given.address})
            serve(listener, engine, redirect)
    except Stopped:
        redirect.clear()
        print_line({"event": "stopped"})


def parse_arguments() -> argparse.Namespace:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m tproxy_rpms.acceptance.wccp", description="A WCCPv2 router for tests.")
    parser.add_argument("--address", required=True, help="the router's address on the proxy's link")
    parser.add_argument("--forwarding", choices=("gre", "l2"), default="l2", help="the method that is offered")
    parser.add_argument("--password", default="", help="demand MD5 security with this password")
    parser.add_argument("--here-i-am", type=float, default=10.0, metavar="SECONDS", help="the interval that time-outs go by")
    parser.add_argument("--redirect", action="append", default=[], metavar="SERVICE=INTERFACE", help="redirect in the kernel")
    parser.add_argument("--proxy", default="", metavar="INTERFACE", help="the interface of the proxy's link")
    return parser.parse_args()


def serve(listener: socket.socket, engine: Engine, redirect: KernelRedirect) -> NoReturn:
    """Answer datagrams, keep the kernel's rules, and tell each event once, after the rules that it leads to are there."""
    told = 0
    while True:
        ready, _, _ = select.select([listener], [], [], 0.25)
        answers = engine.tick(time.monotonic())
        if ready:
            data, (source, _) = listener.recvfrom(65535)
            sent_to = IPv4Address(listener.getsockname()[0])
            answers += engine.receive(IPv4Address(source), data, time.monotonic(), sent_to=sent_to)
        for answer in answers:
            listener.sendto(answer.data, (str(answer.destination), PORT))
        redirect.follow(engine.services())
        told = tell_new(engine, told)


def tell_new(engine: Engine, told: int) -> int:
    """Print what has happened since `told` events, and how services are after it. Returns the events of all time."""
    events = engine.events()
    new = engine.happened - told
    for event in events[len(events) - min(new, len(events)) :]:
        print_line(render_event(event))
    if new:
        for state in engine.services():
            print_line(render_state(state))
    return engine.happened


def _stop(_signum: int, _frame: object) -> NoReturn:
    raise Stopped


if __name__ == "__main__":
    main()
