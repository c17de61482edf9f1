"""The words of a verdict: what is compared, what differs, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tproxy_rpms.surroundings import Surroundings

__all__ = ["CAUSES", "VERDICTS", "Comparison", "Difference", "Report", "Surroundings", "Verdict", "worst"]

Verdict = Literal["identical", "equivalent", "different"]

# From the best to the worst.
VERDICTS: tuple[Verdict, ...] = ("identical", "equivalent", "different")

# Cause → what to do about it. The order is that of reports.
CAUSES: Mapping[str, str] = {
    "missing": "build the same packages: a file or package is in one build only",
    "build path": "compile with relative paths, or map the folder away (-ffile-prefix-map)",
    "host name": "take the host's name from the release, or leave it out",
    "user": "take the user's name and id from the release, or leave them out",
    "__DATE__": "take the date from SOURCE_DATE_EPOCH: no __DATE__, no __TIME__, no date(1) without -d",
    "mtime": "set the time of files to the release's epoch before they are packed",
    "gzip header": "compress with gzip -n",
    "archive order": "sort the members before they are packed (LC_ALL=C)",
    "embedded initramfs": "give the members of the initramfs the release's epoch",
    "build-id": "find what else differs in the program: the build-id is a digest of it",
    "inode": "renumber inodes before files are packed (cpio --reproducible; rpm does so from 4.10 on)",
    "mode": "set the modes: they must not come from the umask",
    "locale": "set LC_ALL in the build",
    "jobs": "do not let the number of compilers into the result",
    "compression": "compress with the same program, level and number of threads",
    "content": "look at it with --detail",
    "tag": "look at the spec: this tag comes from what the build saw",
    # What needs no mending, or goes with its cause.
    "build time": "none: the time of the build, as it is",
    "signature": "none: signatures are not compared",
    "consequence": "none: it goes when what it follows from does",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which two RPMs differ.

    Fields:
        kind: whether `place` is a tag of a header or a file of the payload.
        place: the tag's name ("BUILDTIME"), or the file's path, then what is inside of it: "/boot/vmlinuz-6.1 > piggy.gz".
        cause: a key of CAUSES.
        first, second: the two values for people, short; empty where there is nothing to show.
        excused: whether an equivalent RPM may have it: a tag of the published list.
    """

    kind: Literal["tag", "file"]
    place: str
    cause: str
    first: str = ""
    second: str = ""
    excused: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two RPMs of one name.

    Fields:
        file: its name. first, second: SHA-256 of each, empty where it is missing.
    """

    file: str
    verdict: Verdict
    first: str = ""
    second: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """All RPMs of one package and arch.

    Fields:
        package, arch: of the release; `arch` is "SRPM" for the source package.
        against: the published repository that the first was compared with, empty for a second build.
        varied: condition → its value in the first and in the second build.
        kept: condition → why it was the same in both builds.
    """

    package: str
    arch: str
    comparisons: tuple[Comparison, ...]
    against: str = ""
    varied: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all its RPMs; a set without any is different."""
        return worst(comparison.verdict for comparison in self.comparisons)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; nothing at all proves nothing, and is different."""
    return max(verdicts, key=VERDICTS.index, default="different")
