"""The doctor: what the koji builder needs of the hub, of a target, and of a way to log in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import koji
import pytest
import requests

from tproxy_rpms.doctor import koji as doctor
from tproxy_rpms.doctor import kojilogin
from tproxy_rpms.doctor.examine import run_check
from tproxy_rpms.doctor.finding import Finding
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.koji import Koji
from tproxy_rpms.release.model import Package

from ..conftest import make_target
from .fakehost import CONFIG, NOW, Fake, rows
from .fakekoji import FIRST, FakeHub

HUB = "https://koji.example.org/kojihub"


class Doctor:
    """A host, a hub and a release; `look` tells what is found."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = Fake(folder / "host")
        secret = folder / "password"
        secret.touch(0o600)
        secret.write_text("secret\n")
        self.koji = Koji(target="here", hub=HUB, login="password", user="me", password_file=secret)
        self.host.release = replace(self.host.release, builder="koji", target=make_target())
        self.hub = FakeHub(self.host.release.epoch)
        self.answer = SimpleNamespace(is_redirect=False, headers={"Date": formatdate(time.time())})
        self.away: Exception | None = None
        self.heads: list[tuple[str, Any]] = []
        monkeypatch.setattr(doctor, "open_session", self.open_session)
        monkeypatch.setattr(requests, "head", self.head)

    @contextmanager
    def open_session(self, table: Koji) -> Iterator[FakeHub]:
        if self.away:
            raise self.away
        yield self.hub

    def head(self, url: str, **options: Any) -> Any:
        self.heads.append((url, options["verify"]))
        if isinstance(self.away, OSError):
            raise self.away
        return self.answer

    def look(self) -> dict[str, list[Finding]]:
        self.host.release = replace(self.host.release, koji=self.koji)
        found: dict[str, list[Finding]] = {}
        for finding in run_check(doctor.check_koji, self.host.case()):
            assert bool(finding.cure) == (finding.status != "ok")
            found.setdefault(finding.name.removeprefix("koji "), []).append(finding)
        return found

    def find(self, name: str) -> Finding:
        (finding,) = self.look()[name]
        return finding

    def chain(self) -> None:
        """Have a second package that needs the first."""
        packages = {"hello": Package(name="hello", spec="hello"), "next": Package(name="next", spec="next", after=("hello",))}
        self.host.release = replace(self.host.release, packages=packages)
        self.hub.packages["next"] = {"blocked": False}


@pytest.fixture
def visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(tmp_path, monkeypatch)


def test_a_hub_that_lacks_nothing(visit: Doctor) -> None:
    visit.chain()
    found = visit.look()
    assert {finding.status for findings in found.values() for finding in findings} == {"ok"}
    assert list(found) == [
        "library", "credentials", "clock", "hub", "user", "builders", "target", "arches", "groups", "inheritance", "policy",
        "packages", "repository", "date", "mock",
    ]  # fmt: skip
    assert [finding.found for finding in found["builders"]] == ["x86_64: one", "i386: one", "repositories: one"]
    assert found["repository"][0].found == "here-build: number 7, with all that the tag has"
    assert visit.hub.opts["max_retries"] == 2, "a hub that goes away meanwhile is told of soon"


def test_a_hub_that_is_away_is_told_of_once(visit: Doctor) -> None:
    visit.away = requests.ConnectionError("Connection refused")
    found = visit.look()
    assert {name: findings[0].status for name, findings in found.items()} == {"library": "ok", "credentials": "ok", "hub": "fail"}
    assert "koji.hub is its URL" in found["hub"][0].cure


