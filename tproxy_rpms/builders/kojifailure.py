"""What a failed Koji task means: the words of the hub, of mock and of its logs, as our errors with their cures."""

import re
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.builders.mockfailure import RPMBUILD_FAILED, describe_failure
from tproxy_rpms.builders.output import useful_end
from tproxy_rpms.errors import BuildError, KojiError, TproxyError

# How Koji's builder tells of a mock that failed (builder/kojid, `_mockResult`, and koji.tasks).
MOCK_STATUS = re.compile(r"exited with status (\d+)")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something failed: the hub, the task that did, and the builder that it ran on, empty where none was found yet."""

    hub: str
    task: int
    host: str = ""

    def __str__(self) -> str:
        return f"task {self.task}" + (f" on {self.host}" if self.host else "") + f" of {self.hub}"


# Words of the hub or the builder → what is wrong, and its cure. {target} and {package} are filled in.
SYMPTOMS: tuple[tuple[str, str, str], ...] = (
    (r"unknown build target|No such build target|neither tag nor target", "there is no build target {target}",
     "name one of `koji list-targets` as koji.target, or have an admin add it: koji add-target {target} BUILD_TAG DEST_TAG"),
    (r"not in list for tag (?P<tag>\S+)", "the package is not in the list of the destination tag",
     "have an admin add it: koji add-pkg --owner=USER {tag} {package}"),
    (r"is blocked for tag (?P<tag>\S+)", "the package is blocked in the destination tag",
     "have an admin allow it: koji unblock-pkg {tag} {package}"),
    (r"policy violation|ActionNotAllowed|not allowed|[Pp]ermission denied",
     "the hub's policy does not allow this user to build so",
     "have the hub's admin allow it (policy build_from_srpm, build_rpm), or set koji.scratch = true"),
    (r"[Bb]uild already exists|already in progress", "Koji has this build already", "raise the release's `revision`"),
    (r"[Nn]o matching arches|[Nn]o arches|not a valid arch|Invalid arch|exclude_arch|arch_override",
     "the arches of the target's build tag are not those of the release",
     "have an admin set them: koji edit-tag --arches='x86_64 i686' BUILD_TAG"),
    (r"No space left on device|[Ii]nsufficient (disk )?space|disk full", "a builder's (or the hub's) disk is full",
     "make room there: /var/lib/mock, /var/cache/mock, /mnt/koji"),
    (r"[Rr]epo request|waitrepo|for a new .* repo|no repo|Unsuccessfully waited",
     "the target's repository was not made anew in time",
     "see `koji list-tasks --method=newRepo`, and whether kojira runs; koji regen-repo BUILD_TAG"),
    (r"^kojid failed", "Koji's builder itself has failed", "see kojid.log there; the same command submits the build anew"),
    (r"BuildrootError|could not init mock buildroot", "the build root could not be made", "the end of root.log tells why"),
)  # fmt: skip


def describe_fault(what: str, said: str, *, place: Place, target: str, package: str) -> TproxyError:
    """Return the error for a task that failed before, or besides, mock.

    Args:
        what: what was being built, for people. said: the words of the fault.
    """
    text = " ".join(said.split())
    for pattern, meaning, cure in SYMPTOMS:
        if found := re.search(pattern, text):
            words = {"target": target, "package": package} | {
                key: value.strip("'\".,") for key, value in found.groupdict().items()
            }
            return KojiError(f"{what}: {meaning.format(**words)} ({place}: {text[:400]})", hint=cure.format(**words))
    return BuildError(f"{what}: {place} failed: {text[:800]}", hint=f"see the task's page, or koji taskinfo -v {place.task}")


def describe_child(what: str, said: str, *, place: Place, logs: Path, target: str, package: str) -> TproxyError:
    """Return the error for an arch that failed on a builder, with the useful end of the log that tells why.

    Args:
        logs: the folder of the task's logs, by the names that our mock builder gives them.
    """
    found = MOCK_STATUS.search(said)
    if found:
        status = int(found[1])
        # rpmbuild's own status, which mock passes on; or what mock itself has stumbled over, before rpmbuild said anything.
        if status == 1 and (has_words(logs / "build.log") or not has_words(logs / "mock.log")):
            status = RPMBUILD_FAILED
        error = describe_failure(what, status, logs=logs)
        return type(error)(f"{error.message}\n({place})", hint="; ".join(part for part in (on_host(place), error.hint) if part))
    log = next((logs / name for name in ("build.log", "root.log") if has_words(logs / name)), None)
    error = describe_fault(what, said, place=place, target=target, package=package)
    end = f"\n{useful_end(log.read_text(errors='replace'))}" if log else ""
    return type(error)(f"{error.message}{end}", hint=error.hint)


def on_host(place: Place) -> str:
    """Say where a cure is to be applied, for hosts are what our own mock's words are about."""
    return f"on the builder {place.host}" if place.host else ""


def has_words(log: Path) -> bool:
    """Whether there is a log with something in it."""
    return log.is_file() and log.stat().st_size > 0
