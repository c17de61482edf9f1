"""What the mock builder asks of mock: seen by a program of that name that writes down how it was called."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.lock import Lock, LockedPackage, write_lock
from tproxy_rpms.builders.mock import MockBuilder, create
from tproxy_rpms.builders.mockfailure import DATABASE
from tproxy_rpms.builders.mockprocess import check_membership
from tproxy_rpms.errors import HostError, LockedError, RootError, UserError
from tproxy_rpms.release.model import Package
from tproxy_rpms.store import digest_file

from ..conftest import make_release, make_target
from .kojirpm import make_srpm

FAKE = """\
#!/usr/bin/python3
import json, pathlib, sys
here, argv = pathlib.Path(__file__).parent, sys.argv[1:]
config = pathlib.Path(argv[argv.index("-r") + 1]).read_text()
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([argv, config]) + "\\n")
answers = json.loads((here / "answers").read_text())
result = pathlib.Path(next(word for word in argv if word.startswith("--resultdir=")).split("=")[1])
for name, text in answers["logs"].items():
    (result / name).write_text(text)
sys.exit(answers["status"])
"""

LISTED = "DEBUG util.py:462:  package=glibc-2.5-123.el5.i686\nDEBUG util.py:462:  package=bash-3.2-33.el5.i386\n"


class FakeMock:
    """A program called mock on PATH, with what it is to answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "mock").write_text(FAKE)
        (folder / "mock").chmod(0o755)
        self.answer()

    def answer(self, *, status: int = 0, logs: Mapping[str, str] | None = None) -> None:
        """Say how the next calls end."""
        (self.folder / "answers").write_text(json.dumps({"status": status, "logs": logs or {"root.log": LISTED}}))

    def calls(self) -> list[tuple[list[str], str]]:
        """Return command line and configuration of each call."""
        return [(argv, config) for argv, config in map(json.loads, (self.folder / "calls").read_text().splitlines())]


