"""The pages that take the reader by the hand, followed: their files written, their commands run, what they print compared."""

import json
from pathlib import Path

import pytest

from ..conftest import ROOT
from .finished import FinishedCut
from .session import copy_project, follow

DOCS = ROOT / "docs"


@pytest.mark.cut
@pytest.mark.chroot
@pytest.mark.timeout(1200)
def test_the_tutorial_does_what_it_says(cut: FinishedCut, tmp_path: Path) -> None:
    if cut.release.name != "bookworm":
        pytest.skip("the tutorial is about bookworm")
    project = copy_project(ROOT, tmp_path / "project")
    (project / "build").mkdir()
    (project / "build" / "bookworm").symlink_to(cut.folder.resolve())
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
