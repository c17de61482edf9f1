"""The tasks through the real doit, on a project of one small package: going on, damage, locks, one arch that fails."""

import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.store import digest_file

ROOT = Path(__file__).parents[2]

RELEASE = """\
schema = 1
summary = "a small package"
epoch = 2026-11-01T00:00:00Z
revision = "1"
packager = "Test <test@example.org>"
target = "debian-12"
builder = "chroot"

[sources.hello]
version = "1.0"
urls = ["{url}"]
sha256 = "{digest}"

[packages.hello]
sources = ["hello"]
"""

SPEC = """\
{% import "preamble.j2" as preamble with context %}
{% include "preamble.j2" %}
Name: hello
Summary: A small package
License: MIT
{{ preamble.tags() }}
BuildRequires: {{ require("gcc-c++") }}
%description
A small package.
%prep
%setup -q -n {{ source_root }}
%build
test ! -e wait || sleep 600
gcc -O2 -o hello hello.c
%install
install -D hello %{buildroot}/usr/bin/hello
%files
/usr/bin/hello
{{ preamble.changelog() }}
"""

HELLO = "int main(void) { return 0; }\n"


class Project:
    """A project folder like ours, with one package called hello."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("releases", "specs", "patches", "kconfig"):
            (folder / name).mkdir()
        shutil.copytree(ROOT / "targets", folder / "targets")
        shutil.copy(ROOT / "dodo.py", folder)
        shutil.copy(ROOT / "specs" / "preamble.j2", folder / "specs")
        (folder / "specs" / "hello.spec.j2").write_text(SPEC)
        self.set_source({"hello.c": HELLO})

    def set_source(self, files: dict[str, str]) -> None:
        """Make the source of these files, and pin it."""
        tree = self.folder / "hello-1.0"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        for name, text in files.items():
            (tree / name).write_text(text)
        tarball = self.folder / "hello-1.0.tar.gz"
        with tarfile.open(tarball, "w:gz") as archive:
            archive.add(tree, "hello-1.0")
        self.write_release(RELEASE.replace("{url}", tarball.as_uri()).replace("{digest}", digest_file(tarball)))

    def set_limits(self) -> None:
        """Give the target what CentOS 5's rpm reads, and let it keep to that."""
        limits = (ROOT / "targets" / "centos-5.toml").read_text().partition("[limits]")
        target = self.folder / "targets" / "debian-12.toml"
        text = target.read_text().replace('"w3.zstdio"', '"w9.gzdio"').replace("file_digest = 8", "file_digest = 1")
        target.write_text(text + "".join(limits[1:]))

    def report(self, name: str) -> Any:
        return json.loads((self.folder / "build" / "small" / "gates" / f"hello-{name}.json").read_text())

    def write_release(self, text: str) -> None:
        (self.folder / "releases" / "small.toml").write_text(text)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        argv = ["doit", "release=small", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def doit(self, *words: str, status: int = 0) -> str:
        process = self.start(*words)
        output, _ = process.communicate()
        assert process.returncode == status, output
        return output

    def rpm(self, arch: str) -> Path:
        (path,) = (self.folder / "build" / "small" / "rpms" / f"hello-{arch}").glob("*.rpm")
        return path


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


def test_wrong_input_ends_with_the_exit_code_of_its_class(project: Project) -> None:
    release = (project.folder / "releases" / "small.toml").read_text()
    project.write_release(release.replace("summary", "sumary"))
    output = project.doit(status=11)
    assert "sumary: unknown key; did you mean summary?" in output
    project.write_release(release)
    (project.folder / "specs" / "hello.spec.j2").write_text("{{ nothing }}")
    assert "'nothing' is undefined" in project.doit("srpm", status=14)
    assert "relase=x: no such variable; did you mean release=?" in project.doit("relase=x", status=10)


def test_a_source_that_is_not_to_be_had(project: Project) -> None:
    (project.folder / "hello-1.0.tar.gz").unlink()
    output = project.doit("fetch", status=31)
    assert "no place gave the pinned file" in output
    assert "No such file" in output


def test_a_lost_demand_stops_the_cut_before_any_root_is_made(project: Project, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "linux-6.1.tar.gz", "w:gz") as archive:
        archive.add(ROOT / "tests" / "fixtures" / "fakelinux", "linux-6.1")
    release = (project.folder / "releases" / "small.toml").read_text()
    release += f"""
[sources.linux]
version = "6.1"
urls = ["{(tmp_path / "linux-6.1.tar.gz").as_uri()}"]
sha256 = "{digest_file(tmp_path / "linux-6.1.tar.gz")}"
[packages.kernel]
spec = "hello"
sources = ["linux"]
kconfig = {{ base = "slim", fragments = ["test"] }}
"""
    project.write_release(release)
    fragment = project.folder / "kconfig" / "test.config"
    fragment.write_text("CONFIG_NET=y\nCONFIG_NETFILTER_XT_MATCH_SOCKET=m\nCONFIG_LEGACY=y\n")
    output = project.doit(status=12)
    for arch in ("x86_64", "i386"):
        assert f"test.config:2: {arch}: NETFILTER_XT_MATCH_SOCKET=m was dropped: NETFILTER_ADVANCED is not set" in output
    assert "test.config:3: x86_64: LEGACY=y was dropped: 64BIT is set" in output
    assert "test.config:3: i386: LEGACY" not in output
    assert "root:x86_64 not done: needs kconfig:kernel" in output
    assert not list((project.folder / "build" / "small" / "logs").glob("root-*"))


def test_cleaning_takes_a_release_back_to_nothing(project: Project) -> None:
    project.doit("fetch", "verify", "srpm")
    project.doit("clean")
    left = {path.name for path in (project.folder / "build" / "small").rglob("*") if path.is_file()}
    assert left <= {"lock"}


def test_the_list_reads_like_a_table_of_contents(project: Project) -> None:
    lines = project.doit("list").splitlines()
    assert [line.split()[0] for line in lines] == [
        "accept", "client", "doctor", "dump", "fetch", "gate", "kconfig", "lock", "publish", "rebuild", "record", "repo", "repro",
        "rollback", "root", "rpm", "sign", "snapshots", "srpm", "verify",
    ]  # fmt: skip
    assert all(len(line.split()) > 4 for line in lines)


def test_a_dump_is_printed_while_another_run_is_at_work(project: Project) -> None:
    from tproxy_rpms.store import hold_lock

    lock = hold_lock(project.folder / "build" / "small" / "lock", "a test")
    try:
        assert 'summary = "a small package"' in project.doit("dump")
        assert "locked by a test" in project.doit("fetch", status=33)
    finally:
        lock.close()
