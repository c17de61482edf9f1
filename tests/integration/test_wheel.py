"""The wheel in an environment of its own: projects that init makes, with files of their own beside the stock."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tproxy_rpms.store import digest_file

ROOT = Path(__file__).parents[2]

# A release of the stock with nothing in it but what needs no network: tproxy-host, and a kernel of a few lines.
RELEASE = """\
schema = 1
extends = "bookworm"
remove = ["packages.iptables", "packages.squid", "sources.iptables", "sources.squid", "sources.linux", "packages.kernel.kconfig"]
revision = "7"

[sources.linux]
version = "6.1"
urls = ["{url}"]
sha256 = "{digest}"

[packages.kernel]
patches = "ours"

[packages.kernel.kconfig]
base = "slim"
fragments = ["ours"]
"""

# What follows a change has to be as long as what precedes it: patch takes the end of a hunk that is shorter for that of the file.
PATCH = """\
--- a/Kconfig
+++ b/Kconfig
@@ -2,2 +2,5 @@
 \n+config OURS
+\tbool "Ours"
+
 config MODULES
"""


class Installed:
    """A wheel of the project, installed."""

    def __init__(self, top: Path) -> None:
        self.top, self.bin = top, top / "venv" / "bin"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        run(top, [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(top), str(ROOT)])
        (self.wheel,) = top.glob("*.whl")
        run(top, [sys.executable, "-m", "venv", "--without-pip", str(top / "venv")])
        run(top, [*pip, "--python", str(self.bin / "python"), "install", "-q", "--no-deps", "--no-index", str(self.wheel)])
        (self.site,) = top.glob("venv/lib/python*/site-packages")
        # What it depends on is here already.
        (self.site / "depends.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(self, folder: Path, *words: str, status: int = 0) -> str:
        """Run a command of the environment, and return what it says."""
        return run(folder, [str(self.bin / words[0]), *words[1:]], path=str(self.bin), status=status)


def run(folder: Path, argv: list[str], *, path: str = "", status: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PATH": f"{path}:{environment['PATH']}", "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(argv, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def shop(installed: Installed, tmp_path: Path) -> Path:
    installed.run(tmp_path, "tproxy-rpms", "init", "shop")
    return tmp_path / "shop"


@pytest.fixture
def small(shop: Path, tmp_path: Path) -> Path:
    """A project whose release takes seconds."""
    tarball = tmp_path / "linux-6.1.tar.gz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(ROOT / "tests" / "fixtures" / "fakelinux", "linux-6.1")
    text = RELEASE.replace("{url}", tarball.as_uri()).replace("{digest}", digest_file(tarball))
    (shop / "releases" / "shop.toml").write_text(text)
    (shop / "kconfig" / "ours.config").write_text("CONFIG_OURS=y\n")
    (shop / "patches" / "ours").mkdir()
    (shop / "patches" / "ours" / "ours.patch").write_text(PATCH)
    (shop / "patches" / "ours" / "series").write_text("ours.patch\n")
    return shop


def test_outside_of_a_project_it_says_how_to_make_one(installed: Installed, tmp_path: Path) -> None:
    assert "hint: make one: tproxy-rpms init FOLDER" in installed.run(tmp_path, "tproxy-rpms", "list", status=10)
    (tmp_path / "dodo.py").write_text("def task_x():\n    return {'actions': []}\n")
    assert "in no project" in installed.run(tmp_path, "tproxy-rpms", status=10)  # somebody else's dodo.py
    assert re.match(r"tproxy-rpms \d+\.\d+\S* \(doit ", installed.run(tmp_path, "tproxy-rpms", "--version"))
    assert "tproxy-rpms init" in installed.run(tmp_path, "tproxy-rpms", "help")


def test_a_new_project_is_the_stock_with_a_release_more(installed: Installed, shop: Path) -> None:
    lines = installed.run(shop, "tproxy-rpms", "list").splitlines()
    assert {"fetch", "rpm", "repo", "record"} <= {line.split()[0] for line in lines}
    dumped = installed.run(shop, "tproxy-rpms", "dump")
    assert 'summary = "shop, which is bookworm with changes of our own"' in dumped
    (shop / "releases" / "again.toml").write_text(dumped)
    (shop / "below").mkdir()
    again = installed.run(shop / "below", "tproxy-rpms", "release=again", "dump")
    assert again.replace("# " + str(shop / "releases" / "again.toml"), "") in "\n" + dumped.partition("\n")[2].partition("\n")[2]
    assert 'target = "centos-5"' in installed.run(shop, "tproxy-rpms", "release=centos5", "dump")
    assert "no such release; did you mean bookworm?" in installed.run(shop, "tproxy-rpms", "release=bookwurm", "list", status=11)


def test_doit_and_tproxy_rpms_are_the_same_and_take_tasks_of_the_users(installed: Installed, shop: Path) -> None:
    dodo = shop / "dodo.py"
    dodo.write_text(
        dodo.read_text() + "\n\ndef task_hello():\n    'Say hello.'\n    return {'actions': [lambda: print('hello')]}\n"
    )
    words = ("list", "--all", "release=bookworm")
    listed = installed.run(shop, "tproxy-rpms", *words)
    assert "Say hello." in listed
    assert installed.run(shop, "python", "-m", "doit", *words) == listed
    assert "hello\n" in installed.run(shop, "tproxy-rpms", "hello")


def test_own_fragments_and_patches_shape_a_kernel(installed: Installed, small: Path) -> None:
    output = installed.run(small, "tproxy-rpms", "kconfig")
    assert "kconfig:kernel:x86_64 done" in output
    config = small / "build" / "shop" / "kconfig" / "kernel-i386" / "config-i386"
    assert "CONFIG_OURS=y" in config.read_text().splitlines()
    assert "# CONFIG_MODULE_SIG is not set" in (config.parent / "demands-i386").read_text()  # of the stock's reproducible.config
    assert "kconfig:kernel:x86_64 done" not in installed.run(small, "tproxy-rpms", "kconfig")
    fragment = small / "kconfig" / "ours.config"
    fragment.write_text("CONFIG_OURS=y\nCONFIG_GONE=y\n")
    assert f"{fragment}:2: x86_64: GONE=y was dropped" in installed.run(small, "tproxy-rpms", "kconfig", status=12)
    series = small / "patches" / "ours" / "series"
    series.write_text("other.patch\n")
    assert f"{series}: other.patch: no such file" in installed.run(small, "tproxy-rpms", "kconfig", status=13)


def test_an_own_spec_stands_before_the_stocks_and_is_named_when_it_is_wrong(installed: Installed, small: Path) -> None:
    stock = (ROOT / "specs" / "tproxy-host.spec.j2").read_text()
    spec, readme = small / "specs" / "tproxy-host.spec.j2", small / "specs" / "files" / "tproxy-host" / "README"
    spec.write_text(re.sub(r"^Summary:.*", "Summary: Ours", stock, count=1, flags=re.MULTILINE))
    readme.parent.mkdir(parents=True)
    readme.write_text("Ours.\n")
    installed.run(small, "tproxy-rpms", "srpm:tproxy-host")
    (srpm,) = (small / "build" / "shop" / "srpms" / "tproxy-host").glob("*-7.deb12.src.rpm")
    query = ["rpm", "-qp", "--nosignature", "--queryformat", r"%{SUMMARY}\n[%{FILENAMES} %{FILESIZES}\n]", str(srpm)]
    told = run(small, query).splitlines()
    assert "Ours" in told
    assert "README 6" in told
    assert any(line.startswith("90-main.sh ") for line in told)
    assert "srpm:tproxy-host done" not in installed.run(small, "tproxy-rpms", "srpm:tproxy-host")
    spec.write_text("{% if %}")
    assert f"{spec}:1: " in installed.run(small, "tproxy-rpms", "srpm:tproxy-host", status=14)
    spec.unlink()
    assert "srpm:tproxy-host done" in installed.run(small, "tproxy-rpms", "srpm:tproxy-host")


def test_the_record_names_own_files_and_those_of_the_stock_with_their_digests(installed: Installed, small: Path) -> None:
    (small / "specs" / "kernel.spec.j2").write_text("# ours\n")
    script = """if True:
        from pathlib import Path
        from tproxy_rpms.publish.tools import read_packages
        from tproxy_rpms.release.load import load_release
        from tproxy_rpms.store import digest_file
        from tproxy_rpms.tasks.cut import Cut
        from tproxy_rpms.tasks.inputs import list_inputs
        cut = Cut(release=load_release("shop", root=Path.cwd()), root=Path.cwd())
        for one in list_inputs(cut):
            print(one.name, digest_file(one.path), one.role)
        print(read_packages()["python:tproxy-rpms"])
    """
    *lines, version = installed.run(small, "python", "-c", script).splitlines()
    found = {name: digest for name, digest, _ in map(str.split, lines)}
    assert f"tproxy_rpms-{version}-" in installed.wheel.name
    for name in (
        "releases/shop.toml",
        "specs/kernel.spec.j2",
        "kconfig/ours.config",
        "patches/ours/series",
        "patches/ours/ours.patch",
    ):
        assert found[name] == digest_file(small / name)
    for name in ("releases/bookworm.toml", "targets/debian-12.toml", "specs/preamble.j2", "kconfig/reproducible.config"):
        assert found[name] == digest_file(ROOT / name)
    assert found["tproxy_rpms/tasks/srpm.py"] == digest_file(ROOT / "tproxy_rpms" / "tasks" / "srpm.py")
    assert not [name for name in found if name.startswith("outside/") or str(installed.top) in name]


def test_init_touches_nothing_that_is_there(installed: Installed, shop: Path) -> None:
    (shop / "dodo.py").write_text("mine")
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    (shop / "README.md").unlink()
    output = installed.run(shop, "tproxy-rpms", "init", status=10)
    assert "dodo.py: is there already" in output
    assert "hint: nothing was written" in output
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == {
        path: content for path, content in before.items() if path.name != "README.md" or path.parent != shop
    }
    wrong = installed.run(shop.parent, "tproxy-rpms", "init", "other", "--extends", "bokworm", status=10)
    assert "no such release; did you mean bookworm?" in wrong
    assert not (shop.parent / "other").exists()


def test_the_wheel_has_the_whole_stock(installed: Installed) -> None:
    for kind in ("releases", "targets", "specs", "kconfig", "patches", "mock-configs"):
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", kind], capture_output=True, text=True, check=False)
        names = [name for name in listed.stdout.split("\0") if name] or [
            str(path.relative_to(ROOT)) for path in (ROOT / kind).rglob("*") if path.is_file()
        ]
        for name in names:
            assert (installed.site / "tproxy_rpms" / "stock" / name).read_bytes() == (ROOT / name).read_bytes()
