"""Two RPMs by the host's rpmbuild with files of every kind: each difference is told of the file that has it, once."""

import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.repro.compare import compare_rpms
from tproxy_rpms.repro.verdict import CAUSES, Comparison, Difference, Surroundings

EPOCH = "1700000000"
FIRST = Surroundings(directory="/builddir", host="buildhost", user="builder")
SECOND = Surroundings(directory="/srv/other/place", host="elsewhere", user="somebody")
# No %{buildroot}: the SRPM holds the spec with all macros replaced, and would tell the folder of its build.
SPEC = """\
Name: files
Version: 1
Release: 1
Summary: Files of every kind
License: MIT
Source0: source.txt
BuildArch: noarch
AutoReqProv: no
%description
Files of every kind.
%install
mkdir -p $RPM_BUILD_ROOT/usr/files
cd $RPM_BUILD_ROOT/usr/files
COMMANDS
find $RPM_BUILD_ROOT -exec touch -hd @1 {} +
%files
/usr/files
GHOST
"""
# Plain files, a hard link with three names, links, an empty file, one of more than a block of anything.
COMMANDS = """\
echo plain > plain
echo host HOST > linked-a; ln linked-a linked-b; ln linked-a linked-c
ln -s TARGET link
touch empty
head -c 1500000 /dev/zero > large; echo BIG >> large
"""
USUAL = {"HOST": "buildhost", "TARGET": "plain", "BIG": "end"}


def build(
    folder: Path, *, source: str = "source\n", ghost: str = "", commands: str = COMMANDS, **changes: str
) -> tuple[Path, Path]:
    """An RPM and its SRPM; keywords in capitals change a word of the commands, others are macros."""
    macros = {name: value for name, value in changes.items() if not name.isupper()}
    for word, value in (USUAL | changes).items():
        commands = commands.replace(word, value) if word.isupper() else commands
    (folder / "SOURCES").mkdir(parents=True)
    (folder / "SOURCES" / "source.txt").write_text(source)
    (folder / "files.spec").write_text(SPEC.replace("COMMANDS", commands).replace("GHOST", ghost))
    for path in (folder / "SOURCES" / "source.txt", folder / "files.spec"):
        subprocess.run(["touch", "-d", "@1", path], check=True)
    defines = {
        "_topdir": str(folder), "_tmppath": str(folder), "_buildhost": "host", "use_source_date_epoch_as_buildtime": "1",
        "_binary_filedigest_algorithm": "8", "_source_filedigest_algorithm": "8", "__os_install_post": "%{nil}",
    } | macros  # fmt: skip
    argv = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        for mode in ("-bs", "-bb"):  # in one go the RPM would tell the digest of its SRPM
            argv_all = ["rpmbuild", mode, "--nodeps", *argv, str(folder / "files.spec")]
            result = subprocess.run(argv_all, capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
    (rpm,), (srpm,) = (folder / "RPMS").rglob("*.rpm"), (folder / "SRPMS").glob("*.rpm")
    return rpm, srpm


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("usual"))


def compare(first: Path, second: Path) -> Comparison:
    comparison = compare_rpms(first, second, surroundings=(FIRST, SECOND))
    assert all(one.cause in CAUSES for one in comparison.differences)
    assert compare_rpms(second, first, surroundings=(SECOND, FIRST)).verdict == comparison.verdict
    return comparison


def list_files(comparison: Comparison) -> list[tuple[str, str]]:
    """Place and cause of the files that differ, each as often as it is told."""
    assert comparison.verdict == "different", comparison
    return sorted((one.place, one.cause) for one in comparison.differences if one.kind == "file")


def find(comparison: Comparison, place: str) -> Difference:
    (found,) = [one for one in comparison.differences if one.place == place]
    return found


