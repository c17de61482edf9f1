"""A builder of this host that takes no time, and what tasks do with it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tproxy_rpms.builders import Job, Result, Variation
from tproxy_rpms.builders.output import finish_rpms, start_logs
from tproxy_rpms.release.model import Package
from tproxy_rpms.repro.report import read_report
from tproxy_rpms.repro.verdict import Report
from tproxy_rpms.store import whole_folder, write_stamp
from tproxy_rpms.surroundings import Surroundings
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.repro import PARAMS, judge
from tproxy_rpms.tasks.rpm import build

from .kojirpm import make_rpm

HERE = Surroundings(directory="/builddir", host="here", user="builder")
ELSEWHERE = Surroundings(directory="/elsewhere", host="there", user="somebody", root="another root")
HELLO = Package(name="hello", spec="hello", sources=())


class LocalBuilder:
    """Builds here what Koji would, at once. `built` are its jobs, `roots` the arches that it has made roots for."""

    def __init__(self, content: bytes = b"one\n") -> None:
        self.content = content
        self.built: list[Job] = []
        self.roots: list[str] = []

    def root_inputs(self, arch: str) -> dict[str, str]:
        return {}

    def identify_root(self, arch: str) -> None:
        return

    def make_root(self, arch: str, *, log: Path) -> tuple[Path, ...]:
        self.roots.append(arch)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("made\n")
        return (log,)

    def surroundings(self, job: Job) -> Surroundings:
        return HERE

    def vary(self, job: Job, *, log: Path) -> Variation:
        return Variation(job=replace(job, surroundings=ELSEWHERE), first=HERE, second=ELSEWHERE)

    def build(self, job: Job) -> Result:
        self.built.append(job)
        logs = start_logs(job.logs)
        arch = {"x86_64": "x86_64", "i386": "i686"}[job.arch]
        with whole_folder(job.results) as folder:
            make_rpm(folder / f"hello-1-1.{arch}.rpm", arch=arch, source="hello-1-1.src.rpm", content=self.content)
            rpms = finish_rpms(job, folder)
        return Result(rpms=tuple(job.results / rpm.name for rpm in rpms), logs=logs)


def build_first(cut: Cut) -> None:
    """Build the release's own RPMs."""
    for arch in cut.release.arches:
        write_stamp(cut.stamp("rpm", "hello", arch), inputs={}, outputs=build(cut, HELLO, arch))


def compare(cut: Cut, builder: str = "", *, arch: str = "x86_64", **options: Any) -> Report:
    """Do what `doit repro:hello:ARCH --builder=…` does, and return its report."""
    judge(cut, HELLO, arch, **{param["name"]: param["default"] for param in PARAMS} | {"builder": builder} | options)
    return read_report(cut.verdicts(options.get("against", "")) / f"hello-{arch}.json")
