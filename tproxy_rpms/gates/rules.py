"""What a target's rpm would refuse, or silently misunderstand: pure rules over an artifact and the target's limits.

Each rule is one function that yields findings; which values it lets pass is data of the target, never known here. Not looked
for, because an rpm that knows nothing of it installs the package just as well: weak dependencies, OrderWithRequires, further
digests of header and payload, file signatures, and every tag that only tells something.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tproxy_rpms.gates.artifact import Artifact, Extent
from tproxy_rpms.release.limits import DIGESTS
from tproxy_rpms.release.model import Limits

TAGS = {
    270: "LONGSIGSIZE", 271: "LONGARCHIVESIZE", 5008: "LONGFILESIZES", 5009: "LONGSIZE",
    5112: "PAYLOADSIZE", 5113: "PAYLOADSIZEALT",
}  # fmt: skip
DIGEST_LENGTHS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
# Which algorithm the tags were made for: a reader looks for no other in them (rpm's lib/signature.c of every 4.x).
SIGNATURE_TAGS = {"RSA": ("RSAHEADER", "SIGPGP"), "DSA": ("DSAHEADER", "SIGGPG")}
# These run before the package's own files are there.
BEFORE_FILES = ("prein", "pretrans")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that the target cannot take.

    Fields:
        file, tag, value: where it is. limit: the key of the target's limits that it is beyond (`file` for one that is damaged).
        why: what the target's rpm takes, or makes of it. cure: what to do. source: where the limit is known from.
    """

    file: str
    limit: str
    tag: str
    value: str
    why: str
    cure: str
    source: str

    def __str__(self) -> str:
        known = f" ({self.source})" if self.source else ""
        return f"{self.file}: {self.tag} = {self.value}: {self.why}{known}; {self.cure}"


# Makes a finding out of limit, tag, value, why and cure.
Find = Callable[..., Finding]
Rule = Callable[[Artifact, Limits, Find], Iterator[Finding]]


def check_artifact(artifact: Artifact, limits: Limits | None) -> tuple[Finding, ...]:
    """Return everything in an artifact that is beyond the limits; nothing where there are none."""
    if limits is None:
        return ()
    find = partial(make_finding, artifact.file, limits)
    return tuple(finding for rule in RULES for finding in rule(artifact, limits, find))


def make_finding(file: str, limits: Limits, limit: str, *, tag: str, value: object, why: str, cure: str) -> Finding:
    """Return a finding; `why` begins with the reader."""
    source = limits.sources.get(limit, "")
    return Finding(file=file, limit=limit, tag=tag, value=str(value), why=f"{limits.reader} {why}", cure=cure, source=source)


