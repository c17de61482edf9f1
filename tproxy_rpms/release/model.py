"""What a release is, once its file has been read, checked and resolved: frozen data that every other room takes.

The reference of all keys (tproxy_rpms/reference) is made from this and from `target`: each field that is a key has an entry of
its own below `Fields:`, in Markdown, and `Default:` at its end where the reader's default is another than the field's. Fields
below `Derived:` are no keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tproxy_rpms.release.koji import Koji as Koji
from tproxy_rpms.release.target import Limits as Limits  # the whole model is had from here
from tproxy_rpms.release.target import Profile as Profile
from tproxy_rpms.release.target import Target as Target
from tproxy_rpms.shelf import STOCK, find_named, is_stock, name_path

Arch = Literal["x86_64", "i386"]
Policy = Literal["require", "report", "none"]

# The arch word that rpm uses for what we call i386: the instruction set of the packages.
RPM_ARCH: Mapping[str, str] = {"x86_64": "x86_64", "i386": "i686"}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A detached OpenPGP signature over a source.

    Fields:
        urls: where the signature lies, tried in order.
        signers: full fingerprints (40 hex digits) of the primary keys that may have made it; upper case once read. Empty only
            where `policy` is not `require`.
        keys: URLs, keyservers (`hkps://keys.example.org`), keyserver look-ups or absolute paths that keys may come from; a key
            counts when its fingerprint is pinned.
        over: what was signed: the file as fetched, or what is in it.
        policy: `require`: only a good signature lets the cut go on. `report`: the finding is recorded. `none`: it is not looked
            for.
    """

    urls: tuple[str, ...]
    signers: tuple[str, ...]
    keys: tuple[str, ...] = ()
    over: Literal["compressed", "uncompressed"] = "compressed"
    policy: Policy = "require"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A source out of the target distribution's own archive, reached with the host's mirrors.

    Fields:
        kind: `binary`: a file in a .deb; `source`: the upstream tarball of a source package.
        package: the package's name in the archive.
        member: for `binary`, the path of the tarball inside the package.
        version: the one version of the package that will do. Default: the newest that can be downloaded.
    """

    kind: Literal["binary", "source"]
    package: str
    member: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file from outside: either `urls` with digests, or `archive`.

    Fields:
        version: upstream's version; the first source of a package gives the package its version. An `archive` has none: the fetch
            finds it out. Default: required without `archive`.
        urls: where it lies, tried in order: http, https or file. Default: required without `archive`.
        filename: the name that the file gets. Default: the last part of the first URL.
        digests: hex; the file must satisfy all that are given. `sha256` is always there, but for an `archive` that is not pinned.
        size: exact size in bytes, if it is known.
        limit: the most bytes that a fetch takes. Default: 512 MiB.
        signature: the detached OpenPGP signature over it.
        archive: the place in the host's distribution archive that it comes from, instead of `urls`.

    Derived:
        name: the table's.
    """

    name: str
    version: str = ""
    urls: tuple[str, ...] = ()
    filename: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    limit: int = 512 * 1024 * 1024
    signature: Signature | None = None
    archive: Archive | None = None


