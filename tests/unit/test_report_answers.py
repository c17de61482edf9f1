"""What a cut is said to be: complete, publishable, reproducible, accepted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tproxy_rpms.release.model import Acceptance, Package, Publishing, Signing
from tproxy_rpms.report.answer import Answer, judge_accepted, judge_complete, judge_publishable, judge_reproducible
from tproxy_rpms.report.evidence import Evidence, StepState, Verdicts
from tproxy_rpms.repro.verdict import Comparison, Report

from ..conftest import make_release
from .handcut import make_accepted
from .test_report_page import make_empty

DONE = (StepState(task="rpm:hello:i386", state="done"), StepState(task="record:cut", state="done"))
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


@pytest.mark.parametrize(("state", "grade"), [("failed", "bad"), ("missing", "fair"), ("outdated", "fair")])
def test_one_step_that_is_not_done_is_enough(signed: Evidence, state: Any, grade: str) -> None:
    undone = replace(signed, steps=(*DONE, StepState(task="repo:i386", state=state)))
    assert told(judge_complete(undone)) == ("not complete", grade)
    assert any("repo:i386" in reason for reason in judge_complete(undone).reasons)
    assert "the cut is not complete" in judge_publishable(undone).reasons


def test_acceptance_is_no_part_of_a_cut(signed: Evidence) -> None:
    tried = replace(signed, steps=(*DONE, StepState(task="accept:namespaces:i386", state="missing")))
    assert told(judge_complete(tried)) == ("complete", "good")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"signing": None}, "signing.key"), ({"publishing": None}, "publishing.to"), ({"url": ""}, "where clients find it")],
)
def test_what_publishing_lacks_is_named(signed: Evidence, changes: dict[str, Any], words: str) -> None:
    (reason,) = judge_publishable(replace(signed, release=make_release(**SIGNED | changes))).reasons
    assert words in reason


def test_nobody_installs_what_ccache_compiled(signed: Evidence) -> None:
    assert told(judge_publishable(replace(signed, ccache=True))) == ("not publishable", "fair")


@pytest.mark.parametrize(
    "accepted", [(), (make_accepted(holds=False),), (make_accepted(), replace(make_accepted(holds=False), world="machines"))]
)
def test_what_publishing_asks_for_has_to_have_passed(signed: Evidence, accepted: Any) -> None:
    tried = replace(signed, verdicts=Verdicts(accepted=accepted))
    assert "publishing asks for acceptance" in judge_publishable(tried).reasons[0]
    free = replace(tried, release=make_release(**SIGNED | {"publishing": Publishing(to="/srv")}))
    assert told(judge_publishable(free)) == ("publishable", "good")


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
