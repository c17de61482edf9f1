"""What may come next on a command line of doit or tproxy-rpms."""

import argparse
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doit.cmd_base import DodoTaskLoader
from doit.doit_cmd import DoitMain

from tproxy_rpms.completion.knowledge import Knowledge, Option, Task, describe_options
from tproxy_rpms.completion.line import STARTED, Line, read_line
from tproxy_rpms.completion.script import SHELLS
from tproxy_rpms.errors import UserError
from tproxy_rpms.project.find import find_project, is_project
from tproxy_rpms.shelf import STOCK, list_names

# The variables, with what is said of each.
VARIABLES = {
    "release": "a release's name or file",
    "ccache": "on while developing",
    "build": "the folder that cuts lie in",
    "progress": "how a run shows what it does",
}

# Commands of doit's that take names of tasks.
TASK_COMMANDS = ("clean", "forget", "help", "ignore", "info", "list", "reset-dep", "run", "strace")

# Commands that are of use outside of a project.
PROJECTLESS = ("completion", "help", "init")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A whole word that may stand where one is being written, and what it means. One that ends with `:`, `=` or `/` goes on."""

    word: str
    about: str = ""


def tell_candidates(words: Sequence[str]) -> int:
    """Print the candidates for the last of a line's words, each on a line with a tab before what it means; return 0."""
    line = read_line(words)
    for one in list_candidates(line, Knowledge(find_root(line), line.variables)):
        sys.stdout.write(f"{one.word}\t{one.about}\n" if one.about else f"{one.word}\n")
    return 0


def find_root(line: Line) -> Path | None:
    """Return the project that a line is about: doit looks for it in its own folder alone."""
    here = Path.cwd()
    if line.program != "tproxy-rpms":
        return here if is_project(here) else None
    try:
        return find_project(here)
    except UserError:
        return None


def list_candidates(line: Line, known: Knowledge) -> list[Candidate]:
    """Return what may stand in the current word's place; nothing where the shell knows better."""
    if line.program == "run":
        return [] if line.before else [Candidate(word=word) for word in STARTED[:1] if word.startswith(line.current)]
    if known.root is None and line.program != "tproxy-rpms":
        return []  # another project's doit
    if line.plain[:1] in (("init",), ("completion",)) and line.program == "tproxy-rpms":
        found = list_own(line)
    elif "=" in line.current and not line.current.startswith("-"):
        found = list_values(line.current, known)
    elif line.current.startswith("-"):
        found = list_options(line, known)
    else:
        found = list_words(line, known)
    return [one for one in found if one.word.startswith(line.current)]


def list_own(line: Line) -> Iterator[Candidate]:
    """Yield what may follow a command of ours."""
    from tproxy_rpms.cli import Init

    if line.plain[0] == "completion":
        yield from (Candidate(word=shell) for shell in SHELLS)
    elif line.before[-1] == "--extends":
        yield from (Candidate(word=name) for name in list_names(STOCK, "releases", ".toml"))
    elif line.current.startswith("-"):
        yield from (Candidate(word=word) for word in list_flags(Init().parser()))


def list_flags(parser: argparse.ArgumentParser) -> list[str]:
    """Return the long options of a parser."""
    return list(dict.fromkeys(re.findall(r"--[a-z-]+", parser.format_usage())))


def list_values(current: str, known: Knowledge) -> Iterator[Candidate]:
    """Yield NAME=VALUE for each value that a variable may have."""
    name, _, value = current.partition("=")
    yield from (Candidate(word=f"{name}={choice}") for choice in known.choices.get(name, ()))
    if name == "release":
        yield from (Candidate(word=f"release={release}") for release in known.releases)
    if name == "release" or name == "build":
        paths = list_paths(value, suffix=".toml" if name == "release" else None)
        yield from (Candidate(word=f"{name}={path}") for path in paths)


def list_paths(value: str, *, suffix: str | None) -> Iterator[str]:
    """Yield the folders, and the files with a suffix, whose path begins as a value does, written as it is."""
    top, slash, start = value.rpartition("/")
    folder = Path(top + slash or ".")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(start) and (start or slash) and path.name.startswith(".") == start.startswith("."):
            if path.is_dir():
                yield f"{top}{slash}{path.name}/"
            elif suffix and path.suffix == suffix:
                yield f"{top}{slash}{path.name}"


