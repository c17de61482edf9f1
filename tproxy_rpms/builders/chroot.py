"""The chroot builder: rpmbuild in a clean mmdebstrap root, under constant paths, without network."""

import os
import shutil
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from tproxy_rpms.builders import Job, Result, Variation
from tproxy_rpms.builders.describe import JobContent, RootContent, read_run
from tproxy_rpms.builders.namespace import remove_argv, reserve_memory, unshare_argv
from tproxy_rpms.builders.output import finish_rpms, name_target, start_logs, useful_end
from tproxy_rpms.builders.root import BUILDER_HOME, BUILDER_UID, Root, RootStore
from tproxy_rpms.builders.secondroot import LOCALE, describe_roots, make_second_root, second_roots
from tproxy_rpms.errors import BuildError, RootError
from tproxy_rpms.packaging.header import Header, read_header
from tproxy_rpms.process import CommandError, run_command
from tproxy_rpms.release.model import RPM_ARCH, Arch, Release
from tproxy_rpms.store import whole_folder
from tproxy_rpms.surroundings import Surroundings

HERE = Path(__file__).parent

# The status of inner.sh when rpmbuild itself failed.
RPMBUILD_FAILED = 100

# What every build sees, and what the second build of a comparison sees. A time zone in POSIX's form needs no tzdata.
OWN = Surroundings(
    directory=BUILDER_HOME, host="buildhost", user="builder", uid=BUILDER_UID, timezone="UTC", locale="C.UTF-8", umask="022",
    disk="memory or disk",
)  # fmt: skip
SECOND = Surroundings(
    directory="/var/lib/another/place", host="elsewhere", user="somebody", uid=2345, timezone="<+1345>-13:45", locale=LOCALE,
    umask="027", clock=400 * 86400 + 7 * 3600 + 13 * 60, disk="disk",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ChrootBuilder:
    """Builds in roots of one target; those of second builds are `second`. `work` holds roots on the disk, while in use."""

    release: Release
    roots: RootStore
    second: RootStore
    work: Path

    def root_inputs(self, arch: Arch) -> dict[str, str]:  # noqa: ARG002  # the protocol's signature
        """The target says it all."""
        return {}

    def make_root(self, arch: Arch, *, log: Path) -> tuple[Path, ...]:
        """Make the root of an arch and return its archive."""
        return (self.roots.make(arch, log=log).archive,)

    def identify_root(self, arch: Arch) -> dict[str, str]:
        """Return the digest of all that is in the root."""
        return {"content": self.roots.digest(arch)}

    def surroundings(self, job: Job) -> Surroundings:
        """Return what every build sees; its root is told with that of the second."""
        return replace(OWN, jobs=job.jobs)

    def vary(self, job: Job, *, log: Path) -> Variation:
        """Return a second build of a job; see the protocol."""
        first = self.find_root(self.roots, job.arch)
        root = make_second_root(self.second, job.arch, first=first, log=log)
        told = describe_roots(first, root)
        jobs = (os.cpu_count() or 1) + 1
        second = replace(SECOND, root=told[1], jobs=jobs)
        return Variation(
            job=replace(job, surroundings=second, jobs=jobs), first=replace(self.surroundings(job), root=told[0]), second=second
        )

    def find_root(self, roots: RootStore, arch: Arch) -> Root:
        """Return the root of an arch. Raises RootError if it has gone since it was made."""
        root = roots.find(arch)
        if root is None:
            raise RootError(f"{arch}: the build root is gone or damaged", hint=f"run doit root:{arch}")
        return root

    def describe_root(self, arch: Arch, *, log: Path) -> RootContent | None:  # noqa: ARG002  # the protocol's signature
        """Return what is in the root that the cache has for an arch."""
        root = self.roots.read(arch)
        if root is None:
            return None
        return RootContent(arch=arch, kind="deb", suite=self.release.target.suite, sha256=root.sha256, packages=root.packages)

    def describe_job(self, logs: Path) -> JobContent:
        """Return how rpmbuild was called; every build has the root of its arch."""
        return JobContent(commands=read_run(logs / "state.log"))

    def make_userland(self, arch: Arch, *, log: Path) -> Path:
        """Return a root with nothing to build with; see the protocol."""
        target = self.release.target
        system = replace(target, name=f"{target.name}-userland", build_packages=target.userland)
        return RootStore(target=system, cache=self.roots.cache).make(arch, log=log).archive

    def build(self, job: Job) -> Result:
        """Build one package; see the protocol."""
        root = self.find_root(self.second if job.surroundings else self.roots, job.arch)
        header = read_header(job.srpm)
        check_requirements(job, header, root)
        logs = start_logs(job.logs)
        with whole_folder(job.results) as results:
            self.run_rpmbuild(job, root, results)
            (results / ".job.src.rpm").unlink()
            rpms = finish_rpms(job, results)
        return Result(rpms=tuple(job.results / rpm.name for rpm in rpms), logs=logs)

    def run_rpmbuild(self, job: Job, root: Root, results: Path) -> None:
        """Unpack the root, enter it, and build."""
        shutil.copyfile(job.srpm, results / ".job.src.rpm")
        (results / ".job.src.rpm").chmod(0o644)
        folder = self.work / f"{job.package}-{job.arch}{'-second' if job.surroundings else ''}"
        root_folder, requires = folder / "root", folder / "requires"
        run_command(remove_argv(folder))
        root_folder.mkdir(parents=True)
        requires.mkdir()
        for rpm in job.requires:
            shutil.copyfile(rpm, requires / rpm.name)
        try:
            with nullcontext(0) if job.surroundings else reserve_memory() as memory:
                run_command(enter_argv(job, root, folder=root_folder, memory=memory, results=results, requires=requires))
        except CommandError as error:
            raise describe_failure(job, error.status) from error
        finally:
            run_command(remove_argv(folder), check=False)


def enter_argv(job: Job, root: Root, *, folder: Path, memory: int, results: Path, requires: Path) -> list[str]:
    """Return the command that builds a job: a shell that opens the logs, then the namespaces, then enter.sh."""
    if job.ccache:
        job.ccache.mkdir(parents=True, exist_ok=True)
    redirect = 'state=$1 build=$2 root=$3; shift 3; exec "$@" 3>>"$state" 4>>"$build" >>"$root" 2>&1'
    logs = [str(job.logs / name) for name in ("state.log", "build.log", "root.log")]
    target, seen = RPM_ARCH[job.arch], job.surroundings or OWN
    return [
        "sh", "-c", redirect, "sh", *logs, *unshare_argv(), "sh", str(HERE / "enter.sh"),
        str(folder), str(root.archive), str(memory), target, str(results), str(requires), str(job.ccache or ""),
        str(HERE / "inner.sh"), seen.host,
        name_target(job), str(job.jobs), str(job.epoch), seen.user, str(seen.uid), seen.directory, seen.timezone, seen.locale,
        seen.umask, str(seen.clock),
    ]  # fmt: skip


def check_requirements(job: Job, header: Header, root: Root) -> None:
    """Raise BuildError naming every build requirement that neither the root nor this cut's RPMs provide."""
    provided = root.provides | {name for rpm in job.requires for name in read_header(rpm).provides}
    missing = [name for name in header.requires if name not in provided and not name.startswith("rpmlib(")]
    if missing:
        raise BuildError(
            f"{job.srpm.name}: the {job.arch} root lacks {', '.join(missing)}",
            hint="add it to the target's build_packages (its `names` maps EL's names), or to the package's `after`",
        )


def describe_failure(job: Job, status: int) -> BuildError | RootError:
    """Return the error for a build that ended with `status`, with the useful end of the right log."""
    failed = status == RPMBUILD_FAILED
    log = job.logs / ("build.log" if failed else "root.log")
    what = "rpmbuild failed" if failed else f"the root could not be entered (status {status})"
    text = f"{job.package} for {job.arch}: {what}\n{useful_end(log.read_text(errors='replace'))}"
    return (BuildError if failed else RootError)(text, hint=f"the whole log: {log}")


def create(release: Release, *, cache: Path, work: Path) -> ChrootBuilder:
    """Return the builder of a release."""
    target = release.target
    return ChrootBuilder(
        release=release, roots=RootStore(target=target, cache=cache), second=second_roots(target, cache=cache), work=work
    )
