"""Acceptance runs that go wrong: what happens then is a verdict, or an error, and never an old verdict."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tproxy_rpms.acceptance import capability, run
from tproxy_rpms.acceptance.machines import MachineNode
from tproxy_rpms.acceptance.node import NodeError
from tproxy_rpms.acceptance.run import Cast, accept, play
from tproxy_rpms.acceptance.scenarios import load_scenario
from tproxy_rpms.acceptance.trial import Check, Finding, TrialError
from tproxy_rpms.acceptance.verdict import Verdict
from tproxy_rpms.acceptance.world import ProxyHost
from tproxy_rpms.errors import HostError
from tproxy_rpms.release.load import load_release
from tproxy_rpms.tasks import accept as task
from tproxy_rpms.tasks import cast as casting
from tproxy_rpms.tasks.cut import Cut

from ..conftest import ROOT

HOST = ProxyHost(config="/etc/default/tproxy", service="tproxy-host", squid="5.7", iptables="1.8.9", kernel="6.1")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[MachineNode, socket.socket]]:
    """A guest, and the other end of its serial port."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield MachineNode(name="proxy", agent=ours, console=tmp_path / "console", errors=tmp_path / "errors"), theirs


def test_a_guest_that_has_gone_is_no_traceback(pair: tuple[MachineNode, socket.socket]) -> None:
    node, other = pair
    other.close()
    with pytest.raises(NodeError, match="proxy: the guest"):
        node.run("true")


def test_a_guest_that_goes_before_it_answers_is_no_traceback(pair: tuple[MachineNode, socket.socket]) -> None:
    """What it has not read is lost, so that the kernel tells of a reset, not of an end."""
    node, other = pair
    threading.Timer(0.2, other.close).start()
    with pytest.raises(NodeError, match="proxy: the guest is off"):
        node.run("true")


@pytest.mark.parametrize("end", ["BUG: soft lockup", "0", "0 x", "-1 5"])
def test_an_answer_that_is_none_is_no_traceback(pair: tuple[MachineNode, socket.socket], end: str) -> None:
    node, other = pair
    other.sendall(f"+\n{end}\n".encode())
    with pytest.raises(NodeError, match=f"proxy: said .*{end}"):
        node.run("true")


def make_cast(folder: Path) -> Cast:
    return Cast(arch="x86_64", rpms=(), kernel=None, busybox=folder, archive=None, programs=None, host=HOST)


def run_scenarios(folder: Path) -> Verdict:
    return accept(
        "small", "machines", ["intercept", "wccp"], lambda: make_cast(folder), arch="x86_64", host=HOST,
        packages={}, may_skip=(), folder=folder,
        work=folder / "work", tell=print,
    )  # fmt: skip


def test_hosts_that_do_not_come_up_are_a_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @contextmanager
    def open_none(*_words: object, **_options: object) -> Iterator[None]:
        raise NodeError("proxy: no answer in time\nKernel panic")
        yield

    monkeypatch.setattr(run, "find_lacks", lambda *_words, **_options: {})
    monkeypatch.setattr(run, "open_world", open_none)
    verdict = run_scenarios(tmp_path)
    assert verdict.word == "failed"
    assert [finding.scenario for finding in verdict.findings] == ["intercept", "wccp"]
    assert all("Kernel panic" in failure for failure in verdict.list_failures())


def test_a_scenario_that_checks_nothing_has_not_passed() -> None:
    finding = Finding(scenario="intercept", about="")
    verdict = Verdict(
        release="", world="machines", arch="i386", packages={}, versions={}, started="", seconds=0, findings=(finding,)
    )
    assert verdict.word == "failed"
    assert verdict.list_failures() == ["machines i386, intercept: nothing was checked"]


@pytest.mark.parametrize("checks", [(), (Check(name="it starts", holds=True),)])
def test_what_ends_a_scenario_early_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checks: tuple[Check, ...]) -> None:
    scenario = load_scenario("intercept")

    def end(_world: object, trial: run.Trial) -> None:
        trial.checks.extend(checks)
        raise TrialError("nothing to look at")

    monkeypatch.setattr(scenario, "run", end)
    finding = play("intercept", scenario, None, tell=print)  # type: ignore[arg-type]
    assert not finding.passed
    assert finding.error == "nothing to look at"


def test_a_run_that_ends_early_leaves_no_older_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cut = Cut(release=load_release("bookworm", root=ROOT), root=ROOT, folder=tmp_path)
    path = cut.acceptance / "machines-x86_64.json"
    path.parent.mkdir(parents=True)
    path.write_text("passed")

    def fail(*_words: object) -> None:
        raise HostError("no room on the disk")

    monkeypatch.setattr(casting, "assemble", fail)
    monkeypatch.setattr(casting, "describe_host", lambda *_words: HOST)
    monkeypatch.setattr(capability, "probe", lambda *_words: "")
    with pytest.raises(HostError, match="no room"):
        task.run(cut, "machines", "x86_64")
    assert not path.exists()


def test_what_shapes_hosts_shapes_a_verdict() -> None:
    names = {path.name for path in task.list_shaping()}
    assert {"cast.py", "static.spec", "busybox.spec", "busybox.config", "requirements.txt"} <= names
