"""The doctor: every check finds the fault that it is for, and is content where there is none."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders.mockfailure import DATABASE, GROUP, INSTALL, PLUGINS, PRIVILEGES, VSYSCALL
from tproxy_rpms.doctor import archive, chroot, general, mock, processor
from tproxy_rpms.doctor.examine import examine, render_json, render_table, require_fitness
from tproxy_rpms.doctor.finding import Case, Check, Finding
from tproxy_rpms.doctor.host import Answer, Host, Space, measure_space, run_tool
from tproxy_rpms.doctor.needs import load_needs
from tproxy_rpms.errors import HostError
from tproxy_rpms.release.model import Archive, Kconfig, Package, Release, Signature, Source

from ..conftest import make_release, make_target

GIB = 1 << 30
NOW = 1_100_000_000

FILES = {
    "/proc/meminfo": "MemTotal: 32000000 kB\nMemAvailable:   16000000 kB\n",
    "/proc/self/maps": "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
    "/etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
    "/etc/apt/sources.list": "deb [signed-by=/k.gpg] http://a.example.org/debian bookworm main\n",
    "/k.gpg": "",
    "/etc/subuid": "someone:100000:65536\n",
    "/etc/subgid": "someone:100000:65536\n",
    "/usr/bin/dnf-3": "",
    "/keys/A": "",
}

CONFIG = """\
config_opts['package_manager'] = 'dnf4'
config_opts['dnf_warning'] = False
config_opts['dnf.conf'] = \"\"\"
[base]
baseurl=http://vault.example.org/
gpgkey=file:///keys/A
\"\"\"
"""

# What the host's tools answer, by words of the command; the first that fit count.
ANSWERS: Mapping[str, Answer] = {
    "--version": Answer(status=0, output="6.7\n"),
    "--print-root-path": Answer(status=0, output="/var/lib/mock/x/root/\n"),
    "--eval": Answer(status=0, output="/var/lib/rpm\nsqlite\n"),
    "setarch i386 uname -m": Answer(status=0, output="i686\n"),
    "uname -m": Answer(status=0, output="x86_64\n"),
    "arch-test i386": Answer(status=0, output="i386: ok\n"),
    "": Answer(status=0),
}


class Fake:
    """A host in a folder, with a release on it; every part can be spoilt. `asked` holds the commands that were run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = dict(FILES)
        self.answers = dict(ANSWERS)
        self.missing: set[str] = set()
        self.changes: dict[str, object] = {}
        self.free = 100 * GIB
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        (folder / "mock-configs").mkdir(parents=True)
        for arch in ("x86_64", "i386"):
            (folder / "mock-configs" / f"test-{arch}.cfg").write_text(CONFIG)
        traits = {"vsyscall": True, "rpmdb": "bdb"}
        self.release = make_release(
            builder="mock",
            files=(folder / "releases" / "test.toml",),
            target_file=folder / "targets" / "test.toml",
            target=make_target(traits=traits),
        )

    def run(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Answer:
        line = " ".join(argv)
        self.asked.append((line, env or {}))
        return next(answer for words, answer in self.answers.items() if words in line)

    def case(self) -> Case:
        top = self.folder / "host"
        shutil.rmtree(top, ignore_errors=True)
        for name, text in self.files.items():
            path = top / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        host = Host(
            uid=1001,
            user="someone",
            groups=frozenset({"someone", "mock"}),
            known_groups=frozenset({"someone", "mock"}),
            environment={},
            now=NOW,
            find=lambda name: None if name in self.missing else f"/usr/bin/{name}",
            run=self.run,
            space=lambda path: Space(there=path, free=self.free, device=1, writable=True),
            top=top,
        )
        release: Release = self.release
        folder = self.folder / "project"
        return Case(
            release=release,
            host=replace(host, **self.changes),  # type: ignore[arg-type]
            root=folder,
            build=folder / "build" / "test",
            cache=folder / "cache",
        )

    def look(self, check: Check) -> list[Finding]:
        return list(check(self.case()))

    def find(self, check: Check) -> Finding:
        (finding,) = self.look(check)
        return finding


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fake")


def rows(findings: Sequence[Finding]) -> dict[str, str]:
    return {finding.name: finding.status for finding in findings}


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


def test_mock_is_missing(fake: Fake) -> None:
    fake.missing = {"mock"}
    finding = fake.find(mock.check_mock)
    assert (finding.status, finding.cure) == ("fail", INSTALL)
    assert fake.look(mock.check_configurations) == []


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [("6.7", 0, "ok"), ("10.0", 0, "ok"), ("5.9", 0, "fail"), ("unreleased_version", 0, "warn"), ("Traceback", 1, "fail")],
)
def test_the_version_of_mock(fake: Fake, said: str, status: int, expected: str) -> None:
    fake.answers = {"--version": Answer(status=status, output=f"{said}\n")}
    assert fake.find(mock.check_mock).status == expected
    assert fake.asked[-1] == ("/usr/bin/mock --version", {})
    fake.changes = {"uid": 0}
    fake.find(mock.check_mock)
    assert "SUDO_UID" in fake.asked[-1][1], "plain root is not told"


