"""The mock builder with the real mock, the real dnf and a distribution made for it."""

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.lock import read_lock
from tproxy_rpms.builders.mock import MockBuilder, create
from tproxy_rpms.builders.mockprocess import CALLER, STAGE
from tproxy_rpms.errors import BuildError, FetchError, HostError, LockedError, RootError, TproxyError, UserError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.packaging.srpm import build_srpm
from tproxy_rpms.release.model import Arch, Package

from ..conftest import make_release, make_target
from .distribution import Distribution, build_small
from .mockhost import why_no_mock
from .test_chroot import ARCHES, ROOT, SPEC

pytestmark = [
    pytest.mark.mock,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(why_no_mock()), reason=why_no_mock()),
]


@pytest.fixture
def builder(tmp_path: Path, distribution: Distribution) -> MockBuilder:
    """A builder whose target takes its packages from the test distribution."""
    return make_builder(tmp_path, distribution)


def make_builder(
    folder: Path, distribution: Distribution, *, packages: tuple[str, ...] = ("probe",), url: str = ""
) -> MockBuilder:
    """A builder of a release in `folder`: folder/test.toml would be its file, folder/test.lock/ holds its locks."""
    for arch in ARCHES:
        distribution.write_config(folder, arch, url=url)
    release = make_release(
        files=(folder / "test.toml",),
        target_file=folder / "testdist.toml",
        target=make_target(name="testdist", mock_configs="."),
        builder="mock",
        packages={name: Package(name=name, spec=name, sources=()) for name in packages},
    )
    return create(release, cache=folder / "cache", work=folder / "work")


def make_job(
    builder: MockBuilder, *, arch: Arch = "x86_64", name: str = "probe", build: str = "true", requires: str = "gcc-c++",
    needs: tuple[Path, ...] = (),
) -> Job:  # fmt: skip
    folder = builder.work.parent
    install = f"mkdir -p %{{buildroot}}/usr/share; uname -m > %{{buildroot}}/usr/share/{name}"
    spec = SPEC.format(name=name, build=build, install=install, requires=requires)
    srpm = build_srpm(builder.release, spec=spec, name=name, sources=[], output=folder / "srpm" / name)
    return Job(
        package=name, srpm=srpm, arch=arch, results=folder / f"results-{name}-{arch}", logs=folder / f"logs-{name}-{arch}",
        jobs=2, epoch=1_000_000_000, requires=needs,
    )  # fmt: skip


def payload(rpm: Path) -> str:
    """What the package's one file says."""
    cpio = subprocess.run(["rpm2cpio", str(rpm)], check=True, capture_output=True).stdout
    return subprocess.run(["cpio", "-i", "--quiet", "--to-stdout"], input=cpio, check=True, capture_output=True).stdout.decode()


def test_a_root_is_made_and_its_packages_are_listed(builder: MockBuilder, tmp_path: Path) -> None:
    (listing,) = builder.make_root("x86_64", log=tmp_path / "logs" / "root-x86_64.log")
    assert listing.read_text() == "testdist-base-1-1.x86_64\ntestdist-extra-1-1.noarch\n"
    assert (tmp_path / "logs" / "root-x86_64" / "root.log").stat().st_size > 0


def test_both_arches_are_built_at_once(builder: MockBuilder) -> None:
    jobs = [make_job(builder, arch=arch) for arch in ARCHES]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(builder.build, jobs))
    for job, result in zip(jobs, results, strict=True):
        (rpm,) = result.rpms
        expected = {"x86_64": "x86_64", "i386": "i686"}[job.arch]
        assert read_header(rpm).arch == expected
        assert payload(rpm).strip() == expected, "the personality of the chroot"
        assert {"root.log", "build.log", "state.log", "mock.log"} <= {path.name for path in result.logs}


