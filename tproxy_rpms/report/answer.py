"""What everybody wants to know of a cut first: is it complete, may it be published, is it reproducible, does it proxy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tproxy_rpms.report.evidence import Evidence
from tproxy_rpms.report.status import Cell, Word
from tproxy_rpms.repro.verdict import worst

# The stages that a cut consists of; all else looks at it, or sends it.
STAGES = ("fetch", "verify", "kconfig", "srpm", "root", "rpm", "gate", "sign", "client", "repo", "record")

# Steps that are named; more are counted.
MOST_NAMES = 8

# How people are told that steps are not done.
WORDS: dict[Word, str] = {"bad": "failed", "old": "not up to date", "no": "not made yet"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer in a few words, how good it is, and the reasons, each a sentence; `details` are for who wants to know more."""

    question: str
    word: str
    grade: Literal["good", "fair", "bad", "open"]
    reasons: tuple[str, ...]
    details: tuple[str, ...] = ()


def answer_all(evidence: Evidence) -> tuple[Answer, ...]:
    """Return the answers."""
    return tuple(answer(evidence) for answer in (judge_complete, judge_publishable, judge_reproducible, judge_accepted))


def judge_complete(evidence: Evidence) -> Answer:
    """Tell whether every step has done what it would do now."""
    steps = {task: cell for task, cell in evidence.steps.items() if task.partition(":")[0] in STAGES}
    done = sum(cell.word == "good" for cell in steps.values())
    reasons = tuple(list_undone(steps))
    if not reasons:
        return Answer(question="complete", word="complete", grade="good", reasons=(f"all {done} steps are done and up to date",))
    failed = any(cell.word == "bad" for cell in steps.values())
    return Answer(
        question="complete", word="not complete", grade="bad" if failed else "fair",
        reasons=(f"{done} of {len(steps)} steps are done and up to date", *reasons),
        details=tuple(reason for cell in steps.values() if cell.word in ("bad", "old") for reason in cell.reasons),
    )  # fmt: skip


def list_undone(steps: Mapping[str, Cell]) -> Iterator[str]:
    """Yield what of the steps is not done, a sentence for each way not to be."""
    for word, words in WORDS.items():
        tasks = [task for task, cell in steps.items() if cell.word == word]
        stages = [task.partition(":")[0] for task in tasks]
        if len(tasks) > MOST_NAMES:
            yield f"{words}: " + ", ".join(f"{stages.count(stage)} of {stage}" for stage in dict.fromkeys(stages))
        elif tasks:
            yield f"{words}: {', '.join(tasks)}"


def judge_publishable(evidence: Evidence) -> Answer:
    """Tell whether anything is in the way of publishing."""
    obstacles = evidence.obstacles
    if not obstacles:
        told = ("signed, checked and whole: doit publish sends it",)
        return Answer(question="publishable", word="publishable", grade="good", reasons=told)
    many = len(obstacles) > MOST_NAMES
    return Answer(
        question="publishable", word="not publishable", grade="fair",
        reasons=(f"{len(obstacles)} things are in the way",) if many else obstacles, details=obstacles if many else (),
    )  # fmt: skip


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
