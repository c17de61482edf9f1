"""tproxy-rpms: doit on the project that it is called in, and what makes projects.

Every command, task, option, variable and exit code is doit's own with the project's dodo.py. Added are commands that no dodo.py
could have: `init`, which makes one, and `completion` for shells.
"""

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from doit.cmd_base import Command, DodoTaskLoader
from doit.doit_cmd import DoitMain

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.project.find import MARKER, find_project

NAME = "tproxy-rpms"


class ProjectLoader(DodoTaskLoader):  # type: ignore[misc]  # doit carries no types
    """Takes the dodo.py of the project that the command was given in, unless another file is named."""

    def setup(self, opt_values: Any) -> None:
        """Load the file. Outside of a project the program ends here: doit would tell of its own file's name alone."""
        if opt_values["dodoFile"] == MARKER:
            try:
                opt_values["dodoFile"] = str(find_project(Path.cwd()) / MARKER)
            except TproxyError as error:
                sys.exit(complain(error))
        super().setup(opt_values)


class OwnCommand(Command):  # type: ignore[misc]  # doit carries no types
    """A command that needs no project, and reads its words as usual programs do: options may come behind folders."""

    def parser(self) -> argparse.ArgumentParser:
        """Return what reads the words."""
        raise NotImplementedError

    def act(self, given: argparse.Namespace) -> None:
        """Do what was asked for. Raises our errors."""
        raise NotImplementedError

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """Read the words, act, and return the exit code."""
        try:
            self.act(self.parser().parse_args(in_args))
        except TproxyError as error:
            return complain(error)
        return 0


class Init(OwnCommand):
    """tproxy-rpms init."""

    name = "init"
    doc_purpose = "make a project: a folder of your own releases, specs and fragments"
    doc_usage = "[FOLDER] [--release NAME] [--extends RELEASE]"

    def parser(self) -> argparse.ArgumentParser:
        """Return what reads the words."""
        parser = argparse.ArgumentParser(prog=f"{NAME} {self.name}", description=self.doc_purpose)
        parser.add_argument("folder", metavar="FOLDER", nargs="?", default=".", type=Path, help="default: this one")
        parser.add_argument("--release", metavar="NAME", default="", help="name of its own release; default: the folder's")
        parser.add_argument(
            "--extends", metavar="RELEASE", default="bookworm", help="the release that it builds on; default: %(default)s"
        )
        return parser

    def act(self, given: argparse.Namespace) -> None:
        """Make the project, and say how to go on."""
        from tproxy_rpms.project.create import create_project

        files = create_project(given.folder, release=given.release, extends=given.extends)
        print("".join(f"{path}\n" for path in files), end="")
        change = "" if given.folder.resolve() == Path.cwd() else f"cd {given.folder} && "
        print(f"next: {change}{NAME} doctor, then {NAME}; what to change is told in releases/ and README.md")


class Completion(OwnCommand):
    """tproxy-rpms completion."""

    name = "completion"
    doc_purpose = "print what completes tasks, releases and options in a shell"
    doc_usage = "bash|zsh|fish"

    def parser(self) -> argparse.ArgumentParser:
        """Return what reads the words."""
        from tproxy_rpms.completion.script import SHELLS

        parser = argparse.ArgumentParser(prog=f"{NAME} {self.name}", description=self.doc_purpose)
        parser.add_argument("shell", choices=SHELLS)
        return parser

    def act(self, given: argparse.Namespace) -> None:
        """Print the script."""
        from tproxy_rpms.completion.script import read_script

        print(read_script(given.shell), end="")


class Main(DoitMain):  # type: ignore[misc]  # doit carries no types
    """doit with our commands and our way to find dodo.py."""

    BIN_NAME = NAME
    DOIT_CMDS = (*DoitMain.DOIT_CMDS, Init, Completion)

    @staticmethod
    def print_version() -> None:
        """Print our version, and what it runs with."""
        print(f"{NAME} {find_version()} (doit {version('doit')}, Python {platform.python_version()})")


def find_version() -> str:
    """Return the version of the installed package; a checkout that is not installed has none."""
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "from a checkout"


def complain(error: TproxyError) -> int:
    """Say what is wrong, and return the exit code."""
    print(error, file=sys.stderr)
    return error.exit_code


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line, ours if None is given, and return the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    if given[:2] == ["completion", "--words"]:  # what the scripts ask; no command that anybody writes
        from tproxy_rpms.completion.candidate import tell_candidates

        return tell_candidates(given[2:])
    return int(Main(ProjectLoader()).run(given) or 0)
