"""The doctor: what the builders need of a host."""

from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders.mockfailure import DATABASE, GROUP, INSTALL, PLUGINS, PRIVILEGES
from tproxy_rpms.doctor import archive, chroot, mock
from tproxy_rpms.doctor.examine import examine
from tproxy_rpms.doctor.host import Answer
from tproxy_rpms.release.model import Archive, Source

from .fakehost import ANSWERS, Fake, rows


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fake")


def test_mock_is_missing(fake: Fake) -> None:
    fake.missing = {"mock"}
    finding = fake.find(mock.check_mock)
    assert (finding.status, finding.cure) == ("fail", INSTALL)
    assert fake.look(mock.check_configurations) == []


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [("6.7", 0, "ok"), ("10.0", 0, "ok"), ("5.9", 0, "fail"), ("unreleased_version", 0, "warn"), ("Traceback", 1, "fail")],
)
def test_the_version_of_mock(fake: Fake, said: str, status: int, expected: str) -> None:
    fake.answers = {"--version": Answer(status=status, output=f"{said}\n")}
    assert fake.find(mock.check_mock).status == expected
    assert fake.asked[-1] == ("/usr/bin/mock --version", {})
    fake.changes = {"uid": 0}
    fake.find(mock.check_mock)
    assert "SUDO_UID" in fake.asked[-1][1], "plain root is not told"


@pytest.mark.parametrize(
    ("changes", "expected", "cure"),
    [
        ({}, "ok", ""),
        ({"groups": frozenset({"someone"})}, "fail", GROUP),
        ({"uid": 0}, "fail", GROUP),
        ({"uid": 0, "environment": {"SUDO_UID": "1001", "SUDO_USER": "someone"}}, "ok", ""),
        ({"uid": 0, "environment": {"USERHELPER_UID": "1001"}}, "ok", ""),
        ({"uid": 0, "environment": {"SUDO_UID": "0"}}, "fail", GROUP),
        ({"known_groups": frozenset({"someone"})}, "fail", "groupadd --system mock; mock's packages make it"),
    ],
)
def test_whom_mock_runs_for(fake: Fake, changes: dict[str, object], expected: str, cure: str) -> None:
    fake.changes = changes
    finding = fake.find(mock.check_user)
    assert (finding.status, finding.cure) == (expected, cure)
    assert len(fake.look(mock.check_configurations)) == (2 if expected == "ok" else 0), "else it might ask for a password"


def test_mock_is_asked_as_a_build_asks_it(fake: Fake) -> None:
    fake.changes = {"uid": 0, "environment": {"SUDO_UID": "1001", "SECRET": "x"}}
    assert rows(fake.look(mock.check_configurations)) == {"mock -r test-x86_64": "ok", "mock -r test-i386": "ok"}
    line, environment = fake.asked[-1]
    assert f"-r {fake.release.mock_config('i386')}" in line
    assert environment == {"SUDO_UID": "1001"}


def test_what_mock_says_against_a_configuration(fake: Fake) -> None:
    fake.answers = {"x86_64": Answer(status=2, output="ERROR: Operation not permitted\n"), **ANSWERS}
    first, second = fake.look(mock.check_configurations)
    assert (first.status, first.cure, second.status) == ("fail", PRIVILEGES, "ok")
    assert first.found == "mock was started without its privileges (ERROR: Operation not permitted)"
    fake.release.mock_config("x86_64").unlink()
    assert fake.look(mock.check_configurations)[0].found.endswith("test-x86_64.cfg: no such file")


def test_the_package_manager_that_the_roots_want(fake: Fake) -> None:
    assert fake.find(mock.check_manager).status == "ok"
    del fake.files["/usr/bin/dnf-3"]
    finding = fake.find(mock.check_manager)
    assert (finding.status, finding.cure) == ("fail", "install dnf")
    fake.files["/usr/bin/dnf5"] = ""
    assert fake.find(mock.check_manager).status == "warn"
    for arch in ("x86_64", "i386"):
        config = fake.release.mock_config(arch)  # type: ignore[arg-type]
        config.write_text(config.read_text().replace("False", "True"))
    finding = fake.find(mock.check_manager)
    assert (finding.status, "waits for Enter" in finding.found) == ("fail", True)


def test_a_yum_that_is_dnf_by_another_name_is_none(fake: Fake) -> None:
    assert mock.read_manager("") == "dnf4"
    case = fake.case()
    case.host.path("/usr/bin/yum").symlink_to("dnf-3")
    assert not mock.has_manager(case, "yum")
    assert mock.has_manager(case, "dnf4")


def test_builddep_is_a_plugin(fake: Fake) -> None:
    assert fake.find(mock.check_builddep).status == "ok"
    fake.answers = {"/usr/bin/dnf-3 builddep": Answer(status=1, output="No such command: builddep.\n")}
    finding = fake.find(mock.check_builddep)
    assert (finding.status, finding.cure) == ("fail", PLUGINS)
    del fake.files["/usr/bin/dnf-3"]
    fake.files["/usr/bin/yum"] = ""
    assert fake.look(mock.check_builddep) == [], "yum has yum-builddep"


