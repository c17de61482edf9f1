"""An HTTP server on loopback that lies in every way that a mirror can."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mirror(ThreadingHTTPServer):
    """Serves `files`; a path's first folder tells how it lies (see `LIES`). `requests` lists (path, Range header)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.etag = '"one"'

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        lie, _, name = self.path.lstrip("/").rpartition("/")
        self.server.requests.append((self.path, self.headers.get("Range")))
        body = self.server.files.get(name)
        if (status := lie.partition("/")[0]).isdigit():
            self.send_error(int(status))
        elif lie == "loop":
            self.redirect(self.path)
        elif lie == "inside":
            self.redirect("file:///etc/passwd")
        elif lie == "nowhere":
            self.redirect("http://[::1/")
        elif lie == "moved":
            self.redirect(f"/{name}", endless=True)
        elif body is None:
            self.send_error(404)
        else:
            getattr(self, f"serve_{lie or 'well'}")(body)

    def head(self, length: int, *, status: int = 200, **more: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", self.server.etag)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def redirect(self, target: str, *, endless: bool = False) -> None:
        """Send elsewhere; `endless` with a body that never ends."""
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()
        self.close_connection = True
        try:
            while endless:
                self.wfile.write(b"moved" * 1000)
        except OSError:
            return

    def start(self) -> int:
        """The byte that the client wants to go on at; 0 without a Range header."""
        return int((self.headers.get("Range") or "0").removeprefix("bytes=").rstrip("-"))

    def serve_well(self, body: bytes) -> None:
        if self.start() and self.headers.get("If-Range") == self.server.etag:
            start = self.start()
            if start >= len(body):
                self.head(0, status=416, Content_Range=f"bytes */{len(body)}")
                return
            self.head(len(body) - start, status=206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.wfile.write(body[start:])
        else:
            self.head(len(body))
            self.wfile.write(body)

    def serve_short(self, body: bytes) -> None:
        """Always breaks off in the middle of what is left, and never resumes."""
        self.head(len(body))
        self.wfile.write(body[: len(body) // 2])

    # Where a keyserver answers.
    serve_pks = serve_well

    def serve_breaks(self, body: bytes) -> None:
        """Breaks off at first, then resumes well."""
        if self.headers.get("Range"):
            self.serve_well(body)
        else:
            self.serve_short(body)

    def serve_changes(self, body: bytes) -> None:
        """Breaks off; the file is another one when the client comes back."""
        if self.headers.get("Range"):
            self.server.etag = '"two"'
            self.serve_well(body)
        else:
            self.head(len(body))
            self.wfile.write(b"x" * (len(body) // 2))

    def serve_careless(self, body: bytes) -> None:
        """Breaks off; goes on in another file without a word; serves well from then on."""
        if self.start():
            self.head(len(body) - self.start(), status=206, Content_Range=f"bytes {self.start()}-{len(body) - 1}/{len(body)}")
            self.wfile.write(body[self.start() :])
        elif len(self.server.requests) == 1:
            self.head(len(body))
            self.wfile.write(b"x" * (len(body) // 2))
        else:
            self.serve_well(body)

    def serve_always_breaks(self, body: bytes) -> None:
        """Gives a quarter more than 1 MiB at a time, and breaks off."""
        start, end = self.start(), self.start() + (5 << 18)
        if start:
            self.head(len(body) - start, status=206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.head(len(body))
        self.wfile.write(body[start:end])

    def serve_big(self, body: bytes) -> None:
        """The same 200 times over."""
        self.head(200 * len(body))
        for _ in range(200):
            self.wfile.write(body)

    def serve_stalls(self, body: bytes) -> None:
        """Gives half, and then nothing for a long time; goes on well."""
        if self.start():
            self.serve_well(body)
            return
        self.head(len(body))
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        time.sleep(20)

    def serve_junk(self, body: bytes) -> None:
        """A length that is no number."""
        self.send_response(200)
        self.send_header("Content-Length", "many")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(body)

    def serve_wrong(self, body: bytes) -> None:
        """The right length, other bytes."""
        self.head(len(body))
        self.wfile.write(b"x" * len(body))

    def serve_long(self, body: bytes) -> None:
        """Announces and sends more than there is."""
        self.head(len(body) + 100)
        self.wfile.write(body + b"x" * 100)

    def serve_endless(self, body: bytes) -> None:
        """No length, and no end."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(2000):
                self.wfile.write(body)
        except OSError:
            return

    def serve_drip(self, body: bytes) -> None:
        """A byte now and then."""
        self.head(len(body))
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    def serve_silent(self, body: bytes) -> None:
        """Answers, and then says nothing."""
        self.head(len(body))
        self.wfile.flush()
        time.sleep(3)


@contextmanager
def serve() -> Iterator[Mirror]:
    """Run a mirror for as long as the block lasts."""
    mirror = Mirror()
    thread = threading.Thread(target=mirror.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.shutdown()
        mirror.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve a folder for as long as the block lasts; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
