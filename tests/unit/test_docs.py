"""The pages: what they call exists, what they show as a session can be followed, and the table of rooms is that of the code."""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tproxy_rpms.tasks import STAGES, VARIABLES

from ..conftest import ROOT
from ..integration.session import Command, File, is_as_printed, read_session

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"])
WORKFLOW = ROOT / "docs" / "examples" / "github-actions.yml"
FRAGMENT = re.compile(r"\+[a-z0-9]+(-[a-z0-9]+)*\.(?P<kind>[a-z]+)\.md")

# doit's own commands that a page may name, and what stands for a task of the reader's choice.
OF_DOIT = {"list", "clean", "help", "forget"}


def list_calls(text: str) -> Iterator[list[str]]:
    """Yield the words of each call of doit in a text: those before a comment, a pipe, or the end of the code."""
    for match in re.finditer(r"\./run doit((?: +(?!#)[^\s`|;&)]+)*)", text):
        yield shlex.split(match[1])


def find_strangers(words: list[str]) -> list[str]:
    """Return what of a call is no variable, option, stage or command. A stage's own options are its own business."""
    strangers = []
    for number, word in enumerate(words):
        name, _, value = word.partition("=")
        after_option = number and words[number - 1] in ("-n", "--cut", "--against")
        if word.startswith(("-", "…")) or after_option:
            continue
        if value:
            strangers += [] if name in VARIABLES else [word]
        elif word.split(":")[0] in STAGES:
            if word.split(":")[0] in ("rebuild", "rollback", "diff"):
                break  # what follows is a file, or a snapshot
        elif word not in OF_DOIT:
            strangers.append(word)
    return strangers


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_call_of_doit_names_what_exists(page: Path) -> None:
    assert [(words, found) for words in list_calls(page.read_text()) if (found := find_strangers(words))] == []


def test_strangers_are_found() -> None:
    assert list(list_calls("x\n    ./run doit relase=a gate:x  # build\n`./run doit repo` | x")) == [
        ["relase=a", "gate:x"],
        ["repo"],
    ]
    assert find_strangers(["relase=a", "gate:x", "-n", "2", "build-all"]) == ["relase=a", "build-all"]
    assert find_strangers(["rebuild", "some/file.json"]) == []


def list_programs(text: str) -> list[tuple[str, str]]:
    """Return how each call of Python in a text names what runs: as a module, or else as a file."""
    found = re.finditer(r"\./run\s+python3?\s+(?:-m\s+(?P<module>[\w.]+)|(?P<file>[\w./-]+\.py))", text)
    return [(match["module"] or "", match["file"] or "") for match in found]


def is_program(module: str, file: str) -> bool:
    """Tell whether a module, or else a file, does something when it is run."""
    if file:
        return is_started(ROOT / file)
    path = ROOT.joinpath(*module.split("."))
    if (ROOT / path.relative_to(ROOT).parts[0]).is_dir():
        return (path / "__main__.py").is_file() if path.is_dir() else is_started(path.with_suffix(".py"))
    return bool(importlib.util.find_spec(module) and importlib.util.find_spec(f"{module}.__main__"))


def is_started(file: Path) -> bool:
    """Tell whether a file has something that it does only when it is run."""
    return file.is_file() and '\nif __name__ == "__main__":\n' in file.read_text()


@pytest.mark.parametrize("page", [*PAGES, WORKFLOW, *sorted((ROOT / "changes").glob("*.md"))], ids=lambda path: path.stem)
def test_every_call_of_python_names_what_runs(page: Path) -> None:
    assert [call for call in list_programs(page.read_text()) if not is_program(*call)] == []


def test_programs_are_told_from_what_does_nothing() -> None:
    text = "`./run python -m benchmarks fetch` ./run python\n-m pip; ./run python -m benchmarks.fetch ./run python docs/conf.py x"
    calls = list_programs(text)
    assert calls == [("benchmarks", ""), ("pip", ""), ("benchmarks.fetch", ""), ("", "docs/conf.py")]
    assert [is_program(*call) for call in calls] == [True, True, False, False]
    assert is_program("tests.integration.distribution", "") and not is_program("benchmark", "")


