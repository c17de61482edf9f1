"""The private Koji with its builder: real SRPMs, kojid and mock."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.packaging.srpm import build_srpm

from ..conftest import make_release
from .distribution import Distribution
from .kojibuilder import KojiBuilder, why_no_builder
from .kojihub import KojiHub
from .test_chroot import SPEC

koji = pytest.importorskip("koji")

pytestmark = [
    pytest.mark.koji,
    pytest.mark.mock,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(why_no_builder()), reason=why_no_builder()),
]

TARGET = "proof"
SLOW = "echo begin; sleep 8"


class Client:
    """Submits SRPMs that it makes."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session, self.folder = session, folder

    def submit(self, name: str, *, build: str = "true", requires: str = "gcc-c++", **options: object) -> int:
        """Make an SRPM, upload and submit it; returns the task's id."""
        install = f"mkdir -p %{{buildroot}}/usr/share; uname -m > %{{buildroot}}/usr/share/{name}"
        spec = SPEC.format(name=name, build=build, install=install, requires=requires)
        srpm = build_srpm(make_release(), spec=spec, name=name, sources=[], output=self.folder / name)
        self.session.uploadWrapper(str(srpm), f"cli-build/{self.folder.name}")
        return int(self.session.build(f"cli-build/{self.folder.name}/{srpm.name}", TARGET, options))

    def scratch(self, name: str, **options: str) -> int:
        return self.submit(name, scratch=True, rebuild_srpm=False, **options)

    def wait(self, task: int, *states: str, timeout: float = 400) -> str:
        """Wait until a task is in one of these states, or finished; returns its state."""
        end = time.monotonic() + timeout
        while (state := self.state(task)) not in (states or ("CLOSED", "FAILED", "CANCELED")):
            assert time.monotonic() < end, f"task {task} is {state}"
            time.sleep(0.3)
        return state

    def wait_until_it_builds(self, task: int) -> None:
        """Wait until rpmbuild runs for each arch."""
        end = time.monotonic() + 400
        while [("begin" in self.read_log(child)) for child in self.children(task).values()] != [True, True]:
            assert time.monotonic() < end
            time.sleep(0.3)

    def state(self, task: int) -> str:
        return str(koji.TASK_STATES[self.session.getTaskInfo(task)["state"]])

    def children(self, task: int) -> dict[str, int]:
        """The tasks of the arches."""
        return {child["label"]: child["id"] for child in self.session.getTaskChildren(task) if child["method"] == "buildArch"}

    def read_log(self, child: int) -> str:
        if "build.log" not in self.session.listTaskOutput(child):
            return ""
        return str(self.session.downloadTaskOutput(child, "build.log").decode())

    def rpms(self, task: int) -> dict[str, Path]:
        """Download the RPM of each arch."""
        found = {}
        for label, child in self.children(task).items():
            (name,) = (Path(path).name for path in self.session.getTaskResult(child)["rpms"])
            found[label] = self.folder / name
            found[label].write_bytes(self.session.downloadTaskOutput(child, name))
        return found


@pytest.fixture(scope="module")
def hub(koji_hub: KojiHub, distribution: Distribution) -> KojiHub:
    """The hub, with a target whose build roots are the test distribution."""
    koji_hub.add_user("submits", ["build"])
    external = {arch: f"file://{folder}" for arch, folder in distribution.repositories.items()}
    extra = {"rpm.macro._buildhost": "koji.invalid", "rpm.env.SOURCE_DATE_EPOCH": "1000000000", "rebuild_srpm": False}
    koji_hub.add_target(TARGET, external=external, extra=extra, pkgs=["proof-first", "proof-second"])
    return koji_hub


@pytest.fixture
def builder(koji_builder: KojiBuilder) -> KojiBuilder:
    """The builder as it was made, whatever the test before has told it."""
    usual = (KojiBuilder.minspace, KojiBuilder.build_arch_can_fail)
    if koji_builder.process is None or (koji_builder.minspace, koji_builder.build_arch_can_fail) != usual:
        koji_builder.minspace, koji_builder.build_arch_can_fail = usual
        koji_builder.restart()
    return koji_builder


@pytest.fixture
def client(hub: KojiHub, builder: KojiBuilder, tmp_path: Path) -> Client:
    return Client(hub.session("submits", retry_interval=1), tmp_path)


