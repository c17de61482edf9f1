"""What is in the cut: each RPM with its sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.errors import TproxyError
from tproxy_rpms.librpm import load_rpm
from tproxy_rpms.packaging.header import load_header
from tproxy_rpms.report.evidence import Evidence, Made
from tproxy_rpms.report.link import link
from tproxy_rpms.report.status import Word


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """An RPM or SRPM.

    Fields:
        nevra: name-[epoch:]version-release.arch. size, installed: bytes of the file, and of what it installs.
        files: how many. href: where it lies, relative to the report; empty if that cannot be told.
    """

    nevra: str
    summary: str
    license: str
    size: int
    installed: int
    files: int
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class PackageGroup:
    """What was made for an arch, or the SRPMs.

    Fields:
        missing: what is not there, or not up to date, for people. widest: the most bytes that one file takes or installs.
    """

    arch: str
    packages: tuple[PackageFile, ...]
    missing: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.packages)

    @property
    def installed(self) -> int:
        """Bytes that all of it takes when installed."""
        return sum(one.installed for one in self.packages)

    @property
    def widest(self) -> int:
        """The most bytes that one file takes or installs, at least 1."""
        return max((max(one.size, one.installed) for one in self.packages), default=0) or 1


# What people are told of packages that are not as the release now has them.
LACKS: dict[Word, str] = {
    "no": "not made yet", "bad": "the last build failed", "old": "not up to date, from an earlier build",
}  # fmt: skip


def gather_packages(evidence: Evidence) -> tuple[PackageGroup, ...]:
    """Return what is there, by arch, the SRPMs last."""
    return tuple(gather_group(evidence, arch) for arch in (*evidence.release.arches, "SRPM"))


def gather_group(evidence: Evidence, arch: str) -> PackageGroup:
    """Return what was made for one arch."""
    made = [one for one in evidence.made if one.arch == arch]
    packages: list[PackageFile] = []
    missing = list(list_lacks(made))
    for one in made:
        for path in one.paths:
            try:
                packages.append(read_package(path, evidence.folder))
            except (TproxyError, OSError) as error:
                missing.append(f"{path.name}: {describe_damage(path, error)}")
    return PackageGroup(arch=arch, packages=tuple(packages), missing=tuple(missing))


def describe_damage(path: Path, error: Exception) -> str:
    """Return why a file cannot be read, without its path."""
    if isinstance(error, FileNotFoundError):
        return "it is gone since it was made"
    return str(getattr(error, "message", error)).removeprefix(f"{path}: ")


def list_lacks(made: Sequence[Made]) -> Iterator[str]:
    """Yield what is not there, or not as the release now has it, a sentence for each way not to be."""
    for word, words in LACKS.items():
        names = [one.package for one in made if one.cell.word == word]
        if names:
            yield f"{words}: {', '.join(names)}"


def read_package(path: Path, folder: Path) -> PackageFile:
    """Return what an RPM's header says. Raises BuildError for a file that is none, OSError for one that is not there."""
    rpm: Any = load_rpm()
    size = path.stat().st_size
    header = load_header(path, flags=rpm._RPMVSF_NOSIGNATURES | rpm._RPMVSF_NODIGESTS)
    epoch = header[rpm.RPMTAG_EPOCH]
    evr = (f"{epoch}:" if epoch is not None else "") + f"{header[rpm.RPMTAG_VERSION]}-{header[rpm.RPMTAG_RELEASE]}"
    source = not header[rpm.RPMTAG_SOURCERPM]
    return PackageFile(
        nevra=f"{header[rpm.RPMTAG_NAME]}-{evr}.{'src' if source else header[rpm.RPMTAG_ARCH]}",
        summary=header[rpm.RPMTAG_SUMMARY] or "",
        license=header[rpm.RPMTAG_LICENSE] or "",
        size=size,
        installed=int(header[rpm.RPMTAG_LONGSIZE] or header[rpm.RPMTAG_SIZE] or 0),
        files=len(header[rpm.RPMTAG_BASENAMES] or ()),
        href=link(path, folder),
    )
