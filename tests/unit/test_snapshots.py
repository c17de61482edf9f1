"""Snapshots without a place: what a history tells, which one is gone back to, which ones go."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.publish.comps import render_comps
from tproxy_rpms.publish.snapshots import (
    Catalogue,
    Snapshot,
    describe_changes,
    find_stale,
    parse_catalogue,
    read_packages,
)
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.signing.armour import armour, dearmour
from tproxy_rpms.signing.profile import PROFILES

from ..conftest import make_release

STATE = """\
now 1795609000
current bb
history 2026-11-25T10:00:00Z aa publish
history 2026-11-25T11:00:00Z bb publish
history 2026-11-25T11:00:00Z cc publish
history 2026-11-25T12:00:00Z bb rollback
history a line that somebody has broken
snapshot aa 1
file 00  x86_64/squid-3.1.23-1.el5.x86_64.rpm
file 01  x86_64/repodata/repomd.xml
snapshot bb 2
file 02  x86_64/squid-3.1.23-2.el5.x86_64.rpm
snapshot cc 3
snapshot dd 1795600000
"""


def test_a_state_is_read_newest_first() -> None:
    catalogue = parse_catalogue(STATE)
    assert catalogue.current == "bb"
    # dd is in no history: when it came is told by its folder. bb and cc came in the same second, cc later.
    assert [one.id for one in catalogue.snapshots] == ["cc", "bb", "aa", "dd"]
    assert [one.published for one in catalogue.snapshots] == [1795604400.0, 1795604400.0, 1795600800.0, 1795600000.0]
    retired = {one.id: one.retired for one in catalogue.snapshots}
    assert retired == {"aa": 1795604400.0, "bb": 0, "cc": 1795608000.0, "dd": 0}
    bb, aa = catalogue.find("bb"), catalogue.find("aa")
    assert bb and aa
    assert aa.packages == {"x86_64/squid.x86_64": {"3.1.23-1.el5": "00"}}
    assert describe_changes(aa, bb) == ["~ x86_64/squid.x86_64 3.1.23-1.el5 → 3.1.23-2.el5"]


def test_nothing_is_an_empty_place() -> None:
    assert parse_catalogue("") == Catalogue(current="", snapshots=(), now=0)


def make_snapshot(name: str, *, published: float = 0, retired: float = 0, files: str = "") -> Snapshot:
    return Snapshot(id=name, published=published, retired=retired, packages=read_packages(files.split(";")))


def test_changes_are_told_package_by_package() -> None:
    old = make_snapshot(
        "a", files="1  i386/a-1-1.i686.rpm;2  i386/b-x-1-1.i686.rpm;3  i386/c-1-1.i686.rpm;4  i386/d-1-1.i686.rpm"
    )
    new = make_snapshot(
        "b",
        files="1  i386/a-1-1.i686.rpm;9  i386/b-x-1-1.i686.rpm;5  i386/c-2-1.i686.rpm;6  i386/e-1-1.i686.rpm;"
        "7  i386/e-2-1.i686.rpm",
    )
    assert describe_changes(old, new) == [
        "~ i386/b-x.i686 1-1: other content",
        "~ i386/c.i686 1-1 → 2-1",
        "- i386/d.i686 1-1",
        "+ i386/e.i686 1-1",
        "+ i386/e.i686 2-1",
    ]
    assert describe_changes(old, old) == []


@given(
    ages=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=8),
    keep=st.integers(1, 5),
    grace=st.integers(0, 20),
    served=st.integers(0, 7),
)
def test_what_goes_is_beyond_and_out_of_use(ages: list[tuple[int, int]], keep: int, grace: int, served: int) -> None:
    snapshots = tuple(
        make_snapshot(str(number), published=published, retired=retired)
        for number, (published, retired) in enumerate(sorted(ages, reverse=True))
    )
    current = str(served) if served < len(snapshots) else ""
    stale = find_stale(Catalogue(current=current, snapshots=snapshots, now=1000), Publishing(to="", keep=keep, grace=grace))
    left = [one for one in snapshots if one.id not in stale]
    assert current not in stale
    assert len(left) >= min(keep - (not current), len(snapshots))
    for one in snapshots:
        if max(one.retired, one.published) > 1000 - 60 * grace:
            assert one.id not in stale
    # With no grace, just as many stay as are to be kept.
    stale = find_stale(Catalogue(current=current, snapshots=snapshots, now=1000), Publishing(to="", keep=keep, grace=0))
    assert len(snapshots) - len(stale) <= max(keep, 1)


def test_what_goes_is_told_by_the_place_s_own_clock() -> None:
    catalogue = parse_catalogue(STATE)
    assert catalogue.now == 1795609000
    # cc was served until 12:00, 1000 seconds ago; aa until 11:00; dd came before.
    assert find_stale(catalogue, Publishing(to="", keep=1, grace=60)) == ("aa", "dd")
    assert find_stale(catalogue, Publishing(to="", keep=1, grace=16)) == ("cc", "aa", "dd")
    assert find_stale(catalogue, Publishing(to="", keep=3, grace=0)) == ("dd",)


@given(st.binary(max_size=300))
def test_armour_holds_what_was_put_in(data: bytes) -> None:
    text = armour(data)
    assert dearmour(text.encode()) == data
    assert dearmour(text.replace("\n", "\r\n").encode()) == data
    assert all(len(line) <= 64 for line in text.splitlines())


def test_armour_has_the_checksum_of_the_standard() -> None:
    """RFC 4880, 6.1, computed in another way: bit by bit."""
    for data in (b"", b"a", b"tproxy-rpms"):
        register = 0xB704CE
        for bit in "".join(f"{byte:08b}" for byte in data):
            register = (register << 1 ^ int(bit) << 24) & 0x1FFFFFF
            register = register ^ 0x1864CFB if register & 0x1000000 else register
        line = next(one for one in armour(data).splitlines() if one.startswith("=") and len(one) == 5)
        assert int.from_bytes(base64.b64decode(line[1:])) == register, data


def test_the_group_has_everything_by_its_weight() -> None:
    text = render_comps(make_release(summary="a & b"), ["hello", "hello-devel", "hello-extra", "tproxy-release", "hello"])
    assert text.count("<packagereq") == 4
    for kind, name in (
        ("mandatory", "hello"),
        ("optional", "hello-devel"),
        ("default", "hello-extra"),
        ("mandatory", "tproxy-release"),
    ):
        assert f'<packagereq type="{kind}">{name}</packagereq>' in text
    assert "<description>a &amp; b</description>" in text and "<id>transparent-proxy</id>" in text


def test_profiles_take_just_their_kinds_of_keys() -> None:
    def fits(profile: str, algorithm: str, bits: int) -> bool:
        return PROFILES[profile].find_kind(algorithm, bits) is not None  # type: ignore[index]

    assert [fits("el5", "RSA", bits) for bits in (768, 1024, 2048, 4096, 8192)] == [False, True, True, True, False]
    assert [fits("el5", "DSA", bits) for bits in (1024, 2048)] == [True, False]
    assert [fits("modern", "RSA", bits) for bits in (2048, 3072, 4096)] == [False, False, True]
    assert fits("modern", "EdDSA", 255) and not fits("el5", "EdDSA", 255) and not fits("modern", "DSA", 1024)
    assert "RSA" in str(PROFILES["el5"].kinds[0]) and str(PROFILES["el5"].kinds[1]) == "DSA-1024"


def test_a_target_accepts_what_its_profile_makes() -> None:
    from tproxy_rpms.release.load import load_release

    from ..conftest import ROOT

    limits = load_release("centos5", root=ROOT).target.limits
    assert limits and set(PROFILES["el5"].signatures) <= set(limits.signatures)
