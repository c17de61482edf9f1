"""From checked tables to the frozen model."""

import datetime
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from tproxy_rpms.release.koji import read_koji
from tproxy_rpms.release.limits import check_target, read_limits
from tproxy_rpms.release.model import (
    Acceptance,
    Arch,
    Archive,
    Kconfig,
    Package,
    Policy,
    Profile,
    Release,
    Signature,
    Source,
    Target,
)
from tproxy_rpms.release.site import FINGERPRINT, read_acceptance, read_publishing, read_signing, read_url
from tproxy_rpms.release.table import Table, describe

ARCHES = ("x86_64", "i386")
POLICIES = ("require", "report", "none")
PROFILES = ("el5", "modern")

# rpm's own rule (build/parsePreamble.c, rpmCharCheck).
VERSION = r"[A-Za-z0-9._+~^]+"


def read_source(name: str, table: Table) -> Source:
    """Return one source."""
    archive, signature = table.table("archive"), table.table("signature")
    urls = table.urls("urls", ())
    source = Source(
        name=name,
        version=table.take("version", str, ""),
        urls=urls,
        filename=table.take("filename", str, urls[0].rsplit("/", 1)[-1] if urls else ""),
        digests=table.digests(),
        size=table.take("size", int, 0),
        limit=table.take("limit", int, Source.limit),
        signature=read_signature(signature) if signature else None,
        archive=read_archive(archive) if archive else None,
    )
    check_source(source, table)
    table.finish()
    return source


def check_source(source: Source, table: Table) -> None:
    """Complain of a source that is neither pinned by digest nor vouched for by an archive, or claims to be both."""
    if "/" in source.filename or source.filename.startswith("."):
        table.complain("filename", f"{source.filename!r} must be a plain file name")
    if source.archive is None:
        if not source.urls:
            table.complain("urls", "missing: a source needs urls, or an archive table")
        if "sha256" not in source.digests:
            table.complain("sha256", "missing: every source from a URL is pinned by its SHA-256")
        if not source.version:
            table.complain("version", "missing")
    else:
        check_archive(source, source.archive, table)
    if source.size < 0 or source.limit <= 0 or source.size > source.limit:
        table.complain("size", f"{source.size} bytes is not between 0 and the limit of {source.limit}")


def check_archive(source: Source, archive: Archive, table: Table) -> None:
    """Complain of an archive source that claims to come from elsewhere too, or is half pinned."""
    if source.urls or source.signature or source.version:
        table.complain("archive", "an archive source has no urls, version or signature: the archive's signature vouches for it")
    if source.digests and "sha256" not in source.digests:
        table.complain("sha256", "missing: a source with digests has this one")
    if bool(source.digests) != bool(source.filename) or (source.digests and not archive.version):
        table.complain("archive", "a pinned archive source has sha256, filename and archive.version, or the last alone")


def check_filenames(sources: Mapping[str, Source], table: Table) -> None:
    """Complain of sources that would be fetched into the same file."""
    owners: dict[str, str] = {}
    for name, source in sources.items():
        if source.filename and owners.setdefault(source.filename, name) != name:
            table.complain(
                f"sources.{name}.filename", f"{source.filename!r} is that of {owners[source.filename]}, too: give it another"
            )


def read_signature(table: Table) -> Signature:
    """Return one signature."""
    signers = tuple(re.sub(r"\s", "", signer).upper() for signer in table.texts("signers"))
    for signer in signers:
        if not FINGERPRINT.fullmatch(signer):
            table.complain("signers", f"{signer!r} is no full fingerprint: 40 hex digits")
    keys = table.texts("keys", ())
    signature = Signature(
        urls=table.urls("urls"),
        signers=signers,
        keys=keys,
        over="uncompressed"
        if table.choice("over", ("compressed", "uncompressed"), "compressed") == "uncompressed"
        else "compressed",
        policy=cast(Policy, table.choice("policy", POLICIES, "require")),
    )
    if signature.policy == "require" and not signers:
        table.complain("signers", "empty, but the policy is require: pin at least one key")
    table.finish()
    return signature


def read_archive(table: Table) -> Archive:
    """Return one archive table."""
    kind = table.choice("kind", ("binary", "source"))
    archive = Archive(
        kind="binary" if kind == "binary" else "source",
        package=table.take("package", str),
        member=table.take("member", str, ""),
        version=table.take("version", str, ""),
    )
    if (archive.kind == "binary") != bool(archive.member):
        table.complain("member", "names a file inside a binary package; a source package has none")
    table.finish()
    return archive


def read_package(name: str, table: Table) -> Package:
    """Return one package."""
    kconfig = table.table("kconfig")
    package = Package(
        name=name,
        spec=table.take("spec", str, name),
        sources=table.texts("sources", ()),
        version=table.take("version", str, ""),
        patches=table.take("patches", str, ""),
        after=table.texts("after", ()),
        kconfig=read_kconfig(kconfig) if kconfig else None,
    )
    check_package(package, table)
    table.finish()
    return package


