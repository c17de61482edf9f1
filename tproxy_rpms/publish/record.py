"""The record of a cut: what went in, how it was made, and the digest of all that came out."""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.describe import RootContent
from tproxy_rpms.publish.evidence import OUTSIDE, Build, Evidence, Input, Output, SourceEvidence
from tproxy_rpms.publish.statement import HOME, Provenance, Resource, render_statement, strip_credentials
from tproxy_rpms.release.dump import dump_release
from tproxy_rpms.release.model import Release
from tproxy_rpms.sources.signature import SignatureVerdict
from tproxy_rpms.store import digest_file, digest_value, write_json

MEDIA: Mapping[str, str] = {
    ".json": "application/json",
    ".log": "text/plain",
    ".rpm": "application/x-rpm",
    ".xml": "application/xml",
    ".gz": "application/gzip",
}
SBOM_MEDIA = "application/vnd.cyclonedx+json"


def write_record(path: Path, evidence: Evidence, *, sbom: Path) -> None:
    """Write the record of a cut as an in-toto statement; the SBOM is one of its byproducts."""
    subjects = [describe_output(output, evidence) for output in evidence.outputs]
    provenance = Provenance(
        builder=evidence.release.builder,
        external=list_parameters(evidence),
        internal={"builds": {f"{build.package}-{build.arch}": describe_build(build) for build in evidence.builds}},
        dependencies=tuple(list_dependencies(evidence)),
        byproducts=tuple(list_byproducts(evidence, sbom)),
        versions=dict(sorted(evidence.tools.items())),
        invocation="",
        started=min(list_starts(evidence), default=""),
        finished=evidence.finished,
    )
    # What has the same digest is the same run: its times are in it.
    content = digest_value([[subject.render() for subject in subjects], provenance.render()])
    provenance = replace(provenance, invocation=uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/run/{content}").urn)
    write_json(path, render_statement(subjects, provenance))


def list_starts(evidence: Evidence) -> Iterator[str]:
    """Yield when each build of this cut began, as far as it is known; what was taken was built by another."""
    yield from (one.origin.started for one in evidence.builds if one.origin.origin == "built" and one.origin.started)


def list_parameters(evidence: Evidence) -> dict[str, Any]:
    """Return what whoever starts a cut decides: the resolved release, which stands alone, and the command."""
    release = evidence.release
    own = next(one for one in evidence.inputs if one.role == "release" and one.path == release.files[-1])
    given = own.path.stem if own.name == f"releases/{own.path.name}" else own.name.removeprefix(f"{OUTSIDE}/")
    words = ["doit", f"release={given}", *(["ccache=on"] if evidence.ccache else [])]
    return {
        "release": release.name,
        "releaseFile": dump_portably(evidence),
        "arches": list(release.arches),
        "command": words,
        "ccache": evidence.ccache,
    } | name_signer(release)


def name_signer(release: Release) -> dict[str, Any]:
    """Return who signs and how, if somebody does; where a key lies is nobody's business."""
    return {"signing": {"key": release.signing.key, "profile": release.target.signing}} if release.signing else {}


def dump_portably(evidence: Evidence) -> str:
    """Return the resolved release without credentials, without a word of where it lay, and without what is a site's own."""
    target = next(one for one in evidence.inputs if one.role == "target")
    release = replace(evidence.release, files=(), target_file=Path(target.name), signing=None, publishing=None, koji=None)
    if evidence.release.koji:
        release = replace(release, koji=evidence.release.koji.without_login())
    if "://" not in release.mirror:
        release = replace(release, mirror="")  # a folder of this host, and nothing comes from it that is not pinned
    text = dump_release(release, target=target.name.removeprefix(f"{OUTSIDE}/") if target.outside else Path(target.name).stem)
    return strip_credentials(text)


def describe_output(output: Output, evidence: Evidence) -> Resource:
    """Return one subject; RPMs tell their package, and whether that was built or taken from the cache."""
    origin = next((one.origin.origin for one in evidence.builds if (one.package, one.arch) == (output.package, output.arch)), "")
    unsigned = {"unsigned": {"sha256": output.unsigned}} if output.unsigned else {}
    annotations: dict[str, Any] = {"package": output.package, "arch": output.arch, "origin": origin} | unsigned
    return Resource(name=output.name, digest={"sha256": output.sha256}, media=media_type(output.name), annotations=annotations)


def describe_build(build: Build) -> dict[str, Any]:
    """Return how the RPMs of one package and arch were made."""
    content = build.content
    told = (
        asdict(build.origin)
        | {"commands": list(content.commands), "packages": dict(content.packages)}
        | {"place": dict(content.place)}
    )
    return {key: value for key, value in told.items() if value} | {"root": f"root/{build.arch}"}


def list_dependencies(evidence: Evidence) -> Iterator[Resource]:
    """Yield all that went in: the project's commit and files, sources, build roots."""
    checkout = evidence.checkout
    if checkout.commit:
        yield Resource(
            name="tproxy-rpms",
            digest={"gitCommit": checkout.commit},
            annotations={"role": "checkout", "dirty": bool(checkout.changed), "changed": list(checkout.changed)},
        )
    for one in evidence.inputs:
        yield describe_input(one, evidence)
    for source in evidence.sources:
        yield describe_source(source, suite=evidence.release.target.suite)
    for root in evidence.roots:
        yield describe_root(root)


def describe_input(one: Input, evidence: Evidence) -> Resource:
    """Return a file of the project; one from elsewhere is carried along, but for release files, which are resolved."""
    users = [package for package, names in evidence.patches.items() if one.name in names]
    annotations: dict[str, Any] = {"role": one.role} | ({"packages": users} if users else {})
    if len(users) == 1:
        annotations["order"] = evidence.patches[users[0]].index(one.name) + 1
    return Resource(
        name=one.name,
        digest={"sha256": digest_file(one.path)},
        content=one.path.read_bytes() if one.outside and one.role != "release" else b"",
        annotations=annotations,
    )


def describe_source(one: SourceEvidence, *, suite: str) -> Resource:
    """Return a source with every digest that it was held against, and what its signature proves."""
    source, fetched, verdict = one.source, one.fetched, one.verdict
    annotations = {
        "role": "source", "source": source.name, "version": fetched.version, "size": fetched.size,
        "package": fetched.package, "vouched": verdict.vouched,
        "signature": describe_signature(verdict.signature) if verdict.signature else None,
    }  # fmt: skip
    uri = one.uri(suite)
    return Resource(
        name=fetched.file,
        digest=dict(source.digests) | {"sha256": fetched.sha256},
        uri=uri,
        location=fetched.origin if fetched.origin.startswith(("http://", "https://")) and fetched.origin != uri else "",
        annotations=annotations,
    )


def describe_signature(signature: SignatureVerdict) -> dict[str, Any]:
    """Return what a signature proves; how the look-up went is told in the verdict, with paths of this host."""
    return {key: value for key, value in asdict(signature).items() if key != "detail" and value not in ("", 0)}


def describe_root(root: RootContent) -> Resource:
    """Return a build root with its packages."""
    annotations = {"role": "root", "arch": root.arch, "kind": root.kind, "suite": root.suite, "packages": dict(root.packages)}
    return Resource(name=f"root/{root.arch}", digest={"sha256": root.sha256}, annotations=annotations)


def list_byproducts(evidence: Evidence, sbom: Path) -> Iterator[Resource]:
    """Yield what a cut leaves beside its packages, named from the release's build folder."""
    for path in evidence.byproducts:
        name = str(path.relative_to(evidence.folder))
        yield Resource(
            name=name, digest={"sha256": digest_file(path)}, media=media_type(name), annotations={"role": name.partition("/")[0]}
        )
    yield Resource(
        name=str(sbom.relative_to(evidence.folder)),
        digest={"sha256": digest_file(sbom)},
        media=SBOM_MEDIA,
        annotations={"role": "sbom"},
    )


def media_type(name: str) -> str:
    """Return a file's media type by its name, empty if that tells nothing."""
    found = re.search(r"\.[a-z0-9]+$", name)
    return MEDIA.get(found[0], "") if found else ""
