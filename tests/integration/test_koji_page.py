"""docs/koji.md against a real hub: what its commands set up is what a release for CentOS 5 needs there."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.builders.kojitarget import read_target
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import RPM_ARCH, Arch

from ..conftest import ROOT
from .kojihub import KojiHub, why_no_hub

pytestmark = [
    pytest.mark.koji,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_no_hub()), reason=why_no_hub()),
]

PAGE = (ROOT / "docs" / "koji.md").read_text()
RELEASE = load_release("centos5", root=ROOT)
TARGET, TAG = "tproxy-el5", "tproxy-el5-build"


@dataclass(frozen=True, kw_only=True)
class Admin:
    """A hub that was set up as the page says, and Koji's own command, which logs in as the administrator."""

    hub: KojiHub
    command: Path

    def run(self, script: str) -> str:
        """Return what a script of the page prints; `koji` in it is Koji's own."""
        environment = {**self.hub.python.environment, "PATH": f"{self.command.parent}:/usr/bin:/bin"}
        done = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}{self.hub.logs}"
        return done.stdout

    def decide(self, policy: str, user: str, **data: Any) -> str:
        """Return what the hub would do."""
        asked = {"user_id": self.hub.admin.getUser(user)["id"], "method": "build", "req_channel": False, **data}
        return str(self.hub.admin.evalPolicy(policy, asked))


def list_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def admin() -> Iterator[Admin]:
    """The hub after every command of the page has been run, in its order."""
    with KojiHub() as hub:
        (policy,) = [block for block in list_blocks("ini") if "[policy]" in block]
        config = hub.folder / "hub.conf"
        config.write_text(config.read_text().partition("[policy]")[0] + policy)
        hub.restart()
        client = hub.folder / "client.conf"
        client.write_text(
            f"[koji]\nserver = {hub.tls_url}\nauthtype = ssl\ncert = {hub.certificate('admin')}\nserverca = {hub.ca}\n"
        )
        command = hub.folder / "bin" / "koji"
        command.parent.mkdir()
        call = shlex.join([hub.python.path, str(hub.source / "cli" / "koji"), "-c", str(client)])
        command.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{hub.source / "cli"}" exec {call} "$@"\n')
        command.chmod(0o755)
        made = Admin(hub=hub, command=command)
        for block in list_blocks("bash"):
            made.run(block.replace("regen-repo --target", "regen-repo --nowait --target"))  # there is no builder
        yield made


@pytest.fixture(scope="module")
def other(admin: Admin) -> str:
    admin.hub.add_user("other")
    return "other"


def read_config(text: str) -> dict[str, Any]:
    """Return what a mock configuration sets."""
    options: dict[str, Any] = {"environment": {}, "macros": {}, "plugin_conf": {"root_cache_opts": {}}}
    exec(text, {"config_opts": options})  # a mock configuration is a program
    return options


def test_the_target_is_what_our_builder_wants(admin: Admin) -> None:
    target = read_target(admin.hub.admin, TARGET)
    assert not list(target.list_lacking(RELEASE.arches, scratch=False))
    assert (target.build_tag, target.dest_tag, target.inherits) == (TAG, TARGET, (TARGET,))


def test_every_package_of_the_release_is_in_the_list(admin: Admin) -> None:
    listed = {one["package_name"]: one["owner_name"] for one in admin.hub.admin.listPackages(tagID=TARGET)}
    assert listed == dict.fromkeys(RELEASE.packages, "tproxy")


@pytest.mark.parametrize("arch", RELEASE.arches)
def test_the_group_is_what_mock_installs(admin: Admin, arch: Arch) -> None:
    ours = read_config((ROOT / "mock-configs" / f"centos-5-{arch}.cfg").read_text())["chroot_setup_cmd"].split()
    groups = read_target(admin.hub.admin, TARGET).groups
    assert list(groups["build"]) == sorted(ours[1:])
    assert set(groups["srpm-build"]) < set(groups["build"])


def test_updates_come_first_and_nothing_of_the_base_is_hidden(admin: Admin) -> None:
    repositories = admin.hub.admin.getTagExternalRepos(tag_info=TAG)
    assert [(one["external_repo_name"], one["merge_mode"]) for one in repositories] == [
        ("centos5-updates", "bare"),
        ("centos5-base", "bare"),
    ]
    assert [one["url"].partition("/5.11/")[2] for one in repositories] == ["updates/$arch/", "os/$arch/"]


@pytest.mark.parametrize("arch", RELEASE.arches)
def test_builders_are_told_what_mock_is_told_here(admin: Admin, arch: Arch) -> None:
    """`koji mock-config` writes what a builder would give mock, but for the environment."""
    ours = read_config((ROOT / "mock-configs" / f"centos-5-{arch}.cfg").read_text())
    call = f"koji mock-config --tag={TAG} --arch={RPM_ARCH[arch]} --latest --topurl=http://hub.example.org/kojifiles"
    theirs = read_config(admin.run(call))
    keys = ("package_manager", "use_bootstrap", "use_bootstrap_image", "rpmbuild_networking", "target_arch", "dnf_warning")
    assert {key: theirs[key] for key in keys} == {key: ours[key] for key in keys}
    assert theirs["macros"].items() >= ours["macros"].items()
    assert "best=1" in theirs["yum.conf"] and "gpgcheck=0" in theirs["yum.conf"]
    extra = admin.hub.admin.getBuildConfig(TAG)["extra"]
    environment = {key.removeprefix("rpm.env."): value for key, value in extra.items() if key.startswith("rpm.env.")}
    assert environment == {**ours["environment"], "SOURCE_DATE_EPOCH": str(RELEASE.epoch)}, "text: mock takes no number"


def test_extras_that_kojid_alone_reads_are_false(admin: Admin) -> None:
    extra = admin.hub.admin.getBuildConfig(TAG)["extra"]
    assert (extra["rebuild_srpm"], extra["mock.new_chroot"]) == (0, 0)


def test_who_may_build_from_srpms(admin: Admin, other: str) -> None:
    asked = {"target": TARGET, "build_tag": TAG, "tag": TARGET}
    assert admin.decide("build_from_srpm", "tproxy", **asked) == "allow"
    assert admin.decide("build_from_srpm", "tproxy", **asked | {"target": "elsewhere"}).startswith("deny")
    assert admin.decide("build_from_srpm", other, **asked).startswith("deny")


def test_builds_go_to_builders_that_can(admin: Admin) -> None:
    session = admin.hub.admin
    tasks = {target: session.build("work/none.src.rpm", target) for target in (TARGET, "nowhere")}
    channels = {target: session.getChannel(session.getTaskInfo(task)["channel_id"])["name"] for target, task in tasks.items()}
    assert channels == {TARGET: "el5", "nowhere": "default"}


def test_the_builder_takes_as_many_as_the_page_says(admin: Admin) -> None:
    host = admin.hub.admin.getHost("builder1.example.org")
    assert (host["capacity"], set(host["arches"].split())) == (2 * 1.5, {"x86_64", "i386"})
    assert {one["name"] for one in admin.hub.admin.listChannels(host["id"])} == {"default", "createrepo", "el5"}


def test_nobody_else_tags_into_the_destination(admin: Admin, other: str) -> None:
    assert admin.hub.admin.getTag(TARGET)["perm"] == "tproxy"
    assert admin.hub.admin.getUserPerms("tproxy") == ["tproxy"]
    assert admin.hub.admin.getUserPerms(other) == []