@dataclass(frozen=True, kw_only=True)
class Kconfig:
    """How a kernel package is configured.

    Fields:
        base: `slim` (off is what nobody asks for) or `defconfig` (the tree's own for the arch).
        fragments: names of `kconfig/NAME.config`; `kconfig/NAME.ARCH.config` follows where it exists.
    """

    base: Literal["slim", "defconfig"]
    fragments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A spec template (specs/`spec`.spec.j2) with what it is built from: `sources`, or files of the project alone.

    Fields:
        spec: the template, `specs/SPEC.spec.j2`; files in `specs/files/SPEC/` become further sources. Default: the package's
            name.
        sources: names of sources, Source0 first; the first gives the package its version. Default: required without `version`.
        version: of a package without sources, which is what `specs/files/` has for it; empty with sources.
        patches: a folder in `patches/`: its `series` lists patches for every target, that of a subfolder `some-trait/` those for
            targets with `some_trait = true`.
        after: packages of this release that are built before; their RPMs are offered to this one's build root.
        kconfig: makes it a kernel.

    Derived:
        name: the table's.
    """

    name: str
    spec: str
    sources: tuple[str, ...] = ()
    version: str = ""
    patches: str = ""
    after: tuple[str, ...] = ()
    kconfig: Kconfig | None = None


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Who signs: a key of a GnuPG home, reached as GnuPG does (agent and smart card too), or a command.

    Fields:
        key: the full fingerprint (40 hex digits) of the primary key.
        home: the GnuPG home that has it. Default: `GNUPGHOME`, or `~/.gnupg`.
        passphrase_file: a file with the passphrase, for keys that no agent unlocks.
        command: a program with its arguments that signs instead: it takes what is to be signed on its standard input and writes a
            detached OpenPGP signature to its standard output. Found on `PATH` or by its absolute path.
        public: with `command`: the file of the public key.
        digest: the hash that is signed: `SHA256`, `SHA384`, `SHA512`, or `SHA1` for `el5`. Default: the profile's own.
        modern: another key, for the manifest, which people verify with today's tools: wanted where the packages' own is DSA-1024
            or RSA below 2048 bits.
    """

    key: str
    home: Path | None = None
    passphrase_file: Path | None = None
    command: tuple[str, ...] = ()
    public: Path | None = None
    digest: str = ""
    modern: "Signing | None" = None


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """Where finished repositories go.

    Fields:
        to: a folder, `[USER@]HOST:/FOLDER` or `ssh://[USER@]HOST[:PORT]/FOLDER`.
        ssh: further options for ssh: `["-i", "/etc/keys/publish", "-o", "ProxyJump=gate"]`.
        keep: how many snapshots stay, the served one among them.
        grace: minutes for which one that is no longer served stays nevertheless: clients may still be reading it.
        demand: stages whose verdict on these packages must be good: `"accept"` publishes nothing that was not shown to proxy,
            `"repro"` nothing whose second build gave something else.
    """

    to: str
    ssh: tuple[str, ...] = ()
    keep: int = 5
    grace: int = 120
    demand: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """How a cut is shown to proxy.

    Fields:
        worlds: where the scenarios run: `namespaces` of this host, `machines` in QEMU.
        scenarios: names of files in `tproxy_rpms/acceptance/scenarios/`. Default: all.
        may_skip: capabilities that the host may lack (`root`, `namespaces`, `tproxy`, `i386`, `qemu`, `users`, `gre`): what needs
            them is skipped, and the report says so.
    """

    worlds: tuple[str, ...] = ("namespaces", "machines")
    scenarios: tuple[str, ...] = ()
    may_skip: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Release:
    """One resolved release.

    Fields:
        summary: one line for people.
        epoch: the release's date, `2026-11-01T00:00:00Z` or seconds since 1970: drives every timestamp.
        revision: the packages' Release, to which the target adds its suffix: `"1"` becomes `1.deb12`.
        packager: `Name <address>`, for the packages and their changelog.
        arches: of `x86_64` and `i386`. Default: both.
        target: name of a file in `targets/`, or the path of one, relative to the file that names it.
        builder: `chroot`, `mock` or `koji`.
        sources: the files from outside, a table each. Default: none.
        packages: what is built, a table each; one at least.
        mirror: a folder or URL prefix that is tried before every source's own URLs, as `MIRROR/FILENAME`; the variable
            `TPROXY_RPMS_MIRROR` comes before it.
        url: where clients find what is published, `http://host/path`; for `tproxy-release` and `publish`.
        client: the revision of `tproxy-release`, to be raised when `url` changes.
        signing: who signs; without it packages stay unsigned.
        publishing: where finished repositories go.
        acceptance: how the cut is shown to proxy.
        koji: where `builder = "koji"` builds.

    Derived:
        name: the stem of its file.
        files: the release files it came from, itself last.
        target_file: the file that the target comes from.
        root: the folder of the project that has the release.
    """

    name: str
    files: tuple[Path, ...]
    summary: str
    epoch: int
    revision: str
    packager: str
    arches: tuple[Arch, ...]
    target: Target
    builder: str
    sources: Mapping[str, Source]
    packages: Mapping[str, Package]
    mirror: str = ""
    url: str = ""
    client: int = 1
    signing: Signing | None = None
    publishing: Publishing | None = None
    acceptance: Acceptance = Acceptance()
    koji: Koji | None = None
    target_file: Path = Path()
    root: Path = STOCK

    @property
    def lock(self) -> Path:
        """The folder of this release's build-root locks, beside its file: NAME.lock/PACKAGE-ARCH.json.

        Locks of its own stand before those of the release of the same name that it extends: one that only adds who signs builds
        nothing again.
        """
        below = [path.with_suffix(".lock") for path in reversed(self.files) if path.stem == self.name]
        return next((folder for folder in (self.own_lock, *below) if folder.is_dir()), self.own_lock)

    @property
    def own_lock(self) -> Path:
        """Where locks are written: never among the stock of an installed package."""
        own = self.files[-1]
        return (self.root / "releases" / own.name if is_stock(self.root, own) else own).with_suffix(".lock")

    def mock_config(self, arch: Arch) -> Path:
        """The mock configuration of an arch; the project's own stands before one of the stock."""
        path = (self.target_file.parent / self.target.mock_configs / f"{self.target.name}-{arch}.cfg").resolve()
        return find_named(self.root, name_path(self.root, path) or str(path)).resolve()
