"""Fetching against a server that lies."""

import hashlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.console import Console
from tproxy_rpms.errors import FetchError
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.fetch import fetch_source
from tproxy_rpms.sources.fetched import Fetched, read_fetched
from tproxy_rpms.sources.place import Limits

from .server import Mirror, serve

BODY = bytes(range(256)) * 4096
LIMITS = Limits(connect=2, read=1, least_speed=1000, speed_window=0.5, attempts=3, pause=0)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve() as server:
        server.files["pkg-1.tar"] = BODY
        yield server


def make_source(*urls: str, **changes: object) -> Source:
    digests = {name: hashlib.new(name, BODY).hexdigest() for name in ("sha256", "md5")}
    fields = {"name": "pkg", "version": "1", "urls": urls, "filename": "pkg-1.tar", "digests": digests}
    return Source(**(fields | changes))  # type: ignore[arg-type]


def fetch(source: Source, directory: Path, mirrors: tuple[str, ...] = ()) -> Fetched:
    return fetch_source(source, directory=directory, mirrors=mirrors, console=Console(io.StringIO()), limits=LIMITS)


def test_a_good_file_gets_its_name_and_a_record(mirror: Mirror, tmp_path: Path) -> None:
    fetched = fetch(make_source(mirror.url("pkg-1.tar")), tmp_path)
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY
    assert read_fetched(tmp_path, "pkg") == fetched
    assert (fetched.origin, fetched.size) == (mirror.url("pkg-1.tar"), len(BODY))
    assert {path.name for path in tmp_path.iterdir()} == {"pkg-1.tar", "pkg.fetched.json"}


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("404", "HTTP 404"),
        ("500", "HTTP 500"),
        ("loop", "more than 10 redirects"),
        ("short", r"the body ended too soon.* \(3 attempts\)"),
        ("wrong", "sha256 is .*, pinned is .*; md5 is .*; kept as pkg-1.tar.bad-"),
        ("long", "sha256 is"),
        ("endless", "more than the limit"),
        ("drip", "bytes a second, less than 1000"),
        ("silent", "timed out"),
    ],
)
def test_a_lie_is_told_and_the_next_place_is_tried(mirror: Mirror, tmp_path: Path, lie: str, said: str) -> None:
    bad, good = mirror.url(f"{lie}/pkg-1.tar"), mirror.url("pkg-1.tar")
    with pytest.raises(FetchError, match=said):
        fetch(make_source(bad, limit=2 << 20), tmp_path / "alone")
    assert not (tmp_path / "alone" / "pkg-1.tar").exists()
    fetched = fetch(make_source(bad, good, limit=2 << 20), tmp_path / "both")
    assert fetched.origin == good
    assert (tmp_path / "both" / "pkg-1.tar").read_bytes() == BODY


def test_a_broken_body_is_resumed_where_it_broke(mirror: Mirror, tmp_path: Path) -> None:
    fetch(make_source(mirror.url("breaks/pkg-1.tar")), tmp_path)
    assert [wanted for _, wanted in mirror.requests] == [None, f"bytes={len(BODY) // 2}-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(mirror: Mirror, tmp_path: Path) -> None:
    fetch(make_source(mirror.url("changes/pkg-1.tar")), tmp_path)
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY


def test_an_interrupted_run_is_resumed_by_the_next(mirror: Mirror, tmp_path: Path) -> None:
    source = make_source(mirror.url("short/pkg-1.tar"))
    with pytest.raises(FetchError):
        fetch(source, tmp_path)
    assert (tmp_path / "pkg-1.tar.part").stat().st_size == len(BODY) // 2
    # The same address now serves well.
    mirror.RequestHandlerClass.serve_short, short = mirror.RequestHandlerClass.serve_well, mirror.RequestHandlerClass.serve_short  # type: ignore[attr-defined]
    try:
        fetch(source, tmp_path)
    finally:
        mirror.RequestHandlerClass.serve_short = short  # type: ignore[attr-defined]
    assert mirror.requests[-1][1] == f"bytes={len(BODY) // 2}-"


def test_a_bad_file_is_set_aside_under_a_name_that_says_so(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch(make_source(mirror.url("wrong/pkg-1.tar")), tmp_path)
    (bad,) = tmp_path.glob("pkg-1.tar.bad-*")
    assert bad.name.endswith(hashlib.sha256(bad.read_bytes()).hexdigest()[:8])


def test_every_digest_must_be_right(mirror: Mirror, tmp_path: Path) -> None:
    digests = make_source().digests | {"md5": "0" * 32}  # type: ignore[operator]
    with pytest.raises(FetchError, match="md5 is"):
        fetch(make_source(mirror.url("pkg-1.tar"), digests=digests), tmp_path)


def test_a_pinned_size_must_be_right(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="pinned are 5"):
        fetch(make_source(mirror.url("pkg-1.tar"), size=5), tmp_path)


def test_mirrors_come_first_and_may_be_folders(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "pkg-1.tar").write_bytes(BODY)
    source = make_source(mirror.url("404/pkg-1.tar"))
    fetched = fetch(source, tmp_path / "out", mirrors=(str(tmp_path / "empty"), str(tmp_path / "mirror")))
    assert fetched.origin == (tmp_path / "mirror" / "pkg-1.tar").as_uri()
    assert mirror.requests == []


def test_a_file_that_is_there_and_right_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    source = make_source(mirror.url("pkg-1.tar"))
    fetch(source, tmp_path)
    fetch(source, tmp_path)
    assert len(mirror.requests) == 1


def test_a_proxy_of_the_environment_is_used(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", mirror.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(FetchError, match=r"HTTP 404|HTTP 5"):
        fetch(make_source("http://nowhere.invalid/other.tar"), tmp_path)
    assert [path for path, _ in mirror.requests] == ["http://nowhere.invalid/other.tar"]


def test_memory_stays_constant_whatever_the_size(tmp_path: Path) -> None:
    big = tmp_path / "big.tar"
    with big.open("wb") as stream:
        stream.truncate(300 << 20)
    code = f"""
import hashlib, resource
from pathlib import Path
from tproxy_rpms.console import Console
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.fetch import fetch_source
path = Path({str(big)!r})
digest = hashlib.file_digest(path.open("rb"), "sha256").hexdigest()
source = Source(name="big", version="1", urls=(path.as_uri(),), filename="big.tar", digests={{"sha256": digest}})
fetch_source(source, directory=Path({str(tmp_path / "out")!r}), mirrors=(), console=Console())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(result.stdout) < 100 * 1024


def test_plain_lines_and_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.console.INTERVAL", 0)
    stream = io.StringIO()
    with Console(stream).transfer("file") as report:
        report(1 << 20, 3 << 20)
    assert stream.getvalue() == "file: 1.0 MiB of 3.0 MiB\n"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with Console(terminal).transfer("file") as report:
        report(1 << 20, 3 << 20)
    assert "file" in terminal.getvalue()
