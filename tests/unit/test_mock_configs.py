"""The mock configurations that we ship, read as mock reads them: as Python with config_opts."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import RPM_ARCH, Arch

from ..conftest import ROOT

ARCHES: tuple[Arch, ...] = ("x86_64", "i386")


def nested() -> Any:
    return defaultdict(nested)


def read_config(path: Path) -> Any:
    options = nested()
    exec(compile(path.read_text(), str(path), "exec"), {"config_opts": options})
    return options


@pytest.fixture(params=ARCHES)
def arch(request: pytest.FixtureRequest) -> Arch:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def options(arch: Arch) -> Any:
    return read_config(ROOT / "mock-configs" / f"centos-5-{arch}.cfg")


def test_it_is_for_its_arch_and_no_other(arch: Arch, options: Any) -> None:
    assert options["target_arch"] == RPM_ARCH[arch]
    assert "x86_64" in options["legal_host_arches"]
    assert re.findall(r"5\.11/\w+/(\w+)/", options["dnf.conf"]) == [arch, arch]


def test_the_root_holds_what_the_target_says(options: Any) -> None:
    target = load_release("centos5", root=ROOT).target
    words = options["chroot_setup_cmd"].split()
    assert words[0] == "install"
    assert sorted(words[1:]) == sorted([*target.build_packages, "centos-release"])
    assert options["macros"]["%dist"] == target.dist


def test_nothing_waits_asks_or_needs_what_el5_lacks(options: Any) -> None:
    assert options["dnf_warning"] is False
    assert options["use_bootstrap"] is False
    assert options["use_bootstrap_image"] is False
    assert options["isolation"] == "simple"
    assert options["dynamic_buildrequires"] is False
    assert options["use_host_shadow_utils"] is True
    assert options["environment"]["LANG"] == "C"


def test_packages_are_checked_with_a_key_each_and_no_repository_may_be_missing(options: Any) -> None:
    conf = options["dnf.conf"]
    assert "\ngpgcheck=1\n" in conf
    repositories = re.findall(r"^\[(\w+)\]$", conf, re.MULTILINE)
    assert repositories == ["main", "base", "updates"]
    assert conf.count("\ngpgkey=file:///usr/share/distribution-gpg-keys/") == 2
    assert conf.count("\nskip_if_unavailable=False\n") == 2
    assert conf.count("\nbaseurl={{ centos_vault }}/") == 2


def test_the_vault_can_be_another() -> None:
    path = ROOT / "mock-configs" / "centos-5-i386.cfg"
    options = nested()
    options["centos_vault"] = "http://mirror.example.org"
    exec(compile(path.read_text(), str(path), "exec"), {"config_opts": options})
    assert options["centos_vault"] == "http://mirror.example.org"


def test_the_two_differ_in_nothing_but_the_arch() -> None:
    texts = [(ROOT / "mock-configs" / f"centos-5-{arch}.cfg").read_text() for arch in ARCHES]
    plain = [
        re.sub(r"x86_64|i[356]86", "ARCH", re.sub(r"\('ARCH'.*\)|\((?:'i[356]86', )*'x86_64',?\)", "ARCHES", text))
        for text in texts
    ]
    assert plain[0] == plain[1]
