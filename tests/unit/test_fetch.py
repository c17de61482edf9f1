"""The parts of a fetch that need no server."""

import hashlib
import io
from pathlib import Path

import pytest
import requests

from tproxy_rpms.console import Console
from tproxy_rpms.course import format_bytes
from tproxy_rpms.errors import FetchError
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources import place
from tproxy_rpms.sources.download import Part, digest_all
from tproxy_rpms.sources.fetch import fetch_source, find_faults, list_places
from tproxy_rpms.sources.fetched import Fetched, read_fetched, write_fetched
from tproxy_rpms.sources.http import explain, read_answer, read_count, read_validator
from tproxy_rpms.sources.place import Answer, DownloadError, Limits, SpeedWatch, StaleError, mirror_url, read_small

BODY = b"the source"
DIGESTS = {name: hashlib.new(name, BODY).hexdigest() for name in ("sha256", "sha512", "sha1", "md5")}


def make_source(*urls: str, **changes: object) -> Source:
    fields = {"name": "pkg", "version": "1", "urls": urls, "filename": "pkg-1.tar", "digests": DIGESTS}
    return Source(**(fields | changes))  # type: ignore[arg-type]


def test_mirrors_come_before_the_sources_own_urls(tmp_path: Path) -> None:
    source = make_source("https://example.org/a/pkg-1.tar", filename="pkg+1 %.tar")
    assert list(list_places(source, ["https://mirror.example.org/all/", str(tmp_path)])) == [
        "https://mirror.example.org/all/pkg%2B1%20%25.tar",
        f"{tmp_path.as_uri()}/pkg%2B1%20%25.tar",
        "https://example.org/a/pkg-1.tar",
    ]


def test_a_folder_with_odd_letters_is_a_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "a # b%20c"
    folder.mkdir()
    (folder / "x?y").write_bytes(BODY)
    assert read_small(mirror_url(str(folder), "x?y")) == BODY


def test_all_digests_are_found_in_one_pass_and_each_wrong_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BODY)
    found = digest_all(path, tuple(DIGESTS))
    assert found == DIGESTS
    assert find_faults(make_source(size=len(BODY)), found, len(BODY)) == []
    wrong = found | {"sha1": "1", "md5": "2"}
    assert find_faults(make_source(size=3), wrong, len(BODY)) == [
        f"sha1 is 1, pinned is {DIGESTS['sha1']}",
        f"md5 is 2, pinned is {DIGESTS['md5']}",
        "10 bytes, pinned are 3",
    ]


def test_a_file_url_is_fetched_and_recorded(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.write_bytes(BODY)
    fetched = fetch_source(make_source(origin.as_uri()), directory=tmp_path / "out", mirrors=(), console=Console(io.StringIO()))
    assert fetched == Fetched(
        source="pkg", file="pkg-1.tar", version="1", sha256=DIGESTS["sha256"], size=len(BODY), origin=origin.as_uri()
    )
    assert read_fetched(tmp_path / "out", "pkg") == fetched


def test_what_every_place_said_is_told(tmp_path: Path) -> None:
    urls = ((tmp_path / "none").as_uri(), tmp_path.as_uri())
    with pytest.raises(FetchError) as caught:
        fetch_source(make_source(*urls), directory=tmp_path / "out", mirrors=(), console=Console(io.StringIO()))
    assert caught.value.message.splitlines()[1:] == [f"{urls[0]}: No such file or directory", f"{urls[1]}: not a file"]
    assert "TPROXY_RPMS_MIRROR" in caught.value.hint
    assert caught.value.exit_code == 31


def test_a_right_file_without_a_record_is_recorded_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "pkg-1.tar").write_bytes(BODY)
    source = make_source("https://example.invalid/pkg-1.tar")
    fetched = fetch_source(source, directory=tmp_path, mirrors=(), console=Console(io.StringIO()))
    assert fetched.origin == (tmp_path / "pkg-1.tar").as_uri()


def test_the_record_of_other_bytes_says_nothing_of_the_origin(tmp_path: Path) -> None:
    (tmp_path / "pkg-1.tar").write_bytes(BODY)
    other = Fetched(source="pkg", file="pkg-1.tar", version="0", sha256="0" * 64, size=1, origin="https://example.org/old")
    write_fetched(tmp_path, other)
    fetched = fetch_source(make_source(), directory=tmp_path, mirrors=(), console=Console(io.StringIO()))
    assert fetched.origin == (tmp_path / "pkg-1.tar").as_uri()


