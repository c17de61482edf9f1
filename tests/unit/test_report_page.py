"""The page of a cut: it keeps to the rules of a page, trusts no text, and tells what is missing."""

from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.diff.change import Change, Details, Difference, FileChange, SymbolChange
from tproxy_rpms.diff.package import Package, PackageSet
from tproxy_rpms.report.evidence import Evidence, Published, Verdicts
from tproxy_rpms.report.gather import gather_report
from tproxy_rpms.report.page import MOST, render_page
from tproxy_rpms.report.runs import Run
from tproxy_rpms.report.status import Cell

from ..conftest import make_release
from .handcut import EVIL, make_reproduced, make_run, write_cut
from .htmlpage import Page, check_page

SECTIONS = [
    "summary", "packages", "sources", "patches", "roots", "configuration", "gates", "reproducibility", "acceptance", "records",
    "times", "changes", "benchmarks",
]  # fmt: skip


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    (tmp_path / "test").mkdir()
    return write_cut(tmp_path / "test")


def make_page(evidence: Evidence) -> tuple[str, Page]:
    """The page where the task would write it, after a look at everything that a page has to keep to."""
    html = render_page(gather_report(evidence))
    return html, check_page(html, place=evidence.folder / "report" / "index.html")


def make_empty(folder: Path, **changes: object) -> Evidence:
    """A release of which nothing has been made."""
    fields = {
        "release": make_release(), "folder": folder, "now": 1_800_000_000.0, "runs": (), "steps": {}, "obstacles": (), "made": (),
        "patches": {}, "roots": (), "verdicts": Verdicts(), "published": Published(lack="never published"),
        "benchmarks": folder / "results.json",
    }  # fmt: skip
    return Evidence(**(fields | changes))  # type: ignore[arg-type]


def test_everything_is_told_in_its_order_and_found_from_the_top(evidence: Evidence) -> None:
    _, page = make_page(evidence)
    assert [one for one in page.ids if one in SECTIONS] == SECTIONS
    assert [target[1:] for target in page.targets if target.startswith("#")] == SECTIONS[1:]


def test_text_from_elsewhere_is_shown_and_not_obeyed(evidence: Evidence) -> None:
    html, page = make_page(evidence)
    assert "<script" not in html and "\x1b" not in html and "secret" not in html
    shown = EVIL.replace("\x1b", "\\x1b")
    # Release, package, licence, source, audit, gate, verdicts, patch, root, place, measurement: each has told its text.
    assert page.text.count(shown) > 20


def test_the_same_evidence_makes_the_same_page(evidence: Evidence) -> None:
    assert make_page(evidence)[0] == make_page(evidence)[0]


def test_figures_have_units_and_verdicts_their_words(evidence: Evidence) -> None:
    _, page = make_page(evidence)
    text = " ".join(page.text.split())
    for words in (
        "✗ not complete", "failed: rpm:squid:i386", "not up to date: rpm:kernel:x86_64",
        "Why: 1 reason rpm:kernel:x86_64: srpm:", "not made yet: repo:x86_64",
        "hello-1-1.noarch", "2 files", "half.rpm: no readable RPM", "gone.rpm: it is gone since it was made",
        "! signature: weak", "! signature: expired key", "✓ vouched for by the archive",
        "later 1.0: \N{EN DASH} not fetched and verified yet", "(+2 \N{MINUS SIGN}1 lines)", "2 packages of bookworm",
        "not made yet, or gone from the cache",
        "kernel i386: ✗ 1 demand missed", "2 lines: 1 kept, 0 changed, 1 dropped", "✗ 50 findings", f"and {50 - MOST} more",
        "squid-i386 \N{EN DASH} damaged", "1 of 2 checks hold", "500 200 2,000 0 80 ms", "6 min 40 s", "never published",
    ):  # fmt: skip
        assert words in text, words


