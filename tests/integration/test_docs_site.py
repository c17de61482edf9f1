"""The site: Sphinx makes it of the pages without a warning, with the reference out of the code, and a search."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tproxy_rpms.reference.failure import list_failures
from tproxy_rpms.reference.keys import RELEASE_TABLES, TARGET_TABLES, list_keys

from ..conftest import ROOT


def build_site(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    argv = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-n",
        "--keep-going",
        "-q",
        "-d",
        f"{output}.doctrees",
        str(source),
        str(output),
    ]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site") / "html"
    done = build_site(ROOT / "docs", output)
    assert done.returncode == 0, done.stderr
    return output


def test_every_page_is_in_the_menu(site: Path) -> None:
    menu = (site / "index.html").read_text()
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert [name for name in sorted(pages - {"index"}) if f'href="{name}.html"' not in menu] == []


def test_every_key_is_in_the_page_on_the_release_file(site: Path) -> None:
    text = (site / "release-file.html").read_text()
    shown = set(
        re.findall(r'<td><p><code class="docutils literal notranslate"><span class="pre">(\w+)</span></code></p></td>', text)
    )
    keys = {key.name for table in (*RELEASE_TABLES.values(), *TARGET_TABLES.values()) for key in list_keys(table)}
    assert keys <= shown


def test_every_error_is_in_the_page_on_errors(site: Path) -> None:
    text = (site / "errors.html").read_text()
    assert [failure.name for failure in list_failures() if f">{failure.name}<" not in text] == []
    assert f">{max(failure.code for failure in list_failures())}<" in text


def test_there_is_a_search_and_a_width_for_phones(site: Path) -> None:
    assert "tproxy" in (site / "searchindex.js").read_text()
    assert (site / "search.html").is_file()
    assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in (site / "index.html").read_text()


def test_pictures_tell_what_they_show(site: Path) -> None:
    assert len(re.findall(r'<img alt="[^"]{40,}" src="_images/\w+\.svg"', (site / "design.html").read_text())) == 2
    for path in (ROOT / "docs" / "images").glob("*.svg"):
        text = path.read_text()
        assert re.search(r"<title id=\"title\">.+</title>", text) and re.search(r"<desc id=\"desc\">.{100,}</desc>", text)
        assert 'role="img" aria-labelledby="title desc"' in text and "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("[x](nowhere.md)", "nowhere.md"),
        ("[x](errors.md#no-such-heading)", "no-such-heading"),
        ("```{keys} Nothing\n```", "Nothing"),
    ],
)
def test_what_leads_nowhere_is_an_error(line: str, wrong: str, tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("conf.py", "_ext", "_static"):
        (source / name).symlink_to(ROOT / "docs" / name)
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    (source / "errors.md").write_text("# Errors\n")
    (source / "index.md").write_text(f"# A\n\n{line}\n\n```{{toctree}}\nerrors\n```\n")
    done = build_site(source, tmp_path / "html")
    assert done.returncode != 0 and wrong in done.stderr
