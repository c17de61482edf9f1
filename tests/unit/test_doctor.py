"""The doctor: what every release needs, and what becomes of findings."""

import json
import re
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders.mockfailure import VSYSCALL
from tproxy_rpms.doctor import chroot, general, koji, mock, processor
from tproxy_rpms.doctor.examine import examine, render_json, render_table, require_fitness
from tproxy_rpms.doctor.finding import Finding
from tproxy_rpms.doctor.host import Answer, Space, measure_space, run_tool
from tproxy_rpms.doctor.needs import load_needs
from tproxy_rpms.doctor.probe import BASE, CODE, make_program
from tproxy_rpms.errors import HostError
from tproxy_rpms.release.model import Archive, Kconfig, Koji, Package, Publishing, Signature, Signing, Source
from tproxy_rpms.signing.profile import PROFILES

from ..conftest import make_target
from .fakehost import ANSWERS, FILES, GIB, NOW, Fake, rows


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fake")


@pytest.mark.parametrize("builder", ["mock", "chroot"])
def test_a_host_that_lacks_nothing_is_fit(fake: Fake, builder: str) -> None:
    fake.release = replace(fake.release, builder=builder)
    findings = examine(fake.case())
    assert {finding.status for finding in findings} == {"ok"}, findings
    assert all(not finding.cure for finding in findings)
    require_fitness(fake.case(), findings)


def test_only_what_the_release_needs_is_looked_at(fake: Fake) -> None:
    everything = rows(examine(fake.case()))
    assert {"mock", "mock's user", "vsyscall", "i386", "x86_64", "rpm database"} <= everything.keys()
    assert not {"namespaces", "ids", "package mirror"} & everything.keys()
    fake.release = replace(fake.release, builder="chroot", arches=("x86_64",), target=make_target())
    assert {"namespaces", "ids", "package mirror"} <= rows(examine(fake.case())).keys()
    assert not {"mock", "vsyscall", "i386", "arch-test"} & rows(examine(fake.case())).keys()
    fake.release = replace(fake.release, arches=("i386",), target=make_target(traits={"vsyscall": True}))
    assert not {"vsyscall", "x86_64"} & rows(examine(fake.case())).keys(), "32-bit programs call no vsyscall page"


def test_missing_tools_are_named_with_the_packages_that_have_them(fake: Fake) -> None:
    fake.missing = {"createrepo_c", "rpmbuild"}
    finding = fake.find(general.check_tools)
    assert (finding.status, finding.found) == ("fail", "not found: rpmbuild, createrepo_c")
    assert finding.cure.startswith("apt-get install createrepo-c rpm;")
    fake.files["/etc/os-release"] = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'
    assert fake.find(general.check_tools).cure.startswith("dnf install createrepo_c rpm-build;")


def test_tools_go_by_what_the_release_has(fake: Fake) -> None:
    few = {tool.name for tool in general.list_tools(fake.case())}
    signature = Signature(urls=("http://a.example.org/x.sig",), signers=())
    sources = {
        "linux": Source(name="linux", signature=signature),
        "squid": Source(name="squid", archive=Archive(kind="source", package="squid")),
    }
    kernel = Package(
        name="kernel", spec="kernel", sources=("linux",), patches="linux", kconfig=Kconfig(base="slim", fragments=())
    )
    fake.release = replace(fake.release, sources=sources, packages={"kernel": kernel})
    more = {tool.name for tool in general.list_tools(fake.case())}
    assert more - few == {"gpg", "gpgv", "apt-get", "dpkg-deb", "patch", "make", "gcc", "flex", "bison"}
    assert {tool.name for tool in chroot.list_tools(fake.case())} >= {"mmdebstrap", "arch-test", "newuidmap"}
    fake.changes = {"uid": 0}
    assert "newuidmap" not in {tool.name for tool in chroot.list_tools(fake.case())}


def test_bindings_of_rpm(fake: Fake) -> None:
    fake.answers = {"import rpm": Answer(status=1, output="Traceback\nModuleNotFoundError: No module named 'rpm'\n")}
    finding = fake.find(general.check_bindings)
    assert finding.status == "fail"
    assert "No module named 'rpm'" in finding.found


def test_a_bubblewrap_that_makes_no_namespace(fake: Fake) -> None:
    fake.answers = {"bwrap": Answer(status=1, output="bwrap: No permissions to create new namespace\n")}
    assert fake.find(general.check_sandbox).status == "fail"
    fake.missing = {"bwrap"}
    assert fake.look(general.check_sandbox) == [], "the tools say so"