def test_a_release_of_which_nothing_is_there_has_a_page_that_says_so(tmp_path: Path) -> None:
    _, page = make_page(make_empty(tmp_path / "test"))
    text = " ".join(page.text.split())
    for words in (
        "The release has no sources from outside", "The release has no kernel", "Nothing was built a second time",
        "These packages have not been tried", "No run has left how long", "there are no logs", "never published",
        "Nothing has been measured", "not made yet, or gone", "(not there)",
    ):  # fmt: skip
        assert words in text, words


def test_a_run_of_one_moment_and_many_steps_can_be_drawn(tmp_path: Path) -> None:
    steps = tuple(replace(step, seconds=0.0, started=5.0) for _ in range(30) for step in make_run(5).steps)
    run = Run(started=5.0, cores=1, ccache=True, steps=steps)
    _, page = make_page(make_empty(tmp_path / "test", runs=(run,)))
    assert "on 1 core, with ccache" in page.text


def test_what_changed_since_the_last_publication_is_told(evidence: Evidence) -> None:
    old = Package(repository="i386", file="a", sha256="1", name=EVIL, version="1", release=EVIL, arch="i686", size=5 << 20)
    new = replace(old, sha256="2", version="2", size=4 << 20)
    details = Details(
        files=tuple(FileChange(path=f"{EVIL}{number}", old=None, new=None) for number in range(MOST + 9)), renamed=3,
        symbols=(SymbolChange(symbol="NET_IPGRE", old="m", new=""),), notes=(EVIL,),
    )  # fmt: skip
    changes = (
        Change(repository="i386", name=EVIL, word="upgraded", old=old, new=new, details=details),
        Change(repository="i386", name="other", word="added", old=None, new=replace(new, size=None)),
        Change(repository="i386", name="same", word="identical", old=old, new=old),
    )
    sides = [PackageSet(title=EVIL, location="", packages=()) for _ in range(2)]
    difference = Difference(old=sides[0], new=sides[1], changes=changes)
    _, page = make_page(replace(evidence, published=Published(place="/srv", served="ab" * 8, when=1.0, difference=difference)))
    text = " ".join(page.text.split())
    assert "2 of 3 packages differ; all RPMs together: not known" in text
    assert "\N{MINUS SIGN}1.0 MiB" in text and "CONFIG_NET_IPGRE: m → not there" in text and f"the first {MOST} are shown" in text
    same = Difference(old=sides[0], new=sides[1], changes=changes[2:])
    _, page = make_page(replace(evidence, published=Published(served="ab" * 8, difference=same)))
    assert "all 1 are byte for byte those that are served" in " ".join(page.text.split())


@pytest.mark.parametrize(
    "html",
    [
        "<h1>a</h1><p>", "<h1>a</h1></p>", "<h1>a</h1><h3>b</h3>", "<h2>a</h2>", "<h1>a</h1><svg></svg>",
        "<h1 id=a>a</h1><p id=a></p>", '<h1>a</h1><a href="#b">b</a>', "<h1>a</h1><script></script>", "<h1 onclick=x>a</h1>",
        "<h1>a</h1><a href='http://x/'>b</a>", "<h1>a</h1><style>@import 'x';</style>", "<h1>a</h1><table></table>",
        '<h1>a</h1><div class="wide"><table><th>a</th></table></div>', '<h1>a</h1><a href="gone.log">b</a>',
    ],
)  # fmt: skip
def test_a_page_that_breaks_a_rule_is_found(html: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_page(html, place=tmp_path / "index.html")


def test_steps_that_are_many_are_counted(tmp_path: Path) -> None:
    steps = {f"{stage}:{number}": Cell(word="no") for stage in ("rpm", "gate") for number in range(6)}
    _, page = make_page(make_empty(tmp_path / "test", steps=steps))
    assert "not made yet: 6 of rpm, 6 of gate" in page.text


def test_verdicts_that_do_not_count_are_named(evidence: Evidence) -> None:
    verdicts = Verdicts(reproduced=(make_reproduced("identical"),), stale=("repro/a.json: about other packages than these",))
    _, page = make_page(replace(evidence, verdicts=verdicts))
    text = " ".join(page.text.split())
    assert "1 file, nothing differs" in text and "! does not count: repro/a.json: about other packages" in text
