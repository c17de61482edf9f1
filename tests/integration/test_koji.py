"""Cuts by a real Koji: a private hub, its builder with the real mock, and the test distribution."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tproxy_rpms.builders.kojitask import ACTIVE, CANCELED, CLOSED, FAILED, OPEN
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.store import digest_file

from .distribution import Distribution
from .kojibuilder import KojiBuilder, why_no_builder
from .kojichain import NAMES, Chain
from .kojihub import KojiHub

pytestmark = [
    pytest.mark.koji,
    pytest.mark.mock,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(why_no_builder()), reason=why_no_builder()),
]

ARCHES = ("x86_64", "i386")


@pytest.fixture
def make_chain(
    tmp_path: Path, koji_hub: KojiHub, koji_builder: KojiBuilder, distribution: Distribution, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Chain]]:
    """Makes a project of the packages that are named, with a user and a target for this test."""
    name = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")

    made = []

    def make(*packages: str, folder: str = "project") -> Chain:
        made.append(Chain(tmp_path / folder, koji_hub, distribution, name=name, packages=packages))
        return made[-1]

    yield make
    for chain in made:
        chain.end()


@pytest.fixture(scope="module")
def cut(
    tmp_path_factory: pytest.TempPathFactory, koji_hub: KojiHub, koji_builder: KojiBuilder, distribution: Distribution
) -> Chain:
    """A finished cut of three packages, each of which needs the one before."""
    chain = Chain(tmp_path_factory.mktemp("cut") / "project", koji_hub, distribution, name="whole")
    chain.doit()
    return chain


def wait_for_state(chain: Chain, *states: int, method: str = "build", seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not has_state(chain, *states, method=method):
        tasks = [{key: task[key] for key in ("id", "method", "state", "host_id")} for task in chain.hub.admin.listTasks({})]
        assert time.monotonic() < end, f"{tasks}\n{chain.hub.logs[-5000:]}"
        time.sleep(0.3)


def has_state(chain: Chain, *states: int, method: str = "build") -> bool:
    return any(task["state"] in states for task in chain.tasks(method))


def copy_chain(chain: Chain, folder: Path) -> Chain:
    """Return another clone of a project."""
    shutil.copytree(chain.folder, folder, ignore=shutil.ignore_patterns("build", ".doit*"))
    clone = copy.copy(chain)
    clone.folder = folder
    return clone


def digests(chain: Chain) -> dict[str, str]:
    return {path.name: digest_file(path) for package in chain.packages for arch in ARCHES for path in chain.rpms(package, arch)}


def end(process: "subprocess.Popen[str]", number: int) -> str:
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=60)
    return output


def test_three_packages_that_need_each_other_are_built_for_both_arches(cut: Chain) -> None:
    arches = {
        (package, arch): {read_header(path).arch for path in cut.rpms(package, arch)} for package in NAMES for arch in ARCHES
    }
    assert arches == {
        (package, arch): {"noarch" if package == "third" else "i686" if arch == "i386" else "x86_64"}
        for package in NAMES
        for arch in ARCHES
    }
    assert [task["state"] for task in cut.tasks()] == [CLOSED] * 3  # one a package, both arches in it
    assert "gcc -O2 -o second second.c" in (cut.cut / "logs" / "second-i386" / "build.log").read_text()
    assert (cut.cut / "repo" / "i386" / "repodata" / "repomd.xml").is_file()


def test_what_is_up_to_date_asks_no_hub(cut: Chain) -> None:
    cut.hub.stop()
    try:
        assert "0 steps done" in cut.doit()
    finally:
        cut.hub.start()


def test_the_record_names_hub_tasks_builder_and_roots(cut: Chain) -> None:
    record = json.loads((cut.cut / "record" / "chain.intoto.json").read_text())
    text = json.dumps(record)
    builds = record["predicate"]["runDetails"]["metadata"] if "builds" in record["predicate"]["runDetails"]["metadata"] else None
    place = cut.place("second", "i386")
    assert place["hub"] == cut.hub.url and place["host"] == "builder" and place["packages"]["first.i686"] == "1.0-1.whole.el5"
    for key in ("hub", "task", "child", "host", "buildroot", "repo"):
        assert json.dumps({key: place[key]})[1:-1] in text, (key, builds)
    assert '"first.i686": "1.0-1.whole.el5"' in text
    assert "password_file" not in text and cut.hub.passwords["whole"] not in text


def test_another_clone_takes_the_same_tasks(cut: Chain, tmp_path: Path) -> None:
    clone = copy_chain(cut, tmp_path / "clone")
    clone.doit()
    assert digests(clone) == digests(cut)
    assert len(cut.tasks()) == 3


def test_a_second_build_in_koji_is_the_same(cut: Chain) -> None:
    output = cut.doit("repro:second:x86_64", "repro:second:i386", "repro:first:i386")
    assert "3 identical" in output
    assert all(task["request"][2]["scratch"] for task in cut.tasks()[3:])


def test_one_side_is_built_by_koji_the_other_here(cut: Chain) -> None:
    output = cut.doit("repro", "--builder=mock")
    assert "9 identical" in output, output  # six builds, three SRPMs
    verdict = json.loads((cut.cut / "repro" / "second-x86_64.json").read_text())
    assert "koji" in json.dumps(verdict["varied"]) and "mock" in json.dumps(verdict["varied"])


def test_a_cut_of_koji_is_made_again_here(cut: Chain) -> None:
    record = cut.cut / "record" / "chain.intoto.json"
    said = cut.doit("rebuild", str(record), status=16)
    assert "Koji has built it" in said and "--builder=mock" in said
    assert re.search(r"all \d+ files are the same bytes", cut.doit("rebuild", "--builder=mock", "-n", "2", str(record)))


def test_what_the_hub_has_cleared_away_is_taken_from_where_it_keeps_builds(cut: Chain, tmp_path: Path) -> None:
    clone = copy_chain(cut, tmp_path / "clone")
    for task in cut.tasks("buildArch"):
        shutil.rmtree(cut.hub.topdir / "work" / "tasks" / str(task["id"] % 10000) / str(task["id"]), ignore_errors=True)
    assert "koji.files" in clone.doit("rpm:first:x86_64", status=36)
    clone.write_release(more=f'files = "{cut.hub.files_url}"')
    clone.doit()
    assert digests(clone) == digests(cut)
    assert "gcc -O2 -o second second.c" in (clone.cut / "logs" / "second-i386" / "build.log").read_text()


def test_a_killed_run_is_gone_on_with(make_chain: Callable[..., Chain]) -> None:
    chain = make_chain("first")
    process = chain.start()
    wait_for_state(chain, OPEN)
    end(process, signal.SIGKILL)
    assert has_state(chain, *ACTIVE)
    chain.doit()
    assert [task["state"] for task in chain.tasks()] == [CLOSED]
    assert len(digests(chain)) == 2


def test_a_hub_that_is_restarted_is_waited_for(make_chain: Callable[..., Chain]) -> None:
    chain = make_chain("first")
    process = chain.start()
    wait_for_state(chain, OPEN, method="buildArch")
    chain.hub.stop()
    time.sleep(5)
    chain.hub.start()
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert [task["state"] for task in chain.tasks()] == [CLOSED]


def test_ctrl_c_leaves_the_task_and_a_second_cancels_it(make_chain: Callable[..., Chain]) -> None:
    chain = make_chain("first")
    chain.set_words("first", "sleep 60")
    process = chain.start()
    wait_for_state(chain, OPEN)
    output = end(process, signal.SIGINT)
    assert "first: task" in output and "Ctrl-C once more" in output, output
    assert has_state(chain, *ACTIVE)
    log = chain.cut / "logs" / "first-x86_64" / "koji.log"
    log.unlink()
    process = chain.start()
    while not log.is_file() or "watches task" not in log.read_text():
        assert process.poll() is None
        time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(2)
    output = end(process, signal.SIGINT)
    assert "cancelled: first: task" in output, output
    assert [task["state"] for task in chain.tasks()] == [CANCELED]
    chain.doit()
    assert [task["state"] for task in chain.tasks()] == [CANCELED, CLOSED]


@pytest.mark.parametrize("scratch", [True, False])
def test_an_arch_that_fails(make_chain: Callable[..., Chain], koji_builder: KojiBuilder, scratch: bool) -> None:
    koji_builder.build_arch_can_fail = True
    koji_builder.restart()
    chain = make_chain("second")
    broken = (
        "case %{_target_cpu} in i?86) echo 'cc: error: a brick is missing'; exit 3;; esac\necho '#define WORD \"w\"' > first.h"
    )
    spec = (chain.folder / "specs" / "second.spec.j2").read_text()
    spec = spec.replace("BuildRequires: first = 1.0\n", "").replace("gcc -O2", f"{broken}\ngcc -I. -O2")
    chain.write_spec("second", spec)
    chain.write_release(more=f"scratch = {str(scratch).lower()}")
    output = chain.doit(status=20)
    assert "error: a brick is missing" in output and re.search(r"task \d+ on builder of http", output), output
    assert bool(chain.rpms("second", "x86_64")) == scratch  # Koji has no build of one arch, and keeps what there is of it
    if not scratch:
        (child,) = [task for task in chain.tasks("buildArch") if task["label"] == "x86_64"]
        assert child["state"] == CLOSED and f"koji download-task {child['id']}" in output
        assert any(name.endswith(".x86_64.rpm") for name in chain.hub.admin.listTaskOutput(child["id"]))
    chain.doit(status=20)
    while has_state(chain, *ACTIVE):  # the parents give up a moment later
        time.sleep(0.3)
    assert [task["state"] for task in chain.tasks()] == [FAILED] * 2  # told once, then tried anew


def test_two_cuts_at_once(make_chain: Callable[..., Chain]) -> None:
    one, other = make_chain("first"), make_chain("first", folder="other")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda chain: chain.doit(), (one, other)))
    assert digests(one) == digests(other)
    assert [task["state"] for task in one.tasks()].count(CLOSED) == 1
    assert all(task["state"] in (CLOSED, CANCELED) for task in one.tasks())


def test_a_builder_without_room_is_waited_for_and_then_told_of(
    make_chain: Callable[..., Chain], koji_builder: KojiBuilder
) -> None:
    chain = make_chain("first")
    chain.write_release(more="patience = 1")
    koji_builder.minspace, before = 10_000_000, koji_builder.minspace
    koji_builder.restart()
    try:
        output = chain.doit(status=36)
        assert "waits for a builder since 1 minutes" in output and "builder takes no task" in output, output
    finally:
        koji_builder.minspace = before
        koji_builder.restart()
    chain.doit()
    assert [task["state"] for task in chain.tasks()] == [CLOSED]


def test_what_the_hub_does_not_allow(make_chain: Callable[..., Chain]) -> None:
    chain = make_chain("first")
    chain.hub.admin.revokePermission(chain.name, "build")
    output = chain.doit(status=36)
    assert "policy does not allow this user" in output and "build_from_srpm" in output, output
    chain.hub.admin.grantPermission(chain.name, "build")
    chain.hub.admin.packageListRemove(chain.name, "first", force=True)
    output = chain.doit(status=36)
    assert f"koji add-pkg --owner=USER {chain.name} first" in output, output
