"""What a run shows, on a real terminal and off one."""

import io
import os
import re
import subprocess
import sys
import time

import pytest

from tproxy_rpms import console
from tproxy_rpms.bars import Bar, render_bars
from tproxy_rpms.console import Console, paint, repeat, stamp, write_line
from tproxy_rpms.course import Course, format_clock, format_seconds, round_seconds
from tproxy_rpms.outlet import clean_text, draws_bars, fit_text, wants_colours

from .terminal import ROOT, show

# Three steps side by side, each with lines of its own, then a last word.
STEPS = """
import sys, threading, time
from tproxy_rpms.console import Console, paint, prepare_streams, tell, write_line
prepare_streams()
def work(number):
    with Console().progress(f"rpm:p{number}:x86_64", "objects") as report:
        for done in range(30):
            report(done, 30, 30.0 - done)
            if done % 5 == 0:
                tell(f"step {number} says {done} of 30 and has no end " + "x" * 60 + " end")
            time.sleep(0.03)
threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
write_line(sys.stdout, "all " + paint(sys.stdout, "done", "good") + " …")
"""
SAID = re.compile(r"\[ 0:0\d\] step \d says \d+ of 30 and has no end x{60} end")
BAR = re.compile(r"^rpm:p\d:x86_64  \[=* *\]  \d+ of 30 objects, \d+ s left$", re.MULTILINE)


def test_bars_come_and_go_and_lines_of_all_threads_stay_whole() -> None:
    shown = show(STEPS, columns=120)
    assert shown.status == 0
    assert max(len(BAR.findall(moment)) for moment in shown.moments) == 3
    lines = shown.screen.text.rstrip("\n").split("\n")
    assert all(SAID.fullmatch(line) for line in lines[:-1]) and len(lines) == 19
    assert lines[-1] == "all done …"
    assert {"32", "0"} == shown.screen.styles


def test_no_color_leaves_the_words() -> None:
    shown = show(STEPS, columns=120, environment={"NO_COLOR": "1"})
    assert not shown.screen.styles
    assert shown.screen.text.rstrip().endswith("\nall done …") and any(BAR.search(moment) for moment in shown.moments)
    assert show(STEPS, columns=120, environment={"NO_COLOR": ""}).screen.styles  # empty counts as not set


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}, {"CI": "true"}])
def test_where_no_bars_can_be_there_are_lines_and_nothing_to_obey(environment: dict[str, str]) -> None:
    shown = show(STEPS, columns=120, environment=environment)
    assert "\x1b" not in shown.raw and "\r" not in shown.raw.replace("\r\n", "")
    assert not any(BAR.search(moment) for moment in shown.moments)
    assert len(SAID.findall(shown.screen.text)) == 18


def test_a_terminal_that_is_made_narrower_keeps_no_part_of_a_bar() -> None:
    long = STEPS.replace("rpm:p", "rpm:a-package-of-a-long-name-").replace("objects", "objects of which there is much to be told")
    shown = show(long, columns=120, resize={"says 10": 82})
    assert any("much to be told" in moment for moment in shown.moments)
    assert "rpm:" not in shown.screen.text and "told" not in shown.screen.text
    assert len(re.findall(r"\[ 0:0\d\] step", shown.screen.text)) == 18


def test_what_streams_cannot_take_is_written_otherwise() -> None:
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shown = show(STEPS + "\nprint('Ł →')", columns=120, environment=bare)
    assert shown.status == 0
    assert "all done ..." in shown.screen.text and "\\u0141 \\u2192" in shown.screen.text
    assert fit_text("a … b → ł", "ascii") == "a ... b -> \\u0142"
    assert fit_text("\udcff…", "utf-8") == "\\udcff..."


def test_an_interruption_leaves_no_bar_and_no_traceback() -> None:
    program = "from tproxy_rpms.console import *\nprepare_streams()\nimport time\n"
    program += "with Console().progress('rpm:x', 'objects') as report, repeat(lambda: report(1, 3)):\n    time.sleep(50)\n"
    shown = show(program, interrupt="1 of 3 objects")
    assert shown.status == -2  # ended by the signal, as a shell wants to know
    assert "1 of 3" not in shown.screen.text and "Traceback" not in shown.raw
    assert "interrupted" in shown.screen.text
    assert "\x1b[?" not in shown.raw  # the cursor was never hidden


def test_words_of_others_cannot_ring_or_move() -> None:
    foreign = "50%\r100%\a \x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07\x1b[?25l\x1b(B\x9bgone\x1bc\tx\r\n"
    assert clean_text(foreign, colours=False) == "50%\n100% red gone\tx\n"
    assert clean_text("\x1b[31mred", colours=True) == "\x1b[31mred\x1b[0m"


@pytest.mark.parametrize(
    ("wish", "environ", "bars", "colours"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm", "CI": "1"}, False, False),
        ("bars", {"TERM": "xterm", "CI": "1"}, True, True),
        ("auto", {"TERM": "xterm", "CI": "false"}, True, True),
        ("plain", {"TERM": "xterm"}, False, False),
        ("bars", {"TERM": "dumb"}, False, False),
        ("auto", {}, False, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True, True),
    ],
)
def test_how_a_terminal_is_written_to(wish: str, environ: dict[str, str], bars: bool, colours: bool) -> None:
    stream = io.StringIO()
    assert not draws_bars(wish, stream, environ)
    stream.isatty = lambda: True  # type: ignore[method-assign]
    assert (draws_bars(wish, stream, environ), wants_colours(wish, stream, environ)) == (bars, colours)


