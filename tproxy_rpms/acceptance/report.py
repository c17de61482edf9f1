"""Verdicts for people: one page of HTML without scripts, with the load's figures as a picture."""

from collections.abc import Sequence
from pathlib import Path

from tproxy_rpms.acceptance.trial import Finding, Series
from tproxy_rpms.acceptance.verdict import Verdict
from tproxy_rpms.page.bar import Chart, draw
from tproxy_rpms.page.template import render_template


def draw_series(series: Sequence[Series]) -> tuple[Chart, ...]:
    """Return the pictures of a load: requests per second, and the latencies of each percentile."""
    charts = [draw("requests per second", [(one.name, one.rate, f"{one.rate:,.0f}") for one in series])]
    for percent in dict.fromkeys(key for one in series for key in one.latency):
        title = "slowest answer, ms" if percent == "100" else f"latency of {percent} % of the answers, ms at most"
        charts.append(
            draw(title, [(one.name, one.latency.get(percent, 0), f"{one.latency.get(percent, 0):,.1f}") for one in series])
        )
    return tuple(charts)


def find_word(finding: Finding) -> str:
    """Return one word for what became of a scenario."""
    if finding.skipped:
        return "skipped"
    return "passed" if finding.passed else "failed"


def render_page(verdicts: Sequence[Verdict], *, title: str) -> str:
    """Return one page for all verdicts, the same for the same verdicts."""
    return render_template(
        Path(__file__).with_name("page.html.j2"), title=title, verdicts=verdicts, draw_series=draw_series, find_word=find_word
    )
