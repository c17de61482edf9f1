"""Fragments: `.config` lines that demand, forbid or wish.

    CONFIG_NET_IPGRE=m                                  demands a value
    # CONFIG_MODULE_SIG is not set                      forbids: the symbol is off or does not exist
    CONFIG_DEVTMPFS=y # optional: came with 2.6.32      wishes; the reason is required
    # CONFIG_GCOV_KERNEL is not set # because: REASON   forbids, and tells why to those who want it

A symbol may stand in several fragments if all say the same; where two differ, that is an error, and not the last one's win.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tproxy_rpms.errors import KconfigError

SET = re.compile(r"CONFIG_(?P<symbol>[A-Za-z0-9_]+)=(?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s#\"]+)(?:\s+#\s*(?P<note>.*))?")
UNSET = re.compile(r"# CONFIG_(?P<symbol>[A-Za-z0-9_]+) is not set(?:\s+#\s*because:\s*(?P<reason>\S.*))?")
# What was meant to be such a line, and would pass for a comment.
NEARLY = re.compile(r"# CONFIG_\w+ is not set\b")
NOTE = re.compile(r"optional:\s*(?P<reason>\S.*)")

# The value of a symbol that is off.
OFF = "n"


@dataclass(frozen=True, kw_only=True)
class Demand:
    """One line of a fragment.

    Fields:
        value: `y`, `m`, a number, a quoted string, or `n` for what is forbidden.
        kind: `demand`, `forbid` or `optional`. reason: why a line is optional, or forbids.
        file, line: where it stands, line 1 first.
    """

    symbol: str
    value: str
    kind: Literal["demand", "forbid", "optional"]
    reason: str
    file: Path
    line: int

    @property
    def text(self) -> str:
        """The line as .config has it."""
        return f"# CONFIG_{self.symbol} is not set" if self.value == OFF else f"CONFIG_{self.symbol}={self.value}"


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A file of demands."""

    file: Path
    demands: tuple[Demand, ...]


def read_fragments(paths: Sequence[Path]) -> tuple[Fragment, ...]:
    """Return fragments in the order given. Raises KconfigError with every bad line and every contradiction of all files."""
    problems: list[str] = []
    fragments = []
    for path in paths:
        try:
            text = path.read_text()
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        fragments.append(Fragment(file=path, demands=tuple(parse_fragment(text, file=path, problems=problems))))
    problems += find_contradictions(fragments)
    if problems:
        raise KconfigError(
            "\n".join(problems),
            hint="a line is CONFIG_X=value, perhaps # optional: REASON, or `# CONFIG_X is not set`, perhaps # because: REASON",
        )
    return tuple(fragments)


def parse_fragment(text: str, *, file: Path, problems: list[str]) -> Iterator[Demand]:
    """Yield the demands of a fragment's text; what is no demand, comment or empty line goes into `problems`."""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if forbidden := UNSET.fullmatch(line):
            reason = forbidden["reason"] or ""
            yield Demand(symbol=forbidden["symbol"], value=OFF, kind="forbid", reason=reason, file=file, line=number)
        elif wanted := SET.fullmatch(line):
            note = NOTE.fullmatch(wanted["note"] or "")
            if wanted["note"] is not None and note is None:
                problems.append(f"{file}:{number}: {wanted['note']!r} is no note; write `# optional: REASON`")
                continue
            kind: Literal["demand", "forbid", "optional"] = (
                "optional" if note else "forbid" if wanted["value"] == OFF else "demand"
            )
            reason = note["reason"] if note else ""
            yield Demand(symbol=wanted["symbol"], value=wanted["value"], kind=kind, reason=reason, file=file, line=number)
        elif NEARLY.match(line) or (line and not line.startswith("#")):
            problems.append(f"{file}:{number}: {line!r} is no configuration line")


def find_contradictions(fragments: Sequence[Fragment]) -> Iterator[str]:
    """Yield a problem for every symbol that two lines want to be different."""
    first: dict[str, Demand] = {}
    for demand in list_all(fragments):
        other = first.setdefault(demand.symbol, demand)
        if other.value != demand.value:
            why = "".join(f", because {one.reason}" for one in (other, demand) if one.kind == "forbid" and one.reason)
            yield f"{demand.file}:{demand.line}: {demand.text}, but {other.file}:{other.line} says {other.text}{why}"


def list_all(fragments: Sequence[Fragment]) -> tuple[Demand, ...]:
    """Return the demands of all fragments, in order."""
    return tuple(demand for fragment in fragments for demand in fragment.demands)
