"""Acceptance runs: what a verdict keeps, what skips, what a page shows, and what a client counts as lost."""

import asyncio
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tproxy_rpms.acceptance import capability, load
from tproxy_rpms.acceptance.node import Answer
from tproxy_rpms.acceptance.report import render_page
from tproxy_rpms.acceptance.run import Cast, accept, find_reason, refuse_lacks
from tproxy_rpms.acceptance.scenarios import describe, list_scenarios, load_scenario
from tproxy_rpms.acceptance.trial import Check, Finding, Series, Trial, TrialError
from tproxy_rpms.acceptance.verdict import Verdict, read_verdict, write_verdict
from tproxy_rpms.acceptance.world import ProxyHost, fetch, wait_until
from tproxy_rpms.errors import HostError
from tproxy_rpms.page.bar import draw
from tproxy_rpms.release.site import CAPABILITIES, WORLDS

from .htmlpage import check_page

EVIL = "<script>alert(1)</script>"

GOOD = Check(name="the server sees the client's address", holds=True)
BAD = Check(name="stop leaves nothing behind", holds=False, detail=f"before: {EVIL}")
SLOW = Series(
    name="intercepted", requests=100, lost=1, connections=10, seconds=2.0, latency={"50": 5.0, "100": 80.5}
)  # fmt: skip


def make_verdict(*findings: Finding) -> Verdict:
    return Verdict(
        release="bookworm", world="namespaces", arch="i386", packages={"squid.rpm": "11"}, findings=findings, seconds=3.5,
        versions={"kernel": "6.1", "squid": "5.7", "iptables": "1.8.9"}, started="2026-11-01T00:00:00Z",
    )  # fmt: skip


def finding(**changes: object) -> Finding:
    return replace(Finding(scenario="intercept", about="Port 80 passes Squid"), **changes)


def test_a_verdict_reads_back(tmp_path: Path) -> None:
    verdict = make_verdict(finding(checks=(GOOD, BAD), series=(SLOW,), capture=("a.pcap",)), finding(skipped="root: not root"))
    write_verdict(tmp_path / "v.json", verdict)
    assert read_verdict(tmp_path / "v.json") == verdict
    text = (tmp_path / "v.json").read_text()
    assert '"verdict": "failed"' in text
    assert '"intercepted": 50.0' in text


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 2}', '{"schema": 1, "release": 3}'])
def test_a_damaged_verdict_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "v.json"
    path.write_text(content)
    with pytest.raises(HostError, match=re.escape(str(path))):
        read_verdict(path)


@pytest.mark.parametrize(
    ("findings", "word"),
    [
        ([finding(checks=(GOOD,))], "passed"),
        ([finding(checks=(GOOD, BAD))], "failed"),
        ([finding(checks=(GOOD,), error="the guest is off")], "failed"),
        ([finding(skipped="qemu: not here")], "skipped"),
        ([finding(skipped="qemu: not here"), finding(checks=(GOOD,))], "passed"),
        ([finding(skipped="qemu: not here"), finding(checks=(BAD,))], "failed"),
    ],
)
def test_one_word_for_a_run(findings: list[Finding], word: str) -> None:
    assert make_verdict(*findings).word == word


def test_failures_name_world_arch_scenario_and_check() -> None:
    verdict = make_verdict(finding(checks=(GOOD, BAD)), finding(scenario="load", error="no answer in time"))
    assert verdict.list_failures() == [
        "namespaces i386, intercept: stop leaves nothing behind", "namespaces i386, load: no answer in time",
    ]  # fmt: skip


def test_a_trial_goes_on_after_a_check_and_ends_at_a_requirement(tmp_path: Path) -> None:
    told: list[Check] = []
    trial = Trial(tell=told.append)
    assert trial.check("a", False, "x" * 5000) is False
    assert trial.check("b", True) is True
    with pytest.raises(TrialError, match="c"):
        trial.require("c", False, "why")
    assert [(check.name, check.holds) for check in told] == [("a", False), ("b", True), ("c", False)]
    assert told == trial.checks
    assert len(trial.checks[0].detail) == 2000


def test_every_scenario_says_what_it_shows_and_needs() -> None:
    assert {"intercept", "load", "wccp"} <= set(list_scenarios())
    for name in list_scenarios():
        scenario = load_scenario(name)
        assert describe(scenario).endswith(".")
        assert set(scenario.NEEDS) <= set(CAPABILITIES)
        assert scenario.WORLDS
        assert set(scenario.WORLDS) <= set(WORLDS)


def test_the_capabilities_of_a_release_file_are_those_that_are_looked_for() -> None:
    for name in CAPABILITIES:
        assert isinstance(capability.probe(name, "x86_64"), str)
    with pytest.raises(ValueError, match="nonsense"):
        capability.probe("nonsense", "x86_64")


def test_what_is_missing_is_named_with_its_cure_and_skipped_only_if_allowed() -> None:
    lacks = {"qemu": "qemu-system-i386 is not on PATH: install qemu-system-x86"}
    with pytest.raises(HostError) as caught:
        refuse_lacks("machines", lacks, ())
    assert "machines: qemu: qemu-system-i386 is not on PATH: install qemu-system-x86" in caught.value.message
    assert 'may_skip = ["qemu"]' in caught.value.hint
    refuse_lacks("machines", lacks, ("qemu",))
    assert find_reason("machines", (), lacks) == f"qemu: {lacks['qemu']}"
    assert find_reason("namespaces", ("tproxy",), lacks) == ""


