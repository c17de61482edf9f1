"""The page of a cut: HTML without scripts, whole in one file."""

from pathlib import Path

from tproxy_rpms.course import format_seconds
from tproxy_rpms.page.bar import Chart, draw
from tproxy_rpms.page.template import render_template
from tproxy_rpms.report.gather import CutReport
from tproxy_rpms.report.history import StepTime
from tproxy_rpms.repro.report import Group, group_causes
from tproxy_rpms.repro.verdict import Report

# Lines of a list that the page shows; what is beyond is counted.
MOST = 40

# Steps in the picture of times, the longest ones: the table has all.
MOST_BARS = 16


def render_page(report: CutReport) -> str:
    """Return the page, the same for the same report."""
    release = report.evidence.release
    return render_template(
        Path(__file__).with_name("page.html.j2"),
        title=f"{release.name}: report of the cut", report=report, release=release, most=MOST,
        chart=draw_times(report.times), causes=list_causes, percent=format_percent,
    )  # fmt: skip


def draw_times(times: tuple[StepTime, ...]) -> Chart:
    """Return the longest steps as bars, each with a line where the median of earlier ones is."""
    longest = sorted(times, key=lambda time: -time.seconds)[:MOST_BARS]
    rows = [(time.task, time.seconds, describe_time(time)) for time in longest]
    title = "The longest steps" if len(times) > len(longest) else "Steps of a second or more"
    return draw(title, rows, goals=[time.median for time in longest])


def describe_time(time: StepTime) -> str:
    """Return how long a step took, with how much more than before."""
    return format_seconds(time.seconds) + (f", {format_percent(time.delta)}" if time.delta is not None else "")


def format_percent(value: float) -> str:
    """Return a change in hundredths, with its sign."""
    return f"{value:+.0f} %".replace("-", "\N{MINUS SIGN}")


def list_causes(report: Report) -> tuple[Group, ...]:
    """Return the causes of a verdict, without what goes with them."""
    return tuple(group for group in group_causes(report.comparisons) if group.cause != "consequence")
