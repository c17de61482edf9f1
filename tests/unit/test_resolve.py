"""Resolving on the tiny tree: both bases, a clean tree, and what an earlier run left."""

from pathlib import Path

import pytest

from tproxy_rpms.errors import KconfigError
from tproxy_rpms.kernel.audit import read_config
from tproxy_rpms.kernel.fragment import Fragment, read_fragments
from tproxy_rpms.kernel.resolve import has_olddefconfig, read_version, resolve_config
from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import digest_tree

TREE = Path(__file__).parents[1] / "fixtures" / "fakelinux"


def make_fragments(folder: Path, text: str) -> tuple[Fragment, ...]:
    path = folder / "x.config"
    path.write_text(text)
    return read_fragments([path])


def resolve(folder: Path, text: str, *, base: str = "slim", arch: Arch = "x86_64", tree: Path = TREE) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    fragments = make_fragments(folder, text)
    return read_config(
        resolve_config(tree, arch=arch, base=base, fragments=fragments, output=folder / "config", log=folder / "log")
    )


def test_the_base_decides_what_nobody_asked_for(tmp_path: Path) -> None:
    assert "NET" not in resolve(tmp_path / "slim", "CONFIG_MODULES=y\n")
    assert resolve(tmp_path / "full", "CONFIG_MODULES=y\n", base="defconfig")["NET"] == "y"


def test_a_fragment_overrides_the_defconfig(tmp_path: Path) -> None:
    assert "NET" not in resolve(tmp_path, "# CONFIG_NET is not set\n", base="defconfig")


def test_the_arch_is_told_to_conf(tmp_path: Path) -> None:
    assert resolve(tmp_path / "64", "CONFIG_NET=y\n")["64BIT"] == "y"
    assert "64BIT" not in resolve(tmp_path / "32", "CONFIG_NET=y\n", arch="i386")


def test_the_tree_stays_as_it_was(tmp_path: Path) -> None:
    before = digest_tree(TREE)
    resolve(tmp_path, "CONFIG_NET=y\n")
    assert digest_tree(TREE) == before


@pytest.mark.parametrize("base", ["slim", "defconfig"])
def test_nothing_of_an_earlier_run_is_carried_over(tmp_path: Path, base: str) -> None:
    first = resolve(tmp_path, "CONFIG_NET=y\n", base=base)
    assert resolve(tmp_path, "CONFIG_TINY=y\nCONFIG_LOG_SHIFT=15\n", base=base) != first
    assert resolve(tmp_path, "CONFIG_NET=y\n", base=base) == first


def test_a_conf_that_fails_is_a_kconfig_error_and_leaves_no_config(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "scripts" / "kconfig").mkdir(parents=True)
    (tree / "scripts" / "kconfig" / "Makefile").write_text("olddefconfig:\n")
    (tree / "Makefile").write_text("allnoconfig:\n\t@echo no such luck; false\n")
    with pytest.raises(KconfigError, match="no such luck") as caught:
        resolve(tmp_path / "out", "CONFIG_NET=y\n", tree=tree)
    assert str(tmp_path / "out" / "log") in caught.value.hint
    assert not (tmp_path / "out" / "config").exists()


def test_a_tree_without_olddefconfig_is_known_by_its_makefile(tmp_path: Path) -> None:
    (tmp_path / "scripts" / "kconfig").mkdir(parents=True)
    (tmp_path / "scripts" / "kconfig" / "Makefile").write_text("oldconfig:\nallnoconfig:\n")
    assert has_olddefconfig(TREE)
    assert not has_olddefconfig(tmp_path)


@pytest.mark.parametrize(
    ("makefile", "version"),
    [
        ("VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 30\nEXTRAVERSION =\n", "2.6.30"),
        ("# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n", "6.1.0-rc2"),
    ],
)
def test_the_version_is_the_makefiles(tmp_path: Path, makefile: str, version: str) -> None:
    (tmp_path / "Makefile").write_text(makefile)
    assert read_version(tmp_path) == version