def test_off_a_terminal_a_long_step_has_ever_fewer_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    monkeypatch.setattr(console._display, "started", clock)
    stream = io.StringIO()
    with Console(stream).progress("rpm:kernel:x86_64", "objects") as report:
        for second in range(1201):
            clock = 1000.0 + second
            report(second, 1310 if second < 600 else 0, 70.0 if second < 40 else None)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == [
        "[ 0:30] rpm:kernel:x86_64 30 of 1310 objects, 1 min 10 s left",
        "[ 1:00] rpm:kernel:x86_64 60 of 1310 objects, 1 min 0 s so far",
    ]
    assert [line[1:6] for line in lines[2:]] == [" 1:30", " 2:15", " 3:23", " 5:05", " 7:38", "11:27", "16:27"]
    assert "687 objects, 11 min 27 s so far" in lines[-2]


def test_a_short_step_has_no_line_of_progress() -> None:
    stream = io.StringIO()
    with Console(stream).transfer("file") as report:
        report(1, 2)
    assert stream.getvalue() == ""


def test_lines_and_an_up_to_date_run_do_without_rich() -> None:
    program = "import sys; from tproxy_rpms.console import tell; tell('x'); assert 'rich' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_a_reader_that_leaves_does_not_end_the_run() -> None:
    program = "from tproxy_rpms.console import *\nprepare_streams()\nimport os, sys, time\n"
    program += "[(tell('x' * 1000), time.sleep(0.001)) for _ in range(300)]\nprint('more')\nos.write(3, b'to its end')\n"
    ours, theirs = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", f"import os; os.dup2({theirs}, 3)\n{program}"], cwd=ROOT, pass_fds=[theirs],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        assert process.stdout and process.stderr
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == "nobody reads the output any more; the run goes on without it\n"
        assert os.read(ours, 100) == b"to its end"
    assert process.returncode == 0
    os.close(ours)


def test_only_the_host_may_refuse_a_look() -> None:
    looks: list[float] = []

    def look() -> None:
        looks.append(time.monotonic())
        raise OSError("gone")

    console.LOOK, before = 0.01, console.LOOK
    try:
        with repeat(look):
            time.sleep(0.2)
    finally:
        console.LOOK = before
    seen = len(looks)
    time.sleep(0.05)
    assert 2 < seen == len(looks)


def test_bars_keep_their_words_on_a_narrow_terminal() -> None:
    bars = [
        Bar(name="rpm:kernel:x86_64", told="512 of 1310 objects", done=512, total=1310),
        Bar(name="x" * 50, told="7 objects", done=7),
    ]
    assert render_bars(bars, width=79) == [
        "rpm:kernel:x86_64           [====       ]  512 of 1310 objects",
        f"{'x' * 24}..                 7 objects",
    ]
    assert render_bars(bars, width=40) == ["rpm:kernel:x86_64    512 of 1310 objects", f"{'x' * 17}..  7 objects"]
    assert all(len(line) <= width for width in range(1, 100) for line in render_bars(bars, width=width))
    assert render_bars([Bar(name="x", told="3 of 2 objects", done=3, total=2)], width=79)[0].count("=") == 24
    assert render_bars([], width=80) == []


def test_a_transfer_tells_its_speed_without_what_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    course = Course("B")
    assert course.tell(100 << 20, 200 << 20) == "100.0 MiB of 200.0 MiB"
    clock = 10.0
    assert course.tell(110 << 20, 200 << 20) == "110.0 MiB of 200.0 MiB, 1.0 MiB/s, 1 min 30 s left"
    assert course.tell(110 << 20, 0) == "110.0 MiB, 1.0 MiB/s"


def test_a_step_tells_what_is_left_if_somebody_knows() -> None:
    course = Course("objects")
    assert course.tell(3, 0) == "3 objects, 0 s so far"
    assert course.tell(3, 4, 61) == "3 of 4 objects, 1 min left"
    assert course.tell(4, 4, 0.2) == "4 of 4 objects, nearly done"


def test_times_are_for_people() -> None:
    assert [format_clock(seconds) for seconds in (0, 205.9, 3600, 3805)] == ["0:00", "3:25", "1:00:00", "1:03:25"]
    assert [round_seconds(seconds) for seconds in (4.4, 59, 60, 134, 599, 605, 5000)] == [
        "4 s", "59 s", "1 min", "2 min 10 s", "10 min", "10 min", "83 min",
    ]  # fmt: skip
    assert [format_seconds(seconds) for seconds in (4.24, 59.96, 391, 3600)] == ["4.2 s", "1 min 0 s", "6 min 31 s", "1 h 0 min"]
    assert re.fullmatch(r"\[ *\d+:\d\d\]", stamp())


def test_words_are_painted_for_terminals_alone() -> None:
    assert paint(io.StringIO(), "FAILED", "bad") == "FAILED"
    stream = io.StringIO()
    write_line(stream, "\x1b[31mred\a")
    assert stream.getvalue() == "red\n"
