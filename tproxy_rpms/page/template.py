"""Pages from templates: every room's page.html.j2 extends base.html.j2 of this one, and trusts no text."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tproxy_rpms.course import format_bytes, format_seconds
from tproxy_rpms.outlet import one_line

HERE = Path(__file__).parent


def render_template(path: Path, **values: Any) -> str:
    """Return a page, the same for the same values.

    Args:
        path: the template. It has the filters `line`, `bytes`, `seconds`, `span` and `moment`, and the macros of parts.html.j2.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([path.parent, HERE]),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "line": one_line, "bytes": format_bytes, "seconds": format_seconds, "span": format_span, "moment": format_moment,
    }  # fmt: skip
    return environment.get_template(path.name).render(**values)


def format_moment(seconds: float) -> str:
    """Return a time since 1970 for people, in UTC; nothing for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else ""


def format_span(seconds: int) -> str:
    """Return a round duration in its largest unit: 30 s, 5 min, 2 h."""
    unit, size = next(((unit, size) for unit, size in (("h", 3600), ("min", 60)) if seconds % size == 0), ("s", 1))
    return f"{seconds // size} {unit}" if seconds else "0"
