"""The SBOM of a cut: CycloneDX 1.6, the same bytes for the same cut.

Components are the RPMs and SRPMs, the upstream sources with their patches, and, with the scope `excluded`, what they were built
with: the packages of the build roots and the host's tools. An RPM depends on its SRPM, that on its sources.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.builders.describe import RootContent
from tproxy_rpms.packaging.header import Header, read_header
from tproxy_rpms.publish.evidence import Evidence, Output, SourceEvidence
from tproxy_rpms.publish.statement import strip_credentials
from tproxy_rpms.store import digest_file, write_whole

if TYPE_CHECKING:
    from cyclonedx.model import HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, Pedigree
    from packageurl import PackageURL

# Spec → the CPE of the first source of a package that it builds: vendor and product as the NVD has them.
CPES: Mapping[str, str] = {
    "iptables": "a:netfilter:iptables",
    "kernel": "o:linux:linux_kernel",
    "squid": "a:squid-cache:squid",
}

DEBIAN_ARCH: Mapping[str, str] = {"x86_64": "amd64", "i386": "i386"}


def write_sbom(path: Path, evidence: Evidence) -> None:
    """Write the SBOM of a cut as JSON."""
    from cyclonedx.output.json import JsonV1Dot6

    bom = make_bom(evidence)
    bom.serial_number = uuid.UUID(int=0)
    # The number follows from all else, so that it is the same for the same cut and another for another.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, JsonV1Dot6(bom).output_as_string())
    write_whole(path, JsonV1Dot6(bom).output_as_string(indent=2) + "\n")


def make_bom(evidence: Evidence) -> "Bom":
    """Return the SBOM, but for its serial number."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    release = evidence.release
    day = datetime.fromtimestamp(release.epoch, UTC)
    maker = Component(name="tproxy-rpms", type=ComponentType.APPLICATION, bom_ref="tool/tproxy-rpms")
    whole = Component(
        name=release.name,
        version=f"{day:%Y%m%d}-{release.revision}",
        type=ComponentType.PLATFORM,
        bom_ref=f"release/{release.name}",
        description=release.summary,
    )
    bom = Bom(metadata=BomMetaData(tools=ToolRepository(components=[maker]), component=whole, timestamp=day))
    sources = {one.source.name: make_source(one, evidence) for one in evidence.sources}
    outputs = {output.name: (output, read_header(output.path)) for output in evidence.outputs if output.package}
    packages = {name: make_package(output, header, evidence) for name, (output, header) in outputs.items()}
    for component in (*sources.values(), *packages.values(), *make_surroundings(evidence)):
        bom.components.add(component)
    bom.register_dependency(whole, [packages[name] for name, (output, _) in outputs.items() if output.arch != "SRPM"])
    srpms = {output.path.name: packages[name] for name, (output, _) in outputs.items() if output.arch == "SRPM"}
    for name, (output, header) in outputs.items():
        if output.arch == "SRPM":
            package = release.packages.get(output.package)  # tproxy-release is no package of the release file
            bom.register_dependency(packages[name], [sources[one] for one in package.sources] if package else [])
        else:
            bom.register_dependency(packages[name], [srpms[header.srpm]] if header.srpm in srpms else [])
    return bom


