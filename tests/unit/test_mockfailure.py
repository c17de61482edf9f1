"""What a failed mock is said to suffer from: by its exit code, by its own words, by those of the build."""

from pathlib import Path

import pytest

from tproxy_rpms.builders import mockfailure
from tproxy_rpms.builders.mockfailure import EXIT_CODES, describe_failure
from tproxy_rpms.errors import BuildError, HostError, LockedError, RootError, TproxyError, UserError

COMMAND = (
    "ERROR: Command failed: \n # bash --login -c '/usr/bin/rpmbuild -bb  --target i686 --nodeps /builddir/build/SPECS/x.spec'\n"
)


def describe(folder: Path, status: int, **logs: str) -> TproxyError:
    for name, text in logs.items():
        (folder / f"{name}.log").write_text(text)
    return describe_failure("squid for i386", status, logs=folder)


@pytest.mark.parametrize("status", EXIT_CODES)
def test_every_exit_code_has_a_class_and_words(status: int, tmp_path: Path) -> None:
    error = describe(tmp_path, status)
    assert type(error) is EXIT_CODES[status].error
    assert str(error).startswith(f"squid for i386: {EXIT_CODES[status].text}")


def test_an_exit_code_that_mock_does_not_have_is_named(tmp_path: Path) -> None:
    error = describe(tmp_path, 77, mock="ERROR: something new")
    assert type(error) is HostError
    assert "status 77" in str(error)
    assert "something new" in str(error)


@pytest.mark.parametrize(
    ("words", "kind", "cure"),
    [
        ("ERROR: Must be member of 'mock' group to run mock! (not in group)", HostError, mockfailure.GROUP),
        ("ERROR: mock will not run from the root account (needs an unprivileged uid so it can drop privs)", HostError,
         mockfailure.GROUP),
        ("ERROR: builddep command missing.\nPlease install package dnf-plugins-core.", HostError, mockfailure.PLUGINS),
        ("cpio: write failed - No space left on device", HostError, mockfailure.ROOM),
        ("error: %pre(bash-3.2-33.el5.x86_64) scriptlet failed, signal 11", RootError, mockfailure.VSYSCALL),
        ("build-locale-archive[21]: vsyscall attempted with vsyscall=none ip:ffffffffff600400", RootError, mockfailure.VSYSCALL),
        ("DEBUG util.py:609:  Child return code was: -11", RootError, mockfailure.VSYSCALL),
        ("Public key for bash-3.2-33.el5.x86_64.rpm is not installed. Failing package is: bash", RootError, mockfailure.KEYS),
        ("Error: GPG check FAILED", RootError, mockfailure.KEYS),
        ("Error: Failed to download metadata for repo 'base': Cannot download repomd.xml", RootError, "TPROXY_RPMS_VAULT"),
        ("Error: Status code: 404 for http://vault.example.org/5.11/os/i386/repodata/repomd.xml", RootError, "TPROXY_RPMS_VAULT"),
        ("No matching package to install: 'libcap2-devel'", BuildError, "after"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("log", ["mock", "root"])
def test_words_of_mock_and_of_the_root_tell_more_than_the_code(
    log: str, words: str, kind: type[TproxyError], cure: str, tmp_path: Path
) -> None:
    error = describe(tmp_path, 30, **{log: f"DEBUG before\n{words}\nDEBUG after"})
    assert type(error) is kind
    assert cure in error.hint


@pytest.mark.parametrize("status", [1, 2, 10])
def test_a_failed_rpmbuild_is_a_failed_build_whatever_its_status(status: int, tmp_path: Path) -> None:
    error = describe(tmp_path, status, mock=COMMAND, build="x.c:1: error: no such thing\nmake: *** [x.o] Error 1")
    assert type(error) is BuildError
    assert "x.c:1: error: no such thing" in str(error)
    assert str(tmp_path / "build.log") in error.hint


def test_an_rpmbuild_that_crashes_at_once_is_the_roots_fault(tmp_path: Path) -> None:
    error = describe(tmp_path, 1, mock=COMMAND, build="", root="DEBUG util.py:609:  Child return code was: -11")
    assert type(error) is RootError
    assert "vsyscall" in error.hint


def test_a_compiler_that_crashes_is_no_fault_of_the_root(tmp_path: Path) -> None:
    error = describe(tmp_path, 1, mock=COMMAND, build="x.c:1: internal compiler error: Segmentation fault")
    assert type(error) is BuildError
    assert "vsyscall" not in str(error)


def test_a_disk_that_a_build_filled_is_told_as_such(tmp_path: Path) -> None:
    error = describe(tmp_path, 1, mock=COMMAND, build="ld: final link failed: No space left on device")
    assert type(error) is HostError
    assert error.hint.startswith(mockfailure.ROOM)


def test_the_families_of_errors_are_kept_apart() -> None:
    assert EXIT_CODES[60].error is LockedError
    assert EXIT_CODES[3].error is UserError
    assert {EXIT_CODES[code].error for code in (20, 30, 90)} == {RootError}
