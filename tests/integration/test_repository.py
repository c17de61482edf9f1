"""Repositories made by the real createrepo_c."""

from pathlib import Path

import pytest

from tproxy_rpms.errors import HostError
from tproxy_rpms.publish.repository import check_repository, make_repository

from ..conftest import make_release, make_target
from .test_srpm import build


def test_the_same_packages_give_the_same_repository(tmp_path: Path) -> None:
    srpm = build(tmp_path / "hello")
    made = [make_repository(make_release(), [srpm], tmp_path / name) for name in ("one", "two")]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]
    assert srpm.name in {path.name for path in made[0]}


def test_the_target_tells_checksum_and_compression(tmp_path: Path) -> None:
    release = make_release(target=make_target(repo_checksum="sha1", repo_compress="gz"))
    files = make_repository(release, [build(tmp_path / "hello")], tmp_path / "repo")
    assert (
        'type="sha"' in (tmp_path / "repo/repodata/repomd.xml").read_text()
        or 'type="sha1"' in (tmp_path / "repo/repodata/repomd.xml").read_text()
    )
    assert any(path.name.endswith("primary.xml.gz") for path in files)


def test_a_package_that_is_gone_leaves_the_repository(tmp_path: Path) -> None:
    srpm = build(tmp_path / "hello")
    make_repository(make_release(), [srpm], tmp_path / "repo")
    make_repository(make_release(), [], tmp_path / "repo")
    assert not (tmp_path / "repo" / srpm.name).exists()


def test_metadata_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    make_repository(make_release(), [build(tmp_path / "hello")], tmp_path / "repo")
    next((tmp_path / "repo/repodata").glob("*primary.xml.gz")).write_bytes(b"x")
    with pytest.raises(HostError, match="primary"):
        check_repository(tmp_path / "repo")
