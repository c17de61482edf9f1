"""What a release is, once its file has been read, checked and resolved: frozen data that every other room takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tproxy_rpms.shelf import STOCK, find_named, is_stock, name_path

Arch = Literal["x86_64", "i386"]
Policy = Literal["require", "report", "none"]
Profile = Literal["el5", "modern"]

# The arch word that rpm uses for what we call i386: the instruction set of the packages.
RPM_ARCH: Mapping[str, str] = {"x86_64": "x86_64", "i386": "i686"}


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A detached OpenPGP signature over a source.

    Fields:
        urls: where the signature lies, tried in order.
        signers: full fingerprints (40 hex digits, upper case) of the primary keys that may have made it.
        keys: URLs, keyserver look-ups or file paths that a key may come from; it counts when its fingerprint matches.
        over: what was signed, the file as fetched or what is in it.
        policy: `require` stops without a good signature, `report` records the finding, `none` does not look.
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
        kind: `binary` takes a member of a .deb, `source` the upstream tarball of a source package.
        package: the package's name in the archive.
        member: for `binary`, the path of the tarball inside the package.
        version: the one version of the package that will do, empty for the newest.
    """

    kind: Literal["binary", "source"]
    package: str
    member: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file from outside: either `urls` with digests, or `archive`.

    Fields:
        version: upstream's version; empty for `archive`, where the fetch finds it out.
        filename: the name that the file gets; empty for `archive`, unless that is pinned.
        digests: algorithm (`sha256`, `md5`, `sha1`, `sha512`) → hex; the file must satisfy all. sha256 is always there, but for
            an `archive` that is not pinned.
        size: exact size in bytes, 0 if not known. limit: the most bytes that a fetch takes.
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
        base: `slim` (everything off that is not asked for) or `defconfig` (the tree's own for the arch).
        fragments: names of files under kconfig/, without `.config`; `NAME` is followed by `NAME.ARCH` where that exists.
    """

    base: Literal["slim", "defconfig"]
    fragments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A spec template (specs/`spec`.spec.j2) with what it is built from: `sources`, or files of the project alone.

    Fields:
        sources: names of the release's sources; the first gives the package its version.
        version: of a package without sources, which is what specs/files/ has for it; empty with sources.
        patches: name of a folder under patches/, or empty.
        after: packages of this release that must be built before (their RPMs are offered to the build root).
        kconfig: for kernels only.
    """

    name: str
    spec: str
    sources: tuple[str, ...] = ()
    version: str = ""
    patches: str = ""
    after: tuple[str, ...] = ()
    kconfig: Kconfig | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the target's rpm can read: what lies beyond is refused there, or worse, silently misunderstood.

    Fields:
        reader: the rpm that reads there, for people ("rpm 4.4.2.3").
        lead_major: the highest major number of the lead.
        header_tags, header_bytes: the most tags and bytes of data in the header; signature_…: those in the signature header.
        tag_types: the types of tags that a header may hold.
        payload_formats, payloads, archives: what PAYLOADFORMAT may say, compressors, magics of the archive inside.
        file_digests: digest algorithms of files. file_size: the most bytes of one file.
        rpmlib: rpmlib() features that a package may require.
        version_refuses: characters that mean nothing in versions there. rich_dependencies: whether boolean dependencies do.
        scriptlets: kinds that are run. argument_scriptlets: those whose interpreter may have arguments.
        interpreters: what may run a scriptlet, besides what the package itself brings.
        signatures: what verifies, as `rpm --checksig` tells it ("V3 RSA/SHA256").
        sources: a limit's key → where it is known from.
    """

    reader: str
    lead_major: int
    header_tags: int
    header_bytes: int
    signature_tags: int
    signature_bytes: int
    tag_types: tuple[str, ...]
    payload_formats: tuple[str, ...]
    payloads: tuple[str, ...]
    archives: tuple[str, ...]
    file_digests: tuple[str, ...]
    file_size: int
    rpmlib: tuple[str, ...]
    version_refuses: str
    rich_dependencies: bool
    scriptlets: tuple[str, ...]
    argument_scriptlets: tuple[str, ...]
    interpreters: tuple[str, ...]
    signatures: tuple[str, ...]
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A distribution to build for (targets/NAME.toml), with the traits that templates, builders and gates ask for.

    Fields:
        suite: the distribution's own name of the release ("bookworm"), for builders that make roots from an archive.
        dist: the suffix of the packages' Release (".el5").
        init: `sysv` or `systemd`.
        payload: rpm's payload flags ("w9.gzdio"). file_digest: rpm's file digest algorithm, 1 is MD5, 8 is SHA-256.
        repo_checksum, repo_compress, repo_database: what clients read of a repository: the checksums, how metadata is compressed,
            and how its databases are; empty if they want none.
        repo_signed: whether clients check a repository's own signature.
        signing: the profile of signatures that its rpm verifies.
        libdir: arch → the folder of shared libraries as this distribution has it.
        build_packages: what a build root holds, in the distribution's own names.
        userland: what a proxy host holds besides this cut's packages, in the distribution's own names.
        names: build requirement as EL names it ("libcap-devel") → this distribution's name, where it differs.
        traits: anything else that templates ask for, name → text or bool.
        mock_configs: the folder of NAME-ARCH.cfg for the mock builder, relative to the target's file.
        limits: what the target's rpm can read; None where nothing that we build is beyond it.
    """

    name: str
    family: Literal["debian", "el"]
    suite: str
    dist: str
    init: Literal["sysv", "systemd"]
    payload: str
    file_digest: int
    repo_checksum: str
    repo_compress: str
    libdir: Mapping[str, str]
    repo_database: str = ""
    repo_signed: bool = True
    signing: Profile = "modern"
    build_packages: tuple[str, ...] = ()
    userland: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, str | bool] = field(default_factory=dict)
    mock_configs: str = "../mock-configs"
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Who signs: a key of a GnuPG home, reached as GnuPG does (agent and smart card too), or a command.

    Fields:
        key: the full fingerprint (40 hex digits, upper case) of the primary key.
        home: the GnuPG home, the user's own if None. passphrase_file: what unlocks the key where no agent does.
        command: a program with its arguments that takes what is to be signed on its standard input and writes a detached OpenPGP
            signature to its standard output; then `public` is the file of the public key.
        digest: the hash that is signed, the profile's own if empty.
        modern: who signs the manifest, if not the same: people verify it with today's tools, whatever the target can.
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
        to: a folder, `[USER@]HOST:/FOLDER` or `ssh://[USER@]HOST[:PORT]/FOLDER`. ssh: further options for ssh.
        keep: how many snapshots stay, the served one among them.
        grace: minutes for which one that is no longer served stays nevertheless: clients may still be reading it.
        demand: stages whose verdict on these packages must be good.
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
        scenarios: which ones, empty for all.
        may_skip: capabilities that the host may lack: what needs them is skipped, and the report says so.
    """

    worlds: tuple[str, ...] = ("namespaces", "machines")
    scenarios: tuple[str, ...] = ()
    may_skip: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Release:
    """One resolved release.

    Fields:
        name: the stem of its file. files: the release files it came from, itself last.
        epoch: the release's date in seconds since 1970, which drives every timestamp.
        revision: the packages' Release without the target's `dist`.
        mirror: a folder or URL prefix tried first for every source, or empty.
        url: where clients find what is published, without a slash at the end; or empty. client: the revision of tproxy-release.
        signing: who signs, None for packages that stay unsigned. publishing: where repositories go, or None.
        acceptance: how the cut is shown to proxy.
        target_file: the file that the target comes from. root: the folder of the project that has the release.
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
    target_file: Path = Path()
    root: Path = STOCK

    @property
    def lock(self) -> Path:
        """The folder of this release's build-root locks, beside its file: NAME.lock/PACKAGE-ARCH.json.

        A project that cuts a release of the stock has locks of its own for it, if it has made some.
        """
        beside = self.files[-1].with_suffix(".lock")
        own = self.own_lock
        return beside if beside.is_dir() and not own.is_dir() else own

    @property
    def own_lock(self) -> Path:
        """Where locks are written: never among the stock of an installed package."""
        own = self.files[-1]
        return (self.root / "releases" / own.name if is_stock(self.root, own) else own).with_suffix(".lock")

    def mock_config(self, arch: Arch) -> Path:
        """The mock configuration of an arch; the project's own stands before one of the stock."""
        path = (self.target_file.parent / self.target.mock_configs / f"{self.target.name}-{arch}.cfg").resolve()
        return find_named(self.root, name_path(self.root, path) or str(path)).resolve()