def test_a_package_is_built_with_what_this_cut_has_built(builder: MockBuilder) -> None:
    first = builder.build(make_job(builder, name="first"))
    second = make_job(builder, name="second", requires="first", build="test -s /usr/share/first", needs=first.rpms)
    assert [rpm.name for rpm in builder.build(second).rpms] == ["second-1-1.x86_64.rpm"]


def test_a_missing_requirement_is_named(builder: MockBuilder) -> None:
    job = make_job(builder, requires="first")
    with pytest.raises(BuildError, match=r"(?s)lack a package.*first") as caught:
        builder.build(job)
    assert "after" in caught.value.hint
    assert not job.results.exists()


def test_a_failing_build_shows_the_useful_end_of_its_log(builder: MockBuilder) -> None:
    good = builder.build(make_job(builder))
    before = good.rpms[0].read_bytes()
    job = make_job(builder, build="echo 'probe.c:1: error: no such thing'; exit 3")
    with pytest.raises(BuildError, match=r"(?s)rpmbuild failed.*probe\.c:1: error: no such thing") as caught:
        builder.build(job)
    assert str(job.logs / "build.log") in caught.value.hint
    assert good.rpms[0].read_bytes() == before, "an older result stays"


@pytest.fixture
def locked(tmp_path: Path, distribution: Distribution) -> Iterator[tuple[MockBuilder, Job, Path]]:
    """A builder with a locked package, the job, and the copy of the repository that it was locked from."""
    repository = tmp_path / "repository"
    shutil.copytree(distribution.repositories["x86_64"], repository, copy_function=os.link)
    made = make_builder(tmp_path, distribution, url=repository.as_uri())
    made = create(replace(made.release, arches=("x86_64",)), cache=made.cache, work=made.work)
    job = make_job(made)
    made.build(job)
    made.write_lock(job)
    yield create(made.release, cache=made.cache, work=made.work), job, repository


def test_a_lock_tells_every_package_and_is_replayed_without_the_repository(locked: tuple[MockBuilder, Job, Path]) -> None:
    builder, job, repository = locked
    packages = {package.name: package for package in read_lock(builder.lock_path("probe", "x86_64")).packages}
    assert packages.keys() == {"testdist-base", "testdist-extra"}
    base = packages["testdist-base"]
    digest = subprocess.run(["sha256sum", repository / base.filename], check=True, capture_output=True, text=True).stdout.split()[
        0
    ]
    assert (base.nevra, base.sha256, base.url) == ("testdist-base-1-1.x86_64", digest, f"{repository.as_uri()}/{base.filename}")
    before = (job.results / "probe-1-1.x86_64.rpm").read_bytes()
    shutil.rmtree(repository)
    builder.make_root("x86_64", log=builder.work / "root-x86_64.log")
    (rpm,) = builder.build(job).rpms
    assert rpm.read_bytes() == before


def test_a_locked_build_sees_no_network(locked: tuple[MockBuilder, Job, Path]) -> None:
    builder, _, _ = locked
    job = make_job(builder, build="test $(wc -l < /proc/net/dev) = 3 || { cat /proc/net/dev; exit 1; }")
    (rpm,) = builder.build(job).rpms
    assert rpm.is_file()


def test_a_root_that_differs_from_its_lock_fails_and_the_differences_are_listed(locked: tuple[MockBuilder, Job, Path]) -> None:
    builder, job, _ = locked
    path = builder.lock_path("probe", "x86_64")
    content = json.loads(path.read_text())
    for package in content["buildroot"]["rpms"]:
        if package["name"] == "testdist-extra":
            package["release"] = "7"
            package["sigmd5"] = "0" * 32
    path.write_text(json.dumps(content))
    changed = create(builder.release, cache=builder.cache, work=builder.work)
    with pytest.raises(BuildError, match=r"! testdist-extra-1-1\.noarch: the lock has testdist-extra-1-7\.noarch") as caught:
        changed.build(job)
    assert "doit lock" in caught.value.hint


