"""The tools that tests boot kernels with: what they write is read by others, and what is not answered does not pass."""

import subprocess

import pytest

from tproxy_rpms.acceptance.guest import write_archive

from .console import GuestError, read_answers, render_commands


def test_cpio_reads_the_archive_with_its_device_nodes() -> None:
    archive = b"".join(write_archive({"init": b"#!/bin/sh\n", "/lib/modules/x.ko": b"12345"}))
    listed = subprocess.run(["cpio", "-itv", "--quiet"], input=archive, check=True, capture_output=True).stdout.decode()
    found = {line.split()[-1]: line.split() for line in listed.splitlines()}
    assert found["dev/console"][0] == "crw-------"
    assert found["dev/console"][4:6] == ["5,", "1"]
    assert found["init"][0] == "-rwxr-xr-x"
    assert found["lib/modules/x.ko"][4] == "5"
    assert found["lib/modules"][0] == "drwxr-xr-x"
    assert list(found).index("lib") < list(found).index("lib/modules") < list(found).index("lib/modules/x.ko")


def test_answers_are_what_the_shell_printed_between_the_lines() -> None:
    commands = ["echo one; echo two >&2", "false", "exit 3", "read line; echo \"'$line'\""]
    said = subprocess.run(["sh"], input=render_commands(commands), check=True, capture_output=True, text=True).stdout
    answers = read_answers(commands, f"noise\n{said}noise\n")
    assert [(answer.status, answer.text) for answer in answers.values()] == [(0, "one\ntwo"), (1, ""), (3, ""), (0, "''")]


def test_a_command_without_an_answer_is_named() -> None:
    commands = ["true", "panic"]
    said = subprocess.run(["sh"], input=render_commands(commands[:1]), check=True, capture_output=True, text=True).stdout
    with pytest.raises(GuestError, match=r"(?s)no answer to 'panic'.*Kernel panic") as caught:
        read_answers(commands, f"{said}<1<\nKernel panic")
    assert "true" not in str(caught.value).splitlines()[0]