def test_a_scratch_build_makes_both_arches_as_the_tag_tells(client: Client) -> None:
    task = client.scratch("probe", build="rpm --eval 'host %{_buildhost}'; echo epoch $SOURCE_DATE_EPOCH")
    assert client.wait(task) == "CLOSED"
    assert {client.state(child) for child in client.children(task).values()} == {"CLOSED"}
    headers = {label: read_header(path) for label, path in client.rpms(task).items()}
    assert {label: header.arch for label, header in headers.items()} == {"x86_64": "x86_64", "i686": "i686"}
    for child in client.children(task).values():
        log = client.read_log(child)  # whose lines the shell's own may stand in
        assert "host koji.invalid" in log and "epoch 1000000000" in log


def test_a_build_finds_what_was_tagged_before(client: Client, hub: KojiHub) -> None:
    assert client.wait(client.submit("proof-first")) == "CLOSED"
    assert [build["nvr"] for build in client.session.listTagged(TARGET)] == ["proof-first-1-1"]
    repository = hub.wait_repo(TARGET)
    assert (hub.topdir / "repos" / f"{TARGET}-build" / str(repository) / "i386").is_dir()
    second = client.submit(
        "proof-second", requires="proof-first", build="test -s /usr/share/proof-first", wait_builds=["proof-first-1-1"]
    )
    assert client.wait(second) == "CLOSED"
    for child in client.children(second).values():
        (root,) = client.session.listBuildroots(taskID=child)
        assert "proof-first" in {package["name"] for package in client.session.getBuildrootListing(root["id"])}


def test_a_build_goes_on_while_the_hub_is_away(client: Client, hub: KojiHub) -> None:
    task = client.scratch("probe", build=SLOW)
    client.wait_until_it_builds(task)
    hub.stop()
    time.sleep(2)
    hub.start()
    assert client.wait(task) == "CLOSED"
    assert len(client.rpms(task)) == 2


def test_a_killed_builder_begins_its_tasks_anew(client: Client, builder: KojiBuilder) -> None:
    task = client.scratch("probe", build=SLOW)
    client.wait_until_it_builds(task)
    children = client.children(task)
    builder.kill()
    assert {client.state(child) for child in children.values()} == {"OPEN"}
    builder.start()
    assert client.wait(task) == "CLOSED"
    assert client.children(task) == children


def test_a_cancelled_task_ends_its_mocks(client: Client, builder: KojiBuilder) -> None:
    task = client.scratch("probe", build="echo begin; sleep 300")
    client.wait_until_it_builds(task)
    assert len(builder.processes()) > 2
    client.session.cancelTask(task)
    assert client.wait(task) == "CANCELED"
    end = time.monotonic() + 120
    while len(builder.processes()) > 1:
        assert time.monotonic() < end, builder.processes()
        time.sleep(0.3)


def test_a_failed_arch_cancels_the_other_unless_it_may_fail(client: Client, builder: KojiBuilder) -> None:
    half = "case $(uname -m) in i686) exit 3;; esac; sleep 10"
    task = client.scratch("half", build=half)
    assert client.wait(task) == "FAILED"
    with pytest.raises(koji.BuildError, match=r"arch i686.*mock exited with status 1"):
        client.session.getTaskResult(task)
    assert client.state(client.children(task)["x86_64"]) == "CANCELED"
    builder.build_arch_can_fail = True
    builder.restart()
    task = client.scratch("half", build=half)
    assert client.wait(task) == "FAILED"
    child = client.children(task)["x86_64"]
    assert client.state(child) == "CLOSED"
    assert f"tasks/{child}/{child}/half-1-1.x86_64.rpm" in client.session.getTaskResult(child)["rpms"]


def test_a_builder_whose_disk_is_full_takes_nothing(client: Client, builder: KojiBuilder) -> None:
    builder.minspace = 10**9
    builder.restart()
    end = time.monotonic() + 60
    while client.session.getHost(builder.name)["ready"]:
        assert time.monotonic() < end
        time.sleep(0.3)
    task = client.scratch("probe")
    time.sleep(5)
    assert client.state(task) == "FREE"
    client.session.cancelTask(task)


def test_another_builder_leaves_nothing_although_it_is_at_work(client: Client, hub: KojiHub, builder: KojiBuilder) -> None:
    builder.stop()
    with KojiBuilder(hub=hub, name="another") as another:
        task = client.scratch("probe", build="echo begin; sleep 300")
        client.wait_until_it_builds(task)
        for child in client.children(task).values():
            assert [root["host_name"] for root in client.session.listBuildroots(taskID=child)] == ["another"]
        processes = another.processes()
        assert len(processes) > 2
    assert not [process for process in processes if Path(f"/proc/{process}").exists()]
    assert str(hub.folder) not in Path("/proc/self/mountinfo").read_text()
    assert not os.path.lexists(f"/etc/mock/koji/{TARGET}-build-1-1.cfg")
    client.session.cancelTask(task)
