"""A project's own files before the stock: found, named, and never mixed up."""

from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms import shelf
from tproxy_rpms.errors import ReleaseError, SpecError
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Package
from tproxy_rpms.shelf import find_named, find_path, gather, is_stock, list_names, list_paths, list_shelves, name_path
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.inputs import list_inputs
from tproxy_rpms.tasks.kconfig import list_fragments
from tproxy_rpms.tasks.lock import begin_locks
from tproxy_rpms.tasks.templates import open_specs

from ..conftest import ROOT, make_release


def write(path: Path, text: str = "own\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_checkout_is_its_own_stock_and_nothing_stands_before_it() -> None:
    assert list_shelves(ROOT) == (ROOT,)
    assert find_path(ROOT, "specs", "squid.spec.j2") == ROOT / "specs" / "squid.spec.j2"
    assert not is_stock(ROOT, ROOT / "releases" / "bookworm.toml")
    with gather(ROOT, "specs") as folder:
        assert folder == ROOT


def test_an_own_file_stands_before_the_stocks_and_all_else_is_the_stocks(tmp_path: Path) -> None:
    own = write(tmp_path / "kconfig" / "tproxy.config")
    assert find_path(tmp_path, "kconfig", "tproxy.config") == own
    assert find_path(tmp_path, "kconfig", "guest.config") == ROOT / "kconfig" / "guest.config"
    assert find_path(tmp_path, "kconfig", "nowhere.config") == tmp_path / "kconfig" / "nowhere.config"
    write(tmp_path / "kconfig" / "a.config")
    assert list_names(tmp_path, "kconfig", ".config") == sorted(["a", *list_names(ROOT, "kconfig", ".config")])
    assert own in list_paths(tmp_path, "kconfig", "*.config")
    assert ROOT / "kconfig" / "tproxy.config" not in list_paths(tmp_path, "kconfig", "*.config")


def test_a_folder_of_patches_is_taken_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "patches" / "linux-2.6.30" / "series", "")
    assert find_named(tmp_path, "patches/linux-2.6.30/build-date.patch") == tmp_path / "patches/linux-2.6.30/build-date.patch"
    assert find_named(tmp_path, "patches/squid-5.7/series") == ROOT / "patches" / "squid-5.7" / "series"
    cut = Cut(release=make_release(), root=tmp_path)
    assert cut.patches(Package(name="p", spec="p", sources=(), patches="linux-2.6.30")) == ()
    assert cut.patches(Package(name="p", spec="p", sources=(), patches="squid-5.7"))[0].is_relative_to(ROOT)


def test_names_are_the_same_wherever_a_file_lies_and_lead_back_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write(tmp_path / "specs" / "files" / "squid" / "squid.init")
    for path, name in ((own, "specs/files/squid/squid.init"), (ROOT / "specs" / "squid.spec.j2", "specs/squid.spec.j2")):
        assert name_path(tmp_path, path) == name
        assert find_named(tmp_path, name) == path
    assert name_path(tmp_path, Path("/etc/passwd")) is None
    assert find_named(tmp_path, "notes/x") == tmp_path / "notes" / "x"
    # An environment in a project's folder, and a project in a checkout's.
    inner = tmp_path / ".venv" / "stock"
    monkeypatch.setattr(shelf, "STOCK", inner)
    list_shelves.cache_clear()
    assert name_path(tmp_path, write(inner / "kconfig" / "x.config")) == "kconfig/x.config"
    monkeypatch.setattr(shelf, "STOCK", tmp_path)
    list_shelves.cache_clear()
    assert name_path(tmp_path / "shop", write(tmp_path / "shop" / "kconfig" / "x.config")) == "kconfig/x.config"
    assert name_path(tmp_path / "shop", tmp_path / "kconfig" / "x.config") == "kconfig/x.config"
    list_shelves.cache_clear()


def test_a_release_may_be_named_like_the_one_that_it_extends(tmp_path: Path) -> None:
    own = write(tmp_path / "releases" / "bookworm.toml", 'schema = 1\nextends = "bookworm"\nrevision = "9"\n')
    release = load_release("bookworm", root=tmp_path)
    assert (release.revision, release.files) == ("9", (ROOT / "releases" / "bookworm.toml", own))
    assert release.target_file == ROOT / "targets" / "debian-12.toml"
    write(tmp_path / "releases" / "alone.toml", 'schema = 1\nextends = "alone"\n')
    with pytest.raises(ReleaseError, match="goes in a circle"):
        load_release("alone", root=tmp_path)
    write(own, 'schema = 1\nextends = "other"\n')
    write(tmp_path / "releases" / "other.toml", 'schema = 1\nextends = "bookworm"\n')
    with pytest.raises(ReleaseError, match="goes in a circle"):
        load_release("bookworm", root=tmp_path)


def test_what_a_release_names_may_be_the_projects_or_the_stocks(tmp_path: Path) -> None:
    write(tmp_path / "targets" / "mine.toml", (ROOT / "targets" / "debian-12.toml").read_text())
    own = write(tmp_path / "kconfig" / "tproxy.x86_64.config", "CONFIG_A=y\n")
    text = 'schema = 1\nextends = "bookworm"\ntarget = "mine"\n[packages.kernel.kconfig]\nfragments = ["tproxy"]\n'
    write(tmp_path / "releases" / "mine.toml", text)
    release = load_release("mine", root=tmp_path)
    assert release.target_file == tmp_path / "targets" / "mine.toml"
    kconfig = release.packages["kernel"].kconfig
    assert kconfig is not None
    stock = ROOT / "kconfig"
    assert list_fragments(tmp_path, kconfig, "x86_64") == [stock / "reproducible.config", stock / "tproxy.config", own]
    write(tmp_path / "releases" / "mine.toml", text.replace('"tproxy"', '"nope"').replace('"mine"', '"mino"'))
    with pytest.raises(ReleaseError) as caught:
        load_release("mine", root=tmp_path)
    assert "did you mean mine?" in str(caught.value)
    assert "there is no kconfig/nope.config" in str(caught.value)


