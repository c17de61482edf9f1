"""Reports on reproducibility: JSON that reads back, a table, a page that trusts no name."""

from pathlib import Path

import pytest

from tproxy_rpms.errors import HostError
from tproxy_rpms.repro.report import group_causes, read_report, read_reports, render_page, render_table, write_report
from tproxy_rpms.repro.verdict import CAUSES, Comparison, Difference, Report, worst

from .htmlpage import check_page

EVIL = "/usr/share/<script>alert(1)</script>\x1b[31m\nnext"


def make_report(**changes: object) -> Report:
    differences = (
        Difference(kind="tag", place="BUILDTIME", cause="build time", first="1", second="2", excused=True),
        Difference(kind="file", place="/a > b", cause="mtime", first="2026", second="2027"),
        *(
            Difference(kind="file", place=f"/many/{number}", cause="host name", first="x" * 500, second="y")
            for number in range(9)
        ),
    )
    comparisons = (
        Comparison(file="a.rpm", verdict="identical", first="11", second="11"),
        Comparison(file="b.rpm", verdict="different", first="11", second="22", differences=differences),
    )
    fields = {
        "package": "hello", "arch": "i386", "comparisons": comparisons, "varied": {"user": ("builder", "somebody")},
        "kept": {"clock": "no way to change it"},
    }  # fmt: skip
    return Report(**(fields | changes))  # type: ignore[arg-type]


def test_json_reads_back_to_the_same_report(tmp_path: Path) -> None:
    report = make_report(against="https://example.org/repo")
    write_report(tmp_path / "hello-i386.json", report)
    assert read_report(tmp_path / "hello-i386.json") == report
    assert read_reports(tmp_path) == (report,)
    text = (tmp_path / "hello-i386.json").read_text()
    assert '"verdict": "different"' in text
    assert f'"cure": "{CAUSES["mtime"]}"' in text


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": 9}', '{"schema": 1, "package": 3}'])
def test_a_damaged_report_is_told(content: str, tmp_path: Path) -> None:
    path = tmp_path / "hello-i386.json"
    path.write_text(content)
    with pytest.raises(HostError, match=r"hello-i386\.json: no verdict"):
        read_report(path)


def test_causes_come_in_their_order_with_all_their_places() -> None:
    groups = group_causes(make_report().comparisons)
    assert [group.cause for group in groups] == ["host name", "mtime", "build time"]
    assert [len(group.differences) for group in groups] == [9, 1, 1]
    assert [group.excused for group in groups] == [False, False, True]


def test_the_table_tells_verdict_causes_places_and_cures_in_lines_that_fit() -> None:
    table = render_table(make_report())
    lines = table.splitlines()
    assert lines[0] == "hello i386: different"
    assert "  identical  a.rpm" in lines
    assert f"  mtime (1): {CAUSES['mtime']}" in lines
    assert "    /a > b" in lines and "      2026 | 2027" in lines
    assert "    … and 6 more" in lines
    assert "  build time (excused): BUILDTIME" in lines
    assert "  varied: user" in lines
    assert "  the same in both: clock: no way to change it" in lines
    assert max(map(len, lines)) <= 130


def test_a_value_that_is_in_one_build_only_keeps_its_side() -> None:
    differences = (
        Difference(kind="tag", place="URL", cause="tag", second="https://example.org/"),
        Difference(kind="tag", place="VENDOR", cause="tag", first="somebody"),
    )
    comparison = Comparison(file="b.rpm", verdict="different", first="1", second="2", differences=differences)
    lines = render_table(make_report(comparisons=(comparison,))).splitlines()
    assert "      nothing | https://example.org/" in lines
    assert "      somebody | nothing" in lines


def test_what_comes_out_of_packages_is_shown_and_not_obeyed() -> None:
    evil = Comparison(
        file=EVIL, verdict="different", first="1", second="2",
        differences=(Difference(kind="file", place=EVIL, cause="content", first=EVIL, second="<b>"),),
    )  # fmt: skip
    report = make_report(comparisons=(evil,), against=EVIL)
    assert "\x1b" not in render_table(report)
    assert "next" not in [line.strip() for line in render_table(report).splitlines()]
    page = render_page([report], title=EVIL)
    check_page(page)
    assert "<script" not in page and "<b>" not in page and "\x1b" not in page


def test_the_page_is_the_same_for_the_same_reports_and_needs_no_script() -> None:
    page = render_page([make_report()], title="t", details=["a.rpm", "b.rpm"])  # a.rpm's is left from when it differed
    assert page == render_page([make_report()], title="t", details=["a.rpm", "b.rpm"])
    assert "<script" not in page and "http" not in page
    assert 'href="detail/b.rpm.html"' in page and 'href="detail/a.rpm.html"' not in page
    assert all(
        word in page for word in ("✗ different", "✓ identical", "somebody", "no way to change it", "before they are packed")
    )


def test_the_worst_verdict_counts_and_nothing_proves_nothing() -> None:
    assert worst(["identical", "equivalent"]) == "equivalent"
    assert worst(["different", "identical"]) == "different"
    assert worst([]) == "different"
