"""A page of the documentation as a session: the files that it has the reader write, and the commands with what they print.

A fenced block whose first line is a comment with a path is a file (`# mine.toml`, `{# specs/hello.spec.j2 #}`). In a `console`
block a line that begins with `$ ` is a command, and what follows is what it prints: `…` stands for anything on a line, alone for
any lines.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?:#|\{#) (?P<path>[\w./-]+\.(?:toml|config|j2))\b")

# Not part of the project, or too much of it.
APART = shutil.ignore_patterns(".git", ".venv", "build", ".run.lock", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that the reader writes."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command, and the lines that the page says it prints."""

    line: str
    printed: tuple[str, ...]

    def may_fail(self) -> bool:
        """Whether it need not end with 0: the page shows it fail, or it is no command of ours (diff has codes of its own)."""
        return any("FAILED" in line for line in self.printed) or "./run " not in self.line


def read_session(page: Path) -> Iterator[File | Command]:
    """Yield the files and commands of a page, in order."""
    for block in BLOCK.finditer(page.read_text()):
        if block["kind"] == "console":
            yield from read_commands(block["text"].splitlines())
        elif match := PATH.match(block["text"]):
            yield File(path=match["path"], text=block["text"])


def read_commands(lines: list[str]) -> Iterator[Command]:
    """Yield the commands of a block."""
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    assert starts[:1] == [0], f"a console block begins with what is printed: {lines[0]}"
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield Command(line=lines[start].removeprefix("$ "), printed=tuple(lines[start + 1 : end]))


def is_as_printed(expected: tuple[str, ...], printed: str) -> bool:
    """Tell whether a command printed what a page says."""
    parts = [r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n" for line in expected]
    return re.fullmatch("".join(parts), printed) is not None


def copy_project(root: Path, folder: Path) -> Path:
    """Return a copy of the project, with the environment of this one: what a page changes there changes nothing here."""
    shutil.copytree(root, folder, ignore=APART)
    (folder / ".venv").symlink_to(root / ".venv")
    return folder


def follow(page: Path, project: Path, *, ccache: bool) -> None:
    """Write a page's files and run its commands in a copy of the project. AssertionError where it is not as the page says."""
    for item in read_session(page):
        if isinstance(item, File):
            (project / item.path).write_text(item.text)
        else:
            follow_command(item, project, ccache=ccache)


def follow_command(command: Command, project: Path, *, ccache: bool) -> None:
    """Run one command and compare."""
    line = command.line.replace("./run doit ", "./run doit ccache=on ") if ccache else command.line
    done = subprocess.run(
        ["bash", "-c", line], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert is_as_printed(command.printed, done.stdout), (
        f"{command.line}\nthe page says:\n" + "\n".join(command.printed) + f"\nit printed:\n{done.stdout}"
    )
    assert done.returncode == 0 or command.may_fail(), f"{command.line}\nended with {done.returncode}:\n{done.stdout}"
