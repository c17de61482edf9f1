"""Which releases need static programs, and what goes into the making of them."""

import io
import os
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.muslroot import load_musl_release
from tproxy_rpms.acceptance.static import programs
from tproxy_rpms.acceptance.static.abi import needs_static, parse_version, read_libc, read_oldest_kernel
from tproxy_rpms.acceptance.static.programs import StaticSources, find_place, make_static, stage_sources
from tproxy_rpms.acceptance.static.zig import LEFT_OUT, install_zig, pack_zig
from tproxy_rpms.errors import BuildError, FetchError

NOTE = """\
.section .note.ABI-tag, "a"
.long 4, 16, {kind}
.asciz "GNU"
.long {words}
"""


def assemble(folder: Path, text: str, *, bits: int = 64) -> bytes:
    """An ELF file with that content, by the host's assembler."""
    (folder / "note.s").write_text(text)
    subprocess.run(["as", f"--{bits}", "-o", folder / "note.o", folder / "note.s"], check=True)
    return (folder / "note.o").read_bytes()


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize(
    ("words", "kernel", "expected"),
    [
        ("0, 3, 2, 0", "2.6.30-1.deb12", True),
        ("0, 3, 2, 0", "3.1.10", True),
        ("0, 3, 2, 0", "3.2", False),
        ("0, 3, 2, 0", "6.1.174-1.deb12", False),
        ("0, 2, 6, 9", "2.6.30-1.el5", False),
        ("0, 2, 6, 32", "2.6.30-1.el5", True),
    ],
)
def test_the_note_of_the_c_library_decides(tmp_path: Path, bits: int, words: str, kernel: str, expected: bool) -> None:
    libc = tmp_path / "libc.so.6"
    libc.write_bytes(assemble(tmp_path, NOTE.format(kind=1, words=words), bits=bits))
    assert needs_static(libc, kernel) is expected
    assert needs_static(libc.read_bytes(), kernel) is expected


@pytest.mark.parametrize("text", ["", NOTE.format(kind=3, words="0, 9, 9, 9"), NOTE.format(kind=1, words="1, 9, 9, 9")])
def test_a_library_that_asks_for_no_linux_runs_on_any(tmp_path: Path, text: str) -> None:
    assert read_oldest_kernel(assemble(tmp_path, text)) is None
    assert not needs_static(assemble(tmp_path, text), "2.6.30")


def test_a_library_of_the_other_byte_order_is_read() -> None:
    names = b"\0.note.ABI-tag\0.shstrtab\0"
    note = bytes.fromhex("000000040000001000000001474e550000000000") + bytes.fromhex("000000020000000600000020")
    header = b"\x7fELF\1\2" + bytes(26) + (52).to_bytes(4, "big") + bytes(10)
    header += b"".join(number.to_bytes(2, "big") for number in (40, 3, 2))
    at = 52 + 3 * 40
    sections = [(0, 0, 0, 0), (1, 7, at, len(note)), (15, 3, at + len(note), len(names))]
    table = b"".join(
        b"".join(number.to_bytes(4, "big") for number in (name, kind, 0, 0, place, size, 0, 0, 0, 0))
        for name, kind, place, size in sections
    )
    assert len(header) == 52
    assert read_oldest_kernel(header + table + note + names) == (2, 6, 32)


@pytest.mark.parametrize("size", [0, 3, 20, 63, 80, 200])
def test_what_is_no_whole_elf_file_is_an_error(tmp_path: Path, size: int) -> None:
    whole = assemble(tmp_path, NOTE.format(kind=1, words="0, 3, 2, 0"))
    assert len(whole) > 200
    with pytest.raises(BuildError, match="ELF"):
        read_oldest_kernel(whole[:size])


def test_versions_are_compared_as_numbers() -> None:
    assert parse_version("2.6.30-1.el5") == (2, 6, 30)
    assert parse_version("6.1") == (6, 1, 0)
    assert parse_version("3.10.0-1160.el7.x86_64") == (3, 10, 0)
    with pytest.raises(BuildError, match="no version of a kernel"):
        parse_version("linux")


@pytest.mark.parametrize(
    "name",
    ["./usr/lib/x86_64-linux-gnu/libc.so.6", "./usr/lib/i386-linux-gnu/libc.so.6", "lib64/libc-2.5.so", "./lib/libc-2.5.so"],
)
def test_the_c_library_is_found_in_a_root(tmp_path: Path, name: str) -> None:
    others = ("./usr/lib/libc.so", "./usr/lib/x/libc.so.6", "./opt/lib/libc.so.6", "./lib/libc.so.6.bak")
    archive = make_archive(tmp_path, {**dict.fromkeys(others, b"other"), name: b"it", "./z": b"z"})
    assert read_libc(archive) == b"it"


