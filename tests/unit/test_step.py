"""Steps as doit runs them: up to date by stamp alone, errors mapped once, outputs cleaned."""

from pathlib import Path

import pytest

from tproxy_rpms.course import format_seconds
from tproxy_rpms.errors import BuildError, UserError
from tproxy_rpms.tasks import check_variables
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step, guard

from ..conftest import make_release


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    return Cut(release=make_release(), root=tmp_path)


def make_step(cut: Cut, inputs: dict[str, str]) -> dict:
    def run() -> list[Path]:
        output = cut.build / "out" / "file"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(inputs["text"])
        return [output]

    return Step(stage="stage", name="one:two", doc="", inputs=lambda: inputs, run=run).to_doit(cut)


def test_a_step_is_up_to_date_until_its_inputs_or_outputs_change(cut: Cut) -> None:
    inputs = {"text": "a"}
    task = make_step(cut, inputs)
    (uptodate,), (act,) = task["uptodate"], task["actions"]
    assert not uptodate()
    act()
    assert uptodate()
    inputs["text"] = "b"
    assert not uptodate()
    act()
    assert uptodate()
    (cut.build / "out" / "file").write_text("damaged")
    assert not uptodate()


def test_cleaning_removes_outputs_stamp_and_empty_folders(cut: Cut) -> None:
    task = make_step(cut, {"text": "a"})
    task["actions"][0]()
    task["clean"][0]()
    assert not (cut.build / "out").exists()
    assert not cut.stamp("stage", "one", "two").exists()


def test_inputs_that_cannot_be_told_are_the_actions_failure(cut: Cut) -> None:
    def inputs() -> dict[str, str]:
        raise UserError("no such configuration", hint="write one")

    task = Step(stage="stage", name="one", doc="", inputs=inputs, run=list).to_doit(cut)
    assert not task["uptodate"][0]()
    failure = task["actions"][0]()
    assert failure.exit_code == UserError.exit_code
    assert "no such configuration" in str(failure)


def test_an_error_becomes_a_failure_with_its_exit_code_and_hint() -> None:
    def act() -> None:
        raise BuildError("it broke", hint="mend it")

    failure = guard(act)()
    assert failure is not None
    assert failure.exit_code == BuildError.exit_code
    assert "it broke\nhint: mend it" in failure.get_msg()


def test_an_interrupted_step_leaves_no_stamp(cut: Cut) -> None:
    def run() -> list[Path]:
        raise KeyboardInterrupt

    task = Step(stage="stage", name="x", doc="", inputs=dict, run=run).to_doit(cut)
    with pytest.raises(KeyboardInterrupt):
        task["actions"][0]()
    assert not task["uptodate"][0]()


def test_unknown_variables_are_refused_with_a_suggestion() -> None:
    assert check_variables({"release": "x"}) == {"release": "x", "ccache": "off", "build": "build", "progress": "auto"}
    with pytest.raises(UserError, match=r"(?s)ccache=maybe: must be.*relase=bookworm: .*did you mean release="):
        check_variables({"relase": "bookworm", "ccache": "maybe"})


@pytest.mark.parametrize(("seconds", "text"), [(4.24, "4.2 s"), (59.9, "59.9 s"), (60, "1 min 0 s"), (391, "6 min 31 s")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