def name_anchor(heading: str) -> str:
    """Return what a forge makes of a heading, which for words, digits and hyphens is what the site makes, too."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_to_a_heading_leads_there_on_forges_too(page: Path) -> None:
    for name, anchor in re.findall(r"\]\(([\w./-]*\.md)?#([^)]+)\)", page.read_text()):
        target = page.parent / name if name else page
        assert anchor in {name_anchor(one) for one in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)}, (name, anchor)


def list_tasks(folder: Path) -> set[str]:
    argv = [
        sys.executable,
        "-m",
        "doit",
        "-f",
        str(ROOT / "dodo.py"),
        "list",
        "--all",
        "-q",
        "release=bookworm",
        f"build={folder}",
    ]
    output = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in output.splitlines() if line.strip()}


class TestWorkflow:
    """The workflow file that is ready to be copied."""

    @pytest.fixture
    def jobs(self) -> dict[str, dict]:
        document = yaml.safe_load(WORKFLOW.read_text())
        assert {"name", True, "permissions", "jobs"} <= document.keys()  # YAML 1.1 reads the key `on` as true
        return document["jobs"]

    def list_lines(self, jobs: dict[str, dict]) -> list[str]:
        steps = [step for job in jobs.values() for step in job["steps"]]
        assert all(("run" in step) != ("uses" in step) for step in steps)
        return [line for step in steps for line in step.get("run", "").splitlines()]

    def test_every_job_runs_on_debian_12(self, jobs: dict[str, dict]) -> None:
        images = [job["container"] if isinstance(job["container"], str) else job["container"]["image"] for job in jobs.values()]
        assert set(images) == {"debian:12"}

    def test_every_task_that_it_calls_exists(self, jobs: dict[str, dict], tmp_path: Path) -> None:
        from fnmatch import fnmatch

        tasks = list_tasks(tmp_path)
        calls = [shlex.split(line.partition("|")[0]) for line in self.list_lines(jobs) if line.startswith("./run doit")]
        asked = [word for call in calls for word in call[2:] if "=" not in word]
        assert len(calls) >= 5 and "doctor" in asked
        assert [word for word in asked if not any(fnmatch(task, word) for task in tasks)] == []
        assert {word for call in calls for word in call[2:] if "=" in word} == {"release=bookworm"}

    def test_every_other_command_and_file_exists(self, jobs: dict[str, dict]) -> None:
        programs = {path.name for path in Path(sys.executable).parent.iterdir()}
        for line in self.list_lines(jobs):
            words = shlex.split(line)
            if words[0] == "./run":
                assert words[1] in programs, line
                paths = [word for word in words[2:] if "/" in word and ":" not in word and not word.startswith("build/")]
                assert all((ROOT / path).exists() for path in paths), line
            else:
                assert words[0] in ("apt-get", "git", "mkdir"), line

    def test_what_is_cached_is_where_the_project_looks(self, jobs: dict[str, dict]) -> None:
        document = yaml.safe_load(WORKFLOW.read_text())
        cached = [step["with"]["path"] for step in jobs["cut"]["steps"] if step.get("uses", "").startswith("actions/cache")]
        assert cached == [document["env"]["XDG_CACHE_HOME"]]
        assert document["env"]["TPROXY_RPMS_CACHE"].startswith(f"{cached[0]}/")
        patterns = re.findall(r"'([^']+)/\*\*'", WORKFLOW.read_text())
        assert patterns and all((ROOT / pattern).is_dir() for pattern in patterns)

    def test_the_page_says_where_it_is(self) -> None:
        assert str(WORKFLOW.relative_to(ROOT)) in (ROOT / "docs" / "ci.md").read_text()


def test_the_signer_that_the_page_shows_is_the_one_in_examples() -> None:
    shown = re.findall(r"^```bash\n(#!.*?)^```$", (ROOT / "docs/external-key.md").read_text(), re.MULTILINE | re.DOTALL)
    assert shown == [(ROOT / "docs/examples/sign-by-ssh.sh").read_text()]


def test_fragments_of_the_changelog_have_names_that_towncrier_takes() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    kinds = {kind["directory"] for kind in config["tool"]["towncrier"]["type"]}
    names = [path.name for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    assert [name for name in names if not (match := FRAGMENT.fullmatch(name)) or match["kind"] not in kinds] == []
    assert all((ROOT / "changes" / name).read_text().strip() for name in names)
    assert config["tool"]["towncrier"]["version"] == config["project"]["version"]
    assert config["tool"]["towncrier"]["start_string"] in (ROOT / "CHANGELOG.md").read_text()


def list_rooms() -> list[str]:
    """Return the rooms in the order of the page on the design; those of the first row are the ground floor."""
    table = (ROOT / "docs" / "design.md").read_text().partition("| room | what is in it |")[2].partition("\n\n")[0]
    return [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_a_room_imports_only_from_those_before_it() -> None:
    package, rooms = ROOT / "tproxy_rpms", list_rooms()
    folders = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(rooms)
    wrong = []
    for room in folders:
        allowed = {*rooms[: rooms.index(room) + 1], *(path.stem for path in package.glob("*.py"))}
        for path in (package / room).rglob("*.py"):
            found = set(re.findall(r"^\s*from tproxy_rpms\.(\w+)", path.read_text(), re.MULTILINE)) - allowed
            wrong += [f"{path.relative_to(ROOT)}: {name}" for name in found]
    assert wrong == []


class TestSession:
    """Reading a page as a session, and what counts as printed."""

    def test_files_and_commands_come_in_order(self, tmp_path: Path) -> None:
        page = tmp_path / "p.md"
        page.write_text(
            "x\n```toml\n# a/b.toml: why\nk = 1\n```\n```toml\nk = 2\n```\n```console\n$ a\none\n…\n$ b\n```\n```bash\nc\n```\n"
        )
        assert list(read_session(page)) == [
            File(path="a/b.toml", text="# a/b.toml: why\nk = 1\n"),
            Command(line="a", printed=("one", "…")),
            Command(line="b", printed=()),
        ]

    @pytest.mark.parametrize(
        ("expected", "printed", "same"),
        [
            ((), "", True),
            ((), "x\n", False),
            (("a", "…", "z"), "a\nb\nc\nz\n", True),
            (("a", "…", "z"), "a\nz\n", True),
            (("a", "…", "z"), "a\nb\n", False),
            (("a … done",), "a 1.0 s done\n", True),
            (("a … done",), "a 1.0 s failed\n", False),
            (("a.b",), "axb\n", False),
            (("a",), "a\nb\n", False),
        ],
    )
    def test_what_is_left_out_may_be_anything_and_nothing_else(self, expected: tuple[str, ...], printed: str, same: bool) -> None:
        assert is_as_printed(expected, printed) is same

    def test_pages_that_are_followed_have_commands(self) -> None:
        for name in ("tutorial", "add-a-kernel-option", "add-a-package", "add-a-patch"):
            items = list(read_session(ROOT / "docs" / f"{name}.md"))
            assert [item for item in items if isinstance(item, Command)] and [item for item in items if isinstance(item, File)]
