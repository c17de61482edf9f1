"""The shipped fragments on real kernels: every demand is kept, and a missing parent is named.

The trees are those that a cut (or `./run doit kconfig release=…`) left under build/; kernel sources are not kept here. Another
tarball can be named in TPROXY_RPMS_KERNELS, paths joined with `:`.
"""

import os
from pathlib import Path

import pytest

from tproxy_rpms.errors import KconfigError
from tproxy_rpms.kernel.audit import audit_config, check_audit, read_config
from tproxy_rpms.kernel.explain import explain_findings
from tproxy_rpms.kernel.fragment import Fragment, read_fragments
from tproxy_rpms.kernel.resolve import resolve_config
from tproxy_rpms.kernel.tree import unpack_tree
from tproxy_rpms.release.model import Arch

ROOT = Path(__file__).parents[2]
ARCHES: tuple[Arch, ...] = ("x86_64", "i386")
MISSION = ("NETFILTER_XT_TARGET_TPROXY", "NETFILTER_XT_MATCH_SOCKET", "NET_IPGRE", "NF_CONNTRACK", "IP_MULTIPLE_TABLES")


def list_tarballs() -> list[Path]:
    named = [Path(name) for name in os.environ.get("TPROXY_RPMS_KERNELS", "").split(":") if name]
    fetched = sorted(path for path in ROOT.glob("build/*/sources/linux-*.tar.*[z2]") if ".bad-" not in path.name)
    return [*named, *fetched]


@pytest.fixture(scope="module", params=list_tarballs() or [None], ids=lambda path: path.name if path else "none")
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param is None:
        pytest.skip("no kernel tarball: run `./run doit kconfig release=bookworm`, or name some in TPROXY_RPMS_KERNELS")
    return unpack_tree(request.param, tmp_path_factory.mktemp("kernel") / "tree")


def read_shipped(arch: Arch) -> tuple[Fragment, ...]:
    paths = [
        ROOT / "kconfig" / f"{name}{part}.config" for name in ("reproducible", "tproxy", "guest") for part in ("", f".{arch}")
    ]
    return read_fragments([path for path in paths if path.exists()])


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("base", ["slim", "defconfig"])
def test_every_demand_survives(tree: Path, tmp_path: Path, arch: Arch, base: str) -> None:
    fragments = read_shipped(arch)
    config = resolve_config(tree, arch=arch, base=base, fragments=fragments, output=tmp_path / "config", log=tmp_path / "log")
    check_audit(explain_findings(tree, config, audit_config(fragments, config), arch=arch), arch=arch)
    symbols = read_config(config)
    assert {name: symbols.get(name) for name in MISSION} == {
        name: "y" if name == "IP_MULTIPLE_TABLES" else "m" for name in MISSION
    }
    assert ("64BIT" in symbols) == (arch == "x86_64")


@pytest.mark.parametrize("arch", ARCHES)
def test_without_its_parent_the_socket_match_is_dropped_and_the_parent_named(tree: Path, tmp_path: Path, arch: Arch) -> None:
    path = tmp_path / "x.config"
    path.write_text("CONFIG_NETFILTER_XT_MATCH_SOCKET=m\n# CONFIG_NETFILTER_ADVANCED is not set\nCONFIG_NO_SUCH_THING=y\n")
    fragments = read_fragments([path])
    config = resolve_config(tree, arch=arch, base="defconfig", fragments=fragments, output=tmp_path / "c", log=tmp_path / "log")
    with pytest.raises(KconfigError) as caught:
        check_audit(explain_findings(tree, config, audit_config(fragments, config), arch=arch), arch=arch)
    socket, missing = caught.value.message.splitlines()
    assert "NETFILTER_XT_MATCH_SOCKET=m was dropped: " in socket
    assert "NETFILTER_ADVANCED is not set" in socket
    assert missing.endswith("NO_SUCH_THING=y was dropped: there is no such symbol in this kernel")