def test_a_damaged_record_tells_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "pkg.fetched.json").write_text("{")
    with pytest.raises(FetchError, match="missing or damaged"):
        read_fetched(tmp_path, "pkg")


def test_a_part_without_its_note_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    path.write_bytes(b"half")
    assert (Part.open(path).size, path.exists()) == (0, False)
    path.write_bytes(b"half")
    (tmp_path / "x.part.json").write_text("{")
    assert Part.open(path).size == 0


def test_a_part_is_found_again(tmp_path: Path) -> None:
    part = Part.open(tmp_path / "x.part")
    part.begin("https://example.org/x", '"tag"')
    part.path.write_bytes(b"half")
    again = Part.open(tmp_path / "x.part")
    assert (again.url, again.validator, again.size) == ("https://example.org/x", '"tag"', 4)
    again.finish(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"a"', "Last-Modified": "then"}, '"a"'),
        ({"ETag": 'W/"a"', "Last-Modified": "then"}, "then"),
        ({"ETag": 'W/"a"'}, ""),
        ({}, ""),
    ],
)
def test_only_a_strong_validator_counts(headers: dict[str, str], validator: str) -> None:
    assert read_validator(headers) == validator


@pytest.mark.parametrize(
    ("text", "count"), [("12", 12), ("", 0), ("-1", 0), ("many", 0), ("1_0", 0), ("\u0661", 0), ("9" * 30, 0)]
)
def test_a_count_is_a_number_or_nothing(text: str, count: int) -> None:
    assert read_count(text) == count


def test_a_place_may_be_slow_for_a_while_but_not_for_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(place.time, "monotonic", lambda: now)
    watch = SpeedWatch("https://example.org/x", Limits(least_speed=100, speed_window=10))
    now = 9.9
    watch.note(1)
    now = 10
    watch.note(999)
    now = 19.9
    watch.note(1)
    now = 20
    with pytest.raises(DownloadError, match="20 bytes a second, less than 100"):
        watch.note(199)


def answer(status: int, **headers: str) -> requests.Response:
    """An HTTP answer without a body."""
    given = requests.Response()
    given.status_code = status
    given.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return given


def read(given: requests.Response) -> Answer:
    """What it means to someone who has 5 bytes with the ETag "a"."""
    return read_answer("https://example.org/x", given, start=5, validator='"a"', limits=Limits())


@pytest.mark.parametrize(
    "given",
    [
        answer(206, Content_Range="bytes 4-9/10", ETag='"a"'),
        answer(206, Content_Range="bytes 5-9/10", ETag='"b"'),
        answer(206, Content_Range="bytes 5-9", ETag='"a"'),
        answer(206, ETag='"a"'),
        answer(416, Content_Range="bytes */4"),
        answer(416),
    ],
)
def test_what_does_not_fit_to_the_part_is_stale(given: requests.Response) -> None:
    with pytest.raises(StaleError, match="does not go on at byte 5"):
        read(given)


@pytest.mark.parametrize(
    ("given", "start", "total"),
    [
        (answer(206, Content_Range="bytes 5-9/10", ETag='"a"'), 5, 10),
        (answer(206, Content_Range="bytes 5-9/*"), 5, 0),
        (answer(416, Content_Range="bytes */5"), 5, 5),
        (answer(200, Content_Length="10"), 0, 10),
        (answer(200, Content_Length="10", Transfer_Encoding="chunked"), 0, 0),
    ],
)
def test_where_an_answer_begins_and_how_long_the_file_is(given: requests.Response, start: int, total: int) -> None:
    found = read(given)
    assert (found.start, found.total) == (start, total)


@pytest.mark.parametrize("status", [204, 206, 304, 404, 416, 503])
def test_an_answer_without_a_file_is_none(status: int) -> None:
    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        read_answer("https://example.org/x", answer(status), start=0, validator="", limits=Limits())


def test_the_innermost_reason_is_told() -> None:
    inner = OSError("Remote end closed connection without response")
    assert explain(Exception(Exception("Connection aborted.", inner))) == "Remote end closed connection without response"
    assert explain(Exception("HTTPConnectionPool(host='x'): Read timed out. (read timeout=1)")) == "timed out"
    assert explain(OSError()) == "OSError"


def test_sizes_are_for_people() -> None:
    assert [format_bytes(count) for count in (0, 1023, 1536, 3 << 30, 5000 << 30)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "3.0 GiB",
        "4.9 TiB",
    ]
