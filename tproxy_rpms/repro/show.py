"""Values of tags and files for people."""

from datetime import UTC, datetime

from tproxy_rpms.gates.blob import Blob
from tproxy_rpms.repro.tags import TIMES

FILEMTIMES, FILEMODES = 1034, 1030

# How much of a tag's value is shown.
SHOWN = 120


def show_tag(blob: Blob, tag: int) -> str:
    """Return a tag's value for people, shortened."""
    entry = blob.entries.get(tag)
    if entry is None:
        return "not there"
    if tag in TIMES and len(entry.numbers) == 1:
        return show_time(entry.numbers[0])
    text = ", ".join(entry.texts) or ", ".join(map(str, entry.numbers[:8])) or entry.data[:40].hex()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def show_attribute(tag: int, value: str) -> str:
    """Return a file's attribute for people."""
    if tag == FILEMTIMES and value.isdigit():
        return show_time(int(value))
    return f"{int(value):o}" if tag == FILEMODES and value.isdigit() else value


def show_time(seconds: int) -> str:
    """Return seconds since 1970 as date and time in UTC; as they are if no calendar goes that far."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
