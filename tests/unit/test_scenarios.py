"""Scenarios find what is wrong with a proxy host: each fault fails just the checks that are about it."""

from types import ModuleType

import pytest

from tproxy_rpms.acceptance import stage
from tproxy_rpms.acceptance.scenarios import intercept, wccp
from tproxy_rpms.acceptance.trial import Trial, TrialError
from tproxy_rpms.acceptance.world import World

from .fakeworld import FakeWorld


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stage, wccp):
        monkeypatch.setattr(module, "wait_until", lambda holds, **_: holds())


def play(scenario: ModuleType, fault: str = "") -> Trial:
    trial, world = Trial(), FakeWorld(fault)
    here: World = world
    scenario.run(here, trial)
    return trial


def list_failed(trial: Trial) -> list[str]:
    return [check.name for check in trial.checks if not check.holds]


def test_a_good_proxy_host_holds_every_check() -> None:
    trial = play(intercept)
    assert list_failed(trial) == []
    names = [check.name for check in trial.checks]
    assert len(names) == len(set(names)) == 23


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        ("proxy's address", ["intercepted: the server sees the client's address"]),
        ("another squid", ["squid -v says Version 5.7"]),
        ("silent", ["a bad value is refused with file, key and value"]),
        ("status", ["status says that all is there"]),
        ("check", ["check finds nothing wrong"]),
        ("no cache", ["a second request is a cache hit"]),
        ("long", ["a long body arrives as it was sent"]),
        ("no divert", ["the DIVERT rule catches established flows"]),
        ("stop", ["tproxy-host stops"]),
        (
            "never plain",
            [
                "without a proxy the client reaches the server",
                "as long as nothing intercepts, the proxy host passes port 80 on",
                "other ports pass untouched",
                "after stop the same path is plain routing",
            ],
        ),
        ("leaves something", ["a bad value changes nothing", "stop leaves nothing behind"]),
    ],
)
def test_a_fault_fails_the_checks_that_are_about_it(fault: str, failed: list[str]) -> None:
    assert list_failed(play(intercept, fault)) == failed


def test_where_nothing_starts_nothing_else_is_tried() -> None:
    trial, world = Trial(), FakeWorld("no start")
    with pytest.raises(TrialError, match="tproxy-host starts"):
        intercept.run(world, trial)
    assert list_failed(trial) == ["tproxy-host starts"]
    assert trial.checks[-1].detail == "no such module"


def test_wccp_registers_is_redirected_to_and_forgotten() -> None:
    trial, world = Trial(), FakeWorld()
    wccp.run(world, trial)
    assert list_failed(trial) == []
    assert world.passwords == ["", "secret12"]  # the last way alone has one
    assert [check.name for check in trial.checks if "has gone" in check.name] == [
        "GRE with WCCP's header: the router sends nothing more when squid has gone"
    ]
    assert 'WCCP_FORWARDING="l2"' in world.settings and 'WCCP_PASSWORD="secret12"' in world.settings


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (
            "one way",
            [f"{name}: packets of both services came that way" for name in ("GRE with WCCP's header", "L2 and a password")],
        ),
        ("not forgotten", ["GRE with WCCP's header: the router sends nothing more when squid has gone"]),
    ],
)
def test_a_fault_of_wccp_is_found(fault: str, failed: list[str]) -> None:
    assert list_failed(play(wccp, fault)) == failed


def test_a_squid_that_never_registers_ends_the_scenario() -> None:
    with pytest.raises(TrialError, match="is assigned the packets of services 80 and 90"):
        play(wccp, "not registered")
