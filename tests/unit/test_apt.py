"""The private apt: what is read of the host's sources, and what becomes of it."""

from pathlib import Path

import pytest

from tproxy_rpms.errors import HostError
from tproxy_rpms.sources.apt import Entry, PrivateApt, parse_lines, parse_stanzas, read_codename, read_entries, select_entries
from tproxy_rpms.sources.archive import upstream_version

STANZAS = """\
# a comment
Types: deb
URIs: http://mirror.example.org/debian http://other.example.org/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
Enabled: no
URIs: http://mirror.example.org/off
Suites: bookworm
Components: main

Types: deb-src
URIs: http://mirror.example.org/source
Suites: bookworm
Components: main

Types: deb deb-src
URIs: http://third.example.org/tools
Suites: nodistro
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQENBF
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_deb822_stanzas_are_read_with_their_keys() -> None:
    first, third = parse_stanzas(STANZAS)
    assert first == Entry(
        uris=("http://mirror.example.org/debian", "http://other.example.org/debian"),
        suites=("bookworm", "bookworm-updates"),
        components=("main", "contrib"),
        options=(("Signed-By", "/usr/share/keyrings/debian.gpg"),),
    )
    assert third.suites == ("nodistro",)
    assert "mQENBF" in dict(third.options)["Signed-By"]


def test_one_line_entries_are_read_with_their_options() -> None:
    text = "# deb http://off.example.org x main\n"
    text += "deb [arch=amd64 signed-by=/k.gpg] http://a.example.org/debian bookworm main non-free # why\n"
    text += "deb-src http://a.example.org/debian bookworm main\ndeb http://b.example.org/debian bookworm-security main\n"
    assert list(parse_lines(text)) == [
        Entry(
            uris=("http://a.example.org/debian",),
            suites=("bookworm",),
            components=("main", "non-free"),
            options=(("Signed-By", "/k.gpg"),),
        ),
        Entry(uris=("http://b.example.org/debian",), suites=("bookworm-security",), components=("main",)),
    ]


def test_both_formats_of_a_host_are_read(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example.org/debian bookworm main\n")
    (tmp_path / "sources.list.d" / "x.list").write_text("deb http://b.example.org/debian bookworm main\n")
    (tmp_path / "sources.list.d" / "y.sources").write_text(STANZAS)
    (tmp_path / "sources.list.d" / "z.sources.disabled").write_text(STANZAS)
    assert len(read_entries(tmp_path)) == 4


def test_only_the_distribution_itself_is_taken_and_moved_to_the_targets_suite() -> None:
    (entry,) = select_entries(tuple(parse_stanzas(STANZAS)), codename="bookworm", suite="trixie")
    assert entry.suites == ("trixie", "trixie-updates")
    with pytest.raises(HostError, match="no archive for sid"):
        select_entries(tuple(parse_stanzas(STANZAS)), codename="sid", suite="bookworm")


def test_the_private_apt_has_sources_lists_and_cache_of_its_own(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "sources.list.d").mkdir(parents=True)
    (etc / "sources.list.d" / "debian.sources").write_text(STANZAS)
    apt = PrivateApt.create(suite="bookworm", cache=tmp_path / "cache", etc=etc, codename="bookworm")
    assert "Types: deb deb-src\n" in (apt.top / "source.sources").read_text()
    shown = apt.run("apt-config", "dump", "Dir")
    for key in ("Dir::State ", "Dir::Cache ", "Dir::Etc::sourcelist "):
        (line,) = [line for line in shown.splitlines() if line.startswith(key)]
        assert str(apt.top) in line
    assert 'Dir::Etc::sourceparts "/dev/null"' in shown


def test_a_host_without_a_code_name_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text('ID=x\nVERSION_CODENAME="bookworm"\n')
    assert read_codename(tmp_path / "os-release") == "bookworm"
    (tmp_path / "os-release").write_text("ID=x\n")
    with pytest.raises(HostError, match="no VERSION_CODENAME"):
        read_codename(tmp_path / "os-release")


@pytest.mark.parametrize(
    ("version", "upstream"), [("6.1.192-2", "6.1.192"), ("1:5.7+dfsg-2+deb12u5", "5.7+dfsg"), ("2.0-rc1-3", "2.0-rc1")]
)
def test_upstreams_part_of_a_version(version: str, upstream: str) -> None:
    assert upstream_version(version) == upstream
