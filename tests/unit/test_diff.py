"""Two sets of packages compared: which became what, and what differs inside."""

import stat
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tproxy_rpms.diff.change import Difference
from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.files import OTHER_DIGESTS, compare_files
from tproxy_rpms.diff.package import File, Package, PackageSet, Relation
from tproxy_rpms.diff.relations import compare_relations, compare_scriptlets
from tproxy_rpms.diff.version import Renaming

from .diffsets import make_contents, make_file, make_package, make_packages

MIRRORED = {"added": "removed", "removed": "added", "upgraded": "downgraded", "downgraded": "upgraded"}
SAME = Renaming()


def no_config(package: Package, path: str) -> Mapping[str, str]:
    raise AssertionError(f"nobody asked for {path}")


def compare(old: PackageSet, new: PackageSet) -> Difference:
    return compare_sets(old, new, read=no_config)


def words(old: PackageSet, new: PackageSet) -> list[tuple[str, str, str, str]]:
    return [
        (change.name, change.word, change.old.evr if change.old else "", change.new.evr if change.new else "")
        for change in compare(old, new).changes
    ]


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (make_package(version="1.9"), make_package(version="1.10"), "upgraded"),
        (make_package(release="1.deb12"), make_package(release="1.deb12~rc1"), "downgraded"),
        (make_package(version="5.7", epoch="7"), make_package(version="6.1"), "downgraded"),
        (make_package(epoch="0"), make_package(), "identical"),
        (make_package(epoch="0", sha256="one"), make_package(sha256="two"), "moved"),
        (make_package(arch="i586"), make_package(arch="i686", sha256="two"), "moved"),
        (make_package(), make_package(contents=make_contents(body="c")), "rebuilt"),
        (make_package(sha256="unsigned"), make_package(sha256="signed"), "signed"),
        (make_package(), make_package(sha256="other", contents=None, size=None), "other"),
        # A record says no epoch: that is no older one.
        (make_package(epoch="7"), make_package(sha256="other", contents=None, size=None), "other"),
    ],
)
def test_what_became_of_a_package(old: Package, new: Package, word: str) -> None:
    (change,) = compare(make_packages(old), make_packages(new)).changes
    assert change.word == word
    (back,) = compare(make_packages(new), make_packages(old)).changes
    assert back.word == MIRRORED.get(word, word)


def test_versions_are_paired_where_there_is_one_of_each() -> None:
    one, two, three, four = (make_package(version=str(number)) for number in (1, 2, 3, 4))
    assert words(make_packages(one, two), make_packages(two, three)) == [
        ("hello", "identical", "2-1", "2-1"), ("hello", "upgraded", "1-1", "3-1"),
    ]  # fmt: skip
    assert words(make_packages(one, two), make_packages(three, four)) == [
        ("hello", "removed", "1-1", ""), ("hello", "removed", "2-1", ""),
        ("hello", "added", "", "3-1"), ("hello", "added", "", "4-1"),
    ]  # fmt: skip
    # glibc.i686 and glibc.x86_64 in one repository are two packages.
    both = [make_package(arch=arch, sha256=arch) for arch in ("i686", "x86_64")]
    newer = [replace(one, version="2", sha256=f"{one.arch} 2") for one in both]
    changes = compare(make_packages(*both), make_packages(*newer)).changes
    assert [(change.word, change.old and change.old.arch, change.new and change.new.arch) for change in changes] == [
        ("upgraded", "i686", "i686"), ("upgraded", "x86_64", "x86_64"),
    ]  # fmt: skip


def test_sizes_are_added_up_and_a_package_that_is_not_there_has_none() -> None:
    big = make_package(version="2", size=1500, contents=make_contents(installed=170))
    old, new = make_packages(make_package(), make_package("gone", size=7)), make_packages(big, make_package("come", size=11))
    difference = compare(old, new)
    assert [(change.name, change.grown, change.installed_grown) for change in difference.changes] == [
        ("come", 11, 100), ("gone", -7, -100), ("hello", 500, 70),
    ]  # fmt: skip
    assert (difference.grown, difference.installed_grown) == (504, 70)
    unknown = make_packages(make_package(sha256="other", size=None, contents=None))
    assert compare(old, unknown).grown is None
    assert old.size == 1007 and unknown.size is None


PACKAGES = st.lists(
    st.builds(
        make_package,
        name=st.sampled_from(["kernel", "squid"]),
        version=st.sampled_from(["1", "1.1", "2", "10"]),
        repository=st.sampled_from(["x86_64", "i386"]),
        arch=st.sampled_from(["x86_64", "i686"]),
        size=st.integers(min_value=0, max_value=3),
    ).map(lambda one: replace(one, sha256=f"{one.nevra} of {one.size} bytes")),
    unique_by=lambda one: (one.repository, one.nevra),
    max_size=8,
)


