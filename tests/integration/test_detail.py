"""Pages by the real diffoscope."""

import re
import shutil
import stat
from pathlib import Path

import pytest

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import CommandError
from tproxy_rpms.repro.detail import write_detail

from .package import build_package

needs_diffoscope = pytest.mark.skipif(shutil.which("diffoscope") is None, reason="diffoscope is not installed")

SIZE = 1 << 20


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of a package whose scriptlets differ."""
    folder = tmp_path_factory.mktemp("rpms")
    first, _ = build_package(folder / "one", scriptlets="%post\necho built by first\n")
    second, _ = build_package(folder / "two", scriptlets="%post\necho built by second\n")
    return first, second


def write_tool(folder: Path, script: str) -> None:
    """Put a diffoscope of our own into a folder; `$page` is the file that it is told to write."""
    folder.mkdir()
    path = folder / "diffoscope"
    path.write_text(f'#!/bin/sh\nwhile [ "$1" != --html ]; do shift; done; page=$2\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@needs_diffoscope
def test_the_page_shows_what_differs(rpms: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "details" / "hello.html"
    assert write_detail(*rpms, page=page, seconds=120, size=SIZE) == ""
    text = page.read_text()
    assert "echo·built·by·first" in re.sub("<[^>]+>", "", text)  # blanks are made visible
    assert "first/hello-1-1.noarch.rpm" in text and "second/hello-1-1.noarch.rpm" in text
    assert str(rpms[0].parent) not in text
    assert [path.name for path in page.parent.iterdir()] == ["hello.html"]


@needs_diffoscope
def test_equal_files_have_a_page_as_well(rpms: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "hello.html"
    assert write_detail(rpms[0], rpms[0], page=page, seconds=120, size=SIZE) == ""
    assert "built by" not in page.read_text()


@needs_diffoscope
def test_a_page_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for number in range(20):
            path = tmp_path / name / f"file{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"{name} {number} {line}\n" for line in range(40)))
    page = tmp_path / "page.html"
    note = write_detail(tmp_path / "one", tmp_path / "two", page=page, seconds=120, size=50_000)
    assert note == "what did not fit into the page is left out"
    assert page.stat().st_size < 70_000


@needs_diffoscope
def test_what_is_no_file_is_trouble_and_leaves_the_old_page(rpms: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    with pytest.raises(CommandError, match="No such file"):
        write_detail(rpms[0], tmp_path / "absent.rpm", page=page, seconds=120, size=SIZE)
    assert page.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_slow_diff_is_ended_and_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tool(tmp_path / "bin", 'echo begun > "$page"; echo big > "$TMPDIR/unpacked"; sleep 60')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    page = tmp_path / "pages" / "a<b.html"
    note = write_detail(tmp_path / "a<b", tmp_path / "second", page=page, seconds=1, size=SIZE)
    assert note.startswith("diffoscope was ended after 1 s")
    assert note in page.read_text()
    assert "<h1>a&lt;b: not compared in detail</h1>" in page.read_text()
    assert [path.name for path in page.parent.iterdir()] == ["a<b.html"]


def test_what_ran_out_of_its_own_time_is_kept_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tool(tmp_path / "bin", 'echo "Timeout exceeded; details may be incomplete." > "$page"; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    note = write_detail(tmp_path / "a", tmp_path / "b", page=tmp_path / "page.html", seconds=9, size=SIZE)
    assert "no further archives" in note
    assert "details may be incomplete" in (tmp_path / "page.html").read_text()


def test_what_a_killed_run_left_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tool(tmp_path / "bin", 'echo page > "$page"; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / ".page.html.scratch-abc").mkdir()
    write_detail(tmp_path / "a", tmp_path / "b", page=tmp_path / "page.html", seconds=9, size=SIZE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "page.html"]


def test_without_diffoscope_the_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(HostError) as caught:
        write_detail(tmp_path / "a", tmp_path / "b", page=tmp_path / "page.html", seconds=1, size=SIZE)
    assert "diffoscope-minimal (Debian)" in caught.value.hint
    assert not (tmp_path / "page.html").exists()
