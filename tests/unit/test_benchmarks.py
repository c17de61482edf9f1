"""What benchmarks share: samples that take turns, what is kept of them, and how one that cannot run is left out."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import audit
from benchmarks.measure import CannotRunError, Measured, Setting, take_turns, time_command
from benchmarks.results import Ratio, make_ratio, render_table, write_results


def test_ours_and_theirs_take_turns() -> None:
    order: list[str] = []

    def take(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    measured = take_turns(lambda: take("ours", 3.0), lambda: take("theirs", 2.0), samples=2)
    assert order == ["theirs", "ours"] * 2
    assert measured.ratio == 1.5


def test_the_ratio_is_that_of_the_medians() -> None:
    assert Measured(ours=(1.0, 100.0, 2.0), theirs=(4.0, 1.0, 90.0)).ratio == 0.5


def test_a_command_that_fails_is_no_sample() -> None:
    assert time_command(["true"]) > 0
    with pytest.raises(CannotRunError, match="ended with 3:\nno good"):
        time_command(["sh", "-c", "echo no good; exit 3"])


def test_a_command_reads_what_it_is_given_and_then_the_end() -> None:
    assert time_command(["sh", "-c", "read a && read b && ! read c && test $a$b = 12"], stdin="1\n2\n") > 0
    assert time_command(["sh", "-c", "! read a"]) > 0
    assert time_command(["sh", "-c", "exit 0"], stdin="\n" * 1_000_000) > 0, "answers that nobody asks for"


def write_tree(folder: Path, recipe: str) -> Path:
    """A kernel tree of before 3.7, as far as make sees: it has oldconfig alone."""
    folder.mkdir()
    (folder / "Makefile").write_text(f"oldconfig:\n\t{recipe}\n")
    return folder


def test_a_kernel_without_olddefconfig_asks_and_is_answered(tmp_path: Path) -> None:
    tree, out = write_tree(tmp_path / "tree", "read a; read b; echo $(ARCH) asked $$a$$b >>$(O)/.config"), tmp_path / "out"
    out.mkdir()
    theirs = audit.prepare_oldconfig(tree, out, arch="i386", config=b"given\n")
    assert (out / ".config").read_text() == "given\ni386 asked\n"
    assert theirs() > 0
    assert (out / ".config").read_text() == "given\ni386 asked\n", "each sample begins with the same configuration"


def test_a_makefile_that_make_does_not_take_is_told(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", "true\n%config config: ; true")
    with pytest.raises(CannotRunError, match="mixed implicit and normal rules"):
        audit.prepare_oldconfig(tree, tmp_path, arch="i386", config=b"")


def ratio(name: str, seconds: float) -> Ratio:
    return make_ratio(name, f"what {name} is", Measured(ours=(seconds,), theirs=(2.0,), note="n"), load=0.5)


def read(path: Path) -> dict[str, float]:
    return {one["name"]: one["ratio"] for one in json.loads(path.read_text())["ratios"]}


def test_what_was_not_run_again_is_kept_on_the_same_host_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path, [ratio("a", 1.0), ratio("b", 1.0)])
    write_results(path, [ratio("a", 3.0)])
    assert read(path) == {"a": 1.5, "b": 0.5}
    content = json.loads(path.read_text())
    assert content["schema"] == 1
    assert set(content["host"]) == {"cores", "memory_bytes", "cpu", "kernel", "python"}
    assert content["ratios"][0] | {"measured": ""} == {
        "name": "a", "what": "what a is", "ours_seconds": 3.0, "theirs_seconds": 2.0, "ratio": 1.5, "samples": 1,
        "unit": "s", "note": "n", "load": 0.5, "measured": "",
    }  # fmt: skip
    content["host"]["cores"] += 1
    path.write_text(json.dumps(content))
    write_results(path, [ratio("b", 4.0)])
    assert read(path) == {"b": 2.0}


def test_the_table_has_a_row_each() -> None:
    lines = render_table([ratio("uptodate", 1.0), ratio("a", 20.0)]).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["uptodate", "1.000", "s", "2.000", "s", "0.50", "1", "0.5"],
        ["a", "20.000", "s", "2.000", "s", "10.00", "1", "0.5"],
    ]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("name", [name for name in command.NAMES if name != "publish"])  # which needs no release
def test_each_says_what_it_compares_and_cannot_run_without_its_release(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    quick = name not in ("kernel", "ccache")
    assert command.run_benchmark(name, release="nothing", quick=quick, kept=tmp_path) is None
    assert f"{name}: left out: " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_kernels_are_left_out_when_it_is_to_be_quick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run_benchmark("ccache", release="nothing", quick=True, kept=tmp_path) is None
    assert "ccache: left out by --quick" in capsys.readouterr().out
    assert Setting(release="r", quick=True, scratch=tmp_path, kept=tmp_path).samples(11) == 3
    assert Setting(release="r", quick=False, scratch=tmp_path, kept=tmp_path).samples(11) == 11


def test_a_name_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["fetsch"])
    assert "no benchmark fetsch: there are uptodate, " in capsys.readouterr().err
