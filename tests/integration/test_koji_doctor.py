"""The doctor asks a real hub, without a builder, through the real doit."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tproxy_rpms.doctor.examine import run_check
from tproxy_rpms.doctor.finding import Case, Finding
from tproxy_rpms.doctor.host import read_host
from tproxy_rpms.doctor.koji import check_koji
from tproxy_rpms.release.load import load_release

from ..conftest import ROOT
from .kojihub import KojiHub, why_no_hub

pytestmark = [
    pytest.mark.koji,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_no_hub()), reason=why_no_hub()),
]

EPOCH = 1793491200

RELEASE = """\
schema = 1
summary = "two small packages, built by Koji"
epoch = {epoch}
revision = "1"
packager = "Test <test@example.org>"
target = "{root}/targets/debian-12.toml"
builder = "koji"

[koji]
{koji}

[packages.first]
spec = "tproxy-host"
version = "1.0"

[packages.second]
spec = "tproxy-host"
version = "1.0"
after = ["first"]
"""

EXTERNAL = "file:///srv/none/$arch"
EXTRA = {"rebuild_srpm": False, "rpm.env.SOURCE_DATE_EPOCH": str(EPOCH)}


Found = dict[str, list[Finding]]


class Project:
    """A folder with a release, a hub, and a target of the hub that takes the release as it is."""

    def __init__(self, folder: Path, hub: KojiHub) -> None:
        self.folder, self.hub = folder, hub
        (folder / "releases").mkdir(parents=True)
        shutil.copy(ROOT / "dodo.py", folder)
        for name in ("specs", "targets"):
            shutil.copytree(ROOT / name, folder / name)
        self.login = self.by_password("doctor")

    def by_password(self, name: str, **changes: str) -> dict[str, str]:
        return {
            "hub": self.hub.url,
            "target": "checked",
            "user": name,
            "password_file": str(self.hub.password_file(name)),
            **changes,
        }

    def by_certificate(self, **changes: str) -> dict[str, str]:
        certificate = str(self.hub.certificate("doctor"))
        return {"hub": self.hub.tls_url, "target": "checked", "certificate": certificate, "ca": str(self.hub.ca), **changes}

    def write(self, **changes: str) -> None:
        koji = "\n".join(f'{key} = "{value}"' for key, value in (self.login | changes).items())
        (self.folder / "releases" / "pair.toml").write_text(RELEASE.format(epoch=EPOCH, root=self.folder, koji=koji))

    def ask(self, **changes: str) -> Found:
        """What the doctor says of Koji."""
        self.write(**changes)
        build, cache = self.folder / "build", self.folder / "cache"
        release = load_release("pair", root=self.folder)
        case = Case(release=release, host=read_host(), root=self.folder, build=build, cache=cache)
        return sort_findings(run_check(check_koji, case))

    def doit(self) -> Found:
        """The same from doit doctor --json; nothing else is on its standard output."""
        self.write()
        environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(self.folder / "cache")}
        argv = [sys.executable, shutil.which("doit") or "doit", "release=pair", "doctor", "--json"]
        result = subprocess.run(argv, cwd=self.folder, env=environment, capture_output=True, text=True)
        content = json.loads(result.stdout)
        assert result.returncode == 30, result.stderr
        assert (content["builder"], content["fit"]) == ("koji", False)
        assert "Traceback" not in result.stderr
        return sort_findings(Finding(**check) for check in content["checks"] if check["name"].startswith("koji"))


def sort_findings(findings: Iterable[Finding]) -> Found:
    """Return them by name."""
    found: Found = {}
    for finding in findings:
        assert bool(finding.cure) == (finding.status != "ok")
        found.setdefault(finding.name.removeprefix("koji "), []).append(finding)
    return found


@pytest.fixture(scope="module")
def hub() -> Iterator[KojiHub]:
    """A hub of one's own, which no builder has ever asked for work, with a user and a target."""
    with KojiHub() as made:
        made.add_user("doctor", ["build"])
        made.add_target("checked", external=EXTERNAL, extra=EXTRA, pkgs=["first", "second"])
        add_repository(made, "checked-build")
        yield made


def add_repository(hub: KojiHub, tag: str) -> None:
    """Have the database say that there is a repository; only a builder makes one."""
    event, number = hub.admin.getLastEvent()["id"], hub.admin.getTag(tag)["id"]
    hub.database.execute(f"INSERT INTO repo (create_event, tag_id, state) VALUES ({event}, {number}, 1)")


@pytest.fixture
def project(tmp_path: Path, hub: KojiHub) -> Project:
    return Project(tmp_path / "project", hub)


def judge(found: Found) -> dict[str, str]:
    """The worst status of each check that is not ok."""
    worst = {name: max((one.status for one in ones), key=("ok", "warn", "fail").index) for name, ones in found.items()}
    return {name: status for name, status in worst.items() if status != "ok"}


