"""Real builds of a small package in real build roots: clean, closed, and gone when they should be."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.builders.chroot import ChrootBuilder, create
from tproxy_rpms.builders.output import useful_end
from tproxy_rpms.errors import BuildError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.packaging.srpm import build_srpm
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tproxy-rpms"
ARCHES: tuple[Arch, ...] = ("x86_64", "i386")

pytestmark = [pytest.mark.chroot, pytest.mark.timeout(600)]

SPEC = """\
%global debug_package %{{nil}}
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
Name: {name}
Version: 1
Release: 1
Summary: A package for tests
License: MIT
BuildRequires: {requires}
%description
A package for tests.
%build
{build}
%install
{install}
%files
/usr/share/{name}
%changelog
* Sun Sep 09 2001 Test <test@example.org> - 1-1
- Test
"""


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> ChrootBuilder:
    """The builder of `bookworm`, with the roots of the user's cache."""
    work = tmp_path_factory.mktemp("work")
    made = create(load_release("bookworm", root=ROOT), cache=CACHE, work=work)
    for arch in ARCHES:
        made.make_root(arch, log=work / f"root-{arch}.log")
    return made


def make_job(
    builder: ChrootBuilder, folder: Path, *, arch: Arch = "x86_64", name: str = "probe", build: str = "true", install: str = "",
    requires: str = "gcc", needs: tuple[Path, ...] = (),
) -> Job:  # fmt: skip
    install = (
        install
        or f"mkdir -p %{{buildroot}}/usr/share; cp probe %{{buildroot}}/usr/share/{name} || : > %{{buildroot}}/usr/share/{name}"
    )
    spec = SPEC.format(name=name, build=build, install=install, requires=requires)
    srpm = build_srpm(builder.release, spec=spec, name=name, sources=[], output=folder / "srpm" / name)
    return Job(
        package=name, srpm=srpm, arch=arch, results=folder / f"results-{name}-{arch}", logs=folder / "logs", jobs=2,
        epoch=1_000_000_000, requires=needs,
    )  # fmt: skip


def read_log(job: Job) -> str:
    return (job.logs / "build.log").read_text()


