"""A target's `[limits]`: what its rpm can read; and that the target itself keeps to them."""

import re
from collections.abc import Iterable

from tproxy_rpms.release.model import Limits, Release, Target
from tproxy_rpms.release.table import Table, suggest

# The words that the gate knows how to look for. File digests have OpenPGP's numbers in rpm's headers.
PAYLOADS = ("none", "gzip", "bzip2", "lzma", "xz", "zstd")
DIGESTS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224", 12: "sha3-256", 14: "sha3-512"}
TAG_TYPES = ("null", "char", "int8", "int16", "int32", "int64", "string", "bin", "string array", "i18n string")
SCRIPTLETS = (
    "prein", "postin", "preun", "postun", "pretrans", "posttrans", "preuntrans", "postuntrans", "verify",
    "trigger", "filetrigger", "transfiletrigger",
)  # fmt: skip
SIGNATURE = re.compile(r"V[1-9] [\w-]+/[\w-]+")

# The end of rpm's payload flags ("w9.gzdio") → the compressor.
FLAGS = {"ufdio": "none", "gzdio": "gzip", "bzdio": "bzip2", "lzdio": "lzma", "xzdio": "xz", "zstdio": "zstd"}


def read_limits(table: Table) -> Limits:
    """Return one limits table. A missing limit is a problem: what has none would pass the gate unseen."""
    limits = Limits(
        reader=table.take("reader", str),
        lead_major=table.take("lead_major", int),
        header_tags=table.take("header_tags", int),
        header_bytes=table.take("header_bytes", int),
        signature_tags=table.take("signature_tags", int),
        signature_bytes=table.take("signature_bytes", int),
        tag_types=read_words(table, "tag_types", TAG_TYPES),
        payload_formats=table.texts("payload_formats"),
        payloads=read_words(table, "payloads", PAYLOADS),
        archives=table.texts("archives"),
        file_digests=read_words(table, "file_digests", DIGESTS.values()),
        file_size=table.take("file_size", int),
        rpmlib=table.texts("rpmlib"),
        version_refuses=table.take("version_refuses", str),
        rich_dependencies=table.take("rich_dependencies", bool),
        scriptlets=read_words(table, "scriptlets", SCRIPTLETS),
        argument_scriptlets=read_words(table, "argument_scriptlets", SCRIPTLETS),
        interpreters=table.texts("interpreters"),
        signatures=table.texts("signatures"),
        sources=read_sources(table),
    )
    for text in limits.signatures:
        if not SIGNATURE.fullmatch(text):
            table.complain("signatures", f"{text!r} names no signature: it must look like 'V3 RSA/SHA256'")
    table.finish()
    return limits


def read_words(table: Table, name: str, words: Iterable[str]) -> tuple[str, ...]:
    """Return a list of texts that must all be among `words`."""
    known = tuple(words)
    values = table.texts(name)
    for value in values:
        if value not in known:
            table.complain(name, f"{value!r} is none of {', '.join(known)}{suggest(value, known)}")
    return values


def read_sources(table: Table) -> dict[str, str]:
    """Return where the limits are known from; each key must be that of a limit."""
    inner = table.table("sources")
    if inner is None:
        return {}
    limits = table.known - {"sources", "reader"}
    for key in inner.data:
        if key not in limits:
            inner.complain(key, f"there is no such limit{suggest(key, limits)}")
    return {key: inner.take(key, str) for key in inner.data}


def check_target(target: Target, table: Table) -> None:
    """Complain of a target that asks its packages to be what its own limits refuse: found here before anything is built."""
    limits = target.limits
    if limits is None:
        return
    compressor = FLAGS.get(target.payload.rpartition(".")[2], target.payload)
    if compressor not in limits.payloads:
        table.complain("payload", f"{target.payload!r} makes {compressor}, but limits.payloads has {', '.join(limits.payloads)}")
    digest = DIGESTS.get(target.file_digest, str(target.file_digest))
    if digest not in limits.file_digests:
        table.complain(
            "file_digest", f"{target.file_digest} is {digest}, but limits.file_digests has {', '.join(limits.file_digests)}"
        )
    for character in sorted(set(target.dist) & set(limits.version_refuses)):
        table.complain("dist", f"{target.dist!r} has {character!r}, which limits.version_refuses")


def check_versions(release: Release, table: Table) -> None:
    """Complain of a release whose packages would get versions that the target's rpm sorts wrongly."""
    refused = release.target.limits.version_refuses if release.target.limits else ""
    sources = {package.sources[0] for package in release.packages.values() if package.sources}
    versions = {f"sources.{name}.version": release.sources[name].version for name in sorted(sources & release.sources.keys())}
    versions |= {f"packages.{package.name}.version": package.version for package in release.packages.values()}
    for key, version in {"revision": release.revision, **versions}.items():
        for character in sorted(set(version) & set(refused)):
            table.complain(
                key, f"{version!r} has {character!r}, which limits.version_refuses of the target {release.target.name}"
            )