def test_a_full_disk(fake: Fake) -> None:
    fake.free = 4 * GIB
    assert fake.find(general.check_disk).status == "ok"
    fake.free -= 1
    finding = fake.find(general.check_disk)
    assert finding.status == "fail"
    assert "4.0 GiB free for build, cache, /var/lib/mock, /var/cache/mock; a cut from nothing takes 4.0 GiB" in finding.found
    assert "mock --scrub-all-chroots" in finding.cure
    assert "XDG_CACHE_HOME" in finding.cure


def test_each_file_system_is_measured_on_its_own(fake: Fake) -> None:
    def space(path: Path) -> Space:
        cache = path.name == "cache"
        return Space(there=path, free=GIB if cache else 100, device=2 if cache else 1, writable=True)

    fake.changes = {"space": space}
    fake.release = replace(fake.release, builder="chroot")
    assert [finding.status for finding in fake.look(general.check_disk)] == ["fail", "ok"]


def test_roots_take_disk_where_memory_is_short(fake: Fake) -> None:
    assert fake.find(general.check_memory).status == "ok"
    fake.files["/proc/meminfo"] = "MemAvailable:   4000000 kB\n"
    assert fake.find(general.check_memory).status == "warn"
    fake.free = 11 * GIB
    assert fake.find(general.check_disk).status == "fail"
    fake.free = 12 * GIB
    assert fake.find(general.check_disk).status == "ok"
    fake.release = replace(fake.release, builder="chroot")
    assert fake.find(general.check_disk).found.endswith("takes 11.0 GiB")


def test_a_folder_that_this_user_may_not_write(fake: Fake) -> None:
    def space(path: Path) -> Space:
        return Space(there=path, free=fake.free, device=1, writable=path.name not in ("cache", "mock"))

    fake.changes = {"space": space}
    first, rest = fake.look(general.check_disk)
    assert first.status == "fail"
    assert first.found.endswith("cache: someone may not write there")
    assert rest.status == "ok"


def test_the_clock(fake: Fake) -> None:
    assert fake.find(general.check_clock).status == "ok"
    fake.changes = {"now": fake.release.epoch - 1}
    finding = fake.find(general.check_clock)
    assert (finding.status, "before the release's epoch, 2001-09-09" in finding.found) == ("fail", True)
    specs = fake.case().root / "specs"
    specs.mkdir(parents=True)
    (specs / "new.spec.j2").write_text("written today")
    fake.changes = {"now": NOW}
    assert fake.find(general.check_clock).status == "warn"


def test_no_signing_key_is_said(fake: Fake) -> None:
    finding = fake.find(general.check_signing_key)
    assert (finding.status, "unsigned" in finding.found) == ("ok", True)


def test_a_machine_of_another_kind(fake: Fake) -> None:
    fake.answers = {"uname -m": Answer(status=0, output="aarch64\n")}
    assert fake.find(processor.check_x86_64).found == "the host is aarch64"
    assert fake.find(processor.check_i386).found == "setarch i386 uname -m: aarch64"


@pytest.mark.parametrize(("status", "expected"), [(0, "ok"), (3, "warn"), (1, "fail"), (-11, "fail")])
def test_32_bit_programs(fake: Fake, status: int, expected: str) -> None:
    fake.answers = {"probe.py i386": Answer(status=status), **ANSWERS}
    finding = fake.find(processor.check_i386)
    assert finding.status == expected
    assert ("ia32_emulation=on" in finding.cure) == (expected == "fail")


@pytest.mark.parametrize("maps", ["", FILES["/proc/self/maps"]])
def test_a_vsyscall_page_that_is_not_mapped_or_cannot_be_called(fake: Fake, maps: str) -> None:
    fake.answers = {"probe.py vsyscall": Answer(status=-11), **ANSWERS}
    fake.files["/proc/self/maps"] = maps
    finding = fake.find(processor.check_vsyscall)
    assert (finding.status, finding.cure) == ("fail", VSYSCALL)
    assert finding.found.startswith("mapped, but" if maps else "not mapped")


def test_a_builder_that_has_not_said_what_it_needs(fake: Fake) -> None:
    assert load_needs("other") is None
    fake.release = replace(fake.release, builder="other")
    assert rows(examine(fake.case()))["builder"] == "warn"