@settings(deadline=None)
@given(old=PACKAGES, new=PACKAGES)
def test_each_package_is_told_once_and_back_is_the_mirror(old: list[Package], new: list[Package]) -> None:
    there, back = (compare(make_packages(*one), make_packages(*two)) for one, two in ((old, new), (new, old)))
    assert sorted(map(id, (change.old for change in there.changes if change.old))) == sorted(map(id, old))
    assert sorted(map(id, (change.new for change in there.changes if change.new))) == sorted(map(id, new))
    pairs = [(change.old, change.new) for change in there.changes if change.old and change.new]
    assert all((one.repository, one.name) == (two.repository, two.name) for one, two in pairs)
    mirrored = sorted((MIRRORED.get(change.word, change.word), id(change.new), id(change.old)) for change in back.changes)
    assert mirrored == sorted((change.word, id(change.old), id(change.new)) for change in there.changes)
    assert there.grown == sum(one.size or 0 for one in new) - sum(one.size or 0 for one in old)
    sets = [sorted((one.repository, one.sha256) for one in side) for side in (old, new)]
    assert there.differ == (sets[0] != sets[1])


@settings(deadline=None)
@given(packages=PACKAGES)
def test_a_set_is_identical_to_itself(packages: list[Package]) -> None:
    difference = compare(make_packages(*packages), make_packages(*reversed(packages)))
    assert not difference.differ and {change.word for change in difference.changes} <= {"identical"}


@pytest.mark.parametrize(
    ("old", "new", "aspects"),
    [
        (make_file("/a"), make_file("/a", digest="bb"), ("content",)),
        (make_file("/a"), make_file("/a", digest="bb", size=11), ("content",)),
        (make_file("/a"), make_file("/a", mode=0o755), ("mode",)),
        (make_file("/a"), make_file("/a", mode=0o4644, group="squid"), ("mode", "owner")),
        (make_file("/a"), make_file("/a", user="squid"), ("owner",)),
        (make_file("/a", target="b", digest=""), make_file("/a", target="c", digest=""), ("target",)),
        (make_file("/a"), make_file("/a", target="c", digest=""), ("kind",)),
        (make_file("/a"), make_file("/a", flags=("config",)), ("flags",)),
        (make_file("/a"), make_file("/a", capabilities="cap_net_admin=ep"), ("capabilities",)),
        # The size of a folder is that of the disk that it was built on.
        (make_file("/a", mode=stat.S_IFDIR | 0o755), make_file("/a", mode=stat.S_IFDIR | 0o755, size=4096), None),
        (make_file("/a"), make_file("/a"), None),
    ],
)
def test_in_what_a_file_differs(old: File, new: File, aspects: tuple[str, ...] | None) -> None:
    found = compare_files(make_contents([old]), make_contents([new]), SAME).changes
    assert [change.aspects for change in found] == ([] if aspects is None else [aspects])


def test_files_that_moved_with_the_version_are_the_same_ones() -> None:
    renaming = Renaming.between(make_package(version="6.1.174"), make_package(version="6.1.192"))
    old = [make_file("/boot/config-6.1.174-1"), make_file("/lib/modules/6.1.174-1/a.ko"), make_file("/gone")]
    new = [make_file("/boot/config-6.1.192-1", digest="bb"), make_file("/lib/modules/6.1.192-1/a.ko"), make_file("/come")]
    compared = compare_files(make_contents(old), make_contents(new), renaming)
    assert [(change.path, change.word, change.aspects) for change in compared.changes] == [
        ("/boot/config-6.1.192-1", "changed", ("content",)), ("/come", "added", ()), ("/gone", "removed", ()),
    ]  # fmt: skip
    assert compared.changes[0].old == old[0]
    assert compared.renamed == 1


def test_a_file_keeps_its_own_name_where_both_versions_have_it() -> None:
    """Both /usr/share/1 and /usr/share/2: the first has not become the second."""
    renaming = Renaming.between(make_package(version="1.0"), make_package(version="2.0"))
    one, two = make_file("/share/1.0", digest="one"), make_file("/share/2.0", digest="two")
    compared = compare_files(make_contents([one, two]), make_contents([two]), renaming)
    assert [(change.path, change.word) for change in compared.changes] == [("/share/1.0", "removed")]
    assert compared.renamed == 0


