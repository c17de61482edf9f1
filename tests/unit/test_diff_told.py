"""What a comparison tells: a table for people, JSON for programs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tproxy_rpms.diff.change import Change, Details, Difference, FileChange, RelationChange, ScriptletChange, SymbolChange
from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.details import FILES, NOTHING, SYMBOLS, WIDTH
from tproxy_rpms.diff.document import render_json
from tproxy_rpms.diff.folders import group_folders
from tproxy_rpms.diff.package import Package, Relation
from tproxy_rpms.diff.table import render_table, show_growth

from .diffsets import make_contents, make_file, make_package, make_packages


def change(old: Package | None, new: Package | None, word: str, details: Details | None = None) -> Change:
    either = new or old
    assert either
    return Change(repository=either.repository, name=either.name, word=word, old=old, new=new, details=details)  # type: ignore[arg-type]


def between(*changes: Change) -> Difference:
    old, new = ([package for package in side if package] for side in zip(*((one.old, one.new) for one in changes), strict=True))
    return Difference(old=make_packages(*old, title="cut one"), new=make_packages(*new, title="cut two"), changes=changes)


def kernels(details: Details) -> Change:
    old = make_package("kernel", version="6.1.174", contents=make_contents(installed=2048))
    new = make_package("kernel", version="6.1.192", contents=make_contents(installed=5120), size=2000)
    return change(old, new, "upgraded", details)


DETAILS = Details(
    files=(
        FileChange(
            path="/boot/vmlinuz", old=make_file("/boot/vmlinuz"), new=make_file("/boot/vmlinuz", size=20), aspects=("content",),
        ),
        FileChange(path="/etc/x", old=None, new=make_file("/etc/x", flags=("config",), size=2048)),
        FileChange(
            path="/usr/bin/ping", old=make_file("/usr/bin/ping"), new=make_file("/usr/bin/ping", mode=0o4755, group="net"),
            aspects=("mode", "owner"),
        ),
        FileChange(path="/usr/lib/l", old=make_file("/usr/lib/l", target="m"), new=None),
    ),
    renamed=17,
    relations=(
        RelationChange(
            kind="requires", name="iptables", old=(Relation(kind="requires", name="iptables", sense=">=", version="1.4"),),
            new=(Relation(kind="requires", name="iptables", sense=">=", version="1.8"),),
        ),
        RelationChange(kind="requires", name="libcap", old=(), new=(Relation(kind="requires", name="libcap"),)),
    ),
    scriptlets=(ScriptletChange(kind="postin", word="changed"), ScriptletChange(kind="preun", word="added")),
    symbols=(
        SymbolChange(symbol="NEW", old="", new="m"), SymbolChange(symbol="NEW_OFF", old="", new="n"),
        SymbolChange(symbol="NETFILTER_XT_TARGET_TPROXY", old="n", new="m"),
    ),
)  # fmt: skip


def test_the_table() -> None:
    both = make_package("a"), make_package("b")
    unsigned = make_package("squid", sha256="u")
    signed = make_package("squid", sha256="s", contents=make_contents(signatures=("V4 EdDSA/SHA256", "V4 EdDSA/SHA256")))
    host, again = (make_package("tproxy-host", repository="i386", contents=make_contents(body=body)) for body in "ab")
    difference = between(
        change(None, make_package("come", size=7), "added"), change(make_package("gone", size=5), None, "removed"),
        kernels(DETAILS), change(unsigned, signed, "signed"), change(host, again, "rebuilt", Details()),
        *(change(one, one, "identical") for one in both),
    )  # fmt: skip
    lines = render_table(difference).splitlines()
    assert lines == [
        "old  cut one: 6 packages, 4.9 KiB",
        "     /somewhere",
        "new  cut two: 6 packages, 5.9 KiB",
        "     /somewhere",
        "",
        "x86_64",
        f"  {'added       come    1-1':76}{'7 B':>10} {'+7 B':>11}",
        f"  {'removed     gone    1-1':76}{'5 B':>10} {'-5 B':>11}",
        f"  {'upgraded    kernel  6.1.174-1 → 6.1.192-1':76}{'2.0 KiB':>10} {'+1000 B':>11}",
        f"  {'signed      squid   1-1  not signed → V4 EdDSA/SHA256':76}{'1000 B':>10} {'±0':>11}",
        "  identical   2: a, b",
        "",
        "i386",
        f"  {'rebuilt     tproxy-host  1-1':76}{'1000 B':>10} {'±0':>11}",
        "",
        "kernel 6.1.174-1 → 6.1.192-1 (x86_64)",
        "  installed: 5.0 KiB, +3.0 KiB",
        "  kernel configuration: 2 added, 1 changed",
        "    changed  NETFILTER_XT_TARGET_TPROXY: n → m",
        "    added    NEW: not there → m",
        "    1 more are off in the one and unknown in the other (--full)",
        "  files: 1 added, 1 removed, 2 changed, 17 the same but for the version in their path",
        "    changed  /boot/vmlinuz: content 10 B → 20 B",
        "    added    /etc/x (configuration): 2.0 KiB",
        "    changed  /usr/bin/ping: mode 644 → 4755, owner root:root → root:net",
        "    removed  /usr/lib/l: link",
        "  requires:",
        "    changed  iptables >= 1.4 → iptables >= 1.8",
        "    added    libcap",
        "  scriptlets: postin changed, preun added",
        "",
        "tproxy-host 1-1 (i386)",
        f"  {NOTHING}",
        "",
        "1 added, 1 removed, 1 upgraded, 1 rebuilt, 1 signed, 2 identical; RPMs +1002 B, installed +3.0 KiB",
    ]


def test_what_is_identical_is_said_in_one_line() -> None:
    both = make_packages(make_package("a"), make_package("b"))
    assert render_table(compare_sets(both, both)).splitlines()[-1] == "identical: all 2 packages are the same bytes"


def test_a_package_of_both_arches_is_told_once() -> None:
    sides = [
        [make_package(repository=name, arch="noarch", version=version, contents=make_contents([make_file("/a", digest=version)]))
         for name in ("i386", "x86_64")]
        for version in "12"
    ]  # fmt: skip
    text = render_table(compare_sets(make_packages(*sides[0]), make_packages(*sides[1])))
    assert text.count("changed  /a: content") == 1
    assert "hello 1-1 → 2-1 (x86_64, i386)" in text


def test_a_long_name_breaks_its_own_row_alone() -> None:
    long = make_package("x" * 70)
    lines = render_table(between(change(None, long, "added"), change(None, make_package("short"), "added"))).splitlines()
    short = f"  added       {'short':24}  1-1"
    assert lines[6:9] == [
        f"  added       {'x' * 70}  1-1", f"{'1000 B':>88} {'+1000 B':>11}", f"{short:78}{'1000 B':>10} {'+1000 B':>11}",
    ]  # fmt: skip


def test_many_files_are_told_by_folder_and_all_if_that_is_asked() -> None:
    names = [f"/lib/modules/6/kernel/net/{folder}/{number}.ko" for folder in "abc" for number in range(50)] + ["/boot/vmlinuz"]
    files = [
        FileChange(path=name, old=make_file(name), new=make_file(name, digest="bb"), aspects=("content",))
        for name in sorted(names)
    ]
    symbols = [SymbolChange(symbol=f"S{number:03}", old="n", new="m") for number in range(SYMBOLS + 5)]
    difference = between(kernels(Details(files=tuple(files), symbols=tuple(symbols))))
    text = render_table(difference)
    assert "    changed     50 in /lib/modules/6/kernel/net/a: content\n" in text
    assert "    … and 5 more (--full)\n" in text and ".ko" not in text
    assert "    changed  /boot/vmlinuz: content\n" in text and text.count(": n → m") == SYMBOLS
    full = render_table(difference, full=True)
    assert full.count(": content\n") == len(files) and full.count(": n → m") == len(symbols) and "--full" not in full


ODD = st.text(min_size=1, max_size=300)


@settings(deadline=None)
@given(name=ODD, version=ODD, path=ODD, symbol=ODD, full=st.booleans())
def test_no_line_is_too_wide_and_nothing_reaches_the_terminal(
    name: str, version: str, path: str, symbol: str, full: bool
) -> None:
    details = Details(
        files=(FileChange(path=path, old=None, new=make_file(path)),) * (FILES + 1),
        relations=(RelationChange(kind="requires", name=name, old=(), new=(Relation(kind="requires", name=name),)),),
        symbols=(SymbolChange(symbol=symbol, old="", new="y"),),
        notes=(path,),
    )
    one, two = make_package(name), make_package(name, version=version, sha256="other")
    same = make_package(name, release=version)
    difference = between(change(one, two, "upgraded", details), change(same, same, "identical"), change(None, two, "added"))
    text = render_table(difference, full=full)
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert all(character.isprintable() for character in text.replace("\n", ""))


@settings(deadline=None)
@given(paths=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), min_size=1), most=st.integers(1, 6))
def test_folders_are_few_and_no_file_is_lost(paths: list[list[str]], most: int) -> None:
    changes = [FileChange(path="/" + "/".join(names), old=None, new=None) for names in paths]
    groups = group_folders(changes, most=most)
    assert 1 <= len(groups) <= most
    assert sorted(id(one) for _, inside in groups for one in inside) == sorted(map(id, changes))
    for folder, inside in groups:
        assert folder == "other folders" or all(one.path.startswith(folder) for one in inside)


def test_the_deepest_folders_that_are_few_enough() -> None:
    changes = [FileChange(path=path, old=None, new=None) for path in ("/a/b/c/1", "/a/b/d/2", "/e/f/3", "top", "/root")]
    assert [folder for folder, _ in group_folders(changes, most=9)] == [".", "/", "/a/b/c", "/a/b/d", "/e/f"]
    assert [folder for folder, _ in group_folders(changes, most=4)] == [".", "/", "/a/b", "/e/f"]
    changes = [FileChange(path=path, old=None, new=None) for path in ("/a/1", "/b/1", "/b/2", "/c/1")]
    assert [(folder, len(inside)) for folder, inside in group_folders(changes, most=2)] == [("/b", 2), ("other folders", 2)]


@pytest.mark.parametrize(("count", "text"), [(None, ""), (0, "±0"), (5, "+5 B"), (-2048, "-2.0 KiB")])
def test_a_growth_has_its_sign(count: int | None, text: str) -> None:
    assert show_growth(count) == text


def test_json_is_whole_sorted_and_the_same() -> None:
    difference = between(kernels(DETAILS), change(None, make_package("come", contents=None, size=None), "added"))
    text = render_json(difference)
    document = json.loads(text)
    assert text == render_json(difference) and text == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert document["schema"] == 1 and document["differ"] is True
    assert document["counts"]["upgraded"] == 1 and document["counts"]["identical"] == 0
    assert document["old"] == {"title": "cut one", "location": "/somewhere", "packages": 1, "size": 1000}
    kernel, come = document["packages"]
    assert kernel["old"]["nevra"] == "kernel-6.1.174-1.x86_64" and kernel["new"]["installed"] == 5120
    assert (kernel["grown"], kernel["installed_grown"]) == (1000, 3072)
    details = kernel["details"]
    assert details["files"][2]["new"] == {
        "path": "/usr/bin/ping", "mode": "4755", "kind": "file", "user": "root", "group": "net", "size": 10, "digest": "aa",
        "target": "", "flags": [], "capabilities": "",
    }  # fmt: skip
    assert details["files"][3]["new"] is None and details["renamed"] == 17
    assert details["relations"][0] == {
        "kind": "requires", "name": "iptables", "old": ["iptables >= 1.4"], "new": ["iptables >= 1.8"],
    }  # fmt: skip
    assert {"symbol": "NETFILTER_XT_TARGET_TPROXY", "old": "n", "new": "m", "change": "changed"} in details["symbols"]
    assert come["old"] is None and come["details"] is None and come["new"]["installed"] is None
