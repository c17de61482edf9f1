"""Acceptance runs find what they are to find: a finished cut is spoiled in one place after the other."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.acceptance import world
from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.acceptance.run import Cast, accept
from tproxy_rpms.acceptance.verdict import Verdict
from tproxy_rpms.release.model import Acceptance
from tproxy_rpms.tasks.accept import inputs, list_packages, require_accepted, run
from tproxy_rpms.tasks.cast import assemble
from tproxy_rpms.tasks.cut import Cut

from ..conftest import ROOT
from .finished import FinishedCut

pytestmark = [pytest.mark.cut, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

# In the place of tproxy-host: the real one, and then what spoils its work.
WRAPPER = """\
#!/bin/sh
/usr/sbin/tproxy-host.real "$@"
ended=$?
case $1 in
start)
    {start}
    ;;
stop)
    {stop}
    ;;
esac
exit $ended
"""

# What is done after start, what after stop, and the checks that must fail.
SPOILED = {
    "no rule for established flows": (
        "iptables -t mangle -D PREROUTING 1", ":",
        {"the DIVERT rule catches established flows", "status says that all is there", "check finds nothing wrong"},
    ),
    "a port that keeps no address": (
        "sed -i 's/ tproxy$//' /etc/squid/tproxy/ports.conf", ":",
        {"intercepted: the server sees the client's address", "check finds nothing wrong"},
    ),
    "a cache that keeps nothing": (
        "cd /etc/squid/tproxy; grep -q ^cache access.conf || echo 'cache deny all' >> access.conf", ":",
        {"a second request is a cache hit"},
    ),
    "every port is intercepted": (
        "iptables -t mangle -A PREROUTING -p tcp --dport 8080 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 3129", ":",
        {"other ports pass untouched"},
    ),
    "a rule that stays": (":", "ip rule add fwmark 1 lookup 100", {"stop leaves nothing behind"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def ready(cut: FinishedCut) -> Cut:
    """The cut as its tasks see it."""
    if cut.package("tproxy-host") is None:
        pytest.skip(f"{cut.release.name} has no tproxy-host")
    return Cut(release=cut.release, root=ROOT, folder=cut.folder.parent)


@pytest.fixture(scope="module")
def cast(ready: Cut, tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return assemble(ready, "namespaces", "x86_64", tmp_path_factory.mktemp("cast"))


@pytest.fixture
def play(cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Verdict]:
    """Runs the scenario with a tproxy-host that does more than it should."""
    monkeypatch.setattr(world, "SILENCE", 4)

    def spoil(start: str, stop: str) -> Verdict:
        programs = tmp_path / "programs"
        programs.mkdir()
        unpack_rpms([path for path in cast.rpms if path.name.startswith("tproxy-host-")], programs)
        real = programs / "usr" / "sbin" / "tproxy-host"
        real.rename(real.with_name("tproxy-host.real"))
        real.write_text(WRAPPER.format(start=start, stop=stop))
        real.chmod(0o755)
        for other in programs.iterdir():
            if other.name != "usr":
                shutil.rmtree(other)
        return accept(
            "spoiled", "namespaces", ["intercept"], lambda: replace(cast, programs=programs), arch="x86_64", host=cast.host,
            packages={}, may_skip=(), folder=tmp_path,
            work=tmp_path / "work", tell=print,
        )  # fmt: skip

    return spoil


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_spoiled_is_found(play: Callable[[str, str], Verdict], name: str, tmp_path: Path) -> None:
    start, stop, expected = SPOILED[name]
    verdict = play(start, stop)
    (finding,) = verdict.findings
    assert {check.name for check in finding.checks if not check.holds} >= expected
    assert verdict.word == "failed"
    assert [path.name for path in tmp_path.glob("*.pcap")] == ["intercept.pcap"]
    assert (tmp_path / "intercept.pcap").stat().st_size > 1000


def test_nothing_is_found_where_nothing_is_spoiled_and_nothing_stays(play: Callable[[str, str], Verdict], tmp_path: Path) -> None:
    verdict = play(":", ":")
    assert verdict.word == "passed", verdict.list_failures()
    assert not list(tmp_path.glob("*.pcap"))
    held = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in path.read_text(errors="replace")]
    assert not held


def test_a_run_of_a_cut_leaves_verdict_and_page_and_publishing_can_ask_for_it(ready: Cut, tmp_path: Path) -> None:
    release = replace(ready.release, acceptance=Acceptance(worlds=("namespaces",), scenarios=("intercept",)), arches=("x86_64",))
    shutil.copytree(ready.build / "stamps", tmp_path / release.name / "stamps")
    shutil.copytree(ready.sources, tmp_path / release.name / "sources")
    cut = Cut(release=release, root=ROOT, folder=tmp_path)
    with pytest.raises(Exception, match="no acceptance run of these packages has passed"):
        require_accepted(cut)
    (path,) = run(cut, "namespaces", "x86_64")
    require_accepted(cut)
    assert path == cut.acceptance / "namespaces-x86_64.json"
    page = (cut.acceptance / "index.html").read_text()
    assert "namespaces, x86_64" in page
    assert inputs(cut, "namespaces", "x86_64")["packages"] == list_packages(cut, "x86_64")
