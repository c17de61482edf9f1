"""A cut made again from its record by the real doit: the same bytes, in a folder of its own, or the reason why not."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tproxy_rpms.store import digest_file

from ..conftest import ROOT
from .project import Project

pytestmark = [pytest.mark.chroot, pytest.mark.timeout(600)]


class Recorded(Project):
    """A project whose release is the default one, for one arch."""

    def write_release(self, text: str) -> None:
        text = text.replace('builder = "chroot"', 'builder = "chroot"\narches = ["x86_64"]')
        for name in ("small", "centos5"):
            (self.folder / "releases" / f"{name}.toml").write_text(text)

    @property
    def record(self) -> Path:
        return self.folder / "build" / "small" / "record" / "small.intoto.json"

    def start_rebuild(self, record: Path, *, cwd: Path) -> "subprocess.Popen[str]":
        """Start `doit rebuild` without the name of a release."""
        argv = ["doit", "-f", str(self.folder / "dodo.py"), "rebuild", os.path.relpath(record, cwd)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TPROXY_RPMS_CACHE": "/nowhere"}
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, cwd=cwd, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def rebuild(self, record: Path, *, cwd: Path, status: int = 0) -> str:
        process = self.start_rebuild(record, cwd=cwd)
        output, _ = process.communicate()
        assert process.returncode == status, output
        return output


@pytest.fixture
def project(tmp_path: Path) -> Recorded:
    folder = tmp_path / "project"
    folder.mkdir()
    return Recorded(folder)


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): digest_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_record_gives_the_same_bytes_and_tells_when_it_cannot(project: Recorded, tmp_path: Path) -> None:
    project.doit()
    first = digests(project.folder / "build" / "small")
    output = project.rebuild(project.record, cwd=tmp_path)
    assert "rpm:hello:x86_64 done" in output
    rows = [line.split() for line in output.splitlines() if line.startswith("same ")]
    assert len(rows) == len([name for name in first if name.startswith("repo/")])
    assert "x86_64/hello-1.0-1.deb12.x86_64.rpm" in {row[1] for row in rows}
    (made,) = (project.folder / "build" / "rebuild").iterdir()
    assert f"small: rebuilt in {made / 'small'}: all {len(rows)} files are the same bytes" in output
    assert digests(made / "small" / "repo") == digests(project.folder / "build" / "small" / "repo")
    assert digests(project.folder / "build" / "small") == first

    statement = json.loads(project.record.read_text())
    (command,) = statement["predicate"]["buildDefinition"]["internalParameters"]["builds"]["hello-x86_64"]["commands"]
    assert re.search(r"SOURCE_DATE_EPOCH=1793491200 .*rpmbuild --rebuild .*--define '_topdir /builddir'", command)
    subject = next(one for one in statement["subject"] if one["name"].endswith(".x86_64.rpm"))
    rpm, subject["digest"]["sha256"] = subject["digest"]["sha256"], "0" * 64
    other = tmp_path / "other.json"
    other.write_text(json.dumps(statement))
    output = project.rebuild(other, cwd=tmp_path, status=24)
    assert f"x86_64/hello-1.0-1.deb12.x86_64.rpm: different: recorded {'0' * 64}, rebuilt {rpm}" in output
    assert "hint: build roots and tools are the same" in output
    assert output.count(": different: ") == 1

    spec = project.folder / "specs" / "hello.spec.j2"
    spec.write_text(spec.read_text() + "# more\n")
    output = project.rebuild(project.record, cwd=project.folder, status=16)
    assert "specs/hello.spec.j2: changed: has" in output
    assert "rpm:hello:x86_64 …" not in output


def test_a_source_that_has_changed_by_one_byte_is_refused(project: Recorded, tmp_path: Path) -> None:
    project.doit()
    tarball = project.folder / "hello-1.0.tar.gz"
    good = tarball.read_bytes()
    tarball.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    alone = tmp_path / "alone" / "record.json"
    alone.parent.mkdir()
    shutil.copy(project.record, alone)
    output = project.rebuild(alone, cwd=tmp_path, status=31)
    assert f"sha256 is {digest_file(tarball)}, pinned is " in output
    assert "small: not rebuilt: its cut ended with status 31" in output
    # Beside the cut itself, the source that it has kept will do.
    assert "all 11 files are the same bytes" in project.rebuild(project.record, cwd=tmp_path)


def test_a_rebuild_that_is_killed_leaves_no_build_behind(project: Recorded, tmp_path: Path) -> None:
    project.doit()
    statement = json.loads(project.record.read_text())
    spec = project.folder / "specs" / "hello.spec.j2"
    spec.write_text(spec.read_text().replace("test ! -e wait ||", ""))
    for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]:
        if one["name"] == "specs/hello.spec.j2":
            one["digest"]["sha256"] = digest_file(spec)
    record = tmp_path / "waits.json"
    record.write_text(json.dumps(statement))
    process = project.start_rebuild(record, cwd=tmp_path)
    folder = project.folder / "build" / "rebuild"
    wait_until(lambda: any("sleep 600" in log.read_text() for log in folder.glob("*/small/logs/*/build.log")))
    assert find_processes(str(folder))
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not find_processes(str(folder)))


def find_processes(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [words] if word in words else []
    return found


def wait_until(holds: object) -> None:
    stop = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < stop, "it did not happen in time"
        time.sleep(0.1)
