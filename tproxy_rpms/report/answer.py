"""What everybody wants to know of a cut first: is it complete, may it be published, is it reproducible, does it proxy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tproxy_rpms.release.model import Publishing
from tproxy_rpms.report.evidence import Evidence, State, StepState
from tproxy_rpms.repro.verdict import worst

# The stages that a cut consists of; all else looks at it, or sends it.
STAGES = ("fetch", "verify", "kconfig", "srpm", "root", "rpm", "gate", "sign", "client", "repo", "record")

# Steps that are named; more are counted.
MOST_NAMES = 8

# How people are told that steps are not done.
WORDS: dict[State, str] = {"failed": "failed", "outdated": "not up to date", "missing": "not made yet"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer in a few words, how good it is, and the reasons, each a sentence."""

    question: str
    word: str
    grade: Literal["good", "fair", "bad", "open"]
    reasons: tuple[str, ...]


def answer_all(evidence: Evidence) -> tuple[Answer, ...]:
    """Return the answers."""
    return tuple(answer(evidence) for answer in (judge_complete, judge_publishable, judge_reproducible, judge_accepted))


def list_cut(evidence: Evidence) -> list[StepState]:
    """Return the steps that a cut consists of."""
    return [step for step in evidence.steps if step.stage in STAGES]


def judge_complete(evidence: Evidence) -> Answer:
    """Tell whether every step has done what it would do now."""
    steps = list_cut(evidence)
    done = sum(step.state == "done" for step in steps)
    reasons = tuple(list_undone(steps))
    if not reasons:
        return Answer(question="complete", word="complete", grade="good", reasons=(f"all {done} steps are done and up to date",))
    failed = any(step.state == "failed" for step in steps)
    return Answer(
        question="complete", word="not complete", grade="bad" if failed else "fair",
        reasons=(f"{done} of {len(steps)} steps are done and up to date", *reasons),
    )  # fmt: skip


def list_undone(steps: list[StepState]) -> Iterator[str]:
    """Yield what of the steps is not done, a sentence for each way not to be."""
    for state, words in WORDS.items():
        undone = [step for step in steps if step.state == state]
        stages = [step.stage for step in undone]
        if len(undone) > MOST_NAMES:
            yield f"{words}: " + ", ".join(f"{stages.count(stage)} of {stage}" for stage in dict.fromkeys(stages))
        elif undone:
            yield f"{words}: {', '.join(step.task for step in undone)}"


def judge_publishable(evidence: Evidence) -> Answer:
    """Tell whether `doit publish` would send it, as far as that can be told without the key."""
    reasons = tuple(list_hindrances(evidence))
    if reasons:
        return Answer(question="publishable", word="not publishable", grade="fair", reasons=reasons)
    return Answer(
        question="publishable", word="publishable", grade="good", reasons=("signed, checked, and whole; doit publish sends it",)
    )


def list_hindrances(evidence: Evidence) -> Iterator[str]:
    """Yield what stands between the cut and publishing it."""
    release = evidence.release
    if any(step.state != "done" for step in list_cut(evidence)):
        yield "the cut is not complete"
    if evidence.ccache:
        yield "it was built with ccache=on: what others install is compiled anew"
    if release.signing is None:
        yield "the release names no key to sign with (signing.key)"
    if release.publishing is None:
        yield "the release does not say where to publish (publishing.to)"
    if not release.url:
        yield "the release does not say where clients find it (url)"
    if release.publishing:
        yield from list_demands(evidence, release.publishing)


def list_demands(evidence: Evidence, publishing: Publishing) -> Iterator[str]:
    """Yield the stages that publishing asks for and that have no good verdict."""
    if "accept" in publishing.demand:
        passed = {verdict.arch for verdict in evidence.verdicts.accepted if verdict.word == "passed"}
        refused = any(verdict.word == "failed" for verdict in evidence.verdicts.accepted)
        if refused or passed < set(evidence.release.arches):
            yield "publishing asks for acceptance (publishing.demand), and that has not passed for every arch"


def judge_reproducible(evidence: Evidence) -> Answer:
    """Tell whether second builds gave the same bytes."""
    expected = [(name, arch) for name in evidence.release.packages for arch in (*evidence.release.arches, "SRPM")]
    compared = {(report.package, report.arch): report for report in evidence.verdicts.reproduced}
    missing = [f"{name} {arch}" for name, arch in expected if (name, arch) not in compared]
    verdict = worst(report.verdict for report in compared.values())
    question = "reproducible"
    if not compared:
        return Answer(question=question, word="not compared", grade="open", reasons=("no second build yet: doit repro",))
    others = [
        f"{report.package} {report.arch}: {report.verdict}" for report in compared.values() if report.verdict != "identical"
    ]
    reasons = (f"{len(compared)} of {len(expected)} compared", *others)
    if missing:
        reasons += (f"not compared as they are now: {', '.join(missing)}",)
    if verdict == "different":
        return Answer(question=question, word="different", grade="bad", reasons=reasons)
    if missing:
        return Answer(question=question, word="partly compared", grade="fair", reasons=reasons)
    return Answer(
        question=question, word=verdict, grade="good" if verdict == "identical" else "fair", reasons=reasons
    )  # fmt: skip


def judge_accepted(evidence: Evidence) -> Answer:
    """Tell whether the packages were shown to proxy."""
    expected = [f"{world} {arch}" for world in evidence.release.acceptance.worlds for arch in evidence.release.arches]
    found = {f"{verdict.world} {verdict.arch}": verdict.word for verdict in evidence.verdicts.accepted}
    question, words = "accepted", set(found.values())
    if not found:
        return Answer(question=question, word="not shown to proxy", grade="open", reasons=("not tried yet: doit accept",))
    reasons = tuple(f"{place}: {found.get(place, 'not tried as they are now')}" for place in expected)
    if "failed" in words:
        return Answer(question=question, word="does not proxy", grade="bad", reasons=reasons)
    if words == {"passed"} and len(found) == len(expected):
        return Answer(question=question, word="accepted", grade="good", reasons=reasons)
    return Answer(question=question, word="partly tried", grade="fair", reasons=reasons)