@pytest.mark.parametrize(
    ("changes", "expected", "cure"),
    [
        ({}, "ok", ""),
        ({"groups": frozenset({"someone"})}, "fail", GROUP),
        ({"uid": 0}, "fail", GROUP),
        ({"uid": 0, "environment": {"SUDO_UID": "1001", "SUDO_USER": "someone"}}, "ok", ""),
        ({"uid": 0, "environment": {"USERHELPER_UID": "1001"}}, "ok", ""),
        ({"uid": 0, "environment": {"SUDO_UID": "0"}}, "fail", GROUP),
        ({"known_groups": frozenset({"someone"})}, "fail", "groupadd --system mock; mock's packages make it"),
    ],
)
def test_whom_mock_runs_for(fake: Fake, changes: dict[str, object], expected: str, cure: str) -> None:
    fake.changes = changes
    finding = fake.find(mock.check_user)
    assert (finding.status, finding.cure) == (expected, cure)
    assert len(fake.look(mock.check_configurations)) == (2 if expected == "ok" else 0), "else it might ask for a password"


def test_mock_is_asked_as_a_build_asks_it(fake: Fake) -> None:
    fake.changes = {"uid": 0, "environment": {"SUDO_UID": "1001", "SECRET": "x"}}
    assert rows(fake.look(mock.check_configurations)) == {"mock -r test-x86_64": "ok", "mock -r test-i386": "ok"}
    line, environment = fake.asked[-1]
    assert f"-r {fake.release.mock_config('i386')}" in line
    assert environment == {"SUDO_UID": "1001"}


def test_what_mock_says_against_a_configuration(fake: Fake) -> None:
    fake.answers = {"x86_64": Answer(status=2, output="ERROR: Operation not permitted\n"), **ANSWERS}
    first, second = fake.look(mock.check_configurations)
    assert (first.status, first.cure, second.status) == ("fail", PRIVILEGES, "ok")
    assert first.found == "mock was started without its privileges (ERROR: Operation not permitted)"
    fake.release.mock_config("x86_64").unlink()
    assert fake.look(mock.check_configurations)[0].found.endswith("test-x86_64.cfg: no such file")


def test_the_package_manager_that_the_roots_want(fake: Fake) -> None:
    assert fake.find(mock.check_manager).status == "ok"
    del fake.files["/usr/bin/dnf-3"]
    finding = fake.find(mock.check_manager)
    assert (finding.status, finding.cure) == ("fail", "install dnf")
    fake.files["/usr/bin/dnf5"] = ""
    assert fake.find(mock.check_manager).status == "warn"
    for arch in ("x86_64", "i386"):
        config = fake.release.mock_config(arch)  # type: ignore[arg-type]
        config.write_text(config.read_text().replace("False", "True"))
    finding = fake.find(mock.check_manager)
    assert (finding.status, "waits for Enter" in finding.found) == ("fail", True)


def test_a_yum_that_is_dnf_by_another_name_is_none(fake: Fake) -> None:
    assert mock.read_manager("") == "dnf4"
    case = fake.case()
    case.host.path("/usr/bin/yum").symlink_to("dnf-3")
    assert not mock.has_manager(case, "yum")
    assert mock.has_manager(case, "dnf4")


def test_builddep_is_a_plugin(fake: Fake) -> None:
    assert fake.find(mock.check_builddep).status == "ok"
    fake.answers = {"/usr/bin/dnf-3 builddep": Answer(status=1, output="No such command: builddep.\n")}
    finding = fake.find(mock.check_builddep)
    assert (finding.status, finding.cure) == ("fail", PLUGINS)
    del fake.files["/usr/bin/dnf-3"]
    fake.files["/usr/bin/yum"] = ""
    assert fake.look(mock.check_builddep) == [], "yum has yum-builddep"


def test_where_rpm_keeps_its_database(fake: Fake) -> None:
    finding = fake.find(mock.check_database)
    assert (finding.status, "reads bdb alone" in finding.found) == ("ok", True)
    fake.answers = {"--eval": Answer(status=0, output="/usr/lib/sysimage/rpm\n\n")}
    assert fake.find(mock.check_database).found == "/usr/lib/sysimage/rpm, bdb"
    fake.answers = {"--eval": Answer(status=0, output="/home/someone/.rpmdb\nsqlite\n")}
    finding = fake.find(mock.check_database)
    assert (finding.status, finding.cure) == ("fail", DATABASE)


def test_keys_of_the_packages_of_roots(fake: Fake) -> None:
    assert fake.find(mock.check_keys).status == "ok"
    del fake.files["/keys/A"]
    finding = fake.find(mock.check_keys)
    assert (finding.status, finding.found) == ("fail", "not there: /keys/A")
    fake.release.lock.mkdir(parents=True)
    (fake.release.lock / "hello-x86_64.json").write_text("{}")
    assert fake.find(mock.check_keys).status == "ok", "locked packages are checked by digest"


