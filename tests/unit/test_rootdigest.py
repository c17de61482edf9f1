"""The digest of a root: of what a build sees, whoever made the root from whatever mirror."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tproxy_rpms.builders.root import RootStore
from tproxy_rpms.builders.rootdigest import digest_root
from tproxy_rpms.errors import RootError
from tproxy_rpms.store import digest_file, write_json

from ..conftest import make_target

CONTENT: Mapping[str, tuple[str, int, int]] = {
    "./usr/bin/gcc": ("gcc 12", 0o755, 0),
    "./etc/apt/sources.list.d/0000main.sources": ("http://mirror-a", 0o644, 0),
    "./var/lib/apt/lists/partial": ("", 0o700, 0),
    "./dev/null": ("", 0o666, 0),
}


def pack_root(path: Path, *, level: str = "-3", order: int = 1, **changes: tuple[str, int, int]) -> Path:
    """An archive of CONTENT; changes name files by their last part."""
    members = {name: changes.get(Path(name).name.partition(".")[0].replace("0000", ""), what) for name, what in CONTENT.items()}
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, (text, mode, uid) in list(members.items())[::order]:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid = len(text), mode, uid
            archive.addfile(member, io.BytesIO(text.encode()))
    path.write_bytes(subprocess.run(["zstd", "-q", level], input=plain.getvalue(), check=True, capture_output=True).stdout)
    return path


def test_how_and_from_which_mirror_a_root_was_made_plays_no_part(tmp_path: Path) -> None:
    first = digest_root(pack_root(tmp_path / "a.tar.zst"))
    assert digest_root(pack_root(tmp_path / "b.tar.zst", level="-9")) == first
    assert digest_root(pack_root(tmp_path / "c.tar.zst", order=-1)) == first
    assert digest_root(pack_root(tmp_path / "d.tar.zst", main=("http://mirror-b", 0o600, 5))) == first
    assert digest_root(pack_root(tmp_path / "e.tar.zst", partial=("", 0o700, 42))) == first


@pytest.mark.parametrize("gcc", [("gcc 13", 0o755, 0), ("gcc 12", 0o750, 0), ("gcc 12", 0o755, 1)])
def test_all_that_a_build_sees_does(tmp_path: Path, gcc: tuple[str, int, int]) -> None:
    assert digest_root(pack_root(tmp_path / "a.tar.zst", gcc=gcc)) != digest_root(pack_root(tmp_path / "b.tar.zst"))


def test_a_torn_archive_is_said_so(tmp_path: Path) -> None:
    archive = pack_root(tmp_path / "a.tar.zst")
    whole = archive.read_bytes()
    for torn in (whole[:40], whole[:-1]):
        archive.write_bytes(torn)
        with pytest.raises(RootError, match="not to be read"):
            digest_root(archive)


def test_a_store_digests_a_root_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roots").mkdir()
    store = RootStore(target=make_target(build_packages=("gcc",)), cache=tmp_path)
    with pytest.raises(RootError, match="x86_64: the build root is gone"):
        store.digest("x86_64")
    archive = pack_root(tmp_path / "roots" / "a.tar.zst")
    state = {"archive": archive.name, "size": archive.stat().st_size, "sha256": digest_file(archive)}
    write_json(store.record("x86_64"), state | {"packages": {"gcc": "12"}, "provides": ["gcc"]})
    assert store.digest("x86_64") == digest_root(archive)
    monkeypatch.setattr("tproxy_rpms.builders.root.digest_root", lambda path: pytest.fail("digested again"))
    store.digest("x86_64")
    root = store.find("x86_64")
    assert root is not None
    assert root.packages == {"gcc": "12"}
