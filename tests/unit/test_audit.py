"""The audit on a tiny kernel tree that drops silently, as the real one does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.errors import KconfigError
from tproxy_rpms.kernel.audit import Finding, audit_config, audit_demand, check_audit, list_demands, render_table, write_audit
from tproxy_rpms.kernel.explain import explain_findings
from tproxy_rpms.kernel.fragment import Demand, Fragment, read_fragments
from tproxy_rpms.kernel.resolve import resolve_config
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import read_json

TREE = Path(__file__).parents[1] / "fixtures" / "fakelinux"


def resolve(tmp_path: Path, text: str, *, arch: Arch = "x86_64", base: str = "slim") -> tuple[Finding, ...]:
    path = tmp_path / "test.config"
    path.write_text(text)
    fragments = read_fragments([path])
    config = resolve_config(TREE, arch=arch, base=base, fragments=fragments, output=tmp_path / "config", log=tmp_path / "log")
    return explain_findings(TREE, config, audit_config(fragments, config), arch=arch)


def states(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {finding.demand.symbol: finding.state for finding in findings}


@pytest.mark.parametrize("base", ["slim", "defconfig"])
def test_what_can_be_set_is_kept(tmp_path: Path, base: str) -> None:
    text = "CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_NETFILTER_ADVANCED=y\nCONFIG_NETFILTER_XT_MATCH_SOCKET=m\n"
    text += "CONFIG_LOG_SHIFT=15\n# CONFIG_TINY is not set\n"
    findings = resolve(tmp_path, text, base=base)
    assert set(states(findings).values()) == {"kept"}
    check_audit(findings, arch="x86_64")


def test_a_symbol_that_was_dropped_silently_stops_with_its_blocker_named(tmp_path: Path) -> None:
    findings = resolve(tmp_path, "CONFIG_NET=y\nCONFIG_NETFILTER_XT_MATCH_SOCKET=m\n")
    with pytest.raises(KconfigError) as caught:
        check_audit(findings, arch="x86_64")
    assert "test.config:2: x86_64: NETFILTER_XT_MATCH_SOCKET=m was dropped: NETFILTER_ADVANCED is not set" in caught.value.message


def test_all_misses_are_listed_at_once_and_nothing_else(tmp_path: Path) -> None:
    text = "CONFIG_NETFILTER_XT_MATCH_SOCKET=m\nCONFIG_NET_IPGRE=m\nCONFIG_NO_SUCH=y\nCONFIG_LOG_SHIFT=99\nCONFIG_MODULES=y\n"
    with pytest.raises(KconfigError) as caught:
        check_audit(resolve(tmp_path, text), arch="x86_64")
    lines = caught.value.message.splitlines()
    assert [line.split(": ", 2)[2] for line in lines] == [
        "NETFILTER_XT_MATCH_SOCKET=m was dropped: NET is not set, NETFILTER_ADVANCED is not set",
        "NET_IPGRE=m was dropped: NET is not set",
        "NO_SUCH=y was dropped: there is no such symbol in this kernel",
        "LOG_SHIFT=99 became 14",
    ]


def test_a_blocker_that_must_be_off_is_named(tmp_path: Path) -> None:
    text = "CONFIG_NET=y\nCONFIG_NETFILTER_ADVANCED=y\nCONFIG_TINY=y\nCONFIG_NETFILTER_XT_MATCH_SOCKET=m\n"
    blockers = {finding.demand.symbol: finding.blocker for finding in resolve(tmp_path, text)}
    assert blockers["NETFILTER_XT_MATCH_SOCKET"] == "TINY is set"


def test_a_forbidden_symbol_that_is_selected_is_a_miss(tmp_path: Path) -> None:
    with pytest.raises(KconfigError, match="MODULE_SIG=n became y: selected by FORCED"):
        check_audit(resolve(tmp_path, "CONFIG_NET=y\n# CONFIG_MODULE_SIG is not set\n"), arch="x86_64")


def test_an_optional_line_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    findings = resolve(tmp_path, "CONFIG_NO_SUCH=y # optional: came with 9.9\n")
    check_audit(findings, arch="x86_64")
    assert "optional dropped NO_SUCH=y" in render_table(findings, arch="x86_64")


def test_each_arch_is_judged_by_itself(tmp_path: Path) -> None:
    assert states(resolve(tmp_path, "CONFIG_LEGACY=y\n", arch="i386")) == {"LEGACY": "kept"}
    assert states(resolve(tmp_path, "CONFIG_LEGACY=y\n", arch="x86_64")) == {"LEGACY": "dropped"}


def test_the_json_says_what_the_table_says(tmp_path: Path) -> None:
    findings = resolve(tmp_path, "CONFIG_NET_IPGRE=m\nCONFIG_MODULES=y\n")
    write_audit(tmp_path / "audit.json", findings, arch="x86_64")
    audit = read_json(tmp_path / "audit.json")
    assert (audit["arch"], audit["ok"]) == ("x86_64", False)
    assert [(row["demand"]["symbol"], row["state"], row["blocker"]) for row in audit["findings"]] == [
        ("NET_IPGRE", "dropped", "NET is not set"),
        ("MODULES", "kept", ""),
    ]


def test_the_build_looks_for_all_that_is_not_optional(tmp_path: Path) -> None:
    path = tmp_path / "x.config"
    path.write_text("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=y # optional: why\n")
    assert list_demands(read_fragments([path, path])) == ["CONFIG_A=y", "# CONFIG_B is not set"]


SYMBOLS = st.sampled_from("ABCD")
VALUES = st.sampled_from(["y", "m", "n", "5"])


@given(wanted=st.dictionaries(SYMBOLS, VALUES), got=st.dictionaries(SYMBOLS, st.sampled_from(["y", "m", "5"])))
def test_a_demand_is_kept_exactly_when_the_value_is_the_one_asked_for(wanted: dict[str, str], got: dict[str, str]) -> None:
    for symbol, value in wanted.items():
        kind = "forbid" if value == "n" else "demand"
        demand = Demand(symbol=symbol, value=value, kind=kind, reason="", file=Path("x"), line=1)  # type: ignore[arg-type]
        finding = audit_demand(demand, got)
        assert (finding.state == "kept") == (got.get(symbol, "n") == value) == (not finding.fatal)
        assert (finding.state == "dropped") == (value != "n" and symbol not in got)


def test_fragments_without_a_line_have_nothing_to_find(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("CONFIG_A=y\n")
    assert audit_config([Fragment(file=tmp_path, demands=())], tmp_path / "config") == ()