def test_a_hub_that_goes_away_meanwhile_ends_the_looking(visit: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(tag: int) -> None:
        raise KojiError("the hub is away", hint="wait")

    monkeypatch.setattr(visit.hub, "getTagGroups", fail)
    assert visit.find("target").found == "the hub is away"
    assert "arches" not in visit.look()


def test_a_login_that_is_refused(visit: Doctor) -> None:
    visit.away = KojiError("AuthError: invalid username or password", hint="mend it")
    assert (visit.find("login").status, visit.find("login").cure) == ("fail", "mend it")
    assert "target" not in visit.look()


def test_a_hub_elsewhere(visit: Doctor) -> None:
    visit.answer = SimpleNamespace(is_redirect=True, headers={"Location": "https://other.example.org/kojihub"})
    assert visit.find("hub").cure == 'name it so: hub = "https://other.example.org/kojihub"'


@pytest.mark.parametrize(("ahead", "word"), [(3600, "ahead of"), (-3600, "behind")])
def test_clocks_that_differ(visit: Doctor, ahead: int, word: str) -> None:
    visit.answer.headers["Date"] = formatdate(time.time() + ahead)
    assert (visit.find("clock").status, word in visit.find("clock").found) == ("warn", True)


def test_without_the_library(visit: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KojiError("koji's library is not there", hint="pip install")

    monkeypatch.setattr(doctor, "load_koji", fail)
    assert {name: findings[0].status for name, findings in visit.look().items()} == {"koji": "fail"}


def test_passwords(visit: Doctor) -> None:
    for hub, expected in (
        (HUB, "ok"), ("http://koji.example.org/kojihub", "warn"), ("http://127.0.0.1:1/kojihub", "ok"),
        ("http://[::1]/kojihub", "ok"), ("http://localhost/kojihub", "ok"), ("http://10.0.0.1/kojihub", "warn"),
        ("http://127.0.0.1.example.org/kojihub", "warn"),
    ):  # fmt: skip
        visit.koji = replace(visit.koji, hub=hub)
        assert visit.find("credentials").status == expected, hub
    assert visit.koji.password_file
    visit.koji.password_file.chmod(0o640)
    assert (visit.find("credentials").status, "chmod 600" in visit.find("credentials").cure) == ("fail", True)
    assert "hub" not in visit.look(), "a login that cannot work is not tried"
    visit.koji.password_file.unlink()
    assert visit.find("credentials").status == "fail"


@pytest.mark.parametrize(
    ("days", "text", "expected", "words"),
    [
        (100, "PRIVATE KEY", "ok", "ends on"),
        (13, "PRIVATE KEY", "warn", "ends on 2004-11-22"),
        (-1, "PRIVATE KEY", "fail", "has ended on 2004-11-08"),
        (100, "CERTIFICATE", "fail", "holds no key"),
        (100, "ENCRYPTED PRIVATE KEY", "fail", "is locked"),
    ],
)
def test_certificates(visit: Doctor, monkeypatch: pytest.MonkeyPatch, days: int, text: str, expected: str, words: str) -> None:
    assert visit.koji.password_file
    visit.koji.password_file.write_text(text)
    monkeypatch.setattr(kojilogin, "read_expiry", lambda path: NOW + days * 86400)
    visit.koji = Koji(
        target="here", hub="http://koji.example.org/kojihub", login="certificate", certificate=visit.koji.password_file
    )
    finding = visit.find("credentials")
    assert (finding.status, words in finding.found) == (expected, True), finding
    assert visit.heads == [(HUB, True)], "as the library does, by TLS whatever the URL says"
    assert {tool.name for tool in doctor.list_tools(visit.host.case())} == {"openssl", "zstd"}


def test_an_authority_that_is_not_there(visit: Doctor, tmp_path: Path) -> None:
    visit.koji = replace(visit.koji, ca=tmp_path / "ca.pem")
    assert [finding.status for finding in visit.look()["credentials"]] == ["fail"]
    (tmp_path / "ca.pem").touch()
    assert visit.find("credentials").status == "ok"
    assert visit.heads[-1] == (HUB, str(tmp_path / "ca.pem"))


def test_kerberos(visit: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    visit.koji = Koji(target="here", hub=HUB, login="kerberos")
    monkeypatch.setattr(kojilogin, "find_spec", lambda name: None)
    assert "requests_gssapi is not there" in visit.find("credentials").found
    monkeypatch.setattr(kojilogin, "find_spec", lambda name: name)
    assert visit.find("credentials").status == "ok"
    visit.host.answers = {"klist -s": replace(visit.host.answers[""], status=1)}
    assert (visit.find("credentials").status, visit.find("credentials").cure[:5]) == ("fail", "kinit")
    visit.host.missing = {"klist"}
    assert visit.find("credentials").status == "ok", "the login tells"
    keytab = tmp_path / "keytab"
    visit.koji = replace(visit.koji, principal="me", keytab=keytab)
    assert visit.find("credentials").status == "fail"
    keytab.touch(0o644)
    keytab.chmod(0o644)
    assert visit.find("credentials").cure == f"chmod 600 {keytab}"
    keytab.chmod(0o600)
    assert visit.find("credentials").status == "ok"


def test_a_target_that_is_not_there(visit: Doctor) -> None:
    visit.koji = replace(visit.koji, target="elsewhere")
    assert (visit.find("target").status, "there are: here" in visit.find("target").found) == ("fail", True)
    assert "builders" in visit.look()
    assert "arches" not in visit.look()


@pytest.mark.parametrize(
    ("arches", "scratch", "expected"),
    [
        ("x86_64 i686", False, "ok"), ("x86_64", False, "fail"), ("x86_64 i386", False, "fail"), ("x86_64 i386", True, "ok"),
        ("", True, "fail"),
        ("x86_64 i686 aarch64", False, "warn"), ("x86_64 i686 aarch64", True, "ok"),
    ],
)  # fmt: skip
def test_arches(visit: Doctor, arches: str, scratch: bool, expected: str) -> None:
    visit.hub.arches, visit.koji = arches, replace(visit.koji, scratch=scratch)
    finding = visit.find("arches")
    assert finding.status == expected
    assert finding.cure.startswith("koji edit-tag --arches='x86_64 i686' here-build") == (expected != "ok")


def test_groups(visit: Doctor) -> None:
    visit.hub.groups = {"build": []}
    assert visit.find("groups").cure == "koji add-group-pkg here-build build PACKAGE…"
    visit.hub.extra["rebuild_srpm"] = True
    assert [finding.found.split(":")[1] for finding in visit.look()["groups"]] == [
        " the group build is empty", " the group srpm-build is missing",
    ]  # fmt: skip
    visit.hub.groups = {"build": ["gcc"]}
    visit.koji = replace(visit.koji, scratch=True)
    assert visit.find("groups").status == "ok", "scratch builds take the SRPM as it is"


def test_srpms_that_are_made_anew(visit: Doctor) -> None:
    assert "SRPM" not in visit.look()
    del visit.hub.extra["rebuild_srpm"]
    assert (visit.find("SRPM").status, visit.find("SRPM").cure) == ("warn", "koji edit-tag -x rebuild_srpm=False here-build")
    visit.koji = replace(visit.koji, scratch=True)
    assert "SRPM" not in visit.look()


def test_inheritance(visit: Doctor) -> None:
    visit.hub.parents = []
    assert "inheritance" not in visit.look(), "no package needs another"
    visit.chain()
    assert (visit.find("inheritance").status, visit.find("inheritance").cure) == (
        "fail",
        "koji add-tag-inheritance here-build here",
    )


def test_how_external_repositories_are_merged(visit: Doctor) -> None:
    visit.hub.external = [{"url": "http://a/", "merge_mode": "bare"}, {"url": "http://b/", "merge_mode": None}]
    finding = visit.find("repositories")
    assert (finding.status, "http://b/: not merged" in finding.found) == ("warn", True)
    visit.hub.external = visit.hub.external[:1]
    assert "repositories" not in visit.look()


def test_the_policy_is_asked(visit: Doctor) -> None:
    assert [finding.status for finding in visit.look()["policy"]] == ["ok", "ok"]
    visit.hub.policies = {"build_from_srpm": "deny it takes more"}
    refused, allowed = visit.look()["policy"]
    assert (refused.status, "deny it takes more" in refused.found, allowed.status) == ("fail", True, "ok")
    visit.koji = replace(visit.koji, scratch=True)
    assert visit.find("policy").status == "ok", "scratch builds are not asked about there"


def test_the_list_of_the_destination_tag(visit: Doctor) -> None:
    visit.hub.packages = {}
    assert visit.find("packages").cure == "koji add-pkg --owner me here hello"
    visit.hub.packages = {"hello": {"blocked": True}}
    assert visit.find("packages").cure == "koji unblock-pkg here hello"
    visit.koji = replace(visit.koji, scratch=True)
    assert "packages" not in visit.look()


def test_who_may_put_builds_into_the_destination_tag(visit: Doctor) -> None:
    visit.hub.tag = {"locked": False, "perm": "signers"}
    assert visit.find("tag").cure == "koji grant-permission signers me"
    visit.hub.perms = ["signers"]
    assert "tag" not in visit.look()
    assert visit.find("user").found == "me, permissions: signers"
    visit.hub.tag = {"locked": True, "perm": None}
    assert visit.find("tag").cure == "koji unlock-tag here"
    visit.koji = replace(visit.koji, scratch=True)
    assert "tag" not in visit.look()


def test_repositories(visit: Doctor) -> None:
    visit.hub.changed, visit.hub.hours = FIRST + 1, 0.5
    assert (visit.find("repository").status, "30 minutes ago" in visit.find("repository").found) == ("ok", True)
    visit.hub.hours = 5
    assert (visit.find("repository").status, "5 hours ago" in visit.find("repository").found) == ("warn", True)
    visit.hub.hub_version = (1, 35)
    assert visit.find("repository").status == "ok", "a build asks for a new one"
    visit.hub.repo = None
    assert (visit.find("repository").status, "koji regen-repo here-build" in visit.find("repository").cure) == ("warn", True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"enabled": False}, "two is disabled"),
        ({"ready": False}, "two takes no task"),
        ({"seen": None}, "two has said nothing yet"),
        ({"seen": 1.0}, "two has said nothing for"),
        ({"arches": "x86_64"}, "no builder of the hub builds for i386"),
    ],
)
def test_builders(visit: Doctor, changes: dict[str, object], words: str) -> None:
    visit.hub.channels[None] = [visit.hub.host("two", **changes)]
    x86_64, i386 = visit.look()["builders"]
    assert (i386.status, words in i386.found) == ("fail", True), i386
    assert x86_64.status == ("ok" if "arches" in changes else "fail")
    visit.hub.channels[None].append(visit.hub.host("three", id=2))
    assert [finding.found for finding in visit.look()["builders"]][1] == "i386: three", "one is enough"


