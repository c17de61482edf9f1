"""Check the finished RPMs and SRPMs: nothing in them may be beyond what the target's rpm reads."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tproxy_rpms.store import digest_code, read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step for each package and arch, and one for each SRPM."""
    for name in cut.release.packages:
        for arch in cut.release.arches:
            yield make_step(cut, f"{name}:{arch}", made_by=("rpm", name, arch))
        yield make_step(cut, f"{name}:SRPM", made_by=("srpm", name))


def make_step(cut: Cut, name: str, *, made_by: tuple[str, ...]) -> Step:
    """Return the step that checks what another step made."""
    limits = cut.release.target.limits
    return Step(
        stage="gate",
        name=name,
        doc=f"{' '.join(name.split(':'))} for {limits.reader if limits else 'any rpm'}",
        after=(":".join(made_by),),
        inputs=lambda: {
            "artifacts": cut.recorded(*made_by),
            "limits": asdict(limits) if limits else None,
            "code": digest_code("gates"),
        },
        run=partial(check, cut, name, made_by),
    )


def check(cut: Cut, name: str, made_by: tuple[str, ...]) -> tuple[Path, ...]:
    """Check the files of one step; the report is left even when it has findings."""
    from tproxy_rpms.gates.gate import check_artifacts

    report = cut.gates / f"{name.replace(':', '-')}.json"
    check_artifacts(list(read_outputs(cut.stamp(*made_by))), target=cut.release.target, report=report)
    return (report,)
