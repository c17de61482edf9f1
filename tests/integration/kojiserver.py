"""Serves the application of a Koji hub, in a process of its own: `kojiserver.py FOLDER PORT TLS_PORT`.

It runs with the interpreter that has what the hub imports, and needs nothing of this project. FOLDER holds hub.conf, server.pem
and ca.pem. What Apache and mod_wsgi tell the hub of a client's certificate is told here in the same words.
"""

import contextlib
import io
import signal
import socket
import socketserver
import ssl
import sys
import threading
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kojihub.kojixmlrpc import application


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """A server with a thread for each request, and with TLS if it is given a context."""

    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def server_bind(self) -> None:
        """Bind without asking a name server for the name of the host."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the request's own thread."""
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            try:
                request.do_handshake()
            except ssl.SSLError:
                close_slowly(request)
                return
        super().finish_request(request, client_address)


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    """Adds what the hub looks for in its environment."""

    def get_environ(self) -> dict[str, Any]:
        """Return the environment of the request."""
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        subject = {name: value for part in (certificate or {}).get("subject", ()) for name, value in part}
        found = {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN_CN": subject.get("commonName", "")} if subject else {}
        return super().get_environ() | {"koji.hub.ConfigFile": str(FOLDER / "hub.conf")} | found

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the hub has a log of its own."""


def close_slowly(connection: ssl.SSLSocket) -> None:
    """Let a client read why it was refused, as Apache does: to close while it still sends would take the alert from it."""
    connection.settimeout(2)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while socket.socket.recv(connection, 65536):
            pass


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request. The hub reads to the end of its input, which a bare connection does not have."""
    environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    return application(environ, start_response)


def make_context() -> ssl.SSLContext:
    """Return the context of a server that asks for certificates, and believes those of the tests' own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "server.pem")
    context.load_verify_locations(FOLDER / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    servers = [wsgiref.simple_server.make_server("127.0.0.1", int(port), answer, Server, Handler) for port in sys.argv[2:4]]
    servers[1].tls = make_context()
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