def test_namespaces_that_are_not_allowed(fake: Fake) -> None:
    assert fake.find(chroot.check_namespaces).status == "ok"
    fake.answers = {"unshare": Answer(status=1, output="unshare: Operation not permitted\n")}
    assert fake.find(chroot.check_namespaces).cure == chroot.CONTAINER
    fake.files["/proc/sys/kernel/unprivileged_userns_clone"] = "0\n"
    assert fake.find(chroot.check_namespaces).cure == "sysctl kernel.unprivileged_userns_clone=1"
    fake.changes = {"uid": 0}
    assert fake.find(chroot.check_namespaces).cure == chroot.CONTAINER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("someone:100000:65536\n", "ok"),
        ("1001:100000:65536\n", "ok"),
        ("someone:1:10\nsomeone:100000:70000\n", "ok"),
        ("someone:100000:65535\n", "fail"),
        ("else:100000:65536\n", "fail"),
        ("someone\n", "fail"),
        ("", "fail"),
    ],
)
def test_ranges_of_ids(fake: Fake, text: str, expected: str) -> None:
    fake.files["/etc/subgid"] = text
    finding = fake.find(chroot.check_ids)
    assert finding.status == expected
    assert ("in /etc/subgid" in finding.found) == (expected == "fail")
    fake.changes = {"uid": 0}
    assert fake.look(chroot.check_ids) == []


def test_an_arch_test_that_says_no(fake: Fake) -> None:
    fake.answers = {"arch-test i386": Answer(status=1, output="i386: not supported on this machine/kernel\n")}
    assert fake.find(chroot.check_arch_test).status == "fail"


def test_the_hosts_archive(fake: Fake) -> None:
    assert rows(fake.look(archive.check_archive)) == {"package mirror": "ok", "archive keys": "ok"}
    del fake.files["/k.gpg"]
    finding = fake.look(archive.check_archive)[1]
    assert (finding.status, finding.found) == ("fail", "not there: /k.gpg")
    fake.files["/etc/apt/sources.list"] = "deb http://a.example.org/debian bookworm main\n"
    assert fake.look(archive.check_archive)[1].found == "not there: /etc/apt/trusted.gpg.d/*"
    fake.files["/etc/apt/trusted.gpg.d/a.asc"] = ""
    assert fake.look(archive.check_archive)[1].status == "ok"
    fake.files["/etc/apt/sources.list"] = "deb http://a.example.org/debian trixie main\n"
    assert rows(fake.look(archive.check_archive)) == {"package mirror": "fail"}
    fake.files["/etc/os-release"] = "ID=fedora\n"
    assert rows(fake.look(archive.check_archive)) == {"package mirror": "fail"}


def test_the_archive_is_for_releases_with_sources_from_it(fake: Fake) -> None:
    assert fake.look(archive.check_sources) == []
    source = Source(name="squid", archive=Archive(kind="source", package="squid"))
    fake.release = replace(fake.release, sources={"squid": source}, builder="chroot")
    names = [finding.name for finding in examine(fake.case())]
    assert names.count("package mirror") == 1


def test_a_builder_that_has_not_said_what_it_needs(fake: Fake) -> None:
    assert load_needs("koji") is None
    fake.release = replace(fake.release, builder="koji")
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
    assert run_tool(["sleep", "10"]).status == 124


def test_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    space = measure_space(tmp_path / "not" / "yet")
    assert (space.there, space.device, space.writable) == (tmp_path, tmp_path.stat().st_dev, True)
    assert space.free > 0


def test_the_probe_of_a_32_bit_program_is_a_program(tmp_path: Path) -> None:
    import struct

    from tproxy_rpms.doctor.probe import BASE, CODE, make_program

    program = make_program()
    entry, offset = struct.unpack_from("<II", program, 24)
    start, address = struct.unpack_from("<II", program, offset + 4)
    assert program[start + entry - address :] == CODE
    assert address == BASE
    assert run_tool([sys.executable, str(processor.PROBE), "i386"]).status in (0, 1, 3)


def test_every_tool_that_the_code_asks_for_is_looked_for(project: Path, fake: Fake) -> None:
    import re

    sources = {
        "linux": Source(name="linux", archive=Archive(kind="source", package="x"), signature=Signature(urls=(), signers=()))
    }
    fake.release = replace(fake.release, sources=sources)
    known = {
        tool.name for list_tools in (general.list_tools, chroot.list_tools, mock.list_tools) for tool in list_tools(fake.case())
    }
    code = "".join(path.read_text() for path in (project / "tproxy_rpms").rglob("*.py"))
    asked = set(re.findall(r'require_tool\("([^"]+)"', code))
    assert len(asked) >= 7
    assert asked - known == {"mock"}, "mock has a check of its own"


def test_run_installs_the_packages_that_the_doctor_names(project: Path, fake: Fake) -> None:
    kernel = Package(name="k", spec="k", sources=(), patches="x", kconfig=Kconfig(base="slim", fragments=()))
    fake.release = replace(fake.release, packages={"k": kernel})
    run = (project / "run").read_text()
    debian, fedora = (run.split(f"{family}_packages=(")[1].split(")")[0].split() for family in ("debian", "fedora"))
    for tool in (*general.list_tools(fake.case()), *chroot.list_tools(fake.case())):
        assert tool.debian in debian, tool
        assert tool.fedora in fedora, tool
