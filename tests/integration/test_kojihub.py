"""The private Koji that other tests submit to: a hub alone, and with a builder that runs mock."""

import time
from pathlib import Path

import pytest

from .kojihub import KojiHub, why_no_hub

koji = pytest.importorskip("koji")

pytestmark = [
    pytest.mark.koji,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_no_hub()), reason=why_no_hub()),
]


@pytest.fixture(scope="module")
def hub(koji_hub: KojiHub) -> KojiHub:
    """The hub, with somebody who may build from SRPMs, and somebody who may not."""
    koji_hub.add_user("builds", ["build"])
    koji_hub.add_user("watches")
    return koji_hub


def login_by_certificate(hub: KojiHub, certificate: Path) -> object:
    session = koji.ClientSession(hub.tls_url)
    session.ssl_login(str(certificate), None, str(hub.ca))
    return session.getLoggedInUser()["name"]


def test_a_hub_is_there_in_seconds_and_leaves_nothing() -> None:
    start = time.monotonic()
    with KojiHub() as hub:
        assert hub.admin.getAPIVersion() == 1
        assert time.monotonic() - start < 60  # 2 to 5 s were seen
        folder, processes = hub.folder, [hub.database.process, *hub.processes.values()]
    assert not folder.exists()
    assert all(process and process.returncode is not None for process in processes)


def test_a_user_logs_in_by_password(hub: KojiHub) -> None:
    assert hub.session("builds").getLoggedInUser()["name"] == "builds"
    path = hub.password_file("builds")
    assert path.stat().st_mode & 0o777 == 0o600
    session = koji.ClientSession(hub.url, {"user": "builds", "password": path.read_text().strip()})
    assert session.login()


def test_a_wrong_password_is_refused(hub: KojiHub) -> None:
    session = koji.ClientSession(hub.url, {"user": "builds", "password": hub.passwords["watches"]})
    with pytest.raises(koji.AuthError, match="invalid username or password"):
        session.login()


def test_a_user_logs_in_by_certificate(hub: KojiHub) -> None:
    assert login_by_certificate(hub, hub.certificate("builds")) == "builds"


def test_an_expired_certificate_is_refused(hub: KojiHub) -> None:
    with pytest.raises(koji.AuthError, match="certificate expired"):
        login_by_certificate(hub, hub.certificate("builds", expired=True))


def test_a_certificate_of_nobody_is_refused(hub: KojiHub) -> None:
    with pytest.raises(koji.AuthError, match="Unknown user: stranger"):
        login_by_certificate(hub, hub.certificate("stranger"))


def test_a_target_has_its_tags_groups_and_repositories(hub: KojiHub) -> None:
    hub.add_target(
        "proven", external={"x86_64": "file:///srv/a", "i386": "file:///srv/b"}, extra={"rpm.macro.dist": ".w"}, pkgs=["probe"]
    )
    assert hub.admin.getBuildTarget("proven")["build_tag_name"] == "proven-build"
    assert hub.admin.getBuildConfig("proven-build")["arches"] == "x86_64 i686"
    repositories = hub.admin.getExternalRepoList("proven-build")
    assert [(found["url"], found["arches"]) for found in repositories] == [
        ("file:///srv/a/", "x86_64"),
        ("file:///srv/b/", "i386"),
    ]
    groups = {
        group["name"]: {package["package"] for package in group["packagelist"]}
        for group in hub.admin.getTagGroups("proven-build")
    }
    assert groups == {"build": {"testdist-base", "testdist-extra"}, "srpm-build": {"testdist-base"}}
    assert [found["package_name"] for found in hub.admin.listPackages("proven-build", inherited=True)] == ["probe"]


def test_sessions_and_tasks_outlive_the_hub(hub: KojiHub) -> None:
    session = hub.session("builds", retry_interval=1)
    task, port = session.build("cli-build/none/none.src.rpm", "nowhere", {"scratch": True}), hub.port
    hub.stop()
    with pytest.raises(OSError, match="refused"):
        hub.session("builds")
    hub.start()
    assert hub.port == port
    assert session.getTaskInfo(task)["state"] == koji.TASK_STATES["FREE"]
    session.cancelTask(task)
    assert session.getTaskInfo(task)["state"] == koji.TASK_STATES["CANCELED"]
