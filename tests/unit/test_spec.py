"""Spec templates: rendered for a target, with errors that name the line."""

import io
import tarfile
from pathlib import Path

import pytest

from tproxy_rpms.errors import SpecError
from tproxy_rpms.packaging.spec import find_source_root, list_files, render_spec

from ..conftest import make_release, make_target


@pytest.fixture
def root(tmp_path: Path, project: Path) -> Path:
    specs = tmp_path / "specs"
    (specs / "files" / "hello").mkdir(parents=True)
    (specs / "files" / "hello" / "b.conf").touch()
    (specs / "files" / "hello" / "a.conf").touch()
    (specs / "preamble.j2").write_text((project / "specs" / "preamble.j2").read_text())
    return tmp_path


def render(root: Path, text: str, **changes: object) -> str:
    (root / "specs" / "hello.spec.j2").write_text(text)
    release = make_release(**changes)
    return render_spec(
        release, release.packages["hello"], root=root, version="2.0", sources=(), files=["a.conf"], patches=["x.patch"]
    )


def test_the_preamble_names_sources_patches_and_the_targets_rules(root: Path) -> None:
    text = render(
        root, '{% import "preamble.j2" as preamble with context %}{% include "preamble.j2" %}\nName: hello\n{{ preamble.tags() }}'
    )
    lines = text.splitlines()
    for line in (
        "Version: 2.0",
        "Release: 1.t",
        "Source100: a.conf",
        "Patch0: x.patch",
        "AutoReq: no",
        "%global _binary_payload w3.zstdio",
    ):
        assert line in lines


def test_a_scriptlet_is_shell_where_rpm_knows_the_base_and_lua_elsewhere(root: Path) -> None:
    text = '{% import "preamble.j2" as preamble with context %}{% call preamble.scriptlet("post") %}\ndepmod -a\n{% endcall %}'
    assert "%post -p <lua>" in render(root, text)
    el = render(root, text, target=make_target(traits={"rpm_base": True, "rpm_clamps_times": True, "optflags": ""}))
    assert el.strip().splitlines()[0] == "%post"
    assert "depmod -a" in el


def test_requirements_get_the_targets_names(root: Path) -> None:
    text = "{{ require('libcap-devel') }} {{ require('gcc') }}"
    assert render(root, text, target=make_target(names={"libcap-devel": "libcap-dev"})).strip() == "libcap-dev gcc"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ok\n{% if %}", r"hello\.spec\.j2:2"),
        ("{{ target.traits.nothing_like_it }}", "nothing_like_it"),
        ("{% include 'no.j2' %}", r"no\.j2"),
    ],
)
def test_a_template_that_does_not_render_is_named(root: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        render(root, text)


def test_files_are_listed_in_order(root: Path) -> None:
    assert [path.name for path in list_files(make_release().packages["hello"], root=root)] == ["a.conf", "b.conf"]


def test_the_source_root_is_the_tarballs_first_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("./pkg-1/file"), io.BytesIO())
    assert find_source_root(path) == "pkg-1"
    path.write_bytes(b"no tarball")
    with pytest.raises(SpecError, match="not a tarball"):
        find_source_root(path)