def test_a_lock_whose_package_has_changed_says_so(locked: tuple[MockBuilder, Job, Path]) -> None:
    builder, job, repository = locked
    shutil.rmtree(builder.cache)
    (repository / "testdist-extra-1-1.noarch.rpm").unlink()
    build_small("testdist-extra", "1", repository)
    with (repository / "testdist-extra-1-1.noarch.rpm").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(FetchError, match=r"(?s)testdist-extra-1-1\.noarch\.rpm.*pinned") as caught:
        builder.build(job)
    assert caught.value.exit_code == 31


def test_a_damaged_lock_is_named_with_its_package(locked: tuple[MockBuilder, Job, Path]) -> None:
    builder, job, _ = locked
    path = builder.lock_path("probe", "x86_64")
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "x'))
    with pytest.raises(UserError, match=r"probe-x86_64\.json: buildroot\.rpms\[0\] \(testdist-base\): sha256"):
        create(builder.release, cache=builder.cache, work=builder.work).build(job)


def test_a_set_of_locks_that_is_not_whole_is_refused(locked: tuple[MockBuilder, Job, Path]) -> None:
    builder, job, _ = locked
    both = create(replace(builder.release, arches=ARCHES), cache=builder.cache, work=builder.work)
    with pytest.raises(UserError, match=r"probe-i386\.json: no such file"):
        both.build(job)


def test_a_vanished_repository_is_told_with_its_cure(tmp_path: Path, distribution: Distribution) -> None:
    builder = make_builder(tmp_path, distribution, url=(tmp_path / "gone").as_uri())
    with pytest.raises(RootError, match="did not answer") as caught:
        builder.make_root("x86_64", log=tmp_path / "logs" / "root.log")
    assert "TPROXY_RPMS_VAULT" in caught.value.hint