def check_package(package: Package, table: Table) -> None:
    """Complain of a package that has its version from nowhere or from two places, or would patch or configure nothing."""
    if package.sources and package.version:
        table.complain("version", "the first source gives a package its version: leave version or sources")
    elif not package.sources and not package.version:
        table.complain("sources", "missing: a package has sources, or a version if it is made of files of the project alone")
    if package.version and not re.fullmatch(VERSION, package.version):
        table.complain("version", f"{package.version!r} can be no version of an RPM: letters, digits and . _ + ~ ^ only")
    for key in ("patches", "kconfig"):
        if not package.sources and getattr(package, key):
            table.complain(key, "the package has no sources that it could be for")


def read_kconfig(table: Table) -> Kconfig:
    """Return one kconfig table."""
    base = table.choice("base", ("slim", "defconfig"))
    kconfig = Kconfig(base="defconfig" if base == "defconfig" else "slim", fragments=table.texts("fragments"))
    table.finish()
    return kconfig


def read_epoch(table: Table) -> int:
    """Return `epoch`, a TOML date-time with offset or seconds since 1970."""
    table.known.add("epoch")
    value = table.data.get("epoch")
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return int(value.timestamp())
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    wrong = "missing" if value is None else f"not {describe(value)}"
    table.complain("epoch", f"{wrong}; it is the release's date, such as 2026-11-01T00:00:00Z")
    return 0


def read_release(
    table: Table, *, name: str, files: Iterable[Path], target: Target, target_file: Path, root: Path, builders: Iterable[str]
) -> Release:
    """Return the release that a merged table describes, with its problems in `table.problems`."""
    sources = {key: read_source(key, inner) for key, inner in table.tables("sources")}
    check_filenames(sources, table)
    packages = {key: read_package(key, inner) for key, inner in table.tables("packages")}
    arches = table.texts("arches", ARCHES)
    for arch in arches:
        if arch not in ARCHES:
            table.complain("arches", f"{arch!r} is none of {', '.join(ARCHES)}")
    if not packages and not table.problems:
        table.complain("packages", "missing: a release has at least one package")
    table.known |= {"target"}
    signing, publishing, acceptance = table.table("signing"), table.table("publishing"), table.table("acceptance")
    koji = table.table("koji")
    release = Release(
        name=name,
        files=tuple(files),
        summary=table.take("summary", str),
        epoch=read_epoch(table),
        revision=table.take("revision", str),
        packager=table.take("packager", str),
        arches=cast(tuple[Arch, ...], arches),
        target=target,
        builder=table.choice("builder", tuple(builders)),
        sources=sources,
        packages=packages,
        mirror=table.take("mirror", str, ""),
        url=read_url(table),
        client=table.take("client", int, 1),
        signing=read_signing(signing) if signing else None,
        publishing=read_publishing(publishing) if publishing else None,
        acceptance=read_acceptance(acceptance) if acceptance else Acceptance(),
        koji=read_koji(koji) if koji else None,
        target_file=target_file,
        root=root,
    )
    table.finish()
    return release


def read_target(table: Table, *, name: str) -> Target:
    """Return a target, from targets/NAME.toml."""
    table.known.add("schema")
    libdir, names, traits = table.table("libdir"), table.table("names"), table.table("traits")
    limits = table.table("limits")
    family, init = table.choice("family", ("debian", "el")), table.choice("init", ("sysv", "systemd"))
    target = Target(
        name=name,
        family="el" if family == "el" else "debian",
        suite=table.take("suite", str),
        dist=table.take("dist", str),
        init="sysv" if init == "sysv" else "systemd",
        payload=table.take("payload", str),
        file_digest=table.take("file_digest", int),
        repo_checksum=table.take("repo_checksum", str),
        repo_compress=table.choice("repo_compress", ("gz", "bz2", "xz", "zstd")),
        repo_database=table.choice("repo_database", ("", "gz", "bz2", "xz"), ""),
        repo_signed=table.take("repo_signed", bool, True),
        signing=cast(Profile, table.choice("signing", PROFILES, "modern")),
        libdir={key: libdir.take(key, str) for key in libdir.data} if libdir else {},
        build_packages=table.texts("build_packages", ()),
        userland=table.texts("userland", ()),
        names={key: names.take(key, str) for key in names.data} if names else {},
        traits={key: value for key, value in (traits.data if traits else {}).items() if isinstance(value, str | bool)},
        mock_configs=table.take("mock_configs", str, "../mock-configs"),
        limits=read_limits(limits) if limits else None,
    )
    for key, value in (traits.data if traits else {}).items():
        if not isinstance(value, str | bool):
            table.complain(f"traits.{key}", f"must be text, true or false, not {describe(value)}")
    check_target(target, table)
    table.finish()
    return target
