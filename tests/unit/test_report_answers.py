"""What a cut is said to be: complete, publishable, reproducible, accepted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.release.model import Acceptance, Package, Publishing, Signing
from tproxy_rpms.report.answer import Answer, judge_accepted, judge_complete, judge_publishable, judge_reproducible
from tproxy_rpms.report.evidence import Evidence, Verdicts
from tproxy_rpms.report.status import Cell
from tproxy_rpms.repro.verdict import Comparison, Report

from ..conftest import make_release
from .handcut import make_accepted
from .test_report_page import make_empty

DONE = {"rpm:hello:i386": Cell(word="good"), "record:cut": Cell(word="good")}
SIGNED = {
    "signing": Signing(key="A" * 40), "publishing": Publishing(to="/srv", demand=("accept",)), "url": "http://example.org",
    "arches": ("x86_64",), "packages": {"hello": Package(name="hello", spec="hello")},
    "acceptance": Acceptance(worlds=("namespaces",)),
}  # fmt: skip


@pytest.fixture
def signed(tmp_path: Path) -> Evidence:
    """A cut with which nothing is wrong."""
    reports = tuple(make_report("identical", arch) for arch in ("x86_64", "SRPM"))
    verdicts = Verdicts(accepted=(make_accepted(),), reproduced=reports)
    return make_empty(tmp_path, release=make_release(**SIGNED), steps=DONE, verdicts=verdicts)


def make_report(verdict: Any, arch: str) -> Report:
    return Report(package="hello", arch=arch, comparisons=(Comparison(file="a", verdict=verdict),))


def told(answer: Answer) -> tuple[str, str]:
    return answer.word, answer.grade


def test_a_cut_with_which_nothing_is_wrong(signed: Evidence) -> None:
    assert told(judge_complete(signed)) == ("complete", "good")
    assert told(judge_publishable(signed)) == ("publishable", "good")
    assert told(judge_reproducible(signed)) == ("identical", "good")
    assert told(judge_accepted(signed)) == ("accepted", "good")


@pytest.mark.parametrize(("word", "grade"), [("bad", "bad"), ("no", "fair"), ("old", "fair")])
def test_one_step_that_is_not_done_is_enough(signed: Evidence, word: Any, grade: str) -> None:
    cell = Cell(word=word, reasons=("repo:i386: why",))
    answer = judge_complete(replace(signed, steps=DONE | {"repo:i386": cell}))
    assert told(answer) == ("not complete", grade)
    assert any("repo:i386" in reason for reason in answer.reasons)
    assert answer.details == (() if word == "no" else ("repo:i386: why",)), "what is not done yet needs no reason"


def test_what_looks_at_a_cut_or_sends_it_is_no_part_of_it(signed: Evidence) -> None:
    others = {"accept:namespaces:i386": Cell(word="no"), "publish:tree": Cell(word="old")}
    assert told(judge_complete(replace(signed, steps=DONE | others))) == ("complete", "good")


def test_what_is_in_the_way_of_publishing_is_told(signed: Evidence) -> None:
    answer = judge_publishable(replace(signed, obstacles=("url: missing",)))
    assert (told(answer), answer.reasons, answer.details) == (("not publishable", "fair"), ("url: missing",), ())
    many = tuple(f"rpm:{number}: not done yet" for number in range(20))
    answer = judge_publishable(replace(signed, obstacles=many))
    assert (answer.reasons, answer.details) == (("20 things are in the way",), many)


@pytest.mark.parametrize(
    ("verdicts", "word", "grade"),
    [
        ([], "not compared", "open"),
        (["identical"], "partly compared", "fair"),
        (["identical", "equivalent"], "equivalent", "fair"),
        (["different"], "different", "bad"),
    ],
)
def test_the_worst_comparison_counts(signed: Evidence, verdicts: list[str], word: str, grade: str) -> None:
    reports = tuple(make_report(verdict, arch) for verdict, arch in zip(verdicts, ("x86_64", "SRPM"), strict=False))
    assert told(judge_reproducible(replace(signed, verdicts=Verdicts(reproduced=reports)))) == (word, grade)


@pytest.mark.parametrize(
    ("accepted", "word", "grade"), [((), "not shown to proxy", "open"), ((make_accepted(holds=False),), "does not proxy", "bad")]
)
def test_who_was_not_tried_or_failed_is_not_accepted(signed: Evidence, accepted: Any, word: str, grade: str) -> None:
    assert told(judge_accepted(replace(signed, verdicts=Verdicts(accepted=accepted)))) == (word, grade)


def test_one_world_of_two_is_half(signed: Evidence) -> None:
    both = replace(signed, release=make_release(**SIGNED | {"acceptance": Acceptance()}))
    assert told(judge_accepted(both)) == ("partly tried", "fair")
    assert "machines x86_64: not tried as they are now" in judge_accepted(both).reasons
