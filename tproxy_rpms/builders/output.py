"""What every builder does with its output: logs begun, RPMs checked, and of a failed build's log the part that tells why."""

import os
import re
from pathlib import Path

from tproxy_rpms.builders import Job
from tproxy_rpms.errors import BuildError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.release.model import RPM_ARCH

# Lines of a build log that tell what went wrong.
TELLING = re.compile(r"error:|Error \d|\*\*\* |fatal:|undefined reference|No such file|not found|cannot |FAILED", re.IGNORECASE)
SHOWN = 15


def start_logs(folder: Path) -> tuple[Path, ...]:
    """Begin empty logs, so that a failure never shows an older build's words."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = tuple(folder / name for name in ("root.log", "build.log", "state.log"))
    for log in logs:
        log.write_text("")
    return logs


def name_target(job: Job) -> str:
    """Return what rpmbuild is to build for, as Koji has it: packages for no arch are not built for that of their root."""
    return "noarch" if read_header(job.srpm).is_noarch else RPM_ARCH[job.arch]


def finish_rpms(job: Job, folder: Path) -> tuple[Path, ...]:
    """Return the RPMs that a build left in `folder`, with the release's date and plain rights.

    Raises BuildError if there are none, or one is not for the arch that was asked for.
    """
    rpms = tuple(sorted(folder.glob("*.rpm")))
    if not rpms:
        raise BuildError(f"{job.srpm.name}: rpmbuild for {job.arch} left no RPM", hint=f"see {job.logs / 'build.log'}")
    for rpm in rpms:
        arch = read_header(rpm).arch
        if arch not in (RPM_ARCH[job.arch], "noarch"):
            raise BuildError(
                f"{rpm.name}: its header says {arch}, asked for was {RPM_ARCH[job.arch]}", hint="mend the spec's arch tags"
            )
        rpm.chmod(0o644)
        os.utime(rpm, (job.epoch, job.epoch))
    return rpms


def useful_end(log: str) -> str:
    """Return the lines around the first error of a log, then its last telling lines; all of a short log."""
    lines = log.splitlines()
    telling = [number for number, line in enumerate(lines) if TELLING.search(line)]
    if len(lines) <= SHOWN or not telling:
        return "\n".join(lines[-SHOWN:])
    # make -j goes on after an error: the cause stands before the first "*** … Error N", not at the log's end.
    stop = next((number for number in telling if re.search(r"\*\*\* |Error \d", lines[number])), telling[-1])
    first = range(max(0, stop - SHOWN + 5), stop + 1)
    last = range(max(stop + 1, len(lines) - 4), len(lines))
    return "\n".join(
        [*(lines[number] for number in first), *(["…"] if last.start > stop + 1 else []), *(lines[number] for number in last)]
    )