def make_package(output: Output, header: Header, evidence: Evidence) -> "Component":
    """Return the component of an RPM or SRPM."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    arch = "src" if output.arch == "SRPM" else header.arch
    qualifiers = {"arch": arch, "distro": evidence.release.target.name} | ({"epoch": header.epoch} if header.epoch else {})
    version = f"{header.version}-{header.release}"
    return Component(
        name=header.name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"rpm/{output.name}",
        purl=PackageURL(type="rpm", name=header.name, version=version, qualifiers=qualifiers),
        hashes=[make_hash("sha256", output.sha256)],
        licenses=[LicenseFactory().make_from_string(header.license)] if header.license else [],
        description=header.summary,
        publisher=evidence.release.packager,
        properties=make_properties(package=output.package, file=output.name),
    )


def make_source(one: SourceEvidence, evidence: Evidence) -> "Component":
    """Return the component of an upstream source."""
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component, ComponentType

    source, fetched = one.source, one.fetched
    first = [package for package in evidence.release.packages.values() if package.sources[:1] == (source.name,)]
    patches = [name for package in first for name in evidence.patches.get(package.name, ())]
    product = next((CPES[package.spec] for package in first if package.spec in CPES), "")
    return Component(
        name=source.name,
        version=fetched.version,
        type=ComponentType.APPLICATION,
        bom_ref=f"source/{fetched.file}",
        hashes=[make_hash(name, digest) for name, digest in (dict(source.digests) | {"sha256": fetched.sha256}).items()],
        purl=make_source_purl(one, evidence.release.target.suite),
        cpe=make_cpe(product, fetched.version),
        external_references=[
            ExternalReference(type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=XsUri(strip_credentials(url)))
            for url in source.urls
        ],
        pedigree=make_pedigree(patches, evidence) if patches else None,
        properties=make_properties(file=fetched.file, size=str(fetched.size), archive=fetched.package),
    )


def make_source_purl(one: SourceEvidence, suite: str) -> "PackageURL":
    """Return the package URL of a source: the archive's package, or a file at its maker's URL."""
    from packageurl import PackageURL

    if one.source.archive:
        return PackageURL.from_string(one.uri(suite))
    qualifiers = {"download_url": one.uri(suite), "checksum": f"sha256:{one.fetched.sha256}"}
    return PackageURL(type="generic", name=one.source.name, version=one.fetched.version, qualifiers=qualifiers)


def make_pedigree(patches: list[str], evidence: Evidence) -> "Pedigree":
    """Return what was changed: each patch as it is, by its path in the project and its text."""
    from cyclonedx.model import AttachedText, Encoding, XsUri
    from cyclonedx.model.component import Diff, Patch, PatchClassification, Pedigree

    paths = {one.name: one.path for one in evidence.inputs}
    notes = "".join(f"{number}. {name} sha256:{digest_file(paths[name])}\n" for number, name in enumerate(patches, start=1))
    made = []
    for name in patches:
        text = AttachedText(content=encode(paths[name]), content_type="text/x-diff", encoding=Encoding.BASE_64)
        made.append(Patch(type=PatchClassification.UNOFFICIAL, diff=Diff(text=text, url=XsUri(name))))
    return Pedigree(patches=made, notes=f"Patches in the order in which they apply:\n{notes}")


def encode(path: Path) -> str:
    """Return a file in base64."""
    import base64

    return base64.b64encode(path.read_bytes()).decode()


def make_surroundings(evidence: Evidence) -> Iterator["Component"]:
    """Yield what the packages were built with, which is in none of them: scope `excluded`."""
    for name, version in sorted(evidence.tools.items()):
        yield make_tool(f"tool/{name}", name=name, version=version, description="of the building host")
    for root in evidence.roots:
        for name, version in sorted(root.packages.items()):
            purl = make_purl(root, name, version)
            text = f"of the build root for {root.arch}"
            yield make_tool(f"root/{root.arch}/{name}", name=purl.name, version=version, description=text, purl=purl)


def make_tool(reference: str, *, name: str, version: str, description: str, purl: "PackageURL | None" = None) -> "Component":
    """Return the component of what is no part of any package."""
    from cyclonedx.model.component import Component, ComponentScope, ComponentType

    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        scope=ComponentScope.EXCLUDED,
        bom_ref=reference,
        description=description,
        purl=purl,
    )


def make_purl(root: RootContent, name: str, version: str) -> "PackageURL":
    """Return the package URL of a package of a build root."""
    from packageurl import PackageURL

    if root.kind == "deb":
        qualifiers = {"arch": DEBIAN_ARCH[root.arch], "distro": root.suite}
        return PackageURL(type="deb", namespace="debian", name=name, version=version, qualifiers=qualifiers)
    name, _, arch = name.rpartition(".")
    return PackageURL(type="rpm", name=name, version=version, qualifiers={"arch": arch, "distro": root.suite})


def make_properties(**values: str) -> "list[Property]":
    """Return properties of our own, without empty ones."""
    from cyclonedx.model import Property

    return [Property(name=f"tproxy-rpms:{name}", value=value) for name, value in values.items() if value]


def make_hash(algorithm: str, digest: str) -> "HashType":
    """Return a digest as CycloneDX names its algorithm: sha256 is SHA-256."""
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm(re.sub(r"^SHA", "SHA-", algorithm.upper())), content=digest)


def make_cpe(product: str, version: str) -> str | None:
    """Return the CPE 2.3 of a product; None where product or version cannot be said surely."""
    if not product or not re.fullmatch(r"[0-9A-Za-z._]+", version):
        return None
    return f"cpe:2.3:{product}:{version}:*:*:*:*:*:*:*"
