"""The pages that take the reader by the hand, followed: their files written, their commands run, what they print compared."""

import json
import shutil
from pathlib import Path

import pytest

from ..conftest import ROOT
from .finished import FinishedCut
from .session import copy_project, follow

DOCS = ROOT / "docs"


# What a run in the copy writes anew: the copy is no checkout, so the record is another.
OWN = ("record", "stamps")


def borrow_cut(finished: Path, folder: Path) -> None:
    """Make `folder` the same finished cut; what is written there is not written into the cut itself."""
    folder.mkdir(parents=True)
    for path in finished.iterdir():
        if path.name in OWN:
            shutil.copytree(path, folder / path.name)
            move_stamps(folder / path.name, source=finished, target=folder)
        elif path.is_dir():
            (folder / path.name).symlink_to(path)


def move_stamps(folder: Path, *, source: Path, target: Path) -> None:
    """Let the stamps under `folder` name their files in `target`, which links to the same ones in `source`."""
    for stamp in folder.glob("*.json"):
        stamp.write_text(stamp.read_text().replace(f"{source}/", f"{target}/"))


@pytest.mark.cut
@pytest.mark.chroot
@pytest.mark.timeout(1200)
def test_the_tutorial_does_what_it_says(cut: FinishedCut, tmp_path: Path) -> None:
    if cut.release.name != "bookworm":
        pytest.skip("the tutorial is about bookworm")
    project = copy_project(ROOT, tmp_path / "project")
    borrow_cut(cut.folder.resolve(), project / "build" / "bookworm")
    record = json.loads((cut.folder / "record" / "bookworm.intoto.json").read_text())
    ccache = record["predicate"]["buildDefinition"]["externalParameters"]["ccache"]
    follow(DOCS / "tutorial.md", project, ccache=ccache)


@pytest.mark.chroot
@pytest.mark.timeout(1800)
def test_a_kernel_option_a_package_and_a_patch_are_added_as_the_pages_say(tmp_path: Path) -> None:
    if not Path("/etc/debian_version").exists():
        pytest.skip("the pages extend bookworm, which a Debian host cuts")
    project = copy_project(ROOT, tmp_path / "project")
    for page in ("add-a-kernel-option", "add-a-package", "add-a-patch"):
        follow(DOCS / f"{page}.md", project, ccache=True)
    built = sorted(path.name for path in (project / "build" / "site" / "rpms").iterdir())
    assert built == ["hello-i386", "hello-x86_64"]