def test_a_hub_that_lacks_builders_alone(project: Project) -> None:
    found = project.doit()
    assert judge(found) == {"builders": "fail"}
    assert [one.found.split(":")[0] for one in found["builders"]] == ["x86_64", "i386", "repositories"]
    assert found["user"][0].found == "doctor, permissions: build"
    assert {one.status for one in found["policy"]} == {"ok"}
    assert "Koji 1." in found["hub"][0].found
    assert "with all that the tag has" in found["repository"][0].found
    project.login = project.by_certificate()
    assert judge(project.ask()) == {"builders": "fail"}


def test_builders_of_the_hub(project: Project) -> None:
    admin = project.hub.admin
    admin.addHost("doctor-builder", ["x86_64"])
    try:
        x86_64, i386, _ = project.ask()["builders"]
        assert x86_64.found == "x86_64: doctor-builder has said nothing yet"
        assert i386.found == "i386: no builder of the hub builds for i386 in its channel"
        admin.disableHost("doctor-builder")
        assert project.ask()["builders"][0].found == "x86_64: doctor-builder is disabled"
    finally:
        admin.disableHost("doctor-builder")
        admin.removeHostFromChannel("doctor-builder", "default")


def test_a_wrong_password(project: Project) -> None:
    project.hub.password_file("doctor").write_text("wrong\n")
    try:
        found = project.ask()
    finally:
        project.hub.password_file("doctor")
    assert judge(found) == {"login": "fail"}
    assert "invalid username or password" in found["login"][0].found


def test_certificates(project: Project, tmp_path: Path) -> None:
    project.login = project.by_certificate(certificate=str(project.hub.certificate("doctor", expired=True)))
    found = project.ask()
    assert judge(found) == {"credentials": "fail"}
    assert "has ended on 2020-01-02" in found["credentials"][0].found
    project.login = project.by_certificate(certificate=str(project.hub.certificate("nobody-here")))
    assert "Unknown user: nobody-here" in project.ask()["login"][0].found
    project.login = project.by_certificate()
    del project.login["ca"]
    assert project.ask()["hub"][0].cure == "name the certificate of who vouches for the hub: koji.ca"
    copy = tmp_path / "open.pem"
    shutil.copy(project.hub.certificate("doctor"), copy)
    copy.chmod(0o644)
    assert project.ask(ca=str(project.hub.ca), certificate=str(copy))["credentials"][0].cure == f"chmod 600 {copy}"


def test_an_unknown_target(project: Project) -> None:
    found = project.ask(target="nowhere")
    assert judge(found) == {"builders": "fail", "target": "fail"}
    assert "checked" in found["target"][0].found


def test_a_target_that_lacks_everything(project: Project) -> None:
    extra = {"rpm.env.SOURCE_DATE_EPOCH": 5}
    project.hub.add_target(
        "poor", external=EXTERNAL, arches=("x86_64", "i386"), groups={"build": ()}, extra=extra, pkgs=["first"]
    )
    admin = project.hub.admin
    admin.packageListBlock("poor", "first")
    admin.createTag("aside")
    admin.editBuildTarget("poor", "poor", "poor-build", "aside")
    admin.packageListAdd("aside", "first", "admin")
    admin.packageListBlock("aside", "first")
    admin.editTag2("aside", locked=True)
    found = project.ask(target="poor")
    assert judge(found) == {
        "builders": "fail", "arches": "fail", "groups": "fail", "SRPM": "warn", "inheritance": "fail", "tag": "fail",
        "packages": "fail", "repository": "warn", "environment": "fail", "date": "warn",
    }  # fmt: skip
    assert [one.cure for name in ("arches", "inheritance", "tag", "packages") for one in found[name]] == [
        "koji edit-tag --arches='x86_64 i686' poor-build",
        "koji add-tag-inheritance poor-build aside",
        "koji unlock-tag aside",
        "koji add-pkg --owner doctor aside second",
        "koji unblock-pkg aside first",
    ]


def test_a_tag_that_takes_a_permission(project: Project) -> None:
    project.hub.admin.grantPermission("admin", "doctors", create=True)
    project.hub.add_target("guarded", external=EXTERNAL, extra=EXTRA, pkgs=["first", "second"], perm="doctors")
    found = project.ask(target="guarded")
    assert judge(found) == {"builders": "fail", "tag": "fail", "repository": "warn"}
    assert found["tag"][0].cure == "koji grant-permission doctors doctor"


def test_a_repository_that_is_older_than_its_tag(project: Project) -> None:
    project.hub.add_target("old", external=EXTERNAL, extra=EXTRA, pkgs=["first", "second"])
    add_repository(project.hub, "old-build")
    project.hub.admin.groupPackageListAdd("old-build", "build", "more")
    assert "a build asks for a new one" in project.ask(target="old")["repository"][0].found


def test_a_hub_that_is_down_is_told_of_once_and_soon(project: Project, away: None) -> None:
    start = time.monotonic()
    for login in (project.login, project.by_certificate()):
        project.login = login
        assert judge(project.ask()) == {"hub": "fail"}
    assert time.monotonic() - start < 10  # 0.1 s were seen
    assert judge(project.doit()) == {"hub": "fail"}


@pytest.fixture
def away(project: Project) -> Iterator[None]:
    """The hub is away."""
    project.hub.stop()
    yield
    project.hub.start()