def test_nobody_makes_repositories(visit: Doctor) -> None:
    visit.hub.channels["createrepo"] = []
    assert len(visit.look()["builders"]) == 2, "no package waits for one"
    visit.chain()
    finding = visit.look()["builders"][2]
    assert (finding.status, finding.cure) == ("fail", "have an admin add one: koji add-host-to-channel HOST createrepo")


def test_many_builders_take_one_line(visit: Doctor) -> None:
    visit.hub.channels[None] = [visit.hub.host(f"b{number}", id=number) for number in range(10, 17)]
    assert visit.look()["builders"][0].found == "x86_64: b10, b11, b12, b13, b14 and 2 more"


def test_the_date_of_builds(visit: Doctor) -> None:
    visit.hub.extra["rpm.env.SOURCE_DATE_EPOCH"] = "5"
    cure = "koji edit-tag -x 'rpm.env.SOURCE_DATE_EPOCH=\"1000000000\"' here-build"
    assert (visit.find("date").status, visit.find("date").cure) == ("warn", cure)
    del visit.hub.extra["rpm.env.SOURCE_DATE_EPOCH"]
    assert (visit.find("date").status, visit.find("date").cure) == ("warn", cure)
    visit.hub.extra["rpm.env.SOURCE_DATE_EPOCH"] = 1_000_000_000
    assert (visit.find("date").status, visit.find("environment").status, visit.find("environment").cure) == ("ok", "fail", cure)
    visit.host.release = replace(visit.host.release, target=make_target(traits={"rpm_clamps_times": False}))
    assert "date" not in visit.look(), "an old rpm knows no such date"


