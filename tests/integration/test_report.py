"""Reports in a real browser, and of real cuts by the real doit: begun, failed, published, and gone on with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.report import render_page as render_acceptance
from tproxy_rpms.report.gather import gather_report
from tproxy_rpms.report.page import render_page
from tproxy_rpms.repro.report import render_page as render_repro

from ..unit.handcut import make_accepted, make_reproduced, write_cut
from ..unit.htmlpage import Page, check_page
from .browser import find_browser, lay_out
from .test_doit_publish import Published

# A desk, and the narrowest phones.
WIDTHS = (1280, 390, 360)


def write_pages(folder: Path) -> Sequence[Path]:
    """Every page of ours, with long and hostile text in all places."""
    long = "n" * 200
    evidence = write_cut(folder)
    made = tuple(replace(step, task=f"rpm:{long}:i386") for step in evidence.runs[0].steps)
    texts = {
        "report": render_page(gather_report(replace(evidence, runs=(replace(evidence.runs[0], steps=made), *evidence.runs)))),
        "acceptance": render_acceptance([make_accepted(holds=False)], title=long),
        "repro": render_repro([replace(make_reproduced(), package=long)], title=long),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return [folder / f"{name}.html" for name in texts]


def test_nothing_lies_beyond_the_edge(tmp_path: Path) -> None:
    find_browser()
    cases = [(page, width, opened) for page in write_pages(tmp_path) for width in WIDTHS for opened in (False, True)]
    for (page, width, opened), layout in zip(cases, lay_out(cases, scratch=tmp_path), strict=True):
        assert (page.stem, opened, layout.beyond, layout.width) == (page.stem, opened, (), width)
        assert layout.height > 300
        assert layout.small == 0, f"{page.stem}: letters that nobody can read"


def test_a_page_that_is_too_wide_is_found(tmp_path: Path) -> None:
    find_browser()
    page = tmp_path / "wide.html"
    page.write_text('<!doctype html><body style="margin:0"><p style="width:500px;font-size:9px">too wide</p>')
    (layout,) = lay_out([(page, 390, False)], scratch=tmp_path)
    assert (layout.width, layout.beyond, layout.small) == (500, ("P: too wide",), 1)


class Told(Published):
    """A project that tells on a page what its cut has come to."""

    def tell(self) -> Page:
        """The page, after a look at everything that a page has to keep to."""
        place = self.build / "report" / "index.html"
        place.unlink(missing_ok=True)
        assert str(place) in self.doit("report")
        page = check_page(place.read_text(), place=place)
        page.text = " ".join(page.text.split())
        return page


@pytest.fixture
def project(tmp_path: Path) -> Told:
    (tmp_path / "project").mkdir()
    return Told(tmp_path / "project")


@pytest.mark.chroot
@pytest.mark.timeout(600)
def test_a_cut_is_told_of_from_its_first_step_to_the_next_release(project: Told) -> None:
    # Nothing, then a source alone.
    assert "hello 1.0: \N{EN DASH} not fetched and verified yet" in project.tell().text
    project.doit("verify")
    text = project.tell().text
    assert "! pinned, not signed" in text and "2 of " in text and "Nothing has been published there yet." in text

    # A build that fails.
    spec = project.folder / "specs" / "hello.spec.j2"
    whole = spec.read_text().replace("cp hello.c", "sleep 1.1 && cp hello.c")  # what takes less than a second is not compared
    spec.write_text(whole.replace("cp hello.c", "cp gone.c"))
    project.doit(status=20)
    text = project.tell().text
    assert "✗ not complete" in text and "failed: rpm:hello:x86_64, rpm:hello:i386" in text
    assert "the last build failed: hello" in text and "✗ rpm:hello:x86_64" in text

    # Published: complete, and what is served.
    spec.write_text(whole)
    project.doit("publish")
    page = project.tell()
    assert "✓ complete" in page.text and "✓ publishable" in page.text
    assert "✓ the same packages" in page.text and project.snapshot() in page.text
    assert "V4 EdDSA/SHA256" in page.text and "hello-1.0-1.deb12.x86_64" in page.text
    assert page.text.count("tproxy-release-20") == 3
    assert {"../record/small.intoto.json", "../record/small.cdx.json"} <= set(page.targets)

    # Gone on with: what differs from what is served, and how long it took this time.
    project.change('revision = "1"', 'revision = "2"')
    text = project.tell().text
    assert "not up to date, from an earlier build: hello" in text
    project.doit()
    text = project.tell().text
    assert "upgraded 1.0-1.deb12 1.0-2.deb12" in text and "median" in text


@pytest.mark.chroot
@pytest.mark.timeout(600)
def test_a_report_is_written_while_another_run_is_at_work(project: Told) -> None:
    from tproxy_rpms.store import hold_lock

    project.build.mkdir(parents=True)
    lock = hold_lock(project.build / "lock", "a test")
    try:
        assert "not complete" in project.tell().text
    finally:
        lock.close()
    assert not (project.build / "runs").exists(), "a report is no step of a cut"