def test_a_second_build_is_identical(usual: tuple[Path, Path], tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    assert [compare(*pair).verdict for pair in zip(usual, again, strict=True)] == ["identical", "identical"]


def test_every_name_of_a_hard_link_has_its_cause(usual: tuple[Path, Path], tmp_path: Path) -> None:
    rpm, _ = build(tmp_path / "other", HOST="elsewhere")
    assert list_files(compare(usual[0], rpm)) == [(f"/usr/files/linked-{letter}", "host name") for letter in "abc"]


@pytest.mark.parametrize("target", ["empty", "nowhere"])
def test_another_target_of_a_link_is_told_once(target: str, usual: tuple[Path, Path], tmp_path: Path) -> None:
    rpm, _ = build(tmp_path / "other", TARGET=target)
    comparison = compare(usual[0], rpm)
    found = [one for one in list_files(comparison) if one[1] != "consequence"]  # libmagic tells whether links are broken
    assert found == [("/usr/files/link", "content")]
    assert (find(comparison, "/usr/files/link").first, find(comparison, "/usr/files/link").second) == ("plain", target)


def test_the_end_of_a_large_file_is_seen(usual: tuple[Path, Path], tmp_path: Path) -> None:
    rpm, _ = build(tmp_path / "other", BIG="END")
    comparison = compare(usual[0], rpm)
    assert list_files(comparison) == [("/usr/files/large", "content")]
    assert find(comparison, "/usr/files/large").first.startswith("byte 1500000: end")


def test_a_file_that_is_no_longer_empty_is_told(usual: tuple[Path, Path], tmp_path: Path) -> None:
    rpm, _ = build(tmp_path / "other", commands=COMMANDS.replace("touch empty", "echo full > empty"))
    comparison = compare(usual[0], rpm)
    assert list_files(comparison) == [("/usr/files/empty", "content"), ("/usr/files/empty (FILECLASS)", "consequence")]
    assert find(comparison, "/usr/files/empty").second == "byte 0: full\n"


def test_a_ghost_is_told_by_its_size_and_mode(usual: tuple[Path, Path], tmp_path: Path) -> None:
    ghost = "%ghost /usr/files/ghost"
    first, _ = build(tmp_path / "first", ghost=ghost, commands=COMMANDS + "echo one > ghost")
    second, _ = build(tmp_path / "second", ghost=ghost, commands=COMMANDS + "echo three > ghost; chmod 600 ghost")
    found = list_files(compare(first, second))
    assert ("/usr/files/ghost", "mode") in found and {place for place, _ in found} == {"/usr/files/ghost"}


def test_hard_links_that_became_files_are_different(usual: tuple[Path, Path], tmp_path: Path) -> None:
    rpm, _ = build(tmp_path / "other", commands=COMMANDS.replace("ln linked-a linked-c", "cp linked-a linked-c"))
    comparison = compare(usual[0], rpm)
    assert comparison.verdict == "different"
    assert not [one for one in comparison.differences if one.place == "FILEINODES" and one.excused]


@pytest.mark.parametrize("algorithm", ["1", "8"])
@pytest.mark.parametrize("payload", ["w9.gzdio", "w6.xzdio", "w3.zstdio", "w9.bzdio", "w.ufdio"])
def test_every_payload_and_digest_is_looked_into(algorithm: str, payload: str, tmp_path: Path) -> None:
    macros = {"_binary_payload": payload, "_source_payload": payload}
    macros |= {"_binary_filedigest_algorithm": algorithm, "_source_filedigest_algorithm": algorithm}
    first, second = build(tmp_path / "one", **macros), build(tmp_path / "two", HOST="elsewhere", source="other\n", **macros)
    assert {cause for _, cause in list_files(compare(first[0], second[0]))} == {"host name"}
    found = list_files(compare(first[1], second[1]))
    assert ("source.txt", "content") in found and ("files.spec", "host name") in found


def test_another_digest_or_compressor_of_the_same_files_is_named(usual: tuple[Path, Path], tmp_path: Path) -> None:
    md5, _ = build(tmp_path / "md5", _binary_filedigest_algorithm="1")
    comparison = compare(usual[0], md5)
    assert comparison.verdict == "different"
    assert find(comparison, "FILEDIGESTALGO").cause == "tag"
    first, _ = build(tmp_path / "gzip", _binary_payload="w9.gzdio")
    second, _ = build(tmp_path / "xz", _binary_payload="w6.xzdio")
    assert ("the payload", "compression") in list_files(compare(first, second))
    assert not [one for one in list_files(compare(first, second)) if one[0].startswith("/")]
