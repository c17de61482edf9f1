"""Projects: found from any folder in them, made without touching what is there."""

from pathlib import Path

import pytest

from tproxy_rpms.errors import UserError
from tproxy_rpms.project.create import create_project
from tproxy_rpms.project.find import find_project
from tproxy_rpms.release.load import load_release
from tproxy_rpms.tasks import locate_release

from ..conftest import ROOT

STOCK = sorted(path.stem for path in (ROOT / "releases").glob("*.toml"))


def test_a_project_is_found_from_below_and_another_tools_dodo_is_none(tmp_path: Path) -> None:
    create_project(tmp_path / "shop", release="", extends="bookworm")
    below = tmp_path / "shop" / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "shop" / "a" / "dodo.py").write_text("def task_other(): ...\n")
    assert find_project(below) == tmp_path / "shop"
    assert find_project(ROOT / "docs") == ROOT
    with pytest.raises(UserError) as caught:
        find_project(tmp_path)
    assert "tproxy-rpms init" in caught.value.hint


@pytest.mark.parametrize("name", ["a", "a.b", "4", "a-", "a_b-1.0"])
def test_a_release_is_found_by_the_name_that_its_project_gave_it(tmp_path: Path, name: str) -> None:
    create_project(tmp_path, release=name, extends="bookworm")
    assert load_release(name, root=tmp_path).name == name


@pytest.mark.parametrize("extends", STOCK)
def test_the_release_of_a_new_project_is_valid_whatever_it_extends(tmp_path: Path, extends: str) -> None:
    files = create_project(tmp_path / "shop", release="ours", extends=extends)
    assert tmp_path / "shop" / "dodo.py" in files
    assert all("@" not in path.read_text().replace("@repo.", "").replace("@example.", "") for path in files)
    release = load_release("ours", root=tmp_path / "shop")
    assert release.packages == load_release(extends, root=ROOT).packages
    assert 'release="ours"' in (tmp_path / "shop" / "dodo.py").read_text()


def test_every_change_that_the_release_file_proposes_is_a_valid_one(tmp_path: Path) -> None:
    """What stands behind a `#` and is TOML must be what a release file takes."""
    create_project(tmp_path, release="ours", extends="bookworm")
    path = tmp_path / "releases" / "ours.toml"
    lines = [line.removeprefix("# ") for line in path.read_text().splitlines() if line != "# @"]
    keys = [line for line in lines if " = " in line and "…" not in line and not line.startswith(("url", "key", "to "))]
    top = [line for line in keys if not line.startswith(("fragments", "patches", "arches", "remove"))]
    tables = [
        'arches = ["x86_64"]', 'remove = ["packages.tproxy-host"]',
        "[packages.kernel.kconfig]", *(line for line in keys if line.startswith("fragments")),
        "[packages.squid]", *(line for line in keys if line.startswith("patches")),
    ]  # fmt: skip
    assert len(tables) == 6
    assert len(top) >= 6
    path.write_text("\n".join(top + tables) + "\n")
    (tmp_path / "kconfig" / "mine.config").touch()
    (tmp_path / "patches" / "mine").mkdir()
    release = load_release("ours", root=tmp_path)
    assert release.arches == ("x86_64",)
    assert "tproxy-host" not in release.packages
    assert release.packages["squid"].patches == "mine"


@pytest.mark.parametrize("there", ["dodo.py", "releases/ours.toml", "kconfig/README.md"])
def test_what_is_there_is_not_touched_and_nothing_is_written_beside_it(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        create_project(tmp_path, release="ours", extends="bookworm")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / there]


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(UserError, match="shop: is there already"):
        create_project(tmp_path / "shop", release="ours", extends="bookworm")


@pytest.mark.parametrize(
    ("release", "extends", "said"),
    [
        ("a b", "bookworm", "'a b' can be no release's name"),
        ("a/b", "bookworm", "no release's name"),
        ("a.toml", "bookworm", "'a.toml' can be no release's name"),
        ("a.", "bookworm", "'a.' can be no release's name"),
        ("a", "bokworm", "mean bookworm"),
    ],
)
def test_wrong_names_are_told_with_the_cure(tmp_path: Path, release: str, extends: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        create_project(tmp_path / "shop", release=release, extends=extends)
    assert said in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "shop").exists()


def test_a_folder_whose_name_can_be_no_releases_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        create_project(tmp_path / "my shop", release="", extends="bookworm")
    assert "--release NAME" in caught.value.hint


def test_a_path_is_looked_for_from_where_doit_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doit.loader.initial_workdir", str(tmp_path))
    assert locate_release("mine.toml") == "mine.toml"
    (tmp_path / "mine.toml").touch()
    assert locate_release("mine.toml") == str(tmp_path / "mine.toml")
    assert locate_release("bookworm") == "bookworm"
