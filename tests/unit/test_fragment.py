"""Fragments: what a line means, and what is said of one that means nothing."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.errors import KconfigError
from tproxy_rpms.kernel.audit import audit_config, check_audit
from tproxy_rpms.kernel.fragment import list_all, parse_fragment, read_fragments
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch, Kconfig
from tproxy_rpms.tasks.kconfig import list_fragments

from ..conftest import ROOT

SYMBOLS = st.text("ABCXYZ0189_", min_size=1, max_size=12)
VALUES = st.sampled_from(["y", "m", "n", "7", "0x10", '"text with # and \\" in it"', '""'])


def parse(text: str) -> tuple[list, list[str]]:
    problems: list[str] = []
    return list(parse_fragment(text, file=Path("x.config"), problems=problems)), problems


def test_a_line_demands_forbids_or_wishes() -> None:
    demands, problems = parse(
        "# a comment\n\nCONFIG_A=m\n# CONFIG_B is not set\nCONFIG_C=n\nCONFIG_D=y # optional: came with 3.0\n"
    )
    assert problems == []
    assert [(demand.symbol, demand.value, demand.kind, demand.reason, demand.line) for demand in demands] == [
        ("A", "m", "demand", "", 3),
        ("B", "n", "forbid", "", 4),
        ("C", "n", "forbid", "", 5),
        ("D", "y", "optional", "came with 3.0", 6),
    ]


@pytest.mark.parametrize(
    "line", ["CONFIG_A", "A=y", "CONFIG_A = y", "CONFIG_A=", "CONFIG_A=y # optional:", "CONFIG_A=y # why", "config_A=y"]
)
def test_a_line_that_means_nothing_is_a_problem(line: str) -> None:
    demands, problems = parse(f"CONFIG_OK=y\n{line}\n")
    assert [demand.symbol for demand in demands] == ["OK"]
    assert len(problems) == 1
    assert problems[0].startswith("x.config:2: ")


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.config").write_text("CONFIG_A=y\nnonsense\n")
    (tmp_path / "b.config").write_text("CONFIG_A=m\n")
    with pytest.raises(KconfigError) as caught:
        read_fragments([tmp_path / "a.config", tmp_path / "b.config", tmp_path / "c.config"])
    assert caught.value.exit_code == 12
    for text in ("a.config:2: 'nonsense'", "b.config:1: CONFIG_A=m, but", "a.config:1 says CONFIG_A=y", "c.config: No such file"):
        assert text in caught.value.message


@given(symbol=SYMBOLS, value=VALUES)
def test_what_a_demand_writes_reads_back_the_same(symbol: str, value: str) -> None:
    (demand,), problems = parse(f"CONFIG_{symbol}={value}\n")
    assert problems == []
    (again,), problems = parse(demand.text + "\n")
    assert problems == []
    assert (again.symbol, again.value) == (symbol, value)


@given(text=st.text())
def test_no_text_makes_the_parser_fall_over(text: str) -> None:
    demands, problems = parse(text)
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if line and (not line.startswith("#") or line.startswith("# CONFIG_"))]
    assert len(demands) + len(problems) <= len(telling)


@pytest.mark.parametrize("path", sorted((ROOT / "kconfig").glob("*.config")), ids=lambda path: path.name)
def test_the_shipped_fragments_are_valid(path: Path) -> None:
    assert read_fragments([path])[0].demands


@pytest.mark.parametrize("arch", ["x86_64", "i386"])
@pytest.mark.parametrize("path", sorted((ROOT / "releases").glob("*.toml")), ids=lambda path: path.stem)
def test_the_fragments_of_every_release_go_together(path: Path, arch: Arch) -> None:
    for package in load_release(path.stem, root=ROOT).packages.values():
        if package.kconfig:
            paths = list_fragments(ROOT, package.kconfig, arch)
            symbols = {demand.symbol for demand in list_all(read_fragments(paths))}
            assert {"NETFILTER_XT_TARGET_TPROXY", "NETFILTER_XT_MATCH_SOCKET", "NET_IPGRE"} <= symbols


def test_what_makes_builds_differ_is_forbidden_to_every_kernel_and_the_reason_told(tmp_path: Path) -> None:
    (tmp_path / "kconfig").mkdir()
    for name in ("reproducible", "tproxy"):
        (tmp_path / "kconfig" / f"{name}.config").write_bytes((ROOT / "kconfig" / f"{name}.config").read_bytes())
    (tmp_path / "kconfig" / "mine.config").write_text("CONFIG_MODULE_SIG=y\n")
    kconfig = Kconfig(base="slim", fragments=("tproxy", "mine"))
    with pytest.raises(KconfigError) as caught:
        read_fragments(list_fragments(tmp_path, kconfig, "i386"))
    assert caught.value.exit_code == 12
    (line,) = caught.value.message.splitlines()
    assert re.search(
        r"mine\.config:1: CONFIG_MODULE_SIG=y, but \S+reproducible\.config:\d+ says # CONFIG_MODULE_SIG is not set", line
    )
    assert "because each build makes itself a key" in line


def test_a_fragment_that_names_it_too_has_it_once(tmp_path: Path) -> None:
    kconfig = Kconfig(base="slim", fragments=("tproxy", "reproducible"))
    names = [path.name for path in list_fragments(ROOT, kconfig, "i386")]
    assert names.count("reproducible.config") == 1


def test_what_another_option_switches_on_is_refused_with_the_reason(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_MODULE_SIG=y\n")
    fragments = read_fragments([ROOT / "kconfig" / "reproducible.config"])
    with pytest.raises(KconfigError, match="MODULE_SIG=n became y; it is forbidden because each build makes itself a key"):
        check_audit(audit_config(fragments, config), arch="x86_64")


def test_a_note_on_a_forbidden_symbol_must_be_a_reason() -> None:
    (demand,), problems = parse("# CONFIG_X is not set # because: it breaks\n")
    assert (demand.kind, demand.reason, demand.text, problems) == ("forbid", "it breaks", "# CONFIG_X is not set", [])
    for line in ("# CONFIG_X is not set # because:", "# CONFIG_X is not set # optional: no", "# CONFIG_X is not set, or is it"):
        demands, problems = parse(line)
        assert demands == [] and len(problems) == 1
