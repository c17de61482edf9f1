"""The packages that locks name: fetched once, whoever asks, and checked."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders.lock import LockedPackage
from tproxy_rpms.builders.mirror import lock_package, make_mirror
from tproxy_rpms.errors import FetchError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.store import digest_file

from .distribution import build_small


@pytest.fixture
def package(tmp_path: Path) -> LockedPackage:
    """A package in a repository, as mock tells of it."""
    (tmp_path / "repository").mkdir()
    build_small("small", "1", tmp_path / "repository")
    path = tmp_path / "repository" / "small-1-1.noarch.rpm"
    return LockedPackage(
        name="small", arch="noarch", version="1", release="1", sigmd5=read_header(path).sigmd5, url=path.as_uri()
    )


def test_several_threads_lock_and_mirror_the_same_packages(package: LockedPackage, tmp_path: Path) -> None:
    for attempt in range(5):
        cache = tmp_path / f"cache{attempt}"
        with ThreadPoolExecutor(4) as pool:
            locked = list(pool.map(lambda _, cache=cache: lock_package(package, store=cache / "packages"), range(4)))
            assert len(set(locked)) == 1
            shutil.rmtree(cache)
            mirrors = list(pool.map(lambda one, cache=cache: make_mirror([one], cache=cache, mirrors=[]), locked))
        assert len(set(mirrors)) == 1
        (rpm,) = mirrors[0].glob("*.rpm")
        assert digest_file(rpm) == locked[0].sha256
        assert (mirrors[0] / "repodata" / "repomd.xml").is_file()


def test_a_package_that_was_built_anew_is_not_locked(package: LockedPackage, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="now is another build") as caught:
        lock_package(replace(package, sigmd5="0" * 32), store=tmp_path / "store")
    assert "build again" in caught.value.hint
    assert not list((tmp_path / "store").rglob("*.rpm"))


def test_what_is_no_rpm_is_not_locked(package: LockedPackage, tmp_path: Path) -> None:
    (tmp_path / "repository" / "small-1-1.noarch.rpm").write_text("<html>not found</html>")
    with pytest.raises(FetchError, match="no RPM came"):
        lock_package(package, store=tmp_path / "store")


def test_a_damaged_file_of_the_store_is_fetched_again(package: LockedPackage, tmp_path: Path) -> None:
    locked = lock_package(package, store=tmp_path / "cache" / "packages")
    (path,) = (tmp_path / "cache" / "packages").rglob("*.rpm")
    path.chmod(0o644)
    path.write_bytes(b"x" * locked.size)
    mirror = make_mirror([locked], cache=tmp_path / "cache", mirrors=[])
    assert subprocess.run(["rpm", "-K", "--nosignature", *mirror.glob("*.rpm")], check=False).returncode == 0


def test_a_package_that_is_nowhere_is_named(package: LockedPackage, tmp_path: Path) -> None:
    locked = lock_package(package, store=tmp_path / "elsewhere")
    (tmp_path / "repository" / "small-1-1.noarch.rpm").unlink()
    with pytest.raises(FetchError, match=r"small-1-1\.noarch\.rpm"):
        make_mirror([locked], cache=tmp_path / "cache", mirrors=[])
