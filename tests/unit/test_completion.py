"""What may come next on a command line."""

from pathlib import Path

import pytest

from tproxy_rpms.completion.candidate import VARIABLES, list_candidates
from tproxy_rpms.completion.knowledge import Knowledge, Option, Task, load_tasks
from tproxy_rpms.completion.line import read_line
from tproxy_rpms.project.create import create_project
from tproxy_rpms.tasks import VARIABLES as KNOWN_VARIABLES

from ..conftest import ROOT

NAMES = ("rpm", "rpm:kernel:x86_64", "rpm:kernel:i386", "rpm:squid:x86_64", "repo", "repo:x86_64", "record", "record:cut", "dump")
AGAINST = Option(word="--against", about="a repository")


class Known(Knowledge):
    """A project with a few tasks."""

    tasks = (
        *(Task(name=name, about=f"about {name}") for name in NAMES),
        Task(name="repro", about="", options=(AGAINST,)),
        *(Task(name=name, about="", takes_words=True) for name in ("diff", "rebuild", "rollback")),
    )


def complete(*words: str, root: Path | None = ROOT) -> list[str]:
    """What may stand in the last word's place."""
    line = read_line(words)
    return [one.word for one in list_candidates(line, Known(root, line.variables))]


def test_the_variables_are_those_that_doit_takes() -> None:
    assert VARIABLES.keys() == KNOWN_VARIABLES.keys()


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ("d", ["dump", "diff", "dumpdb"]),
        ("re", ["repo", "record", "repro", "rebuild", "release=", "reset-dep"]),
        ("rp", ["rpm", "rpm:"]),
        ("rec", ["record", "record:"]),
        ("rpm:", ["rpm:kernel:", "rpm:squid:"]),
        ("rpm:k", ["rpm:kernel:"]),
        ("rpm:kernel:", ["rpm:kernel:x86_64", "rpm:kernel:i386"]),
        ("repo:", ["repo:x86_64"]),
        ("dump:", []),
    ],
)
def test_names_of_tasks_are_told_part_by_part(current: str, expected: list[str]) -> None:
    assert complete("doit", current) == expected
    assert complete("./run", "doit", current) == expected


def test_the_first_word_may_be_a_stage_a_variable_or_a_command() -> None:
    found = complete("tproxy-rpms", "")
    assert [word for word in found if ":" in word] == []
    assert {"rpm", "repo", "release=", "ccache=", "build=", "list", "clean", "init", "completion"} <= set(found)
    assert {"init", "completion"}.isdisjoint(complete("doit", ""))


def test_a_variable_is_told_once_and_commands_only_before_tasks() -> None:
    found = complete("doit", "release=bookworm", "dump", "")
    assert "release=" not in found
    assert "ccache=" in found
    assert "list" not in found
    assert complete("doit", "clean", "d") == ["dump", "diff"]
    assert complete("doit", "dumpdb", "") == []


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    root, build = tmp_path / "shop", tmp_path / "build"
    create_project(root, release="", extends="bookworm")
    there = sorted(root.rglob("*"))
    assert "rpm:kernel:x86_64" in {task.name for task in load_tasks(root, {"build": str(build)})}
    load_tasks(root, {})
    assert not build.exists()
    assert [path for path in root.rglob("*") if path not in there and "__pycache__" not in path.parts] == []


def test_values_of_variables() -> None:
    assert complete("doit", "release=") == ["release=bookworm", "release=centos5", "release=rehearsal"]
    assert complete("doit", "release=boo") == ["release=bookworm"]
    assert complete("doit", "ccache=") == ["ccache=on", "ccache=off"]
    assert complete("doit", "ccache=of") == ["ccache=off"]
    assert complete("doit", "progress=") == ["progress=auto", "progress=plain", "progress=bars"]
    assert complete("doit", "nothing=") == []


def test_files_of_releases_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name in ("mine.toml", "mine.txt", ".mine.toml", "mine/one.toml"):
        (tmp_path / name).touch()
    assert complete("doit", "release=m") == ["release=mine/", "release=mine.toml"]
    assert complete("doit", "release=mine/") == ["release=mine/one.toml"]
    assert complete("doit", "release=./") == ["release=./mine/", "release=./mine.toml"]
    assert complete("doit", f"release={tmp_path}/mine/o") == [f"release={tmp_path}/mine/one.toml"]
    assert complete("doit", "release=none/") == []
    assert complete("doit", "build=m") == ["build=mine/"]


def test_options_are_those_of_the_task_before_or_of_the_command() -> None:
    assert complete("doit", "repro", "--") == ["--against"]
    assert complete("doit", "release=bookworm", "repro", "--a") == ["--against"]
    assert complete("doit", "dump", "-") == []
    assert {"-n", "--process", "-a"} <= set(complete("doit", "-"))
    assert "--all" in complete("doit", "list", "--")
    assert "--clean-all" not in complete("doit", "list", "--")


@pytest.mark.parametrize("start", [(), ("run",), ("release=bookworm", "dump")])
def test_behind_a_task_that_takes_words_is_no_further_task(start: tuple[str, ...]) -> None:
    sides = ["bookworm", "centos5", "rehearsal", "current", "previous"]
    assert complete("doit", *start, "diff", "") == sides
    assert complete("doit", *start, "diff", "bookworm", "--json", "c") == ["centos5", "current"]
    assert complete("doit", *start, "diff", "bookworm", "current", "") == []
    assert complete("doit", *start, "rollback", "") == complete("doit", *start, "rebuild", "r") == []
    assert "record" in complete("doit", *start, "repro", "")


def test_a_command_that_takes_tasks_takes_more_than_one() -> None:
    assert complete("doit", "help", "diff", "dum") == ["dump"]


def test_tasks_that_take_words_are_those_of_the_project() -> None:
    assert {task.name for task in load_tasks(ROOT, {"release": "bookworm"}) if task.takes_words} == {
        "diff",
        "rebuild",
        "rollback",
    }


def test_our_own_commands() -> None:
    assert complete("tproxy-rpms", "completion", "") == ["bash", "fish", "zsh"]
    assert complete("tproxy-rpms", "init", "shop", "--") == ["--release", "--extends"]
    assert complete("tproxy-rpms", "init", "--extends", "c") == ["centos5"]
    assert complete("tproxy-rpms", "init", "s") == []


def test_outside_of_a_project_only_what_makes_one() -> None:
    assert complete("tproxy-rpms", "", root=None) == ["completion", "help", "init"]
    assert complete("doit", "", root=None) == []
    assert complete("./run", "pytest", "", root=ROOT) == []
    assert complete("./run", "d", root=ROOT) == ["doit"]
