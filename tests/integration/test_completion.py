"""Completion in real shells: bash, zsh and fish on terminals of their own, where somebody presses Tab."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ESCAPE = re.compile(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)")

BASH = """\
eval "$(tproxy-rpms completion bash)"
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_CWORD=1 COMP_WORDS=($line)
    _tproxy_rpms "${line%% *}"
    echo "${COMPREPLY[*]}"
done
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, with a tproxy-rpms on PATH beside it that is this checkout's."""
    top = tmp_path_factory.mktemp("completion")
    program = top / "bin" / "tproxy-rpms"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tproxy_rpms "$@"\n')
    program.chmod(0o755)
    subprocess.run([program, "init", top / "shop"], check=True, stdout=subprocess.DEVNULL)
    return top / "shop"


def environment(shop: Path) -> dict[str, str]:
    path = f"{shop.parent / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "HOME": str(shop.parent), "TERM": "dumb", "INPUTRC": "/dev/null"}


def ask_bash(shop: Path, *lines: str, folder: Path | None = None) -> list[list[str]]:
    """What bash is offered for each line, as it takes it: without what stands before the last colon or equals sign."""
    argv = ["bash", "--norc", "-c", BASH, "bash", *lines]
    done = subprocess.run(argv, cwd=folder or shop, env=environment(shop), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.split() for line in done.stdout.split("\n")[:-1]]


def test_bash_is_told_what_its_own_breaking_of_words_leaves_over(shop: Path) -> None:
    lines = (
        "tproxy-rpms rp",
        "tproxy-rpms rpm:",
        "tproxy-rpms release=bookworm rpm:kernel:",
        "tproxy-rpms release=",
        "tproxy-rpms ccache=o",
    )
    assert ask_bash(shop, *lines) == [
        ["rpm", "rpm:"],
        ["kernel:", "iptables:", "squid:", "tproxy-host:"],
        ["x86_64", "i386"],
        ["bookworm", "centos5", "rehearsal", "shop"],
        ["on", "off"],
    ]
    assert ask_bash(shop, "tproxy-rpms repro --a", "tproxy-rpms doctor --", "tproxy-rpms init --ex") == [
        ["--against"],
        ["--json"],
        ["--extends"],
    ]


def test_a_release_that_cannot_be_read_leaves_the_shell_in_peace(shop: Path) -> None:
    (shop / "releases" / "broken.toml").write_text("schema = 1\nextends = 7\n")
    try:
        assert ask_bash(shop, "tproxy-rpms release=broken rpm:", "tproxy-rpms release=brok") == [[], ["broken"]]
    finally:
        (shop / "releases" / "broken.toml").unlink()


def test_a_checkouts_run_and_its_doit_complete_too(shop: Path) -> None:
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("the checkout has no .venv: start through ./run")
    lines = ("./run doit release=re", "./run doit release=bookworm gate:squid:", "./run d", "./run pytest ")
    assert ask_bash(shop, *lines, folder=ROOT) == [["rehearsal", "releases/"], ["x86_64", "i386", "SRPM"], ["doit"], []]
    assert ask_bash(shop, f"{ROOT}/.venv/bin/doit rp", folder=shop) == [["rpm", "rpm:"]]
    assert ask_bash(shop, f"{ROOT}/.venv/bin/doit rp", folder=shop.parent) == [[]]


class Terminal:
    """A shell on a terminal."""

    def __init__(self, shop: Path, argv: list[str]) -> None:
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.chdir(shop)
            os.execvpe(argv[0], argv, environment(shop))

    def press(self, keys: str, expected: str) -> None:
        """Press keys, and wait until the terminal shows something."""
        os.write(self.end, keys.encode())
        seen, stop = b"", time.monotonic() + 20
        while expected.encode() not in ESCAPE.sub(b"", seen):
            assert time.monotonic() < stop, seen
            if select.select([self.end], [], [], 0.2)[0]:
                seen += os.read(self.end, 4096)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.end)


@pytest.fixture
def terminal(shop: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    argv: list[str] = request.param
    if shutil.which(argv[0]) is None:
        pytest.skip(f"no {argv[0]} on this host")
    made = Terminal(shop, argv)
    yield made
    made.close()


@pytest.mark.parametrize("terminal", [["bash", "--norc", "--noprofile", "-i"]], indirect=True)
def test_tab_in_bash(terminal: Terminal) -> None:
    terminal.press("PS1='> '; eval \"$(tproxy-rpms completion bash)\"; echo rea''dy\n", "ready")
    terminal.press("tproxy-rpms rpm:ker\t", "tproxy-rpms rpm:kernel:")
    terminal.press("x\t", "x86_64 ")
    terminal.press("\x15true; A=1 tproxy-rpms release=boo\t", "release=bookworm ")
    terminal.press("rpm:squ\t", "rpm:squid:")


@pytest.mark.parametrize("terminal", [["zsh", "-f", "-i"]], indirect=True)
def test_tab_in_zsh(terminal: Terminal) -> None:
    terminal.press("unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; echo rea''dy\n", "ready")
    terminal.press("eval \"$(tproxy-rpms completion zsh)\"; echo lo''aded\n", "loaded")
    terminal.press("tproxy-rpms rpm:ker\t", "rpm:kernel:")
    terminal.press("x\t", "x86_64")
    terminal.press("\x15tproxy-rpms release=boo\t", "release=bookworm")
    terminal.press("\x15tproxy-rpms release=bookworm gate:squid:\t", "gate:squid:SRPM")


def test_fish(shop: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish on this host")
    lines = ("tproxy-rpms rpm:", "tproxy-rpms release=bo", "tproxy-rpms release=bookworm rpm:kernel:i")
    script = "tproxy-rpms completion fish | source; " + "; ".join(f"complete -C '{line}'" for line in lines)
    done = subprocess.run(
        ["fish", "-N", "-c", script], cwd=shop, env=environment(shop), capture_output=True, text=True, check=True
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [
        "rpm:iptables:",
        "rpm:kernel:",
        "rpm:squid:",
        "rpm:tproxy-host:",
        "release=bookworm",
        "rpm:kernel:i386",
    ]
