"""SRPMs: one a package for all arches, the same bytes from any folder, user and day."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tproxy_rpms.errors import BuildError, SpecError
from tproxy_rpms.process import CommandError, require_tool, run_command
from tproxy_rpms.release.model import RPM_ARCH, Release
from tproxy_rpms.store import whole_folder
from tproxy_rpms.surroundings import Surroundings

# rpm writes the expanded spec, and with it every path, into the SRPM's header: the tree must lie at a constant place.
TOPDIR = "/builddir"

# What every SRPM is made in, and what the second of a comparison is made in. Host locales may be few: C.UTF-8 and C always are.
OWN = Surroundings(directory=TOPDIR, host="srpm", user="root", uid=0, timezone="UTC", locale="C.UTF-8", umask="022")
SECOND = Surroundings(directory=TOPDIR, host="elsewhere", user="root", uid=0, timezone="<+1345>-13:45", locale="C", umask="027")
KEPT = {
    "build path": "rpm writes the expanded spec, with every path in it, into an SRPM's header",
    "user": "the files of an SRPM belong to root",
    "user id": "the files of an SRPM belong to root",
    "clock": "nothing is compiled; the time that passes between the two is the difference",
    "jobs": "nothing is compiled",
    "build root": "the host's own rpmbuild makes it",
}


def build_srpm(
    release: Release, *, spec: str, name: str, sources: Sequence[Path], output: Path, surroundings: Surroundings = OWN
) -> Path:
    """Build an SRPM and return its path, `output`/NAME-VERSION-RELEASE.src.rpm.

    Args:
        spec: the rendered spec, stored as NAME.spec.
        sources: every Source and Patch that the spec names.
        output: a folder that holds this SRPM alone; it is replaced as a whole.
        surroundings: what rpmbuild sees; the same bytes must come of any.

    Raises SpecError with what rpm says of a spec that it does not take.
    """
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-srpm-") as scratch:
        top = Path(scratch)
        stage_sources(top, spec=spec, name=name, sources=sources, epoch=release.epoch)
        try:
            environment = {"SOURCE_DATE_EPOCH": str(release.epoch), "HOME": TOPDIR}
            environment |= {"TZ": surroundings.timezone, "LC_ALL": surroundings.locale}
            run_command(enter_topdir(top, rpmbuild_argv(name), surroundings), env=environment)
        except CommandError as error:
            raise SpecError(
                f"{name}.spec: rpmbuild refuses it\n{error.output.strip()}", hint=f"mend specs/{name}.spec.j2"
            ) from error
        made = list((top / "SRPMS").glob("*.src.rpm"))
        if len(made) != 1:
            raise BuildError(f"{name}.spec: rpmbuild left {len(made)} SRPMs, not one")
        with whole_folder(output) as folder:
            shutil.copyfile(made[0], folder / made[0].name)
            os.utime(folder / made[0].name, (release.epoch, release.epoch))
    return output / made[0].name


def stage_sources(top: Path, *, spec: str, name: str, sources: Sequence[Path], epoch: int) -> None:
    """Lay out an rpmbuild tree whose files all carry the release's date and the same mode."""
    for folder in ("SOURCES", "SPECS", "SRPMS", "BUILD", "TMP"):
        (top / folder).mkdir()
    (top / "SPECS" / f"{name}.spec").write_text(spec)
    for source in sources:
        shutil.copyfile(source, top / "SOURCES" / source.name)
    for path in (*(top / "SOURCES").iterdir(), *(top / "SPECS").iterdir()):
        path.chmod(0o644)
        os.utime(path, (epoch, epoch))


def rpmbuild_argv(name: str) -> list[str]:
    """Return the rpmbuild call as it runs inside the constant tree; no macro file of host or user is read twice."""
    return [
        "rpmbuild", "-bs", "--nodeps", "--target", RPM_ARCH["x86_64"],
        "--define", f"_topdir {TOPDIR}", "--define", f"_tmppath {TOPDIR}/TMP", f"{TOPDIR}/SPECS/{name}.spec",
    ]  # fmt: skip


def enter_topdir(top: Path, argv: Sequence[str], surroundings: Surroundings) -> list[str]:
    """Return `argv` wrapped so that `top` lies at the constant place, files belong to root, and no network is seen."""
    bwrap = require_tool("bwrap", package="bubblewrap")
    return [
        bwrap, "--unshare-all", "--die-with-parent", "--uid", "0", "--gid", "0", "--hostname", surroundings.host,
        "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
        "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin",
        "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(top), TOPDIR, "--chdir", TOPDIR,
        "sh", "-c", 'umask "$0"; exec "$@"', surroundings.umask, *argv,
    ]  # fmt: skip
