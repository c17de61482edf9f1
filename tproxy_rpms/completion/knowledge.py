"""What a project has to complete with: its releases, and the tasks and options of its dodo.py."""

import contextlib
import inspect
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tproxy_rpms.project.find import MARKER
from tproxy_rpms.shelf import list_names


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option as it is written, `-n` or `--json`, and what it is for."""

    word: str
    about: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task with its options; a subtask has its whole name, STAGE:NAME. `takes_words`: what follows it are no more tasks."""

    name: str
    about: str
    options: tuple[Option, ...] = ()
    takes_words: bool = False


@dataclass(frozen=True)
class Knowledge:
    """A project, looked at no further than is asked for.

    Fields:
        root: its folder, None outside of all. variables: those that are given on the line.
    """

    root: Path | None
    variables: Mapping[str, str]

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The values of variables that take no others."""
        from tproxy_rpms.tasks import CHOICES

        return CHOICES

    @property
    def releases(self) -> list[str]:
        """The names of the project's releases."""
        return list_names(self.root, "releases", ".toml") if self.root else []

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of the release that is given; none if that cannot be read."""
        return load_tasks(self.root, self.variables) if self.root else ()


def load_tasks(root: Path, variables: Mapping[str, str]) -> tuple[Task, ...]:
    """Return the tasks of a project's dodo.py, as doit lists them; none if it cannot be read: who runs it will be told why."""
    from doit import doit_cmd, loader

    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence), contextlib.suppress(Exception, SystemExit):
        doit_cmd.reset_vars()
        doit_cmd._CMDLINE_VARS.update(variables)
        with contextlib.chdir(Path.cwd()):
            module = loader.get_module(str(root / MARKER))
        return tuple(describe_task(task) for task in loader.load_tasks(dict(inspect.getmembers(module))))
    return ()


def describe_task(task: Any) -> Task:
    """Return what completion wants to know of a task of doit's."""
    params = [*(task.params or ()), *(task.creator_params or ())]
    about = (task.doc or "").partition("\n")[0]
    return Task(name=task.name, about=about, options=tuple(describe_options(params)), takes_words=bool(task.pos_arg))


def describe_options(params: Iterable[Mapping[str, Any]]) -> Iterable[Option]:
    """Yield the ways to write each option of doit's."""
    for param in params:
        about = re.sub(r"\s*\[default: .*?\]|\s+", " ", param.get("help", "")).strip()
        for dashes, key in (("-", "short"), ("--", "long"), ("--", "inverse")):
            if param.get(key):
                yield Option(word=dashes + param[key], about=about)
