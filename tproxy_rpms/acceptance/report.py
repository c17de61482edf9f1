"""Verdicts for people: one page of HTML without scripts, with the load's figures as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.acceptance.trial import Finding, Series
from tproxy_rpms.acceptance.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar of a picture: where it begins and how long it is, in hundredths of the widest."""

    label: str
    value: float
    text: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A group of bars that share a scale."""

    title: str
    bars: tuple[Bar, ...]


def draw_series(series: Sequence[Series]) -> tuple[Chart, ...]:
    """Return the pictures of a load: requests per second, and the latencies of each percentile."""
    charts = [draw("requests per second", [(one.name, one.rate, f"{one.rate:,.0f}") for one in series])]
    for percent in dict.fromkeys(key for one in series for key in one.latency):
        title = "slowest answer, ms" if percent == "100" else f"latency of {percent} % of the answers, ms at most"
        charts.append(
            draw(title, [(one.name, one.latency.get(percent, 0), f"{one.latency.get(percent, 0):,.1f}") for one in series])
        )
    return tuple(charts)


def draw(title: str, rows: Sequence[tuple[str, float, str]]) -> Chart:
    """Return a group of bars for rows of name, value and text."""
    widest = max((value for _, value, _ in rows), default=0) or 1
    return Chart(
        title=title,
        bars=tuple(Bar(label=name, value=value, text=text, share=round(100 * value / widest, 1)) for name, value, text in rows),
    )


def find_word(finding: Finding) -> str:
    """Return one word for what became of a scenario."""
    if finding.skipped:
        return "skipped"
    return "passed" if finding.passed else "failed"


def render_page(verdicts: Sequence[Verdict], *, title: str) -> str:
    """Return one page for all verdicts, the same for the same verdicts."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        title=title, verdicts=verdicts, draw_series=draw_series, find_word=find_word
    )