@pytest.fixture
def mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMock:
    made = FakeMock(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
    monkeypatch.setattr("tproxy_rpms.builders.mock.check_membership", lambda: None)
    for name in ("TPROXY_RPMS_VAULT", "SUDO_UID", "USERHELPER_UID"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def builder(tmp_path: Path) -> MockBuilder:
    for arch in ("x86_64", "i386"):
        (tmp_path / f"test-{arch}.cfg").write_text(f"config_opts['root'] = 'mine-{arch}'\n")
    release = make_release(
        files=(tmp_path / "test.toml",),
        target_file=tmp_path / "target.toml",
        target=make_target(mock_configs="."),
        arches=("i386",),
        packages={"hello": Package(name="hello", spec="hello", sources=())},
    )
    return create(release, cache=tmp_path / "cache", work=tmp_path / "work")


def make_job(folder: Path, **changes: Any) -> Job:
    srpm = make_srpm(folder)
    job = Job(
        package="hello", srpm=srpm, arch="i386", results=folder / "results", logs=folder / "logs", jobs=3, epoch=1_234_567_890
    )  # fmt: skip
    return replace(job, **changes)


def make_lock(builder: MockBuilder) -> Path:
    """Lock `hello` to one package that lies in a folder."""
    rpm = builder.work.parent / "bash-3.2-33.el5.i386.rpm"
    rpm.write_bytes(b"bash")
    package = LockedPackage(
        name="bash", arch="i386", version="3.2", release="33.el5", sigmd5="0" * 32, url=rpm.as_uri(), size=4,
        sha256="37d2b12d5d9abc2a364ef9448767ee03938e383c0284193477dc7618f4b7c6c2",
    )  # fmt: skip
    write_lock(builder.lock_path("hello", "i386"), Lock(packages=(package,), config={}))
    return rpm


def test_a_root_is_made_and_then_listed_from_outside(mock: FakeMock, builder: MockBuilder, tmp_path: Path) -> None:
    (listing,) = builder.make_root("i386", log=tmp_path / "logs" / "root-i386.log")
    assert listing.read_text() == "bash-3.2-33.el5.i386\nglibc-2.5-123.el5.i686\n"
    (init, config), (query, _) = mock.calls()
    assert init[-1] == "--init"
    assert query[query.index("--pm-cmd") :][:4] == ["--pm-cmd", "--", "repoquery", "--installed"]
    assert config.startswith("config_opts['root'] = 'mine-i386'\n")


def test_a_root_in_which_rpm_sees_nothing_is_told_with_its_cure(mock: FakeMock, builder: MockBuilder, tmp_path: Path) -> None:
    mock.answer(logs={"root.log": "DEBUG nothing"})
    with pytest.raises(RootError, match="rpm lists no package") as caught:
        builder.make_root("i386", log=tmp_path / "logs" / "root-i386.log")
    assert caught.value.hint == DATABASE


def test_a_build_asks_for_what_it_needs(mock: FakeMock, builder: MockBuilder, tmp_path: Path) -> None:
    mock.answer(status=60)
    with pytest.raises(LockedError):
        builder.build(make_job(tmp_path))
    ((argv, config),) = mock.calls()
    assert argv[-2] == "--rebuild"
    assert argv[-1].endswith("/hello-1-1.src.rpm")
    assert "--define=_smp_mflags -j3" in argv
    assert "--enable-plugin=buildroot_lock" in argv
    assert "config_opts['environment']['SOURCE_DATE_EPOCH'] = '1234567890'" in config
    assert not any(word.startswith("--config-opts=centos_vault") for word in argv)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("arches", "target"), [(("noarch",), "noarch"), ((), "i686"), (("noarch", "i686"), "i686")])
def test_packages_for_no_arch_are_built_for_none(
    mock: FakeMock, builder: MockBuilder, tmp_path: Path, arches: tuple[str, ...], target: str
) -> None:
    """As Koji does: what a spec makes of %_target_cpu must be the same in both."""
    mock.answer(status=60)
    srpm = make_srpm(tmp_path / "srpms", build_arches=arches)
    with pytest.raises(LockedError):
        builder.build(make_job(tmp_path, srpm=srpm))
    ((argv, _),) = mock.calls()
    assert f"--target={target}" in argv


def test_packages_and_clones_have_chroots_of_their_own_and_one_root_cache(
    mock: FakeMock, builder: MockBuilder, tmp_path: Path
) -> None:
    mock.answer(status=60)
    other = create(builder.release, cache=builder.cache, work=tmp_path / "another" / "work")
    for made, job in ((builder, make_job(tmp_path)), (builder, make_job(tmp_path, package="squid")), (other, make_job(tmp_path))):
        with pytest.raises(LockedError):
            made.build(job)
    words = [{word.split("=")[0]: word for word in argv if "=" in word} for argv, _ in mock.calls()]
    assert len({call["--uniqueext"] for call in words}) == 3
    roots = [word for argv, _ in mock.calls() for word in argv if word.startswith("--config-opts=root=test-i386-")]
    assert len(roots) == 3
    assert len(set(roots)) == 1


def test_another_mirror_of_the_vault_is_handed_on(
    mock: FakeMock, builder: MockBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TPROXY_RPMS_VAULT", "http://mirror.example.org/centos-vault/")
    builder.make_root("i386", log=tmp_path / "logs" / "root-i386.log")
    assert all("--config-opts=centos_vault=http://mirror.example.org/centos-vault" in argv for argv, _ in mock.calls())


@pytest.mark.parametrize("systemd", [True, False])
def test_isolation_is_the_configurations_choice_where_the_host_leaves_one(
    systemd: bool, mock: FakeMock, builder: MockBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: systemd if str(path) == "/run/systemd/system" else is_dir(path))
    monkeypatch.setattr("tproxy_rpms.builders.mock.shutil.which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr("tproxy_rpms.builders.mock.find_mock", lambda: str(mock.folder / "mock"))
    builder.make_root("i386", log=tmp_path / "logs" / "root-i386.log")
    assert all(("--isolation=simple" in argv) == (not systemd) for argv, _ in mock.calls())


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "may"),
    [(0, 0, [0], True), (1000, 1000, [1000, 135], True), (1000, 135, [1000], True), (1000, 1000, [1000], False)],
)
def test_a_user_outside_the_group_is_told_the_cure(
    uid: int, gid: int, groups: list[int], may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [SimpleNamespace(gr_name="mock", gr_gid=135), SimpleNamespace(gr_name="users", gr_gid=1000)]
    monkeypatch.setattr("tproxy_rpms.builders.mockprocess.grp.getgrall", lambda: named)
    monkeypatch.setattr("tproxy_rpms.builders.mockprocess.os.geteuid", lambda: uid)
    monkeypatch.setattr("tproxy_rpms.builders.mockprocess.os.getegid", lambda: gid)
    monkeypatch.setattr("tproxy_rpms.builders.mockprocess.os.getgroups", lambda: groups)
    if may:
        check_membership()
        return
    with pytest.raises(HostError, match="may not run mock") as caught:
        check_membership()
    assert "usermod -aG mock" in caught.value.hint


def test_ccache_is_refused(mock: FakeMock, builder: MockBuilder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no ccache"):
        builder.build(make_job(tmp_path, ccache=tmp_path))


def test_a_missing_configuration_is_named(builder: MockBuilder, tmp_path: Path) -> None:
    (tmp_path / "test-i386.cfg").unlink()
    with pytest.raises(UserError, match=r"test-i386\.cfg: no such file"):
        builder.root_inputs("i386")


def test_configuration_and_locks_shape_a_root(builder: MockBuilder, tmp_path: Path) -> None:
    plain = builder.root_inputs("i386")
    make_lock(builder)
    locked = builder.root_inputs("i386")
    (tmp_path / "test-i386.cfg").write_text("config_opts['root'] = 'other'\n")
    changed = builder.root_inputs("i386")
    assert plain["locks"] != locked["locks"]
    assert locked["config"] != changed["config"]
    assert builder.root_inputs("x86_64")["locks"] == plain["locks"]


def test_only_a_root_whose_packages_are_all_locked_is_known_before_a_build(builder: MockBuilder, tmp_path: Path) -> None:
    assert builder.identify_root("i386") is None
    make_lock(builder)
    locked = replace(builder)  # what a run finds that begins with the lock
    known = locked.identify_root("i386")
    assert known == locked.root_inputs("i386")
    assert str(tmp_path) not in str(known)


def test_what_mock_has_done_is_told_for_the_record(builder: MockBuilder, mock: FakeMock, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "root-i386.log"
    assert builder.describe_root("i386", log=log) is None
    (listing,) = builder.make_root("i386", log=log)
    root = builder.describe_root("i386", log=log)
    assert root is not None
    assert (root.kind, root.packages) == ("rpm", {"glibc.i686": "2.5-123.el5", "bash.i386": "3.2-33.el5"})
    assert root.sha256 == digest_file(listing)
    package = LockedPackage(
        name="glibc", arch="i686", version="2.5", release="1.el5", sigmd5="x", url="u", epoch="1", sha256="a", size=1
    )
    write_lock(tmp_path / "job" / "buildroot_lock.json", Lock(packages=(package,), config={}))
    assert builder.describe_job(tmp_path / "job").packages == {"glibc.i686": "1:2.5-1.el5"}
    assert builder.describe_job(tmp_path / "none").packages == {}
