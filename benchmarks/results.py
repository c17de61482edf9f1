"""What was measured, kept as JSON and shown as a table; `doit report` draws it from there."""

import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured
from tproxy_rpms.store import read_json, write_json

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One comparison: medians in seconds, ours as a multiple of theirs, and how often each was measured.

    Fields:
        load: processes that wanted a core, the average of a minute before it began; beyond 1 others were at work as well.
        measured: ISO 8601.
    """

    name: str
    what: str
    ours_seconds: float
    theirs_seconds: float
    ratio: float
    samples: int
    unit: str
    note: str
    load: float
    measured: str


def make_ratio(name: str, what: str, measured: Measured, *, load: float) -> Ratio:
    """Return what is kept of a benchmark."""
    return Ratio(
        name=name,
        what=what,
        ours_seconds=round(statistics.median(measured.ours), 4),
        theirs_seconds=round(statistics.median(measured.theirs), 4),
        ratio=round(measured.ratio, 3),
        samples=len(measured.ours),
        unit="s",
        note=measured.note,
        load=round(load, 2),
        measured=render_now(),
    )


def render_now() -> str:
    """Return this moment."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def describe_host() -> dict[str, object]:
    """Return what the host is: figures of another host are no match for these."""
    names = [line.partition(":")[2].strip() for line in read_lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cores": os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "cpu": names[0] if names else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def read_lines(path: str) -> list[str]:
    """Return the lines of a file of /proc."""
    return Path(path).read_text().splitlines()


def write_results(path: Path, ratios: Iterable[Ratio]) -> None:
    """Write what was measured; benchmarks that were not run stay as they were, if they are of this host and our schema."""
    host, kept = describe_host(), read_json(path)
    before: Mapping[str, Any] = (
        kept if isinstance(kept, dict) and kept.get("schema") == SCHEMA and kept.get("host") == host else {}
    )
    all_of_it = {one["name"]: one for one in before.get("ratios", ())} | {ratio.name: asdict(ratio) for ratio in ratios}
    content = {
        "schema": SCHEMA,
        "host": host,
        "measured": render_now(),
        "ratios": [all_of_it[name] for name in sorted(all_of_it)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)


def render_table(ratios: Iterable[Ratio]) -> str:
    """Return the table: name, both medians, the ratio, samples, load."""
    rows = [("benchmark", "ours", "theirs", "ratio", "samples", "load")]
    rows += [
        (
            one.name,
            f"{one.ours_seconds:.3f} s",
            f"{one.theirs_seconds:.3f} s",
            f"{one.ratio:.2f}",
            str(one.samples),
            f"{one.load:.1f}",
        )
        for one in ratios
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(lines) + "\n"
