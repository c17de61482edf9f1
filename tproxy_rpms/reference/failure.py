"""Every error with its exit code and its cure, out of the classes."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.process import CommandError

# process.py is part of every build's fingerprint: what is only told to people stands here.
CURES: Mapping[type[TproxyError], str] = {
    CommandError: "Its own words are above, and its log is named where it has one: mend what it complains of."
}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A way to fail that has an exit code of its own.

    Fields:
        text: what has happened. cure: what helps. Both are Markdown.
    """

    name: str
    code: int
    text: str
    cure: str


def list_failures() -> tuple[Failure, ...]:
    """Return every error with an exit code of its own, by exit code."""
    classes = set(walk_classes(TproxyError))
    return tuple(
        sorted(
            (
                Failure(
                    name=kind.__name__,
                    code=kind.exit_code,
                    text=describe(kind),
                    cure=CURES.get(kind) or kind.__dict__.get("cure", ""),
                )
                for kind in classes
            ),
            key=lambda failure: failure.code,
        )
    )


def describe(kind: type[TproxyError]) -> str:
    """Return what has happened, out of a docstring; what it says of a field is for whoever catches the error."""
    text = (inspect.getdoc(kind) or "").replace("\n", " ")
    return re.split(r"[.;] `", text)[0].removesuffix(".") + "."


def walk_classes(parent: type[TproxyError]) -> Iterator[type[TproxyError]]:
    """Yield the classes below one that have an exit code of their own."""
    for kind in parent.__subclasses__():
        if "exit_code" in kind.__dict__:
            yield kind
        yield from walk_classes(kind)


def render_failures(failures: Iterable[Failure]) -> str:
    """Return errors as a Markdown table."""
    lines = [f"| {failure.code} | `{failure.name}` | {failure.text} | {failure.cure} |" for failure in failures]
    return "\n".join(["| exit code | error | what has happened | cure |", "|---|---|---|---|", *lines, ""])