def test_where_rpm_keeps_its_database(fake: Fake) -> None:
    finding = fake.find(mock.check_database)
    assert (finding.status, "reads bdb alone" in finding.found) == ("ok", True)
    fake.answers = {"--eval": Answer(status=0, output="/usr/lib/sysimage/rpm\n\n")}
    assert fake.find(mock.check_database).found == "/usr/lib/sysimage/rpm, bdb"
    fake.answers = {"--eval": Answer(status=0, output="/home/someone/.rpmdb\nsqlite\n")}
    finding = fake.find(mock.check_database)
    assert (finding.status, finding.cure) == ("fail", DATABASE)


def test_keys_of_the_packages_of_roots(fake: Fake) -> None:
    assert fake.find(mock.check_keys).status == "ok"
    del fake.files["/keys/A"]
    finding = fake.find(mock.check_keys)
    assert (finding.status, finding.found) == ("fail", "not there: /keys/A")
    fake.release.lock.mkdir(parents=True)
    (fake.release.lock / "hello-x86_64.json").write_text("{}")
    assert fake.find(mock.check_keys).status == "ok", "locked packages are checked by digest"


def test_a_key_that_the_hosts_rpm_refuses(fake: Fake) -> None:
    fake.answers = {"rpmkeys": Answer(status=1, output="error: Certificate 0123: policy rejects subkey"), **fake.answers}
    finding = fake.find(mock.check_keys)
    assert (finding.status, finding.found) == ("fail", "the host's rpm refuses /keys/A")
    assert "crypto-policies" in finding.cure


def test_namespaces_that_are_not_allowed(fake: Fake) -> None:
    assert fake.find(chroot.check_namespaces).status == "ok"
    fake.answers = {"unshare": Answer(status=1, output="unshare: Operation not permitted\n")}
    assert fake.find(chroot.check_namespaces).cure == chroot.CONTAINER
    fake.files["/proc/sys/kernel/unprivileged_userns_clone"] = "0\n"
    assert fake.find(chroot.check_namespaces).cure == "sysctl kernel.unprivileged_userns_clone=1"
    fake.changes = {"uid": 0}
    assert fake.find(chroot.check_namespaces).cure == chroot.CONTAINER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("someone:100000:65536\n", "ok"),
        ("1001:100000:65536\n", "ok"),
        ("someone:1:10\nsomeone:100000:70000\n", "ok"),
        ("someone:100000:65535\n", "fail"),
        ("else:100000:65536\n", "fail"),
        ("someone\n", "fail"),
        ("", "fail"),
    ],
)
def test_ranges_of_ids(fake: Fake, text: str, expected: str) -> None:
    fake.files["/etc/subgid"] = text
    finding = fake.find(chroot.check_ids)
    assert finding.status == expected
    assert ("in /etc/subgid" in finding.found) == (expected == "fail")
    fake.changes = {"uid": 0}
    assert fake.look(chroot.check_ids) == []


def test_an_arch_test_that_says_no(fake: Fake) -> None:
    fake.answers = {"arch-test i386": Answer(status=1, output="i386: not supported on this machine/kernel\n")}
    assert fake.find(chroot.check_arch_test).status == "fail"


def test_the_hosts_archive(fake: Fake) -> None:
    assert rows(fake.look(archive.check_archive)) == {"package mirror": "ok", "archive keys": "ok"}
    del fake.files["/k.gpg"]
    finding = fake.look(archive.check_archive)[1]
    assert (finding.status, finding.found) == ("fail", "not there: /k.gpg")
    fake.files["/etc/apt/sources.list"] = "deb http://a.example.org/debian bookworm main\n"
    assert fake.look(archive.check_archive)[1].found == "not there: /etc/apt/trusted.gpg.d/*"
    fake.files["/etc/apt/trusted.gpg.d/a.asc"] = ""
    assert fake.look(archive.check_archive)[1].status == "ok"
    fake.files["/etc/apt/sources.list"] = "deb http://a.example.org/debian trixie main\n"
    assert rows(fake.look(archive.check_archive)) == {"package mirror": "fail"}
    fake.files["/etc/os-release"] = "ID=fedora\n"
    assert rows(fake.look(archive.check_archive)) == {"package mirror": "fail"}


def test_the_archive_is_for_releases_with_sources_from_it(fake: Fake) -> None:
    assert fake.look(archive.check_sources) == []
    source = Source(name="squid", archive=Archive(kind="source", package="squid"))
    fake.release = replace(fake.release, sources={"squid": source}, builder="chroot")
    names = [finding.name for finding in examine(fake.case())]
    assert names.count("package mirror") == 1