def test_two_files_do_not_become_one() -> None:
    renaming = Renaming.between(make_package(version="1.0", epoch="7"), make_package(version="2.0"))
    old = [make_file("/x-7:1.0-1"), make_file("/x-1.0-1")]
    compared = compare_files(make_contents(old), make_contents([make_file("/x-2.0-1")]), renaming)
    assert [(change.path, change.word) for change in compared.changes] == [("/x-1.0-1", "removed")]
    assert compared.renamed == 1


def test_digests_of_two_kinds_are_said_and_sizes_compared() -> None:
    old = make_contents([make_file("/a", digest="md5"), make_file("/b", digest="md5")], digest_number=1)
    new = make_contents([make_file("/a", digest="sha"), make_file("/b", digest="sha", size=11)], digest_number=8)
    compared = compare_files(old, new, SAME)
    assert [change.path for change in compared.changes] == ["/b"]
    assert compared.notes == (OTHER_DIGESTS,)


NAMES = st.sampled_from(["/a", "/b", "/c-1.0", "/c-2.0", "/d/1.0/x", "/d/2.0/x"])
FILES = st.lists(st.builds(make_file, NAMES, digest=st.sampled_from(["aa", "bb"])), unique_by=lambda file: file.path)


@settings(deadline=None)
@given(old=FILES, new=FILES)
def test_every_file_is_accounted_for(old: list[File], new: list[File]) -> None:
    renaming = Renaming.between(make_package(version="1.0"), make_package(version="2.0"))
    compared = compare_files(make_contents(old), make_contents(new), renaming)
    count = {word: sum(change.word == word for change in compared.changes) for word in ("added", "removed", "changed")}
    assert len(new) - count["added"] == len(old) - count["removed"] >= count["changed"] + compared.renamed
    assert all(change.old in old for change in compared.changes if change.old)
    assert all(change.new in new for change in compared.changes if change.new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/lib/modules/6.1.9-1.deb12/a", "/lib/modules/6.1.10-2.deb12/a"),
        ("/usr/share/doc/x-6.1.9/README", "/usr/share/doc/x-6.1.10/README"),
        ("libx.so.6.1.9", "libx.so.6.1.10"),
        ("/x-6.1.9.tar.gz", "/x-6.1.10.tar.gz"),
        ("/x-6.1.90", "/x-6.1.90"),
        ("/x-6.1.9.1", "/x-6.1.9.1"),
        ("/x-16.1.9", "/x-16.1.9"),
        ("/x-2.6.1.9", "/x-2.6.1.9"),
        ("/x-6x1x9", "/x-6x1x9"),
        ("7:6.1.9-1.deb12", "7:6.1.10-2.deb12"),
    ],
)
def test_a_version_is_exchanged_only_where_it_is_whole(text: str, expected: str) -> None:
    old = make_package(version="6.1.9", release="1.deb12", epoch="7")
    new = make_package(version="6.1.10", release="2.deb12", epoch="7")
    assert Renaming.between(old, new).apply(text) == expected
    assert Renaming.between(old, old).apply(text) == text


@settings(deadline=None)
@given(st.text(alphabet="abc./-0123456789"))
def test_one_version_renames_nothing(text: str) -> None:
    assert Renaming.between(make_package(), make_package(arch="i686")).apply(text) == text


def test_relations_that_follow_the_version_are_no_change() -> None:
    renaming = Renaming.between(make_package(version="1.0"), make_package(version="2.0"))
    old = [
        Relation(kind="provides", name="hello", sense="=", version="1.0-1"), Relation(kind="requires", name="libc.so.6"),
        Relation(kind="requires", name="iptables", sense=">=", version="1.4.3"), Relation(kind="conflicts", name="gone"),
    ]  # fmt: skip
    new = [
        Relation(kind="provides", name="hello", sense="=", version="2.0-1"), Relation(kind="requires", name="libc.so.6"),
        Relation(kind="requires", name="iptables", sense=">=", version="1.8.9"), Relation(kind="obsoletes", name="come"),
    ]  # fmt: skip
    found = compare_relations(old, new, renaming)
    assert [(one.kind, one.name, [*map(str, one.old)], [*map(str, one.new)]) for one in found] == [
        ("conflicts", "gone", ["gone"], []),
        ("obsoletes", "come", [], ["come"]),
        ("requires", "iptables", ["iptables >= 1.4.3"], ["iptables >= 1.8.9"]),
    ]
    assert len(compare_relations(old, new, SAME)) == 4


def test_scriptlets() -> None:
    found = compare_scriptlets({"postin": "a", "preun": "b", "prein": "c"}, {"postin": "a", "preun": "B", "postun": "d"})
    assert [(one.kind, one.word) for one in found] == [("postun", "added"), ("prein", "removed"), ("preun", "changed")]