def check_lead(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """The lead's major number."""
    if artifact.lead_major > limits.lead_major:
        yield find(
            "lead_major", tag="lead", value=artifact.lead_major, why=f"reads up to {limits.lead_major}",
            cure="build with %_rpmformat 4",
        )  # fmt: skip


def check_sizes(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """How many tags and bytes the two headers have."""
    extents: tuple[tuple[str, Extent, int, int], ...] = (
        ("header", artifact.header, limits.header_tags, limits.header_bytes),
        ("signature", artifact.signature_header, limits.signature_tags, limits.signature_bytes),
    )
    cures = {
        "header": "split the package, its file list is too long",
        "signature": "sign with fewer or smaller signatures, and no file signatures",
    }
    for name, extent, tags, size in extents:
        tag = "header" if name == "header" else "signature header"
        if extent.tags > tags:
            yield find(f"{name}_tags", tag=tag, value=f"{extent.tags} tags", why=f"reads at most {tags}", cure=cures[name])
        if extent.size > size:
            yield find(f"{name}_bytes", tag=tag, value=f"{extent.size} bytes", why=f"reads at most {size}", cure=cures[name])


def check_tag_types(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Types of tags, such as the 64-bit numbers of files that are too large."""
    for number, kind in (*artifact.signature_header.types, *artifact.header.types):
        if kind not in limits.tag_types:
            yield find(
                "tag_types", tag=TAGS.get(number, f"tag {number}"), value=kind, why="cannot load a header with such a tag",
                cure="no file or package of 4 GiB or more; build with %_rpmformat 4",
            )  # fmt: skip


def check_payload(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Format and compressor of the payload: what the header says, what the bytes are, and that they agree."""
    cure = "set %_binary_payload and %_source_payload from the target's payload"
    if artifact.payload_format not in limits.payload_formats:
        reads = f"reads {', '.join(limits.payload_formats)}"
        yield find("payload_formats", tag="PAYLOADFORMAT", value=artifact.payload_format, why=reads, cure="build a plain package")
    reads = f"reads {', '.join(limits.payloads)}"
    if artifact.payload_compressor not in limits.payloads:
        yield find("payloads", tag="PAYLOADCOMPRESSOR", value=artifact.payload_compressor, why=reads, cure=cure)
    if artifact.payload not in limits.payloads:
        yield find("payloads", tag="payload", value=artifact.payload, why=reads, cure=cure)
    elif artifact.payload != artifact.payload_compressor and artifact.payload_compressor in limits.payloads:
        why = f"goes by PAYLOADCOMPRESSOR, which says {artifact.payload_compressor}"
        yield find(
            "payloads", tag="payload", value=artifact.payload, why=why, cure="build it again: the file is not what it says"
        )
    if artifact.archive and artifact.archive not in limits.archives:
        why = f"reads archives of {', '.join(limits.archives)}"
        yield find("archives", tag="payload", value=artifact.archive, why=why, cure="no file of 4 GiB or more")


def check_file_digests(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """The algorithm of the file digests: what the header says, and what their lengths say."""
    says = DIGESTS.get(artifact.digest_number, str(artifact.digest_number))
    lengths = {DIGEST_LENGTHS.get(length, f"{length} digits") for length in artifact.digest_lengths}
    cure = "set %_binary_filedigest_algorithm and %_source_filedigest_algorithm from the target's file_digest"
    why = f"checks files by {', '.join(limits.file_digests)} alone, and finds each one damaged"
    if says not in limits.file_digests:
        yield find("file_digests", tag="FILEDIGESTALGO", value=f"{artifact.digest_number} ({says})", why=why, cure=cure)
    for length in sorted(lengths - {says}):
        if length not in limits.file_digests:
            yield find("file_digests", tag="FILEDIGESTS", value=length, why=why, cure=cure)


def check_file_sizes(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Files that are too large to unpack."""
    for path, size in artifact.files:
        if size > limits.file_size:
            why = f"unpacks at most {limits.file_size} bytes"
            yield find("file_size", tag="FILESIZES", value=f"{path}, {size} bytes", why=why, cure="split the file")


def check_features(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Requirements of rpm itself."""
    known = {f"rpmlib({feature})" for feature in limits.rpmlib}
    for dependency in artifact.dependencies:
        if dependency.kind == "REQUIRE" and dependency.name.startswith("rpmlib(") and dependency.name not in known:
            why = "does not provide it, so nothing can satisfy it"
            yield find("rpmlib", tag="REQUIRENAME", value=dependency.name, why=why, cure="avoid what makes rpmbuild ask for it")


def check_versions(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Characters that sort in a way of their own elsewhere, in versions of the package and of its dependencies."""
    own = [("VERSION", artifact.version, ""), ("RELEASE", artifact.release, "")]
    others = [(f"{dep.kind}VERSION", dep.version, f"{dep.name} ") for dep in artifact.dependencies if not is_rpmlib(dep.name)]
    for tag, version, name in dict.fromkeys((*own, *others)):
        for character in sorted(set(version) & set(limits.version_refuses)):
            why = f"takes {character} for a separator like any other and sorts such a version wrongly"
            yield find("version_refuses", tag=tag, value=name + version, why=why, cure=f"write the version without {character}")


def is_rpmlib(name: str) -> bool:
    """Tell whether a dependency is on rpm itself."""
    return name.startswith("rpmlib(")


def check_rich_dependencies(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Boolean dependencies, which begin with a parenthesis."""
    for dependency in artifact.dependencies:
        if dependency.name.startswith("(") and not limits.rich_dependencies:
            why = "takes it for a name, which nobody provides"
            cure = "write plain dependencies"
            yield find("rich_dependencies", tag=f"{dependency.kind}NAME", value=dependency.name, why=why, cure=cure)


def check_scriptlets(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Scriptlets that are never run, or not by what they are written for.

    An interpreter must be there when the scriptlet runs: one that the target always has, or a file of this very package once
    its files are in place. That a package requires its interpreter (rpmbuild sees to that) proves nothing: it may well be
    missing on the target, as /usr/bin/sh or /usr/bin/python3 are on an old one.
    """
    own = {path for path, _ in artifact.files}
    for scriptlet in artifact.scriptlets:
        tag = f"%{scriptlet.kind}"
        if scriptlet.kind not in limits.scriptlets:
            why = "never runs it, and does not say so"
            yield find("scriptlets", tag=tag, value=scriptlet.interpreter, why=why, cure="do its work in another scriptlet")
            continue
        if scriptlet.arguments and scriptlet.kind not in limits.argument_scriptlets:
            why = "reads an interpreter with arguments as garbage there"
            value = f"{scriptlet.interpreter} with {scriptlet.arguments} more"
            yield find("argument_scriptlets", tag=tag, value=value, why=why, cure="leave the arguments out")
        if scriptlet.interpreter not in limits.interpreters and (
            scriptlet.interpreter not in own or scriptlet.kind in BEFORE_FILES
        ):
            why = f"can be sure of {', '.join(limits.interpreters)} alone"
            cure = "write it in shell or Lua, or add to the limits what the target always has"
            yield find("interpreters", tag=tag, value=scriptlet.interpreter, why=why, cure=cure)


def check_signatures(artifact: Artifact, limits: Limits, find: Find) -> Iterator[Finding]:
    """Signatures that do not verify there, however good they are. No signature at all is not this rule's business."""
    cure = f"sign with one of {', '.join(limits.signatures)}"
    for signed in artifact.signatures:
        if signed.tag == "OPENPGP":
            if len(artifact.signatures) == 1:
                why = "does not know the tag and takes the package for unsigned"
                yield find("signatures", tag=signed.tag, value=signed.says, why=why, cure="sign with rpmsign --rpmv4")
        elif signed.says not in limits.signatures:
            yield find("signatures", tag=signed.tag, value=signed.says, why="finds such a signature bad", cure=cure)
        elif signed.tag not in SIGNATURE_TAGS.get(signed.algorithm, ()):
            why = f"looks for {signed.algorithm} in {' and '.join(SIGNATURE_TAGS.get(signed.algorithm, ('no tag',)))}"
            yield find("signatures", tag=signed.tag, value=signed.says, why=why, cure=cure)


RULES: tuple[Rule, ...] = (
    check_lead, check_sizes, check_tag_types, check_payload, check_file_digests, check_file_sizes, check_features,
    check_versions, check_rich_dependencies, check_scriptlets, check_signatures,
)  # fmt: skip