def test_what_the_targets_mock_configuration_asks_for(visit: Doctor) -> None:
    for arch in ("x86_64", "i386"):
        config = visit.host.folder / "mock-configs" / f"test-{arch}.cfg"
        config.write_text(f"{CONFIG}config_opts['use_bootstrap'] = False\n")
    visit.host.release = replace(visit.host.release, target_file=visit.host.folder / "targets" / "test.toml")
    del visit.hub.extra["mock.package_manager"]
    cure = "koji edit-tag -x mock.package_manager=dnf4 -x mock.use_bootstrap=False here-build"
    assert (visit.find("mock").status, visit.find("mock").cure) == ("warn", cure)
    visit.hub.extra |= {"mock.package_manager": "dnf4", "mock.use_bootstrap": False}
    assert visit.find("mock").status == "ok"
    visit.hub.extra |= {"mock.use_bootstrap": True}
    assert visit.find("mock").cure == "koji edit-tag -x mock.use_bootstrap=False here-build"


def test_what_the_hub_does_not_tell_hides_nothing(visit: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(tag: int) -> None:
        raise koji.GenericError("Invalid method: tagLastChangeEvent")

    monkeypatch.setattr(visit.hub, "tagLastChangeEvent", fail)
    finding = visit.find("repository")
    assert (finding.status, finding.found) == ("warn", "the hub does not tell: GenericError: Invalid method: tagLastChangeEvent")
    assert visit.find("date").status == "ok"


def test_mock_is_for_acceptance_alone(visit: Doctor) -> None:
    visit.host.missing = {"mock"}
    finding = visit.host.find(doctor.check_userland)
    assert (finding.status, "acceptance" in finding.found) == ("warn", True)
    visit.host.missing = set()
    assert set(rows(visit.host.look(doctor.check_userland)).values()) == {"ok"}
