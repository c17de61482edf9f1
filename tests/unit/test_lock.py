"""Locks of build roots: read, written, joined, compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tproxy_rpms.builders.lock import Lock, LockedPackage, compare_roots, join_locks, read_buildroot, read_lock, write_lock
from tproxy_rpms.errors import UserError

BASH = LockedPackage(
    name="bash", arch="i386", version="3.2", release="33.el5_11.4", sigmd5="a" * 32, url="http://vault.example.org/b/bash.rpm",
    license="GPL", signature="d9bb3c8a", sha256="b" * 64, size=1_800_000,
)  # fmt: skip
PERL = replace(BASH, name="perl", epoch="4", version="5.8.8", release="43.el5_11", sigmd5="c" * 32, sha256="d" * 64)

names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
packages = st.builds(
    LockedPackage, name=names, arch=st.sampled_from(["i386", "i686", "noarch"]), version=names, release=names,
    sigmd5=st.text("0123456789abcdef", min_size=32, max_size=32), url=names, epoch=st.none() | st.just("7"), license=names,
    signature=st.none() | names, sha256=digests, size=st.integers(1, 1 << 30),
)  # fmt: skip
roots = st.lists(packages, min_size=1, unique_by=lambda package: (package.name, package.arch))


@settings(max_examples=20)  # each is synced to the disk
@given(found=roots)
def test_what_is_written_is_read(found: list[LockedPackage], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "lock.json"
    write_lock(path, Lock(packages=tuple(found), config={"target_arch": "i686"}))
    lock = read_lock(path)
    assert set(lock.packages) == set(found)
    assert lock.config == {"target_arch": "i686"}


def test_the_fields_are_those_of_mocks_own_lock(tmp_path: Path) -> None:
    write_lock(tmp_path / "lock.json", Lock(packages=(BASH,), config={}))
    content = json.loads((tmp_path / "lock.json").read_text())
    assert content["version"] == "1.1.0"
    (rpm,) = content["buildroot"]["rpms"]
    assert rpm.keys() == {
        "name", "arch", "epoch", "version", "release", "license", "sigmd5", "signature", "url", "sha256", "size",
    }  # fmt: skip


@given(found=roots)
def test_a_root_does_not_differ_from_itself(found: list[LockedPackage]) -> None:
    assert compare_roots(locked=found, found=reversed(found)) == []


@given(found=roots, data=st.data())
def test_every_change_of_one_package_is_one_line(found: list[LockedPackage], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(found) - 1))
    one = found[index]
    rest = found[:index] + found[index + 1 :]
    newer, rebuilt = (
        replace(one, version=one.version + ".1"),
        replace(one, sigmd5="0" * 31 + ("1" if one.sigmd5[-1] == "0" else "0")),
    )
    assert compare_roots(locked=found, found=rest) == [f"- {one.nevra}: in the lock, not in the root"]
    assert compare_roots(locked=rest, found=found) == [f"+ {one.nevra}: in the root, not in the lock"]
    assert compare_roots(locked=found, found=[*rest, newer]) == [f"! {newer.nevra}: the lock has {one.nevra}"]
    (line,) = compare_roots(locked=found, found=[*rest, rebuilt])
    assert line.startswith(f"! {one.nevra}: another build of it")


def test_names_are_as_rpm_writes_them() -> None:
    assert (BASH.nevra, PERL.nevra) == ("bash-3.2-33.el5_11.4.i386", "perl-4:5.8.8-43.el5_11.i386")


def test_locks_that_agree_are_joined(tmp_path: Path) -> None:
    one, two = (
        (tmp_path / "one.json", Lock(packages=(BASH,), config={})),
        (tmp_path / "two.json", Lock(packages=(BASH, PERL), config={})),
    )
    assert join_locks([one, two]) == (BASH, PERL)


def test_locks_that_differ_are_named_with_their_files(tmp_path: Path) -> None:
    other = replace(BASH, release="32.el5", sha256="e" * 64)
    with pytest.raises(
        UserError, match=r"two\.json: bash-3\.2-32\.el5\.i386 is not the bash-3\.2-33\.el5_11\.4\.i386 of .*one\.json"
    ):
        join_locks(
            [
                (tmp_path / "one.json", Lock(packages=(BASH,), config={})),
                (tmp_path / "two.json", Lock(packages=(other,), config={})),
            ]
        )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing, damaged"),
        ("[", "missing, damaged"),
        ('{"version": "2.0"}', "no build-root lock of version 1"),
        ('{"version": "1.1.0", "buildroot": {"rpms": []}}', r"buildroot\.rpms: holds no package"),
        ('{"version": "1.1.0", "buildroot": {"rpms": ["bash"]}}', r"buildroot\.rpms\[0\] \('bash'\)"),
        ('{"version": "1.1.0", "buildroot": {"rpms": [{"name": "bash"}]}}', r"buildroot\.rpms\[0\] \(bash\).*arch"),
    ],
)
def test_what_is_no_lock_is_named_with_its_cure(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    if content is not None:
        path.write_text(content)
    for read in (read_lock, read_buildroot):
        with pytest.raises(UserError, match=words) as caught:
            read(path)
        assert "doit lock" in caught.value.hint


def test_a_lock_without_digests_is_only_what_mock_wrote(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    write_lock(path, Lock(packages=(replace(BASH, sha256="", size=0), PERL), config={}))
    assert len(read_buildroot(path).packages) == 2
    with pytest.raises(UserError, match=r"rpms\[0\] \(bash\): sha256 and size: missing or not whole"):
        read_lock(path)
