"""What logs tell of a finished build: the commands as they were run, the packages of a root."""

from pathlib import Path

from tproxy_rpms.builders.describe import read_mock_run, read_run, split_nevras

MOCK_LOG = """\
INFO: mock.py version 6.3 starting (python version = 3.12.1, NVR = mock-6.3), args: /usr/libexec/mock/mock -r \
/var/tmp/tproxy-rpms-mock-ab_1c/x-i386.cfg --resultdir=/var/tmp/tproxy-rpms-mock-ab_1c/result '--define=_smp_mflags -j2' \
--rebuild /var/tmp/tproxy-rpms-mock-ab_1c/hello.src.rpm
Start: init plugins
"""
BUILD_LOG = """\
Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild -bs --target i686 /builddir/hello.spec'] with env {'A': '[1]'}
Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild -bs --target i686 /builddir/hello.spec'] with env {'A': '[1]'}
Wrote: hello.src.rpm
Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild -bb --target i686 /builddir/hello.spec'] with env {'A': '[1]'}
"""


def test_mock_and_rpmbuild_are_told_as_they_were_called_without_folders_of_one_call(tmp_path: Path) -> None:
    (tmp_path / "mock.log").write_text(MOCK_LOG)
    (tmp_path / "build.log").write_text(BUILD_LOG)
    assert read_mock_run(tmp_path) == (
        "mock -r STAGE/x-i386.cfg --resultdir=STAGE/result '--define=_smp_mflags -j2' --rebuild STAGE/hello.src.rpm",
        "bash --login -c '/usr/bin/rpmbuild -bs --target i686 /builddir/hello.spec'",
        "bash --login -c '/usr/bin/rpmbuild -bb --target i686 /builddir/hello.spec'",
    )


def test_logs_that_are_not_there_tell_nothing(tmp_path: Path) -> None:
    assert read_mock_run(tmp_path) == ()
    assert read_run(tmp_path / "state.log") == ()


def test_rpmbuilds_words_are_kept_apart(tmp_path: Path) -> None:
    state = tmp_path / "state.log"
    state.write_text("2026-11-01T00:00:00.000Z start rpmbuild\n2026-11-01T00:00:00.001Z run 'rpmbuild' '--define' 'a b' \n")
    assert read_run(state) == ("rpmbuild --define 'a b'",)


def test_the_parts_of_a_package_name() -> None:
    assert split_nevras(["glibc-2.5-123.el5.i686", "kernel-headers-1:2.6-1.x86_64"]) == {
        "glibc.i686": "2.5-123.el5",
        "kernel-headers.x86_64": "1:2.6-1",
    }
