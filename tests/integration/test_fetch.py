"""Fetching against a server that lies."""

import hashlib
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tproxy_rpms.console import Console
from tproxy_rpms.errors import FetchError
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.fetch import fetch_source
from tproxy_rpms.sources.fetched import Fetched, read_fetched
from tproxy_rpms.sources.place import Limits
from tproxy_rpms.store import write_json

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
        pytest.param("drip", "bytes a second, less than 1000", marks=pytest.mark.timeout(30)),
        ("nowhere", "redirected to http"),
        ("inside", "redirected to file:///etc/passwd"),
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


def test_a_file_that_changed_unnoticed_is_fetched_from_its_beginning(mirror: Mirror, tmp_path: Path) -> None:
    fetch(make_source(mirror.url("careless/pkg-1.tar")), tmp_path)
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY
    assert [wanted for _, wanted in mirror.requests] == [None, f"bytes={len(BODY) // 2}-", None]


def test_a_line_that_breaks_again_and_again_is_followed_as_long_as_it_gets_further(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["pkg-1.tar"] = BODY * 6
    fetch(make_source(mirror.url("always_breaks/pkg-1.tar"), digests={"sha256": hashlib.sha256(BODY * 6).hexdigest()}), tmp_path)
    assert [wanted for _, wanted in mirror.requests] == [None, *(f"bytes={times * (5 << 18)}-" for times in range(1, 5))]


@pytest.mark.timeout(30)
def test_a_redirect_is_followed_without_taking_its_body(mirror: Mirror, tmp_path: Path) -> None:
    fetch(make_source(mirror.url("moved/pkg-1.tar")), tmp_path)
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY


def test_a_length_that_is_no_number_does_no_harm(mirror: Mirror, tmp_path: Path) -> None:
    fetch(make_source(mirror.url("junk/pkg-1.tar")), tmp_path)
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY


def leave_part(mirror: Mirror, directory: Path, content: bytes) -> Path:
    """What a run leaves that was killed on its way."""
    directory.mkdir(exist_ok=True)
    part = directory / "pkg-1.tar.part"
    part.write_bytes(content)
    write_json(directory / "pkg-1.tar.part.json", {"url": mirror.url("pkg-1.tar"), "validator": mirror.etag})
    return part


def test_a_part_that_was_complete_when_the_run_was_killed_gets_its_name(mirror: Mirror, tmp_path: Path) -> None:
    leave_part(mirror, tmp_path, BODY)
    fetch(make_source(mirror.url("pkg-1.tar")), tmp_path)
    assert [wanted for _, wanted in mirror.requests] == [f"bytes={len(BODY)}-"]
    assert {path.name for path in tmp_path.iterdir()} == {"pkg-1.tar", "pkg.fetched.json"}


@pytest.mark.parametrize("content", [BODY + b"more than there is", b"damaged" * 1000])
def test_a_part_that_does_not_fit_is_fetched_anew(mirror: Mirror, tmp_path: Path, content: bytes) -> None:
    leave_part(mirror, tmp_path, content)
    fetch(make_source(mirror.url("pkg-1.tar")), tmp_path)
    assert [wanted for _, wanted in mirror.requests] == [f"bytes={len(content)}-", None]
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY


FETCH = """
import sys
from pathlib import Path
from tproxy_rpms.console import Console
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.fetch import fetch_source
url, digest, directory = sys.argv[1:]
source = Source(name="pkg", version="1", urls=(url,), filename="pkg-1.tar", digests={"sha256": digest})
fetch_source(source, directory=Path(directory), mirrors=(), console=Console())
"""


def test_a_killed_run_is_resumed_by_the_next(mirror: Mirror, tmp_path: Path) -> None:
    body = BODY * 6
    mirror.files["pkg-1.tar"] = body
    url, digest = mirror.url("stalls/pkg-1.tar"), hashlib.sha256(body).hexdigest()
    part = tmp_path / "pkg-1.tar.part"
    with subprocess.Popen([sys.executable, "-c", FETCH, url, digest, str(tmp_path)]) as process:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
    came = part.stat().st_size
    assert 0 < came <= len(body) // 2
    fetch(make_source(url, digests={"sha256": digest}), tmp_path)
    assert mirror.requests[-1][1] == f"bytes={came}-"
    assert (tmp_path / "pkg-1.tar").read_bytes() == body


def test_a_full_disk_is_told_as_that(mirror: Mirror, tmp_path: Path) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))\n" + FETCH
    argv = [sys.executable, "-c", code, mirror.url("pkg-1.tar"), "0" * 64, str(tmp_path)]
    result = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert "HostError" in result.stderr
    assert f"{tmp_path / 'pkg-1.tar'}: File too large" in result.stderr


def test_a_file_that_was_damaged_later_is_set_aside_and_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    source = make_source(mirror.url("pkg-1.tar"))
    fetch(source, tmp_path)
    (tmp_path / "pkg-1.tar").write_bytes(b"damaged")
    fetch(source, tmp_path)
    assert (tmp_path / "pkg-1.tar").read_bytes() == BODY
    assert [path.read_bytes() for path in tmp_path.glob("pkg-1.tar.bad-*")] == [b"damaged"]


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
    first = fetch(source, tmp_path)
    assert fetch(source, tmp_path) == first
    assert len(mirror.requests) == 1


def test_a_proxy_of_the_environment_is_used(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", mirror.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(FetchError, match=r"HTTP 404|HTTP 5"):
        fetch(make_source("http://nowhere.invalid/other.tar"), tmp_path)
    assert [path for path, _ in mirror.requests] == ["http://nowhere.invalid/other.tar"]


@pytest.mark.parametrize("kind", ["http", "file"])
def test_memory_stays_constant_whatever_the_size(mirror: Mirror, tmp_path: Path, kind: str) -> None:
    url = mirror.url("big/pkg-1.tar")
    if kind == "file":
        (tmp_path / "big.tar").write_bytes(BODY * 200)
        url = (tmp_path / "big.tar").as_uri()
    digest = hashlib.sha256()
    for _ in range(200):
        digest.update(BODY)
    # The most memory of the process itself: getrusage() counts what its parent had before exec, too.
    code = FETCH + 'print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))'
    argv = [sys.executable, "-c", code, url, digest.hexdigest(), str(tmp_path / "out")]
    result = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert (tmp_path / "out" / "pkg-1.tar").stat().st_size == 200 * len(BODY)
    assert int(result.stdout) < 100 * 1024