def test_a_root_without_a_c_library_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"root\.tar: holds no libc"):
        read_libc(make_archive(tmp_path, {"./usr/lib/libc.so": b"script", "./usr/lib/libcrypt.so.6": b"no"}))


def make_archive(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "root.tar"
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_the_compiler_is_packed_without_what_nothing_here_is_compiled_for(tmp_path: Path) -> None:
    zig = tmp_path / "ziglang"
    kept = ["zig", "lib/libc/include/x86-linux-musl/bits/alltypes.h", "lib/libcxx/src/new.cpp"]
    for name in (*kept, *(f"{folder}/file.h" for folder in LEFT_OUT)):
        (zig / name).parent.mkdir(parents=True, exist_ok=True)
        (zig / name).write_text(name)
    (zig / "zig").chmod(0o755)
    pack_zig(zig, tmp_path / "zig.tar")
    with tarfile.open(tmp_path / "zig.tar") as archive:
        files = {member.name: member for member in archive if member.isfile()}
    assert sorted(files) == sorted(f"zig/{name}" for name in kept)
    assert files["zig/zig"].mode & 0o111


def test_a_compiler_with_another_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(FetchError, match="No matching distribution"):
        install_zig(cache=tmp_path / "cache", mirrors=[str(mirror)])
    make_wheel(mirror / "ziglang-0.17.1-py3-none-any.whl")
    with pytest.raises(FetchError, match=r"(?s)ziglang: pip cannot install.*DO NOT MATCH THE HASHES") as caught:
        install_zig(cache=tmp_path / "cache", mirrors=[str(mirror)])
    assert "TPROXY_RPMS_MIRROR" in caught.value.hint
    assert not [path for path in (tmp_path / "cache" / "guest").iterdir() if path.is_dir()]


def make_wheel(path: Path) -> None:
    """A wheel that pip would install, if nobody asked for its digest."""
    about = "ziglang-0.17.1.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("ziglang/zig", "#!/bin/sh\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: ziglang\nVersion: 0.17.1\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StaticSources:
    """Files that stand for RPMs: what they say is what they hold."""
    monkeypatch.setattr(programs, "list_content", lambda path, chosen: [(chosen.pattern, path.read_text())])
    for name in ("squid", "iptables", "kernel-devel", "libcap2"):
        (tmp_path / f"{name}-1-1.rpm").write_text(name)
    return StaticSources(
        squid=tmp_path / "squid-1-1.rpm", iptables=tmp_path / "iptables-1-1.rpm", kernel_devel=tmp_path / "kernel-devel-1-1.rpm"
    )


def test_what_is_made_is_found_again_until_something_that_it_is_made_from_changes(
    tmp_path: Path, sources: StaticSources, project: Path
) -> None:
    place = find_place("i386", sources, suite="bookworm", cache=tmp_path)
    place.mkdir(parents=True)
    found = make_static("i386", sources, root=project, cache=tmp_path, logs=tmp_path / "logs")
    assert found == place
    seen = {place, find_place("x86_64", sources, suite="bookworm", cache=tmp_path)}
    seen.add(find_place("i386", sources, suite="trixie", cache=tmp_path))
    seen.add(find_place("i386", replace(sources, libcap=tmp_path / "libcap2-1-1.rpm"), suite="bookworm", cache=tmp_path))
    for path in (sources.squid, sources.iptables, sources.kernel_devel):
        path.write_text("other")
        seen.add(find_place("i386", sources, suite="bookworm", cache=tmp_path))
    assert len(seen) == 7


@pytest.mark.parametrize("file", ["SPEC", "REQUIREMENTS"])
def test_another_recipe_has_another_place(
    tmp_path: Path, sources: StaticSources, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    place = find_place("i386", sources, suite="bookworm", cache=tmp_path)
    (tmp_path / "changed").write_text(getattr(programs, file).read_text() + "\n")
    monkeypatch.setattr(programs, file, tmp_path / "changed")
    assert find_place("i386", sources, suite="bookworm", cache=tmp_path) != place


def test_a_release_with_a_libcap_of_its_own_asks_no_archive(tmp_path: Path, sources: StaticSources, project: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    own = replace(sources, libcap=tmp_path / "libcap2-1-1.rpm")
    staged = stage_sources(load_musl_release(root=project), own, cache=tmp_path / "none", scratch=scratch)
    assert [(path.name, path.read_text()) for path in staged] == [
        ("squid.src.rpm", "squid"), ("iptables.src.rpm", "iptables"), ("libcap.src.rpm", "libcap2")
    ]  # fmt: skip
    assert not (tmp_path / "none").exists()
