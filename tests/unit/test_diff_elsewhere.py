"""What is compared lies elsewhere: nothing tells the password of its URL, and nothing is left where nothing was brought."""

from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.diff import gather
from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.document import render_json
from tproxy_rpms.diff.pool import Pool
from tproxy_rpms.diff.side import UrlSide, find_url
from tproxy_rpms.diff.table import render_table
from tproxy_rpms.errors import FetchError, TproxyError, UserError
from tproxy_rpms.publish.statement import strip_credentials
from tproxy_rpms.release.model import Package
from tproxy_rpms.repro import published
from tproxy_rpms.sources.place import DownloadError, MissingError
from tproxy_rpms.tasks import diff, repro
from tproxy_rpms.tasks.cut import Cut

from ..conftest import make_release

URL = "https://user:s3cr@t@host.invalid/proxy"


def answer(monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None) -> None:
    """Have every repository be empty, or fail with the URL that was asked."""

    def read_place(place: str, _: Path) -> dict[str, Any]:
        if error:
            raise error(f"{place}repodata/repomd.xml: no")
        return {}

    monkeypatch.setattr(gather, "read_place", read_place)
    monkeypatch.setattr(published, "read_place", read_place)


@pytest.mark.parametrize("url", [URL, "http://token@host.invalid/", "http://u:p@[::1]:8080/x y"])
def test_users_and_passwords_are_taken_out_of_urls(url: str) -> None:
    assert strip_credentials(f"see {url}, {url}") == "see {0}, {0}".format(url[: url.index("//") + 2] + url.rpartition("@")[2])


def test_a_side_behind_a_url_is_told_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "list_published", lambda base, scratch: [])
    side = gather.read_side(UrlSide(url=URL), scratch=tmp_path, pool=Pool([]))
    assert (side.title, side.location) == ("https://host.invalid/proxy", "https://host.invalid/proxy")
    difference = compare_sets(side, side)
    assert "s3cr" not in render_json(difference) + render_table(difference)


@pytest.mark.parametrize("error", [DownloadError, MissingError])
def test_a_side_that_cannot_be_reached_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    answer(monkeypatch, error)
    with pytest.raises(FetchError) as caught:
        gather.read_side(UrlSide(url=URL), scratch=tmp_path, pool=Pool([]))
    assert "https://host.invalid/proxy" in str(caught.value) and "s3cr" not in str(caught.value)


def test_a_url_that_is_not_read_is_told_without_its_password() -> None:
    with pytest.raises(UserError) as caught:
        find_url(URL.replace("https", "ftp"))
    assert "ftp://host.invalid/proxy" in str(caught.value) and "s3cr" not in str(caught.value)


def test_a_second_build_is_not_told_with_the_password_of_what_it_is_held_against(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Package(name="hello", spec="hello", sources=())
    cut = Cut(release=make_release(packages={"hello": package}), root=tmp_path)
    monkeypatch.setattr(repro, "find_first", lambda *_: [])
    answer(monkeypatch, None)
    report, _ = repro.compare_with_published(cut, package, "i386", URL)
    assert report.against == "https://host.invalid/proxy"
    answer(monkeypatch, DownloadError)
    with pytest.raises(TproxyError) as caught:
        repro.compare_with_published(cut, package, "i386", URL)
    assert "s3cr" not in str(caught.value)


def test_where_nothing_was_brought_the_cut_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = Cut(release=make_release(), root=tmp_path)
    cut.build.mkdir(parents=True)
    answer(monkeypatch, DownloadError)
    with pytest.raises(FetchError):
        diff.compare(cut, [URL, URL])
    assert list(cut.build.iterdir()) == []
