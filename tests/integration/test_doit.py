"""The tasks through the real doit, on a project of one small package: going on, damage, locks, one arch that fails."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .project import HELLO, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


pytestmark = [pytest.mark.chroot, pytest.mark.timeout(600)]


def test_a_cut_is_made_once_and_then_up_to_date(project: Project) -> None:
    output = project.doit()
    repo = project.folder / "build" / "small" / "repo"
    assert f"repositories in {repo}" in output
    assert {path.name for path in repo.glob("*/*.rpm")} == {
        "hello-1.0-1.deb12.x86_64.rpm",
        "hello-1.0-1.deb12.i686.rpm",
        "hello-1.0-1.deb12.src.rpm",
    }
    assert "small: 0 steps done, 14 up to date" in project.doit()


def test_a_flipped_byte_in_a_finished_rpm_is_seen_and_mended(project: Project) -> None:
    project.doit("rpm:hello:x86_64")
    rpm = project.rpm("x86_64")
    good = rpm.read_bytes()
    before = rpm.stat()
    rpm.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(rpm, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "rpm:hello:x86_64 done" in project.doit("rpm:hello:x86_64")
    assert project.rpm("x86_64").read_bytes() == good


def test_a_change_of_the_spec_rebuilds_what_it_shapes_and_no_more(project: Project) -> None:
    project.doit("rpm:hello:x86_64")
    spec = project.folder / "specs" / "hello.spec.j2"
    spec.write_text(spec.read_text().replace("A small package", "A smaller package"))
    output = project.doit("rpm:hello:x86_64")
    assert "srpm:hello done" in output
    assert "rpm:hello:x86_64 done" in output
    assert "fetch:hello" not in output
    assert "root:" not in output


def test_a_killed_run_is_gone_on_with_and_holds_no_lock(project: Project) -> None:
    project.set_source({"hello.c": HELLO, "wait": ""})
    process = project.start("rpm:hello:x86_64")
    log = project.folder / "build" / "small" / "logs" / "hello-x86_64" / "build.log"
    wait_until(lambda: log.exists() and "sleep 600" in log.read_text(), process)
    second = project.doit("rpm:hello:x86_64", status=33)
    assert f"locked by process {process.pid} (doit release=small)" in second
    process.send_signal(signal.SIGKILL)
    process.wait()
    project.set_source({"hello.c": HELLO})
    assert "rpm:hello:x86_64 done" in project.doit("rpm:hello:x86_64")
    assert list((project.folder / "build" / "small" / "work").glob("*")) == []
    assert [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(project.folder) in line] == []


def wait_until(holds: object, process: "subprocess.Popen[str]") -> None:
    stop = time.monotonic() + 300
    while not holds():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < stop
        time.sleep(0.1)


def test_a_failed_arch_neither_stops_nor_spoils_the_other(project: Project) -> None:
    project.set_source({"hello.c": "#if __SIZEOF_POINTER__ == 4\n#error no 32 bit here\n#endif\n" + HELLO})
    output = project.doit(status=20)
    assert "rpm:hello:x86_64 done" in output
    assert "repo:x86_64 done" in output
    assert "no 32 bit here" in output
    assert "hint: the whole log: " in output
    assert "repo:i386 not done: needs rpm:hello:i386" in output
    project.set_source({"hello.c": HELLO})
    assert "repo:i386 done" in project.doit()


def test_a_gate_stops_its_repository_and_no_other(project: Project) -> None:
    project.set_limits()
    spec = project.folder / "specs" / "hello.spec.j2"
    good = spec.read_text()
    spec.write_text(good.replace("%description", "%ifarch %{ix86}\nRequires: (a if b)\n%endif\n%description"))
    output = project.doit(status=21)
    assert "gate:hello:i386 FAILED" in output
    assert "hello-1.0-1.deb12.i686.rpm: REQUIRENAME = (a if b): rpm 4.4.2.3 takes it for a name, which nobody provides" in output
    assert "hello-1.0-1.deb12.i686.rpm: REQUIRENAME = rpmlib(RichDependencies): " in output
    assert "repo:i386 not done: needs gate:hello:i386" in output
    assert "repo:x86_64 done" in output
    assert "repo:SRPMS done" in output
    assert [project.report(name)["ok"] for name in ("x86_64", "SRPM", "i386")] == [True, True, False]
    assert {finding["tag"] for finding in project.report("i386")["findings"]} == {"REQUIRENAME"}
    spec.write_text(good)
    assert "repo:i386 done" in project.doit()
    assert project.report("i386")["ok"]


def test_an_srpms_gate_is_up_to_date_until_artifact_or_limits_change(project: Project) -> None:
    project.set_limits()
    assert "gate:hello:SRPM done" in project.doit("repo:SRPMS")
    assert "gate:hello:SRPM" not in project.doit("repo:SRPMS")
    target = project.folder / "targets" / "debian-12.toml"
    wide = target.read_text()
    target.write_text(wide.replace("signature_bytes = 8192", "signature_bytes = 16"))
    output = project.doit("repo:SRPMS", status=21)
    assert "srpm:hello" not in output
    assert "hello-1.0-1.deb12.src.rpm: signature header = " in output
    assert "rpm 4.4.2.3 reads at most 16 (lib/signature.c 207)" in output
    assert "repo:SRPMS not done: needs gate:hello:SRPM" in output
    target.write_text(wide)
    spec = project.folder / "specs" / "hello.spec.j2"
    spec.write_text(spec.read_text().replace("%description", "BuildConflicts: older < 2~1\n%description", 1))
    output = project.doit("repo:SRPMS", status=21)
    assert "hello-1.0-1.deb12.src.rpm: CONFLICTVERSION = older 2~1: rpm 4.4.2.3 takes ~ for a separator" in output
