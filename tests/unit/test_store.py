"""Whole files, stamps and locks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tproxy_rpms import store
from tproxy_rpms.errors import LockedError
from tproxy_rpms.store import digest_tree, hold_lock, is_current, read_outputs, whole_file, whole_folder, write_stamp


def test_a_file_that_fails_halfway_keeps_its_old_content(tmp_path: Path) -> None:
    path = tmp_path / "target"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    for names in (["a", "b"], ["c"]):
        with whole_folder(tmp_path / "folder") as folder:
            assert not (folder / "a").exists()
            for name in names:
                (folder / name).touch()
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["c"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.fixture
def stamped(tmp_path: Path) -> tuple[Path, Path]:
    output, stamp = tmp_path / "output", tmp_path / "stamp.json"
    output.write_bytes(b"payload")
    write_stamp(stamp, inputs={"source": "abc"}, outputs=[output])
    return stamp, output


def test_the_same_inputs_and_an_unharmed_output_are_current(stamped: tuple[Path, Path]) -> None:
    stamp, output = stamped
    assert is_current(stamp, inputs={"source": "abc"})
    assert list(read_outputs(stamp)) == [output]


def test_other_inputs_are_not_current(stamped: tuple[Path, Path]) -> None:
    assert not is_current(stamped[0], inputs={"source": "abd"})


def test_a_flipped_byte_is_seen_even_with_the_old_time(stamped: tuple[Path, Path]) -> None:
    stamp, output = stamped
    before = output.stat()
    output.write_bytes(b"pAyload")
    os.utime(output, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not is_current(stamp, inputs={"source": "abc"})


def test_a_touched_output_is_hashed_once_and_then_trusted(stamped: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    stamp, output = stamped
    os.utime(output)
    assert is_current(stamp, inputs={"source": "abc"})
    monkeypatch.setattr("tproxy_rpms.store.digest_file", lambda path: pytest.fail("hashed again"))
    assert is_current(stamp, inputs={"source": "abc"})


def test_a_missing_output_is_not_current(stamped: tuple[Path, Path]) -> None:
    stamped[1].unlink()
    assert not is_current(stamped[0], inputs={"source": "abc"})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"inputs": {}}'])
def test_a_damaged_stamp_is_no_stamp(tmp_path: Path, content: str) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(content)
    assert not is_current(stamp, inputs={})
    assert read_outputs(stamp) == {}


def test_the_second_holder_is_told_who_is_first(tmp_path: Path) -> None:
    first = hold_lock(tmp_path / "lock", "process 1 (doit release=x)")
    with pytest.raises(LockedError, match=r"process 1 \(doit release=x\)"):
        hold_lock(tmp_path / "lock", "process 2")
    first.close()
    hold_lock(tmp_path / "lock", "process 2").close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tproxy_rpms.store import hold_lock;"
        "lock = hold_lock(Path(sys.argv[1]), 'child'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False)
    hold_lock(tmp_path / "lock", "after").close()


def test_a_tree_digest_sees_names_contents_and_the_executable_bit(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    digests = [digest_tree(tmp_path)]
    (tmp_path / "a").chmod(0o755)
    digests.append(digest_tree(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    digests.append(digest_tree(tmp_path))
    (tmp_path / "b").write_text("y")
    digests.append(digest_tree(tmp_path))
    assert len(set(digests)) == 4


def test_files_of_another_name_have_no_part_in_a_digest_of_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PACKAGE", tmp_path)
    for name in ("process.py", "tarball.py", "room/one.py", "room/other.sh", "room/otherwise.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    def digest(*without: str) -> str:
        store.digest_code.cache_clear()
        return store.digest_code("room", without=without)

    whole, part = digest(), digest("other")
    (tmp_path / "room" / "otherwise.py").write_text("changed")
    assert (digest() != whole, digest("other") == part) == (True, True)
    (tmp_path / "room" / "one.py").write_text("changed")
    assert digest("other") != part
    store.digest_code.cache_clear()
