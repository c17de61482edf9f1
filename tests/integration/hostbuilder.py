"""A builder for tests that need no build root: the host's own rpmbuild, in the place of the chroot builder.

All else of a cut is real. What it builds must compile nothing, so that it is the same for both arches on any host.
"""

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from tproxy_rpms.builders import Job, Result, Variation
from tproxy_rpms.builders.describe import JobContent, RootContent, read_run
from tproxy_rpms.builders.output import finish_rpms, start_logs, useful_end
from tproxy_rpms.errors import BuildError
from tproxy_rpms.release.model import RPM_ARCH, Arch, Release
from tproxy_rpms.store import digest_file, whole_folder, write_whole
from tproxy_rpms.surroundings import Surroundings

OWN, SECOND = Surroundings(timezone="UTC", umask="022"), Surroundings(timezone="Pacific/Chatham", umask="027")


@dataclass(frozen=True, kw_only=True)
class HostBuilder:
    """Calls the host's rpmbuild; a file stands for each root."""

    release: Release
    work: Path

    def root_inputs(self, arch: Arch) -> dict[str, str]:  # the protocol's signature
        return {}

    def make_root(self, arch: Arch, *, log: Path) -> tuple[Path, ...]:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("nothing to make\n")
        self.root(arch).parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.root(arch), f"the host's own {arch}\n")
        return (self.root(arch),)

    def root(self, arch: Arch) -> Path:
        return self.work.parent / "host" / arch

    def identify_root(self, arch: Arch) -> dict[str, str]:
        return {"content": digest_file(self.root(arch))}

    def describe_root(self, arch: Arch, *, log: Path) -> RootContent | None:  # the protocol's signature
        packages = {"gcc": "4:12.2.0-3"}
        return RootContent(arch=arch, kind="deb", suite="bookworm", sha256=digest_file(self.root(arch)), packages=packages)

    def describe_job(self, logs: Path) -> JobContent:
        return JobContent(commands=read_run(logs / "state.log"))

    def surroundings(self, job: Job) -> Surroundings:
        return OWN

    def vary(self, job: Job, *, log: Path) -> Variation:
        log.write_text("nothing to make\n")
        kept = {"build root": "it is the host itself"}
        return Variation(job=replace(job, surroundings=SECOND), first=OWN, second=SECOND, kept=kept)

    def build(self, job: Job) -> Result:
        logs = start_logs(job.logs)
        seen = job.surroundings or OWN
        top = self.work / f"{job.package}-{job.arch}"
        argv = [
            "rpmbuild", "--rebuild", "--nodeps", "--target", RPM_ARCH[job.arch], "--define", f"_topdir {top}",
            "--define", "_buildhost reproducible.invalid", str(job.srpm),
        ]  # fmt: skip
        (job.logs / "state.log").write_text(f"2026-11-01T00:00:00.000Z run {' '.join(map(repr, argv))}\n")
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(job.epoch), "TZ": seen.timezone}
        with whole_folder(job.results) as results, (job.logs / "build.log").open("w") as log:
            shell = ["sh", "-c", f'umask {seen.umask}; exec "$@"', "sh", *argv]
            if subprocess.run(shell, env=environment, stdout=log, stderr=log, check=False).returncode:
                text = useful_end((job.logs / "build.log").read_text())
                raise BuildError(f"{job.package} for {job.arch}: rpmbuild failed\n{text}", hint=f"see {log.name}")
            for rpm in (top / "RPMS").rglob("*.rpm"):
                rpm.rename(results / rpm.name)
            rpms = finish_rpms(job, results)
        return Result(rpms=tuple(job.results / rpm.name for rpm in rpms), logs=logs)


def create(release: Release, *, cache: Path, work: Path) -> HostBuilder:
    """Stand in for builders/chroot.py."""
    return HostBuilder(release=release, work=work)
