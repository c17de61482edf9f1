"""What a finished cut has left, gathered: all that its record and its SBOM tell of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tproxy_rpms.builders.describe import JobContent, RootContent
from tproxy_rpms.publish.origin import Origin
from tproxy_rpms.publish.statement import strip_credentials
from tproxy_rpms.publish.tools import Checkout
from tproxy_rpms.release.model import Arch, Release, Source
from tproxy_rpms.sources.fetched import Fetched
from tproxy_rpms.sources.verify import Verdict

Role = Literal["release", "target", "mock-config", "lock", "spec", "patch", "series", "kconfig", "code"]

# Where an input lies that is no file of the project: its name begins with this, and the record carries the file itself.
OUTSIDE = "outside"


@dataclass(frozen=True, kw_only=True)
class Input:
    """A file of the project, or of whoever wrote the release, that shapes the cut.

    Fields:
        name: its path in the project; of a file that lies elsewhere, OUTSIDE/ and a path that needs no machine.
    """

    name: str
    path: Path
    role: Role

    @property
    def outside(self) -> bool:
        """Whether it is no file of the project."""
        return self.name.startswith(f"{OUTSIDE}/")


@dataclass(frozen=True, kw_only=True)
class SourceEvidence:
    """A source as the release has it, as it was fetched, and what was found of it."""

    source: Source
    fetched: Fetched
    verdict: Verdict

    def uri(self, suite: str) -> str:
        """Return what names the source everywhere: its maker's URL, or the package URL of the archive's package."""
        if self.source.archive is None:
            return strip_credentials(self.source.urls[0])
        name, _, version = self.fetched.package.partition("=")
        kind = "arch=source&" if self.source.archive.kind == "source" else ""
        return f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?{kind}distro={suite}"


@dataclass(frozen=True, kw_only=True)
class Build:
    """The packages of one package and arch: where they are from, and how they were made."""

    package: str
    arch: Arch
    origin: Origin
    content: JobContent


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file of the repositories.

    Fields:
        name: relative to the folder of the repositories. package, arch: of the release, empty for metadata; `arch` is "SRPM" for
            source packages.
        unsigned: for a signed RPM, the digest of what was built.
    """

    name: str
    path: Path
    sha256: str
    package: str = ""
    arch: str = ""
    unsigned: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of one finished cut.

    Fields:
        root: the project's folder. folder: the release's build folder, to which names of byproducts are relative.
        patches: package → names of inputs, in the order in which they apply.
        byproducts: logs, audits, verdicts, reports. finished: when the repositories were, ISO 8601. ccache: as it was asked for.
    """

    release: Release
    root: Path
    folder: Path
    inputs: tuple[Input, ...]
    sources: tuple[SourceEvidence, ...]
    patches: Mapping[str, tuple[str, ...]]
    roots: tuple[RootContent, ...]
    builds: tuple[Build, ...]
    outputs: tuple[Output, ...]
    byproducts: tuple[Path, ...]
    tools: Mapping[str, str]
    checkout: Checkout
    finished: str
    ccache: bool = False
