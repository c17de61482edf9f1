"""The mock builder drives the real mock: a warm root cache an arch, a chroot a build, this cut's packages in a repository."""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tproxy_rpms.builders import Job, Result, Variation
from tproxy_rpms.builders.describe import JobContent, RootContent, read_mock_run, split_nevras
from tproxy_rpms.builders.lock import Lock, compare_roots, join_locks, read_buildroot, read_lock, write_lock
from tproxy_rpms.builders.mirror import lock_package, make_mirror
from tproxy_rpms.builders.mockconfig import JOB_CONFIG, KEPT, LOCKED_CONFIG, OWN, SECOND, SECOND_CONFIG
from tproxy_rpms.builders.mockfailure import DATABASE, describe_failure, read_log
from tproxy_rpms.builders.mockprocess import CALLER, check_membership, find_mock, give_to_caller, open_stage
from tproxy_rpms.builders.mockuserland import pack_userland
from tproxy_rpms.builders.namespace import BUILD_MEMORY, reserve_memory
from tproxy_rpms.builders.output import finish_rpms, name_target
from tproxy_rpms.errors import BuildError, RootError, UserError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.model import Arch, Release
from tproxy_rpms.sources.fetch import list_mirrors
from tproxy_rpms.store import digest_file, digest_tree, digest_value, whole_folder, write_whole
from tproxy_rpms.surroundings import Surroundings

LOGS = ("root.log", "build.log", "state.log", "mock.log", "hw_info.log", "installed_pkgs.log", "buildroot_lock.json")
BUILDROOT = "buildroot_lock.json"

# Asks dnf on the host: EL5's rpm cannot read the database that the host's writes. "package=" tells the lines from others.
LIST_PACKAGES = ("--pm-cmd", "--", "repoquery", "--installed", "--qf", "package=%{name}-%{version}-%{release}.%{arch}\\n")
LISTED = re.compile(r"package=([^\s%\\]+)")