def test_machines_bring_tproxy_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capability, "probe", lambda name, _arch: f"no {name}")
    assert set(capability.find_lacks("machines", ("tproxy", "gre"), arch="x86_64")) == {"qemu", "users"}
    namespaces = capability.find_lacks("namespaces", ("tproxy",), arch="i386")
    assert set(namespaces) == {"root", "i386"}, "a plain user cannot tell more"


def test_nothing_is_made_for_a_run_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(capability, "probe", lambda name, _arch: f"no {name}")

    def fail() -> Cast:
        raise AssertionError("made in vain")

    host = ProxyHost(config="c", service="s", squid="5.7", iptables="1.8.9", kernel="6.1")
    given = {"arch": "i386", "host": host, "packages": {}, "folder": tmp_path, "work": tmp_path / "work", "tell": print}
    with pytest.raises(HostError, match="machines: qemu: no qemu"):
        accept("r", "machines", ["intercept"], fail, may_skip=(), **given)  # type: ignore[arg-type]
    verdict = accept("r", "machines", ["intercept", "load"], fail, may_skip=("qemu", "users"), **given)  # type: ignore[arg-type]
    assert verdict.word == "skipped"
    assert [(one.scenario, one.skipped) for one in verdict.findings] == [("intercept", "qemu: no qemu; users: no users")]


def test_a_page_trusts_no_text_and_shows_every_verdict() -> None:
    page = render_page(
        [make_verdict(finding(checks=(GOOD, BAD), series=(SLOW, replace(SLOW, name="direct", seconds=1.0)), error=EVIL))],
        title=EVIL,
    )
    check_page(page)
    assert EVIL not in page
    assert "<script" not in page
    assert "stop leaves nothing behind" in page
    assert page.count('<svg class="picture"') == 3, "requests per second, and two percentiles"
    assert "direct 100, " in page or "direct 100" in page
    assert "nothing has been tried" in render_page([], title="x")


def test_bars_share_a_scale() -> None:
    chart = draw("x", [("a", 50, "50"), ("b", 100, "100"), ("c", 0, "0")])
    assert [bar.share for bar in chart.bars] == [50, 100, 0]
    assert [bar.share for bar in draw("x", [("a", 0, "0")]).bars] == [0]


class Wget:
    """A host whose wget says what is given."""

    def __init__(self, said: str, status: int = 0) -> None:
        self.said, self.status, self.script = said, status, ""

    def run(self, script: str, *, seconds: float = 60) -> Answer:
        self.script = script
        return Answer(status=self.status, text=self.said)


def test_a_response_has_headers_and_fields() -> None:
    said = "  HTTP/1.1 200 OK\r\n  Via: 1.1 proxy (squid/5.7)\r\n  X-Cache: HIT from proxy\r\n\n==\npeer=10.77.1.2\nvia=\n"
    node = Wget(said)
    got = fetch(node, "http://10.77.3.2/", proxy="http://10.77.2.2:3128")
    assert got.headers["via"] == "1.1 proxy (squid/5.7)"
    assert (got.field("peer"), got.field("via"), got.field("none")) == ("10.77.1.2", "", "")
    assert "http_proxy=http://10.77.2.2:3128" in node.script
    assert fetch(Wget("wget: error\n==\n", 1), "http://x/").ended == 1


def test_waiting_ends() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), seconds=5, pause=0.01)
    started = time.monotonic()
    assert not wait_until(lambda: False, seconds=0.05, pause=0.01)
    assert time.monotonic() - started < 2


def test_percentiles() -> None:
    assert load.percentiles([]) == {}
    assert load.percentiles([0.001 * number for number in range(1, 101)]) == {"50": 51.0, "90": 91.0, "99": 100.0, "100": 100.0}


def test_bodies_differ_and_are_the_same_again() -> None:
    assert load.make_body(7) == load.make_body(7)
    assert len({load.make_body(number) for number in range(100)}) == 100
    assert all(0 < len(load.make_body(number)) <= load.LONGEST for number in range(100))


def ask(page: Mapping[int, bytes], *, close: bool = False) -> load.Told:
    """Run the client against a server that answers with these bodies, and hangs up instead of an empty one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = page[int(self.path.rpartition("/")[2])]
            self.close_connection = close or not body
            if body:
                self.send_response(200)
                for name, value in (
                    ("Content-Length", len(body)),
                    ("X-Peer", "me"),
                    *([("Connection", "close")] if close else []),
                ):
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = asyncio.run(load.fetch("127.0.0.1", server.server_port, 3, len(page), None))
        server.shutdown()
    return told


@pytest.mark.parametrize("close", [False, True])
def test_a_client_loses_nothing_of_a_good_server(close: bool) -> None:
    told = ask({number: load.make_body(number) for number in range(10)}, close=close)
    assert (told.requests, told.lost, len(told.latencies)) == (10, 0, 10)
    assert dict(told.peers) == {"me": 10}


def test_wrong_bodies_and_closed_connections_are_lost() -> None:
    page = {number: load.make_body(number) for number in range(10)}
    page[3] = load.make_body(4)
    page[5] = page[5][:-1] + b"?"
    page[7] = b""
    told = ask(page)
    assert told.lost == 3
    assert sum(told.causes.values()) == 3
    assert len(told.latencies) == 7