def test_a_full_root_is_told_with_its_cure(builder: MockBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tproxy_rpms.builders.mock.BUILD_MEMORY", 64 << 20)
    with pytest.raises(HostError, match="full") as caught:
        builder.build(make_job(builder))
    assert caught.value.exit_code == 30


def test_plain_root_is_told_the_cure(builder: MockBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CALLER:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(HostError, match="mock refuses plain root") as caught:
        builder.build(make_job(builder))
    assert "sudo" in caught.value.hint


def test_a_missing_mock_is_told_with_its_cure(builder: MockBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job = make_job(builder)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="mock: not found on this host") as caught:
        builder.build(job)
    assert "install mock" in caught.value.hint


def test_a_root_whose_programs_crash_is_told_with_its_cure(tmp_path: Path, distribution: Distribution) -> None:
    """As EL5's do on a host without a vsyscall page: the first scriptlet of a package dies by SIGSEGV."""
    repository = tmp_path / "repository"
    shutil.copytree(distribution.repositories["x86_64"], repository, copy_function=os.link)
    build_small("testdist-crash", "1", repository, pre="kill -SEGV $$")
    shutil.rmtree(repository / "repodata")
    subprocess.run(["createrepo_c", "--quiet", repository], check=True)
    builder = make_builder(tmp_path, distribution, url=repository.as_uri())
    config = tmp_path / "testdist-x86_64.cfg"
    config.write_text(config.read_text().replace("testdist-extra", "testdist-crash"))
    with pytest.raises(RootError, match="a program of the root crashed") as caught:
        builder.make_root("x86_64", log=tmp_path / "logs" / "root.log")
    assert "vsyscall=emulate" in caught.value.hint


def wait_for_line(path: Path, word: str, *, seconds: float = 120) -> None:
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        if path.is_file() and word in path.read_text(errors="replace"):
            return
        time.sleep(0.2)
    raise TimeoutError(f"{path} did not say {word}")


def find_mock(uniqueext: str) -> int:
    """The process id of the mock that works with a --uniqueext of this beginning."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(f"--uniqueext={uniqueext}".encode()) for word in words) and any(b"mock" in w for w in words[:3]):
            return int(path.parent.name)
    raise AssertionError("mock is not at work")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that mock's user can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-test-") as scratch:
        Path(scratch).chmod(0o755)
        yield Path(scratch)


def test_a_killed_run_leaves_a_mock_that_the_next_one_ends(builder: MockBuilder, tmp_path: Path, open_folder: Path) -> None:
    """kill -9 reaches doit alone: mock has become another user meanwhile, and works on."""
    job = make_job(builder, build="echo at work; sleep 300")
    program = tmp_path / "run.py"
    program.write_text(
        "import pickle, sys, tempfile\n"
        f"tempfile.tempdir = {str(open_folder)!r}\n"
        "builder, job = pickle.loads(open(sys.argv[1], 'rb').read())\n"
        "builder.build(job)\n"
    )
    (tmp_path / "job").write_bytes(pickle.dumps((builder, job)))
    doit = subprocess.Popen([sys.executable, program, tmp_path / "job"], env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        stop = time.monotonic() + 120
        while not (logs := list(open_folder.glob("*/result/build.log"))) and time.monotonic() < stop:
            time.sleep(0.2)
        wait_for_line(logs[0], "at work")
        orphan = find_mock("probe-")
    finally:
        doit.kill()
        doit.wait()
    time.sleep(1)
    assert Path("/proc", str(orphan)).exists(), "if mock dies by itself now, end_mocks is no longer needed"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(open_folder))
        (rpm,) = builder.build(make_job(builder)).rpms
    assert rpm.is_file()
    assert not Path("/proc", str(orphan)).exists()
    assert list(open_folder.iterdir()) == []


def test_a_locked_root_and_a_killed_mock(
    builder: MockBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_folder: Path
) -> None:
    started = open_folder
    monkeypatch.setattr("tempfile.tempdir", str(started))
    slow = make_job(builder, build="echo at work; sleep 300")
    failed: list[BaseException] = []

    def run() -> None:
        try:
            builder.build(slow)
        except TproxyError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    stop = time.monotonic() + 120
    while not (logs := list(started.glob("*/result/build.log"))) and time.monotonic() < stop:
        time.sleep(0.2)
    wait_for_line(logs[0], "at work")
    other = make_job(builder, name="probe")
    with pytest.raises(LockedError, match="another mock works in this root"):
        builder.build(replace(other, results=tmp_path / "other", logs=tmp_path / "other-logs"))
    os.kill(find_mock("probe-"), signal.SIGKILL)
    thread.join(60)
    assert len(failed) == 1
    left = started / f"{STAGE}-left"
    left.mkdir()
    (left / "lock").touch()
    quick = make_job(builder)
    (rpm,) = builder.build(quick).rpms
    assert rpm.is_file(), "the next run goes on from there"
    assert not left.exists(), "and removes what a killed one has left"


def test_a_second_build_sees_other_surroundings_and_makes_the_same_bytes(builder: MockBuilder, tmp_path: Path) -> None:
    builder.make_root("x86_64", log=tmp_path / "logs" / "root-x86_64.log")
    job = make_job(builder, build='echo "seen: $(pwd) $(whoami) $(hostname) $TZ ${LC_ALL:-$LANG} %{?_smp_mflags}"')
    variation = builder.vary(replace(job, results=tmp_path / "second", logs=tmp_path / "second-logs"), log=tmp_path / "root.log")
    first, second = builder.build(job), builder.build(variation.job)
    logs = [(folder / "build.log").read_text() for folder in (job.logs, variation.job.logs)]
    assert re.search(r"^seen: /builddir/build/BUILD\S* mockbuild buildhost UTC C -j2$", logs[0], re.MULTILINE)
    assert re.search(
        r"^seen: /var/lib/another/place/build/BUILD\S* somebody elsewhere <\+1345>-13:45 fr_FR.UTF-8 -j", logs[1], re.MULTILINE
    )
    assert [rpm.read_bytes() for rpm in first.rpms] == [rpm.read_bytes() for rpm in second.rpms]
    assert "user id" in variation.kept