@dataclass(frozen=True, kw_only=True)
class MockBuilder:
    """Builds by mock. `cache` holds the packages of locks; `work` tells this clone's chroots from others'."""

    release: Release
    cache: Path
    work: Path

    def root_inputs(self, arch: Arch) -> dict[str, str]:
        """The configuration and the locks."""
        folder = self.release.lock
        return {
            "config": digest_file(self.base_config(arch)),
            "locks": digest_value([(path.name, digest_tree(path)) for path in sorted(folder.glob(f"*-{arch}.json"))]),
        }

    def make_root(self, arch: Arch, *, log: Path) -> tuple[Path, ...]:
        """Fill mock's root cache of an arch, and return the list of the packages in the root, beside the log."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        with open_stage() as stage, reserve_memory() as memory:
            argv = self.mock_argv(arch, stage, name="root", memory=memory)
            for command in (["--init"], LIST_PACKAGES):
                status = self.run_mock([*argv, *command], stage=stage, log=stage / "result" / "mock.log")
                logs = keep_logs(stage / "result", log.parent / f"root-{arch}")
                if status:
                    raise describe_failure(f"the {arch} root", status, logs=logs)
            packages = sorted(set(LISTED.findall(read_log(logs / "root.log"))))
            if not packages:
                raise RootError(f"the {arch} root: rpm lists no package in it", hint=DATABASE)
        listing = log.with_suffix(".packages")
        write_whole(listing, "".join(f"{package}\n" for package in packages))
        return (listing,)

    def identify_root(self, arch: Arch) -> dict[str, str] | None:
        """Return what shapes the root, if locks say it all: without them a build installs what its repositories have that day."""
        return self.root_inputs(arch) if self.locks else None

    def surroundings(self, job: Job) -> Surroundings:
        """Return what every build sees."""
        return replace(OWN, jobs=job.jobs)

    def vary(self, job: Job, *, log: Path) -> Variation:  # noqa: ARG002  # the protocol's signature
        """Return a second build of a job; its root is not taken from mock's cache, so it is installed by the build itself."""
        jobs = (os.cpu_count() or 1) + 1
        second = replace(SECOND, jobs=jobs)
        return Variation(job=replace(job, surroundings=second, jobs=jobs), first=self.surroundings(job), second=second, kept=KEPT)

    def describe_root(self, arch: Arch, *, log: Path) -> RootContent | None:
        """Return what is in mock's root cache of an arch, as it was listed when that was filled."""
        listing = log.with_suffix(".packages")
        if not listing.is_file():
            return None
        packages = split_nevras(listing.read_text().split())
        return RootContent(arch=arch, kind="rpm", suite=self.release.target.suite, sha256=digest_file(listing), packages=packages)

    def describe_job(self, logs: Path) -> JobContent:
        """Return how mock and rpmbuild were called, and the packages of this build's own chroot."""
        lock = logs / BUILDROOT
        packages = split_nevras(package.nevra for package in read_buildroot(lock).packages) if lock.is_file() else {}
        return JobContent(commands=read_mock_run(logs), packages=packages)

    def make_userland(self, arch: Arch, *, log: Path) -> Path:
        """Return what a chroot has with the packages of the target's userland; see the protocol."""
        packages = self.release.target.userland
        key = digest_value([self.root_inputs(arch), packages])[:16]
        return pack_userland(
            self.cache / "roots" / f"{self.base_config(arch).stem}-userland-{key}.tar.zst",
            name=f"the {arch} userland", packages=packages, log=log,
            argv=lambda stage: self.mock_argv(arch, stage, name="userland", memory=0),
            run=lambda words, stage, said: self.run_mock(words, stage=stage, log=said),
        )  # fmt: skip

    def build(self, job: Job) -> Result:
        """Build one package; see the protocol. With a lock, fails if the root was not what the lock says."""
        if job.ccache:
            raise UserError("ccache=on: the mock builder has no ccache: CentOS 5 brings none", hint="leave ccache=on away")
        room = nullcontext(0) if job.surroundings else reserve_memory()
        with open_stage() as stage, room as memory, whole_folder(job.results) as results:
            argv = self.build_argv(job, stage, memory=memory)
            status = self.run_mock(argv, stage=stage, log=stage / "result" / "mock.log")
            logs = keep_logs(stage / "result", job.logs)
            if status:
                raise describe_failure(f"{job.package} for {job.arch}", status, logs=logs)
            self.check_root(job)
            for rpm in (stage / "result").glob("*.rpm"):
                if not rpm.name.endswith(".src.rpm"):
                    shutil.copyfile(rpm, results / rpm.name)
            rpms = finish_rpms(job, results)
        return Result(rpms=tuple(job.results / rpm.name for rpm in rpms), logs=tuple(sorted(logs.iterdir())))

    def build_argv(self, job: Job, stage: Path, *, memory: int) -> list[str]:
        """Return the mock call of a job; copies the SRPM and this cut's RPMs to where mock's user can read them."""
        srpm = stage / job.srpm.name
        shutil.copyfile(job.srpm, srpm)
        srpm.chmod(0o644)
        settings = (JOB_CONFIG + (SECOND_CONFIG if job.surroundings else "")).format(
            epoch=job.epoch, seen=job.surroundings or OWN
        )
        name = f"{job.package}-second" if job.surroundings else job.package
        argv = self.mock_argv(job.arch, stage, name=name, memory=memory, settings=settings)
        if job.requires:
            repository = stage / "repository"
            repository.mkdir(mode=0o755)
            for rpm in job.requires:
                shutil.copyfile(rpm, repository / rpm.name)
            run_command([require_tool("createrepo_c", package="createrepo-c"), "--quiet", str(repository)])
            argv.append(f"--addrepo=file://{repository}")
        return [*argv, f"--define=_smp_mflags -j{job.jobs}", f"--target={name_target(job)}", "--rebuild", str(srpm)]

    def mock_argv(self, arch: Arch, stage: Path, *, name: str, memory: int, settings: str = "") -> list[str]:
        """Return what every mock call begins with.

        The root cache is named by what is asked to be in it, so that mock need not compare file times; the chroot by this clone
        and package, so that the next run finds what a killed one has left.
        """
        config = stage / f"{self.base_config(arch).stem}.cfg"
        config.write_text(self.config(arch) + settings)
        inputs = self.root_inputs(arch)
        clone = digest_value(str(self.work))[:6]
        argv = [
            find_mock(), "-r", str(config), f"--uniqueext={name}-{clone}",
            f"--resultdir={stage / 'result'}",
            f"--config-opts=root={self.base_config(arch).stem}-{digest_value(inputs)[:8]}",
            "--enable-plugin=buildroot_lock", "--plugin-option=root_cache:age_check=False",
        ]  # fmt: skip
        if not Path("/run/systemd/system").is_dir() or not shutil.which("systemd-nspawn"):
            argv.append("--isolation=simple")  # else it is the configuration's choice; nspawn needs a running systemd
        if memory:
            argv += ["--enable-plugin=tmpfs", f"--plugin-option=tmpfs:max_fs_size={BUILD_MEMORY >> 20}m",
                     "--plugin-option=tmpfs:required_ram_mb=0"]  # fmt: skip
        if os.environ.get("TPROXY_RPMS_VAULT"):
            argv.append(f"--config-opts=centos_vault={os.environ['TPROXY_RPMS_VAULT'].rstrip('/')}")
        return argv

    def run_mock(self, argv: Sequence[str], *, stage: Path, log: Path) -> int:
        """Run mock and return its exit code; its own words go to `log`."""
        check_membership()
        environment = {name: os.environ[name] for name in CALLER if name in os.environ}
        log.touch()
        give_to_caller(stage)
        if self.locks and os.geteuid() == 0:
            # mock shuts the network out under nspawn alone; with locks nothing needs it, and root can take it away.
            argv = [require_tool("unshare", package="util-linux"), "--net", *argv]
        return run_command(argv, log=log, env=environment, check=False).returncode

    def base_config(self, arch: Arch) -> Path:
        """The target's own mock configuration. Raises UserError if there is none."""
        path = self.release.mock_config(arch)
        if not path.is_file():
            hint = f"the mock builder needs one for the target {self.release.target.name}"
            raise UserError(f"{path}: no such file", hint=hint)
        return path

    def config(self, arch: Arch) -> str:
        """The configuration that mock gets: the target's own, and with locks nothing but their packages in sight."""
        locked = LOCKED_CONFIG.format(mirror=self.mirror(arch)) if self.locks else ""
        return self.base_config(arch).read_text() + locked

    def mirror(self, arch: Arch) -> Path:
        """The repository of an arch's locked packages, fetched and checked."""
        locks = [(path, lock) for (package, of), (path, lock) in self.locks.items() if of == arch]
        return make_mirror(join_locks(locks), cache=self.cache, mirrors=list_mirrors(self.release))

    @cached_property
    def locks(self) -> dict[tuple[str, Arch], tuple[Path, Lock]]:
        """The locks of every package and arch, or none at all. Raises UserError for a set that is not whole."""
        paths = {(name, arch): self.lock_path(name, arch) for name in self.release.packages for arch in self.release.arches}
        missing = [str(path) for path in paths.values() if not path.is_file()]
        if len(missing) == len(paths):
            return {}
        if missing:
            text = "\n".join(f"{path}: no such file, but other packages have a lock" for path in missing)
            raise UserError(text, hint=f"run doit lock for all, or remove {self.release.lock}")
        return {key: (path, read_lock(path)) for key, path in paths.items()}

    def lock_path(self, package: str, arch: Arch) -> Path:
        """Where the lock of a package and arch lies."""
        return self.release.lock / f"{package}-{arch}.json"

    def write_lock(self, job: Job) -> Path:
        """Lock the root of a finished job; this cut's own packages are no part of it."""
        found = read_buildroot(job.logs / BUILDROOT)
        own = name_packages(job.requires)
        packages = [package for package in found.packages if (package.name, package.arch) not in own]
        locked = tuple(lock_package(package, store=self.cache / "packages") for package in packages)
        path = self.lock_path(job.package, job.arch)
        write_lock(path, replace(found, packages=locked))
        return path

    def check_root(self, job: Job) -> None:
        """Raise BuildError if a build's root was not what its lock says; this cut's own packages do not count."""
        found = read_buildroot(job.logs / BUILDROOT)
        if (job.package, job.arch) not in self.locks:
            return
        path, lock = self.locks[job.package, job.arch]
        own = name_packages(job.requires)
        differences = compare_roots(
            locked=lock.packages, found=[package for package in found.packages if (package.name, package.arch) not in own]
        )
        if differences:
            text = "\n".join(differences)
            raise BuildError(
                f"{job.package} for {job.arch}: the root differs from {path}\n{text}",
                hint=f"build with what is locked, or remove {self.release.lock} and run doit lock to take the new root",
            )


def name_packages(rpms: Sequence[Path]) -> set[tuple[str, str]]:
    """Return name and arch of each RPM."""
    return {(header.name, header.arch) for header in map(read_header, rpms)}


def keep_logs(results: Path, logs: Path) -> Path:
    """Replace `logs` by the logs that a mock left among its results, and return it."""
    with whole_folder(logs) as folder:
        for name in LOGS:
            if (results / name).is_file():
                shutil.copyfile(results / name, folder / name)
    return logs


def create(release: Release, *, cache: Path, work: Path) -> MockBuilder:
    """Return the builder of a release."""
    return MockBuilder(release=release, cache=cache, work=work)
