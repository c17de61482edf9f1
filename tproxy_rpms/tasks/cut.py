"""One run of a release: where everything lies, and what earlier steps recorded."""

import os
import threading
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tproxy_rpms.console import tell
from tproxy_rpms.errors import TproxyError, UserError
from tproxy_rpms.release.model import Arch, Package, Release
from tproxy_rpms.shelf import find_path, list_paths
from tproxy_rpms.store import digest_code, digest_file, digest_tree, digest_value, hold_lock, read_outputs

if TYPE_CHECKING:
    from tproxy_rpms.builders import Builder
    from tproxy_rpms.cache.content import ContentCache
    from tproxy_rpms.signing.signatory import Signatory

_opening = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A release with its folders.

    Fields:
        root: the project's folder. ccache: whether compilers go through ccache (never for a release cut).
        folder: what the release's own folder lies in, relative to `root` if not absolute.
    """

    release: Release
    root: Path
    ccache: bool = False
    folder: Path = Path("build")

    @property
    def top(self) -> Path:
        """The folder of all releases' runs."""
        return self.root / self.folder

    @property
    def build(self) -> Path:
        """The folder of everything that this release's runs leave."""
        return self.top / self.release.name

    @property
    def sources(self) -> Path:
        """The fetched sources with their verdicts."""
        return self.build / "sources"

    @property
    def cache(self) -> Path:
        """The user's cache, shared by all clones: build roots, the private apt state, ccache."""
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tproxy-rpms"

    @cached_property
    def finished_builds(self) -> "ContentCache | None":
        """The cache of finished builds, if the environment names one; never with ccache, whose part in a build nobody can tell.

        Raises UserError for what can be no folder.
        """
        value = "" if self.ccache else os.environ.get("TPROXY_RPMS_CACHE", "")
        if not value:
            return None
        from tproxy_rpms.cache.content import open_cache

        return open_cache(value, tell=tell)

    @property
    def mirrors(self) -> tuple[str, ...]:
        """Folders or URL prefixes that every file from outside is looked for first: the environment's, then the release's."""
        from tproxy_rpms.sources.fetch import list_mirrors

        return list_mirrors(self.release)

    @cached_property
    def builder(self) -> "Builder":
        """The builder that the release names."""
        from tproxy_rpms.builders import create_builder

        return create_builder(self.release, cache=self.cache, work=self.build / "work")

    @property
    def builder_code(self) -> str:
        """A digest of the code that builds; files that are named after other builders have no part in it."""
        from tproxy_rpms.release.load import BUILDERS

        return digest_code("builders", without=tuple(name for name in BUILDERS if name != self.release.builder))

    def with_builder(self, name: str) -> "Cut":
        """Return the cut as another builder would make it; the same one without a name. Raises UserError for one that is none."""
        from tproxy_rpms.release.load import BUILDERS
        from tproxy_rpms.release.table import suggest

        if name in ("", self.release.builder):
            return self
        if name not in BUILDERS:
            raise UserError(
                f"--builder={name}: there is no such builder{suggest(name, BUILDERS)}", hint=f"one of {', '.join(BUILDERS)}"
            )
        return self.others.setdefault(name, replace(self, release=replace(self.release, builder=name)))

    @cached_property
    def others(self) -> "dict[str, Cut]":
        """The cuts by other builders that were asked for in this run, each by its builder's name."""
        return {}

    @property
    def signatory(self) -> "Signatory":
        """Who signs. Raises SigningError for a key that cannot."""
        with _opening:
            opened = self.opened_signatory
        if isinstance(opened, TproxyError):
            raise opened
        return opened

    @cached_property
    def opened_signatory(self) -> "Signatory | TproxyError":
        """Who signs, or why nobody does; tried on a few bytes, and once a run: a card that is asked in vain too often locks."""
        from tproxy_rpms.signing.signatory import open_signatory

        try:
            signatory = open_signatory(self.release)
            signatory.try_out()
        except TproxyError as error:
            return error
        return signatory

    @property
    def has_client(self) -> bool:
        """Whether there is a tproxy-release: of a release that is signed and says where clients find it."""
        return bool(self.release.signing and self.release.url)

    def made_by(self, package: str, arch: str) -> tuple[str, ...]:
        """The step that makes a package for an arch, or its SRPM, as its stamp is named."""
        return ("srpm", package) if arch == "SRPM" else ("rpm", package, arch)

    def finished_by(self, package: str, arch: str) -> tuple[str, ...]:
        """The step that makes what goes into a repository: that which signs, if the release names who does."""
        return ("sign", package, arch) if self.release.signing else self.made_by(package, arch)

    def stamp(self, *words: str) -> Path:
        """The stamp of a step, named like the step."""
        return self.build / "stamps" / f"{'-'.join(words)}.json"

    def kconfig(self, package: Package, arch: Arch) -> Path:
        """The folder of a kernel's resolved configuration, demands and audit."""
        return self.build / "kconfig" / f"{package.name}-{arch}"

    def rpms(self, package: Package, arch: Arch) -> Path:
        """The folder of the finished RPMs of one package and arch."""
        return self.build / "rpms" / f"{package.name}-{arch}"

    @property
    def record(self) -> Path:
        """The record of the cut; its SBOM lies beside it."""
        return self.build / "record" / f"{self.release.name}.intoto.json"

    def origin(self, package: Package, arch: Arch) -> Path:
        """What tells whether the RPMs of one package and arch were built, or taken from the cache."""
        return self.build / "origins" / f"{package.name}-{arch}.json"

    @property
    def gates(self) -> Path:
        """The folder of the gates' reports, PACKAGE-ARCH.json."""
        return self.build / "gates"

    def verdicts(self, against: str = "") -> Path:
        """The folder of the verdicts on reproducibility: of second builds, or of comparisons with a published repository."""
        return self.build / ("repro-published" if against else "repro")

    def logs(self, package: Package, arch: Arch) -> Path:
        """The folder of root.log, build.log and state.log of one package and arch."""
        return self.build / "logs" / f"{package.name}-{arch}"

    def pace(self, name: str) -> Path:
        """How a step went the last time, and how far it was when: in the user's cache, so that a new clone knows it too."""
        return self.cache / "pace" / self.release.name / f"{name.replace(':', '-')}.json"

    @property
    def receipt(self) -> Path:
        """What this release last served at the place that it publishes to."""
        return self.build / "published.json"

    @property
    def runs(self) -> Path:
        """The folder of what each run did, and how long it took."""
        return self.build / "runs"

    @property
    def report(self) -> Path:
        """The page that tells what the cut has come to."""
        return self.build / "report" / "index.html"

    @property
    def acceptance(self) -> Path:
        """The verdicts of acceptance runs with their page, and a folder of logs a run."""
        return self.build / "acceptance"

    def recorded(self, *words: str) -> dict[str, str]:
        """What an earlier step made, file name → hex SHA-256."""
        return {path.name: digest for path, digest in read_outputs(self.stamp(*words)).items()}

    def spec_files(self, package: Package) -> list[Path]:
        """A package's template, the templates that all share, and the files that it installs."""
        template = f"{package.spec}.spec.j2"
        templates = list_paths(self.root, "specs", "*.j2")
        shared = [path for path in templates if path.name == template or not path.name.endswith(".spec.j2")]
        return [*list_paths(self.root, "specs", f"files/{package.spec}/*"), *shared]

    def spec_digest(self, package: Package) -> str:
        """A digest of all files of a package's spec."""
        return digest_value({path.name: digest_file(path) for path in self.spec_files(package)})

    def patches(self, package: Package) -> tuple[Path, ...]:
        """A package's patches for the release's target, in order."""
        from tproxy_rpms.packaging.patches import read_patches

        return read_patches(self.patches_folder(package), self.release.target.traits) if package.patches else ()

    def patches_folder(self, package: Package) -> Path:
        """The folder of a package's patches."""
        return find_path(self.root, "patches", package.patches)

    def patches_digest(self, package: Package) -> str:
        """A digest of a package's patches and of what decides which of them apply; empty without patches."""
        if not package.patches:
            return ""
        return digest_value([digest_tree(self.patches_folder(package)), self.release.target.traits])

    @cached_property
    def target_digest(self) -> str:
        """A digest of all of the target that shapes packages; what judges, publishes and tries them does not."""
        late = ("limits", "userland", "repo_checksum", "repo_compress", "repo_database", "repo_signed", "signing")
        return digest_value({key: value for key, value in asdict(self.release.target).items() if key not in late})

    def facts(self, package: Package) -> dict[str, Any]:
        """What of the release shapes a package's SRPM."""
        release = self.release
        return {
            "package": asdict(package),
            "target": self.target_digest,
            "release": release.name,
            "revision": release.revision,
            "packager": release.packager,
            "epoch": release.epoch,
        }

    @cached_property
    def lock(self) -> IO[str]:
        """The lock of this release's build folder, taken at first use and kept until the process ends."""
        command = " ".join(["doit", f"release={self.release.name}"])
        return hold_lock(self.build / "lock", f"process {os.getpid()} ({command})")


def share_cores() -> int:
    """Return how many jobs one build may use: the host's cores shared among doit's workers."""
    from doit.runner import MThreadRunner

    workers = sum(isinstance(thread, MThreadRunner.DaemonThread) for thread in threading.enumerate())
    return max(1, (os.cpu_count() or 1) // max(1, workers))