def list_mounts(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


@pytest.mark.parametrize("arch", ARCHES)
def test_a_build_sees_its_root_and_nothing_else(builder: ChrootBuilder, tmp_path: Path, arch: Arch) -> None:
    marker = tmp_path / "marker-of-the-host"
    marker.touch()
    build = f"""
echo "user $(id -u) $(id -un)"; echo "host $(hostname)"; echo "machine $(uname -m)"; echo "here $PWD"
echo "links $(grep -c : /proc/net/dev)"
test ! -e {marker} && echo "host is hidden"
test "$(ls -d /proc/[0-9]* | wc -l)" -lt 15 && echo "processes are hidden"
(: > /usr/bad) 2>/dev/null || echo "root is closed"
test -w /dev/null && test -c /dev/urandom && test -d /dev/shm && echo "devices are there"
echo 'int main(void) {{ return sizeof(long); }}' > probe.c; gcc -o probe probe.c; ./probe || echo "long is $?"
"""
    job = make_job(builder, tmp_path, arch=arch, build=build)
    result = builder.build(job)
    log = read_log(job)
    machine, size = {"x86_64": ("x86_64", 8), "i386": ("i686", 4)}[arch]
    for line in (
        "user 1000 builder",
        "host buildhost",
        f"machine {machine}",
        "here /builddir/BUILD",
        f"long is {size}",
        "links 1",
    ):
        assert f"\n{line}\n" in log, line
    for line in ("host is hidden", "processes are hidden", "root is closed", "devices are there"):
        assert f"\n{line}\n" in log, line
    (rpm,) = result.rpms
    assert read_header(rpm).arch == machine
    assert rpm.parent == job.results
    assert list_mounts(builder.work) == []
    assert list(builder.work.glob("probe-*")) == []


def test_a_root_on_the_disk_builds_the_same_bytes_as_one_in_memory(
    builder: ChrootBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(builder, tmp_path, build="echo built > probe")
    in_memory = builder.build(job).rpms[0].read_bytes()
    monkeypatch.setattr("tproxy_rpms.builders.namespace.available_memory", lambda: 0)
    assert builder.build(job).rpms[0].read_bytes() == in_memory
    assert list(builder.work.glob("probe-*")) == []


def test_what_this_cut_has_built_is_installed_first(builder: ChrootBuilder, tmp_path: Path) -> None:
    first = builder.build(make_job(builder, tmp_path, name="first", build="echo from-first > probe"))
    job = make_job(builder, tmp_path, name="second", requires="first", build="cat /usr/share/first", needs=first.rpms)
    builder.build(job)
    assert "\nfrom-first\n" in read_log(job)


def test_a_missing_requirement_is_named_before_anything_is_unpacked(builder: ChrootBuilder, tmp_path: Path) -> None:
    job = make_job(builder, tmp_path, requires="no-such-package")
    with pytest.raises(BuildError, match="root lacks no-such-package") as caught:
        builder.build(job)
    assert "build_packages" in caught.value.hint
    assert not job.results.exists()


def test_a_failing_build_shows_its_cause_and_keeps_the_old_results(builder: ChrootBuilder, tmp_path: Path) -> None:
    good = builder.build(make_job(builder, tmp_path))
    noise = "for i in $(seq 200); do echo noise $i; done"
    bad = make_job(
        builder, tmp_path, build=f"{noise}\necho 'x.c:1: error: the cause'\nprintf 'all:\\n\\tfalse\\n' > Makefile\nmake\n"
    )
    with pytest.raises(BuildError, match=r"x\.c:1: error: the cause") as caught:
        builder.build(bad)
    assert str(bad.logs / "build.log") in caught.value.hint
    assert "noise 100\n" not in caught.value.message
    assert all(rpm.exists() for rpm in good.rpms)
    assert list_mounts(builder.work) == []


def test_a_killed_run_leaves_no_mount_and_no_process_and_the_next_goes_on(builder: ChrootBuilder, tmp_path: Path) -> None:
    word = f"sleep 98{os.getpid()}"
    job = make_job(builder, tmp_path, build=word)
    code = f"""
import sys
from dataclasses import replace
from pathlib import Path
from tproxy_rpms.builders import Job
from tproxy_rpms.builders.chroot import create
from tproxy_rpms.release.load import load_release
builder = create(load_release("bookworm", root=Path({str(ROOT)!r})), cache=Path({str(CACHE)!r}), work=Path({str(builder.work)!r}))
builder.build(Job(package="probe", srpm=Path({str(job.srpm)!r}), arch="x86_64", results=Path({str(job.results)!r}),
                  logs=Path({str(job.logs)!r}), jobs=1, epoch=1))
"""
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_until(lambda: count_processes(word) > 0, seconds=60)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wait_until(lambda: count_processes(word) == 0, seconds=10)
    assert list_mounts(builder.work) == []
    assert not job.results.exists()
    quick = make_job(builder, tmp_path)
    assert builder.build(quick).rpms
    assert list(builder.work.glob("probe-*")) == []


def count_processes(word: str) -> int:
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes().replace(b"\0", b" ").strip().endswith(word.encode())
        except OSError:
            continue
    return found


def wait_until(holds: object, *, seconds: float) -> None:
    stop = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < stop, "it did not happen in time"
        time.sleep(0.1)


def test_a_damaged_root_is_made_anew(builder: ChrootBuilder, tmp_path: Path) -> None:
    root = builder.roots.find("x86_64")
    assert root is not None
    copy = tmp_path / "cache" / "roots"
    copy.mkdir(parents=True)
    record = builder.roots.record("x86_64")
    (copy / record.name).write_bytes(record.read_bytes())
    (copy / root.archive.name).write_bytes(root.archive.read_bytes()[:-1] + b"x")
    assert create(builder.release, cache=tmp_path / "cache", work=tmp_path).roots.find("x86_64") is None


def test_the_useful_end_of_a_long_log() -> None:
    lines = [f"line {number}" for number in range(500)]
    lines[250] = "x.c:1: error: first cause"
    lines[252] = "make: *** [x.o] Error 1"
    shown = useful_end("\n".join(lines))
    assert "first cause" in shown
    assert "line 499" in shown
    assert len(shown.splitlines()) < 30


def test_results_are_the_protocols(builder: ChrootBuilder, tmp_path: Path) -> None:
    result = builder.build(make_job(builder, tmp_path))
    assert isinstance(result, Result)
    assert [log.name for log in result.logs] == ["root.log", "build.log", "state.log"]
    assert "end rpmbuild status 0" in (tmp_path / "logs" / "state.log").read_text()


@pytest.mark.parametrize("arch", ARCHES)
def test_a_second_build_sees_other_surroundings_and_makes_the_same_bytes(
    builder: ChrootBuilder, tmp_path: Path, arch: Arch
) -> None:
    look = 'echo "seen: $(pwd) $(id -un) $(id -u) $(hostname) $TZ $LC_ALL $(locale decimal_point) $(date +%%s) $(umask)"'
    job = make_job(builder, tmp_path, arch=arch, build=f"{look}; touch probe")
    variation = builder.vary(
        replace(job, results=tmp_path / "second", logs=tmp_path / "second-logs"), log=tmp_path / "second-root.log"
    )
    first, second = builder.build(job), builder.build(variation.job)
    ours, theirs = (read_seen(folder) for folder in (job.logs, variation.job.logs))
    assert "ld.so" not in (variation.job.logs / "build.log").read_text()  # all that is preloaded was found
    assert ours[:5] == ["/builddir/BUILD", "builder", "1000", "buildhost", "UTC"]
    assert theirs[:5] == ["/var/lib/another/place/BUILD", "somebody", "2345", "elsewhere", "<+1345>-13:45"]
    assert (ours[5:7], theirs[5:7]) == (["C.UTF-8", "."], ["fr_FR.UTF-8", ","])
    assert 390 * 86400 < int(theirs[7]) - int(ours[7]) < 410 * 86400
    assert variation.first.root != variation.second.root
    assert [rpm.read_bytes() for rpm in first.rpms] == [rpm.read_bytes() for rpm in second.rpms]


def read_seen(logs: Path) -> list[str]:
    (line,) = re.findall(r"^seen: (.*)$", (logs / "build.log").read_text(), re.MULTILINE)
    return str(line).split()
