"""Verdicts for people and programs: a table, JSON, and one page of HTML without scripts.

The JSON of a package and arch has the fields of `verdict.Report`, and for those that read no further: `schema`, `verdict`, and
`causes`: cause → {count, excused, cure, places}.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.outlet import one_line
from tproxy_rpms.page.template import render_template
from tproxy_rpms.repro.verdict import CAUSES, Comparison, Difference, Report
from tproxy_rpms.store import read_document, write_json

SCHEMA = 1

# What a table shows of each cause, and of each place; the page shows more.
PLACES, PAGE_PLACES, WIDTH = 3, 200, 130


@dataclass(frozen=True, kw_only=True)
class Group:
    """The differences of one cause: what to do about it, and whether all of them are excused."""

    cause: str
    cure: str
    excused: bool
    differences: tuple[Difference, ...]


def group_causes(comparisons: Iterable[Comparison]) -> tuple[Group, ...]:
    """Return the differences by cause, in the order of CAUSES."""
    found: dict[str, list[Difference]] = {}
    for comparison in comparisons:
        for difference in comparison.differences:
            found.setdefault(difference.cause, []).append(difference)
    order = [*CAUSES, *sorted(found.keys() - CAUSES.keys())]
    return tuple(
        Group(
            cause=cause,
            cure=CAUSES.get(cause, ""),
            excused=all(difference.excused for difference in found[cause]),
            differences=tuple(found[cause]),
        )
        for cause in order
        if cause in found
    )


def write_report(path: Path, report: Report) -> None:
    """Write a report as JSON, whole or not at all."""
    causes = {
        group.cause: {
            "count": len(group.differences),
            "excused": group.excused,
            "cure": group.cure,
            "places": [difference.place for difference in group.differences],
        }
        for group in group_causes(report.comparisons)
    }
    write_json(path, {"schema": SCHEMA, "verdict": report.verdict, "causes": causes} | asdict(report))


def read_report(path: Path) -> Report:
    """Return a report. Raises HostError for a file that is missing, damaged, or of another schema."""
    return read_document(
        path, Report, schema=SCHEMA, what="verdict on reproducibility", cure="remove it and run doit repro again"
    )


def read_reports(folder: Path) -> tuple[Report, ...]:
    """Return all reports of a folder, by package and arch; what is damaged, or of another schema, is left out."""
    reports = []
    for path in sorted(folder.glob("*.json")):
        with suppress(HostError):
            reports.append(read_report(path))
    return tuple(reports)


def render_table(report: Report) -> str:
    """Return a report as plain text, at most WIDTH columns wide."""
    lines = [f"{report.package} {report.arch}: {report.verdict}" + (f", against {report.against}" if report.against else "")]
    lines += [f"  {comparison.verdict:10} {comparison.file}" for comparison in report.comparisons]
    for group in group_causes(report.comparisons):
        lines += render_group(group)
    if report.varied:
        lines.append(f"  varied: {', '.join(report.varied)}")
    lines += [f"  the same in both: {name}: {why}" for name, why in report.kept.items()]
    return "\n".join(shorten(line, WIDTH) for line in lines)


def render_group(group: Group) -> Iterator[str]:
    """Yield the lines of one cause: how often, where first, and what to do."""
    count = len(group.differences)
    if group.excused:
        places = dict.fromkeys(difference.place for difference in group.differences)
        yield f"  {group.cause} (excused): {', '.join(places)}"
        return
    yield f"  {group.cause} ({count}): {group.cure}"
    for difference in group.differences[:PLACES]:
        yield f"    {difference.place}"
        if difference.first or difference.second:
            values = [shorten(value, WIDTH // 2 - 5) or "nothing" for value in (difference.first, difference.second)]
            yield f"      {' | '.join(values)}"
    if count > PLACES:
        yield f"    … and {count - PLACES} more"


def shorten(text: str, width: int) -> str:
    """Return a text of at most `width` characters on one line."""
    text = one_line(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def render_page(reports: Sequence[Report], *, title: str, details: Iterable[str] = ()) -> str:
    """Return one page of HTML for all reports, the same for the same reports.

    Args:
        details: names of RPMs that diffoscope has made a page of, detail/NAME.html beside this one.
    """
    return render_template(
        Path(__file__).with_name("page.html.j2"),
        title=title, reports=reports, group_causes=group_causes, most=PAGE_PLACES, details=frozenset(details),
    )  # fmt: skip
