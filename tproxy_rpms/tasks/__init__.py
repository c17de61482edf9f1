"""The only room that knows doit: one module a stage, each with a `create(cut)` that yields its steps."""

import difflib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from doit import task_params

from tproxy_rpms.console import WISHES, ask_for, prepare_streams
from tproxy_rpms.errors import TproxyError, UserError
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.reporter import LineReporter

STAGES = (
    "fetch",
    "verify",
    "kconfig",
    "srpm",
    "root",
    "rpm",
    "lock",
    "gate",
    "sign",
    "client",
    "accept",
    "repo",
    "record",
    "publish",
    "rollback",
    "snapshots",
    "diff",
    "repro",
    "rebuild",
    "status",
    "report",
    "dump",
    "doctor",
)

# What may be given as NAME=VALUE on doit's command line, with the default.
VARIABLES = {"release": "centos5", "ccache": "off", "build": "build", "progress": ""}

# What a variable may be, where not everything goes.
CHOICES = {"ccache": ("on", "off"), "progress": WISHES}

# Bytes that doit's database and its journal may take.
DATABASE_ROOM = 1 << 20


def open_project(file: str, **defaults: str) -> dict[str, Any]:
    """Return what a project's dodo.py, `file`, hands to doit; see `create_namespace`."""
    from doit import doit_cmd

    # doit has no public way to list the NAME=VALUE words that it was given, only to ask for one by name.
    return create_namespace(doit_cmd._CMDLINE_VARS or {}, root=Path(file).parent, defaults=defaults)


def create_namespace(given: Mapping[str, str], *, root: Path, defaults: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what dodo.py hands to doit: DOIT_CONFIG and one task creator a stage.

    Args:
        given: the NAME=VALUE words of doit's command line: `release` (name or path), `ccache` (`on` or `off`),
            `build` (the folder that the release's own folder lies in; relative to `root`), `progress` (one of WISHES).
        root: the project's folder. defaults: variables as the project has them where they are not given.

    A release or a variable that is not valid ends the program here, with its exit code and every problem found.
    """
    from tproxy_rpms.release.load import load_release

    prepare_streams()
    try:
        variables = check_variables({**(defaults or {}), **given})
        ask_for(variables["progress"])
        release = load_release(locate_release(variables["release"]), root=root)
        cut = Cut(release=release, root=root, ccache=variables["ccache"] == "on", folder=Path(variables["build"]))
        _ = cut.finished_builds  # a variable that is wrong ends the run before the first step
    except TproxyError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    LineReporter.cut = cut
    return {"DOIT_CONFIG": configure_doit(cut)} | {f"task_{stage}": stage_creator(stage, cut) for stage in STAGES}


def locate_release(name_or_path: str) -> str:
    """Return a release as it was given; a path as it is from where doit was started, which need not be the project's folder."""
    from doit import get_initial_workdir

    path = Path(get_initial_workdir() or ".") / name_or_path
    return str(path) if name_or_path.endswith(".toml") and path.is_file() else name_or_path


def check_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with their defaults. Raises UserError for one that we do not know: doit would ignore it."""
    problems = []
    for name in given.keys() - VARIABLES.keys():
        near = difflib.get_close_matches(name, VARIABLES, n=1)
        problems.append(f"{name}={given[name]}: no such variable" + (f"; did you mean {near[0]}=?" if near else ""))
    progress = given.get("progress") or os.environ.get("TPROXY_RPMS_PROGRESS") or "auto"
    variables = VARIABLES | dict(given) | {"progress": progress}
    for name, choices in CHOICES.items():
        if variables[name] not in choices:
            said = name if name in given else f"TPROXY_RPMS_{name.upper()}"
            problems.append(f"{said}={variables[name]}: must be {', '.join(choices[:-1])} or {choices[-1]}")
    if problems:
        raise UserError("\n".join(sorted(problems)), hint=f"the variables are {', '.join(f'{name}=' for name in VARIABLES)}")
    return variables


def configure_doit(cut: Cut) -> dict[str, Any]:
    """Return DOIT_CONFIG for a release."""
    return {
        "default_tasks": ["repo", "record"],
        "dep_file": Database(folder=cut.top / ".doit", name=f"{cut.release.name}.sqlite3"),
        "backend": "sqlite3",  # the one backend that a second run and a kill -9 leave readable
        "reporter": LineReporter,
        "continue": True,  # one arch that fails does not stop the other
        "par_type": "thread",
        "verbosity": 2,
        "num_process": count_workers(cut),
    }


def count_workers(cut: Cut) -> int:
    """Return how many steps may be at work at once: one a core, or, where builders elsewhere do the work, every build."""
    cores = os.cpu_count() or 1
    builds = len(cut.release.packages) * len(cut.release.arches)
    return max(cores, builds) if cut.release.builder == "koji" else cores


@dataclass(frozen=True, kw_only=True)
class Database:
    """The path of doit's database in a folder. Who opens it makes the folder: completion only asks what tasks there are."""

    folder: Path
    name: str

    def __fspath__(self) -> str:
        """Return the file; memory where the disk takes none, so that the doctor can still say so."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            room = os.access(self.folder, os.W_OK) and shutil.disk_usage(self.folder).free >= DATABASE_ROOM
        except OSError:
            room = False
        return str(self.folder / self.name) if room else ":memory:"

    def __str__(self) -> str:
        return str(self.folder / self.name)


def stage_creator(stage: str, cut: Cut) -> Callable[[], Iterator[dict[str, Any]]]:
    """Return the function that doit calls to list a stage's tasks; its heading is the stage module's docstring.

    A module with PARAMS takes options behind the stage's name, and gets them as arguments of `create`.
    """
    module = import_module(f"tproxy_rpms.tasks.{stage}")

    def creator(**params: Any) -> Iterator[dict[str, Any]]:
        heading = (module.__doc__ or "").splitlines()[0]
        tasks = [step.to_doit(cut) for step in module.create(cut, **params)]
        if all("name" in task for task in tasks):
            yield {"basename": stage, "name": None, "doc": heading}
        yield from tasks

    options = getattr(module, "PARAMS", ())
    return task_params(list(options))(creator) if options else creator