def list_options(line: Line, known: Knowledge) -> Iterator[Candidate]:
    """Yield the options of the task that stands before, or of the command."""
    tasks = {task.name: task for task in known.tasks} if line.plain else {}
    task = next((tasks[word] for word in reversed(line.plain) if word in tasks), None)
    options = task.options if task else read_options(line)
    yield from (Candidate(word=one.word, about=one.about) for one in options)


def read_options(line: Line) -> tuple[Option, ...]:
    """Return the options of the command that a line gives, or of a run."""
    commands = load_commands(line.program)
    name = line.plain[0] if line.plain and line.plain[0] in commands else "run"
    command = commands.get_plugin(name)(task_loader=DodoTaskLoader(), config={}, cmds=commands)
    return tuple(describe_options(vars(option) for option in command.get_options()))


def load_commands(program: str) -> Any:
    """Return doit's commands, and ours where the program has them: name → class, as doit has it."""
    from tproxy_rpms.cli import Main

    return (Main if program == "tproxy-rpms" else DoitMain)().get_cmds()


def list_words(line: Line, known: Knowledge) -> Iterator[Candidate]:
    """Yield tasks; variables that are not given yet; commands as the first word."""
    commands = load_commands(line.program)
    purposes = {name: commands.get_plugin(name).doc_purpose for name in sorted(commands)}
    if known.root is None:
        purposes = {name: purpose for name, purpose in purposes.items() if name in PROJECTLESS}
    elif (before := find_words(line, commands, known)) is not None:
        yield from list_sides(known) if before[0] == "diff" and len(before) <= 2 else ()
    elif not line.plain or line.plain[0] not in commands or line.plain[0] in TASK_COMMANDS:
        yield from list_tasks(line.current, known.tasks)
        given = line.variables
        yield from (Candidate(word=f"{name}=", about=about) for name, about in VARIABLES.items() if name not in given)
    if not line.plain:
        yield from (Candidate(word=name, about=purpose) for name, purpose in purposes.items())


def find_words(line: Line, commands: Collection[str], known: Knowledge) -> tuple[str, ...] | None:
    """Return the task that takes all further words, with those that it has; None if another task may follow."""
    plain = line.plain[1:] if line.plain[:1] == ("run",) else line.plain
    if not plain or plain[0] in commands:
        return None
    taking = {task.name for task in known.tasks if task.takes_words}
    return next((plain[number:] for number, word in enumerate(plain) if word in taking), None)


def list_sides(known: Knowledge) -> Iterator[Candidate]:
    """Yield what the task `diff` knows by a word; folders and records are the shell's to find."""
    from tproxy_rpms.diff.side import BEFORE, SERVED

    yield from (Candidate(word=release, about="a release's cut") for release in known.releases)
    yield Candidate(word=SERVED, about="the snapshot that is served")
    yield Candidate(word=BEFORE, about="the one that was served before")


def list_tasks(current: str, tasks: Sequence[Task]) -> Iterator[Candidate]:
    """Yield the next part of each task's name: stages first, then STAGE:PACKAGE, then STAGE:PACKAGE:ARCH.

    A stage is a task and goes on, too: that is offered when no other stage begins so.
    """
    depth = current.count(":")
    fitting = [task for task in tasks if task.name.startswith(current)]
    whole = {task.name: task for task in fitting if task.name.count(":") == depth}
    going_on = dict.fromkeys(cut_name(task.name, depth) for task in fitting if task.name.count(":") > depth)
    yield from (Candidate(word=task.name, about=task.about) for task in whole.values())
    alone = len({name.rstrip(":") for name in (*whole, *going_on)}) == 1
    yield from (Candidate(word=name) for name in going_on if alone or name.rstrip(":") not in whole)


def cut_name(name: str, depth: int) -> str:
    """Return the first parts of a name, with the colon that goes on."""
    return ":".join(name.split(":")[: depth + 1]) + ":"