def test_a_mock_configuration_of_the_projects_stands_before_the_stocks(tmp_path: Path) -> None:
    release = load_release("centos5", root=tmp_path)
    assert release.mock_config("i386") == ROOT / "mock-configs" / "centos-5-i386.cfg"
    own = write(tmp_path / "mock-configs" / "centos-5-i386.cfg")
    assert release.mock_config("i386") == own
    # Nor does a project's own target lose the stock's configurations.
    write(tmp_path / "targets" / "centos-5.toml", (ROOT / "targets" / "centos-5.toml").read_text())
    release = load_release("centos5", root=tmp_path)
    assert release.target_file == tmp_path / "targets" / "centos-5.toml"
    assert release.mock_config("x86_64") == ROOT / "mock-configs" / "centos-5-x86_64.cfg"
    names = {
        one.name: one.path for one in list_inputs(Cut(release=release, root=tmp_path)) if one.role in ("mock-config", "target")
    }
    assert names["mock-configs/centos-5-i386.cfg"] == own
    assert {"mock-configs/centos-5-x86_64.cfg", "targets/centos-5.toml"} <= names.keys()


def test_locks_of_a_release_of_the_stock_are_written_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_release("centos5", root=ROOT).lock == ROOT / "releases" / "centos5.lock"
    stock, project = tmp_path / "stock", tmp_path / "project"
    for name in ("shelf", "release.model"):
        monkeypatch.setattr(f"tproxy_rpms.{name}.STOCK", stock)
    list_shelves.cache_clear()
    release = make_release(name="x", files=(stock / "releases" / "x.toml",), root=project)
    assert release.lock == project / "releases" / "x.lock"
    write(stock / "releases" / "x.lock" / "hello-i386.json")
    assert release.lock == stock / "releases" / "x.lock"
    begin_locks(Cut(release=release, root=project))
    assert release.lock == project / "releases" / "x.lock"
    assert (release.lock / "hello-i386.json").read_text() == "own\n"
    elsewhere = replace(release, files=(tmp_path / "etc" / "x.toml",))
    assert elsewhere.lock == tmp_path / "etc" / "x.lock"
    # One of the same name that only adds who signs takes the locks of what it extends, until it has its own; another does not.
    extending = replace(release, files=(stock / "releases" / "x.toml", tmp_path / "etc" / "x.toml"))
    assert extending.lock == stock / "releases" / "x.lock"
    assert replace(extending, name="y").lock == tmp_path / "etc" / "x.lock"
    begin_locks(Cut(release=extending, root=project, folder=tmp_path / "build"))
    assert extending.lock == tmp_path / "etc" / "x.lock" and (extending.lock / "hello-i386.json").is_file()
    list_shelves.cache_clear()


def test_specs_are_gathered_file_by_file(tmp_path: Path) -> None:
    own = write(tmp_path / "specs" / "files" / "squid" / "squid.init")
    write(tmp_path / "specs" / "ours.spec.j2")
    with gather(tmp_path, "specs") as folder:
        assert (folder / "specs" / "files" / "squid" / "squid.init").read_text() == own.read_text()
        stock = ROOT / "specs" / "files" / "squid" / "squid.service"
        assert (folder / "specs" / "files" / "squid" / "squid.service").read_bytes() == stock.read_bytes()
        assert (folder / "specs" / "ours.spec.j2").is_file()
    assert not folder.exists()
    cut = Cut(release=make_release(), root=tmp_path)
    files = cut.spec_files(Package(name="squid", spec="squid", sources=()))
    assert own in files
    assert ROOT / "specs" / "preamble.j2" in files
    assert len({path.name for path in files}) == len(files) == len(Cut(release=make_release(), root=ROOT).spec_files(
        Package(name="squid", spec="squid", sources=())
    ))  # fmt: skip


def test_the_files_of_a_checkouts_specs_are_those_that_they_were() -> None:
    specs = ROOT / "specs"
    expected = {specs / "squid.spec.j2", specs / "preamble.j2", *(specs / "files" / "squid").iterdir()}
    assert set(Cut(release=make_release(), root=ROOT).spec_files(Package(name="squid", spec="squid", sources=()))) == expected


def test_a_template_that_is_wrong_is_named_where_it_lies(tmp_path: Path) -> None:
    own = write(tmp_path / "specs" / "squid.spec.j2")
    with pytest.raises(SpecError) as caught, open_specs(tmp_path):
        raise SpecError("specs/squid.spec.j2:3: wrong", hint="mend specs/kernel.spec.j2 or specs/none.spec.j2")
    assert caught.value.message == f"{own}:3: wrong"
    assert caught.value.hint == f"mend {ROOT}/specs/kernel.spec.j2 or specs/none.spec.j2"
    with pytest.raises(SpecError, match=r"^specs/squid"), open_specs(ROOT):
        raise SpecError("specs/squid.spec.j2:3: wrong")
