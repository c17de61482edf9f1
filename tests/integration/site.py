"""A site that signs and publishes small sets: real packages, keys and snapshots, put together by the code that the tasks call."""

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from tproxy_rpms.publish.client import CLIENT_FILE, KEY_FILE, NAME, REPO_FILE, build_client, render_repo
from tproxy_rpms.publish.place import Place, open_place
from tproxy_rpms.publish.repository import make_repository
from tproxy_rpms.publish.snapshots import publish_snapshot
from tproxy_rpms.publish.tree import MANIFEST, compose_tree
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Publishing, Release, Signing
from tproxy_rpms.signing.file import sign_file
from tproxy_rpms.signing.key import SigningKey
from tproxy_rpms.signing.package import sign_packages
from tproxy_rpms.signing.signatory import Signatory, open_signatory

from ..conftest import ROOT
from .package import build_package
from .signingkeys import make_key

# Repository → the arches of the RPMs in it.
REPOSITORIES = {"x86_64": ("x86_64", "noarch"), "i386": ("i686", "noarch"), "SRPMS": ("src",)}


@dataclass
class Site:
    """Where a release is signed and published. `top` is served at `url`, snapshots go to `top`/proxy."""

    top: Path
    release: Release
    signatory: Signatory
    built: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def publishing(self) -> Publishing:
        assert self.release.publishing
        return self.release.publishing

    @property
    def place(self) -> Place:
        return open_place(self.publishing)

    @property
    def key(self) -> SigningKey:
        """Whose signature manifests have."""
        return self.signatory.manifest.key

    @property
    def folder(self) -> Path:
        """Where snapshots go."""
        return self.top / "proxy"

    def build(self, version: str) -> tuple[Path, ...]:
        """An unsigned RPM and SRPM of this version of the package hello."""
        if version not in self.built:
            self.built[version] = build_package(self.top.parent / "packages" / version, version=version)
        return self.built[version]

    def compose(self, *versions: str, name: str = "tree") -> Path:
        """Compose a snapshot with these versions of the package hello, for every arch, and return its folder."""
        work = self.top.parent / "work"
        made = build_client(self.release, key=self.signatory.key, root=ROOT, output=work / "client")
        signed = [path for version in versions for path in self.sign([*self.build(version)], work / "signed" / version)]
        signed += self.sign([*made], work / "signed" / "client")
        return self.compose_of(
            {
                repository: [path for path in signed if path.name.split(".")[-2] in arches]
                for repository, arches in REPOSITORIES.items()
            },
            name=name,
        )

    def sign(self, packages: list[Path], folder: Path) -> tuple[Path, ...]:
        """Signed copies."""
        return sign_packages(
            packages, folder, signer=self.signatory.package, profile=self.signatory.profile, epoch=self.release.epoch
        )

    def compose_of(self, sets: dict[str, list[Path]], *, name: str = "tree") -> Path:
        """Compose a snapshot of these RPMs, repository → files."""
        work = self.top.parent / "work"
        files = {}
        for arch, rpms in sets.items():
            made = make_repository(
                self.release, rpms, work / "repo" / arch, groups=arch != "SRPMS",
                sign=lambda path: sign_file(path, signer=self.signatory.metadata),
            )  # fmt: skip
            files |= {str(path.relative_to(work / "repo")): path for path in made}
        files[CLIENT_FILE] = next(path for path in sets["x86_64"] if path.name.startswith(NAME))
        for name_, text in {KEY_FILE: self.signatory.key.armoured, REPO_FILE: render_repo(self.release)}.items():
            (work / name_).write_text(text)
            files[name_] = work / name_
        tree = self.top.parent / name
        compose_tree(files, tree, url=self.release.url, repositories=tuple(sets), signer=self.signatory.manifest)
        return tree

    def publish(self, *versions: str) -> str:
        """Compose and publish, and return the snapshot's name."""
        return publish_snapshot(self.place, self.compose(*versions), self.publishing).id


def make_site(
    folder: Path,
    *,
    target: str = "bookworm",
    url: str = "http://127.0.0.1:1",
    kind: str = "EdDSA",
    bits: int = 0,
    program: str = "gpg",
) -> Site:
    """A site with a key of its own below `folder`; packages are signed and metadata made as the target of a release wants it."""
    key = make_key(folder / "gnupg", kind=kind, bits=bits, program=program)
    # Nobody of today trusts a key of that kind.
    other = make_key(folder / "modern", kind="EdDSA") if kind == "DSA" else None
    modern = Signing(key=other.fingerprint, home=other.home) if other else None
    top = folder / "www"
    top.mkdir()
    release = replace(
        load_release(target, root=ROOT),
        url=f"{url}/proxy",
        signing=Signing(key=key.fingerprint, home=key.home, modern=modern),
        publishing=Publishing(to=str(top / "proxy"), grace=0),
    )
    return Site(top=top, release=release, signatory=open_signatory(release))


def served(site: Site) -> str:
    """The snapshot that is served, after a look at every file of it."""
    current = site.folder / "current"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", MANIFEST], cwd=current, check=True)
    listed = {line.split("  ")[1] for line in (current / MANIFEST).read_text().splitlines()}
    found = {str(path.relative_to(current.resolve())) for path in current.resolve().rglob("*") if path.is_file()}
    assert found == listed | {MANIFEST, f"{MANIFEST}.asc"}
    return current.resolve().name
