"""What a real hub refuses, before any builder has a part in it; each with its exit code and cure."""

from pathlib import Path

import pytest

from tproxy_rpms.builders.koji import create
from tproxy_rpms.errors import KojiError, TproxyError, UserError
from tproxy_rpms.release.koji import Koji

from ..conftest import make_release
from .kojihub import KojiHub, why_no_hub

pytestmark = [
    pytest.mark.koji,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_no_hub()), reason=why_no_hub()),
]


@pytest.fixture(scope="module")
def hub(koji_hub: KojiHub) -> KojiHub:
    """The hub, with a user and a target."""
    koji_hub.add_user("asks", ["build"])
    koji_hub.add_target("asked", external="file:///srv/$arch")
    koji_hub.add_target("narrow", external="file:///srv/$arch", arches=("x86_64", "i386"))
    return koji_hub


def ask(to: KojiHub, folder: Path, *, error: type[TproxyError] | None = None, **changes: object) -> str:
    """Return what is said when the root of i386 is asked for, which is the first that the hub is asked."""
    keys = {"hub": to.url, "target": "asked", "login": "password", "user": "asks", "password_file": to.password_file("asks")}
    builder = create(make_release(builder="koji", koji=Koji(**(keys | changes))), cache=folder, work=folder)  # type: ignore[arg-type]
    if error is None:
        return builder.make_root("i386", log=folder / "root-i386.log")[0].read_text()
    with pytest.raises(error) as caught:
        builder.make_root("i386", log=folder / "root-i386.log")
    return str(caught.value)


def test_a_target_is_told(hub: KojiHub, tmp_path: Path) -> None:
    told = ask(hub, tmp_path)
    assert '"build_tag": "asked-build"' in told and '"x86_64",\n    "i686"' in told


def test_a_certificate_logs_in(hub: KojiHub, tmp_path: Path) -> None:
    certificate = {"hub": hub.tls_url, "login": "certificate", "certificate": hub.certificate("asks"), "ca": hub.ca}
    assert "asked-build" in ask(hub, tmp_path, **certificate)


def test_a_certificate_past_its_date(hub: KojiHub, tmp_path: Path) -> None:
    certificate = {"hub": hub.tls_url, "login": "certificate", "certificate": hub.certificate("asks", expired=True), "ca": hub.ca}
    said = ask(hub, tmp_path, error=KojiError, **certificate)
    assert "certificate expired" in said and "ask the hub's admin" in said


def test_a_hub_that_nobody_vouches_for(hub: KojiHub, tmp_path: Path) -> None:
    certificate = {"hub": hub.tls_url, "login": "certificate", "certificate": hub.certificate("asks")}
    assert "koji.ca" in ask(hub, tmp_path, error=KojiError, **certificate)


def test_a_wrong_password(hub: KojiHub, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text("wrong\n")
    said = ask(hub, tmp_path, error=KojiError, password_file=path)
    assert "invalid username or password" in said and "koji add-user" in said and "wrong\n" not in said


def test_a_password_that_others_can_read(hub: KojiHub, tmp_path: Path) -> None:
    path = hub.password_file("asks")
    path.chmod(0o644)
    try:
        assert f"chmod 600 {path}" in ask(hub, tmp_path, error=UserError)
    finally:
        path.chmod(0o600)


def test_a_target_that_is_not_there(hub: KojiHub, tmp_path: Path) -> None:
    said = ask(hub, tmp_path, error=KojiError, target="askd")
    assert "there is no build target askd" in said and "asked" in said and "koji add-target askd" in said


def test_arches_that_give_packages_other_names(hub: KojiHub, tmp_path: Path) -> None:
    said = ask(hub, tmp_path, error=KojiError, target="narrow")
    assert "the release takes i686" in said and "koji edit-tag --arches='x86_64 i686' narrow-build" in said


def test_a_hub_that_is_away(hub: KojiHub, tmp_path: Path) -> None:
    hub.stop()
    try:
        said = ask(hub, tmp_path, error=KojiError)
    finally:
        hub.start()
    assert "Connection refused" in said and "tasks that are at work go on" in said
