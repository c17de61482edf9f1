"""What a distribution to build for is, and what its rpm reads; the reference of keys is made from this as from `model`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Profile = Literal["el5", "modern"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the target's rpm can read: what lies beyond is refused there, or worse, silently misunderstood.

    Fields:
        reader: what reads there, for people (`rpm 4.4.2.3`).
        lead_major: the highest major number of the lead.
        header_tags: the most tags in the header.
        header_bytes: the most bytes of data in the header.
        signature_tags: the most tags in the signature header.
        signature_bytes: the most bytes of data in the signature header.
        tag_types: types of tags, of every tag of both headers: `null`, `char`, `int8`, `int16`, `int32`, `int64`, `string`,
            `bin`, `string array`, `i18n string`.
        payload_formats: what PAYLOADFORMAT may say.
        payloads: compressors (`none`, `gzip`, `bzip2`, `lzma`, `xz`, `zstd`): of PAYLOADCOMPRESSOR and of the payload's own first
            bytes, which must agree.
        archives: the first six characters of the archive that the payload holds.
        file_digests: digests of files (`md5`, `sha1`, `sha256`…): of FILEDIGESTALGO, and of how long the digests are.
        file_size: the most bytes of one file, but for ghosts.
        rpmlib: features, without their `rpmlib()`, that a package may require of rpm.
        version_refuses: characters that mean nothing there in versions and releases, those of provides, requires, conflicts,
            obsoletes and triggers too.
        rich_dependencies: whether names of dependencies may begin with a parenthesis.
        scriptlets: kinds that are run: `prein`, `postin`, `preun`, `postun`, `pretrans`, `posttrans`, `preuntrans`,
            `postuntrans`, `verify`, `trigger`, `filetrigger`, `transfiletrigger`.
        argument_scriptlets: kinds whose interpreter may have arguments.
        interpreters: what the target always has to run a scriptlet; one may also be run by a file of its own package, except
            before the files are there.
        signatures: what verifies, as `rpm --checksig` tells it (`V3 RSA/SHA256`): each signature's packet, and the tag that it
            lies in. Unsigned is no finding.
        sources: a limit's key → where it is known from; stands in each finding.
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
        family: the kind of distribution.
        suite: the distribution's own name of its release (`bookworm`), for builders that make roots from an archive.
        dist: the suffix of the packages' Release (`.el5`).
        init: what starts services there.
        payload: rpm's payload flags (`w9.gzdio`).
        file_digest: rpm's number of the file digest: 1 is MD5, 8 is SHA-256.
        repo_checksum: the checksums of a repository's metadata, as createrepo_c names them.
        repo_compress: how metadata is compressed: `gz`, `bz2`, `xz` or `zstd`.
        libdir: arch → the folder of shared libraries. Default: empty.
        repo_database: how databases for yum are compressed: `gz`, `bz2` or `xz`; empty for none.
        repo_signed: whether clients are told to check `repomd.xml.asc`. It is there either way.
        signing: the profile of signatures that its rpm verifies.
        build_packages: what a build root holds, in the distribution's own names.
        userland: what a proxy host holds besides the cut's packages, in the distribution's own names: acceptance runs use it.
        names: build requirement as EL names it (`libcap-devel`) → this distribution's name, where it differs.
        traits: what the spec templates ask for, name → text, true or false. The doctor asks for two: `vsyscall = true` says that
            x86_64 programs there call the vsyscall page, `rpmdb` is the database that rpm there reads (`bdb`).
        mock_configs: the folder of `NAME-ARCH.cfg` for the mock builder, relative to the target's file.
        limits: what the target's rpm reads, where that is less than what today's writes; without it the gate has no findings.

    Derived:
        name: the stem of its file.
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