def test_a_check_that_stumbles_hides_no_other(fake: Fake) -> None:
    def stumble(path: Path) -> Space:
        raise PermissionError(13, "Permission denied", str(path))

    fake.changes = {"space": stumble}
    findings = rows(examine(fake.case()))
    assert findings["disk"] == "warn"
    assert findings["clock"] == "ok"


def test_what_people_and_programs_read(fake: Fake) -> None:
    findings = [
        Finding(name="clock", status="ok", found="2026"),
        Finding(name="rpm database", status="fail", found="two\nlines", cure="mend it"),
        Finding(name="memory", status="warn", found="little", cure="free some"),
    ]
    assert render_table(findings).splitlines() == [
        "ok    clock         2026",
        "fail  rpm database  two lines",
        "             cure:  mend it",
        "warn  memory        little",
        "             cure:  free some",
        "3 checks: 1 ok, 1 warned, 1 failed",
    ]
    content = json.loads(render_json(fake.case(), findings))
    assert (content["release"], content["builder"], content["fit"]) == ("test", "mock", False)
    assert content["checks"][1] == {"name": "rpm database", "status": "fail", "found": "two lines", "cure": "mend it"}
    with pytest.raises(HostError, match="not fit for test: rpm database\n") as caught:
        require_fitness(fake.case(), findings)
    assert caught.value.exit_code == 30
    require_fitness(fake.case(), findings[::2])


def test_tools_that_are_not_there_or_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_tool(["/no/such/tool"]).status == 127
    assert run_tool(["sh", "-c", "echo $X; echo b >&2; exit 3"], env={"X": "a"}) == Answer(status=3, output="a\nb\n")
    monkeypatch.setattr("tproxy_rpms.doctor.host.PATIENCE", 0.1)
    assert run_tool(["sleep", "1"]).status == 124


def test_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    space = measure_space(tmp_path / "not" / "yet")
    assert (space.there, space.device, space.writable) == (tmp_path, tmp_path.stat().st_dev, True)
    assert space.free > 0


def test_the_probe_of_a_32_bit_program_is_a_program(tmp_path: Path) -> None:
    program = make_program()
    entry, offset = struct.unpack_from("<II", program, 24)
    start, address = struct.unpack_from("<II", program, offset + 4)
    assert program[start + entry - address :] == CODE
    assert address == BASE
    assert run_tool([sys.executable, str(processor.PROBE), "i386"]).status in (0, 1, 3)


def test_every_tool_that_the_code_asks_for_is_looked_for(project: Path, fake: Fake) -> None:
    sources = {
        "linux": Source(name="linux", archive=Archive(kind="source", package="x"), signature=Signature(urls=(), signers=()))
    }
    signed = make_target(signing="el5")
    site = {"signing": Signing(key="A" * 40), "publishing": Publishing(to="host:/srv"), "target": signed}
    login = Koji(target="x", hub="https://koji.example.org/kojihub", login="certificate")
    fake.release = replace(fake.release, sources=sources, koji=login, **site)
    lists = (general.list_tools, chroot.list_tools, mock.list_tools, koji.list_tools)
    known = {tool.name for list_tools in lists for tool in list_tools(fake.case())}
    code = "".join(path.read_text() for path in (project / "tproxy_rpms").rglob("*.py"))
    asked = set(re.findall(r'require_tool\("([^"]+)"', code)) | {kind.program for one in PROFILES.values() for kind in one.kinds}
    assert len(asked) >= 7
    assert asked - known == {"mock", "diffoscope"}, "mock has a check of its own, diffoscope is called when it is asked for"


def test_run_installs_the_packages_that_the_doctor_names(project: Path, fake: Fake) -> None:
    kernel = Package(name="k", spec="k", sources=(), patches="x", kconfig=Kconfig(base="slim", fragments=()))
    site = {"signing": Signing(key="A" * 40), "publishing": Publishing(to="host:/srv"), "target": make_target(signing="el5")}
    login = Koji(target="x", hub="https://koji.example.org/kojihub", login="certificate")
    fake.release = replace(fake.release, packages={"k": kernel}, koji=login, **site)
    run = (project / "run").read_text()
    debian, fedora = (path.read_text().splitlines() for path in (general.DEBIAN, general.FEDORA))
    for path in (general.DEBIAN, general.FEDORA):
        assert f'mapfile -t {path.stem}_packages <"$here/{path.relative_to(project)}"' in run
    for tool in (*general.list_tools(fake.case()), *chroot.list_tools(fake.case()), *koji.list_tools(fake.case())):
        assert tool.debian in debian, tool
        assert tool.fedora in fedora, tool
