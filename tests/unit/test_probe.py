"""The probe runs what may kill it in a process of its own, and says how that went."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable

import pytest

from tproxy_rpms.doctor import probe

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="it tries programs of this family of processors")


@pytest.mark.parametrize("what", ["i386", "vsyscall"])
def test_it_ends_with_an_answer(what: str) -> None:
    done = subprocess.run([sys.executable, "-m", "tproxy_rpms.doctor.probe", what], capture_output=True, text=True, check=False)
    answers = {probe.WORKS, probe.FAILS} | ({probe.UNKNOWN} if what == "i386" else {-11})
    assert done.returncode in answers, done.stderr


def test_its_program_is_an_elf_file_of_32_bits(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = probe.make_program()
    assert program[:6] == b"\x7fELF\x01\x01"
    assert program.endswith(probe.CODE)
    assert len(program) == 84 + len(probe.CODE)


def refuse(error: type[OSError]) -> Callable[..., None]:
    def run(*_: object, **__: object) -> None:
        raise error

    return run


def test_what_cannot_be_run_is_told_apart_from_what_cannot_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, answer in ((PermissionError, probe.UNKNOWN), (OSError, probe.FAILS)):
        monkeypatch.setattr(probe.subprocess, "run", refuse(error))
        assert probe.try_i386() == answer
    monkeypatch.setattr(os, "memfd_create", refuse(OSError))
    assert probe.try_i386() == probe.UNKNOWN
