"""A command line that is being written, as doit will read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

# Words by which `./run` starts us.
STARTED = ("doit", "tproxy-rpms")


@dataclass(frozen=True, kw_only=True)
class Line:
    """The words of a line.

    Fields:
        program: `doit` or `tproxy-rpms`; `run` as long as it is not said what that is to start.
        before: all whole words behind the program. current: the word that is being written, as far as it is; may be empty.
    """

    program: str
    before: tuple[str, ...]
    current: str

    @property
    def variables(self) -> Mapping[str, str]:
        """The NAME=VALUE words."""
        pairs = (word.partition("=") for word in self.before if not word.startswith("-") and "=" in word)
        return {name: value for name, _, value in pairs}

    @property
    def plain(self) -> tuple[str, ...]:
        """The words that are neither options nor variables: a command, names of tasks, and what follows them."""
        return tuple(word for word in self.before if not word.startswith("-") and "=" not in word)


def read_line(words: Sequence[str]) -> Line:
    """Return the line of these words, the program first and the word that is being written last."""
    program, *rest = words
    name = PurePath(program).name
    if name == "run" and len(rest) > 1 and rest[0] in STARTED:
        name, *rest = rest
    return Line(program=name, before=tuple(rest[:-1]), current=rest[-1] if rest else "")
