"""Record the cut: what went in, how it was made, every output's digest, and an SBOM."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.shelf import STOCK
from tproxy_rpms.store import digest_code, digest_file, digest_value, read_outputs, read_stamp
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step

if TYPE_CHECKING:
    from tproxy_rpms.builders.describe import RootContent
    from tproxy_rpms.publish.evidence import Build, Evidence, Output, SourceEvidence


def create(cut: Cut) -> Iterator[Step]:
    """Yield the one step; it needs every repository."""
    yield Step(
        stage="record",
        name="cut",
        doc=f"build/{cut.release.name}/record",
        after=(*(f"repo:{name}" for name in list_repositories(cut)), *demanded(cut)),
        inputs=partial(inputs, cut),
        run=partial(make, cut),
    )


def demanded(cut: Cut) -> tuple[str, ...]:
    """Return the steps of the stages whose verdict publishing asks for: the record that is published tells of them."""
    from tproxy_rpms.tasks.accept import list_steps as list_acceptance

    publishing = cut.release.publishing
    return list_acceptance(cut) if publishing and "accept" in publishing.demand else ()


def list_repositories(cut: Cut) -> tuple[str, ...]:
    """Return the names of the repositories."""
    return (*cut.release.arches, "SRPMS")


def list_steps(cut: Cut) -> Iterator[tuple[str, ...]]:
    """Yield the names of the steps that a record tells of, as their stamps are named."""
    release = cut.release
    yield from (("repo", name) for name in list_repositories(cut))
    yield from (("root", arch) for arch in release.arches)
    yield from ((stage, name) for stage in ("fetch", "verify") for name in release.sources)
    for name, package in release.packages.items():
        yield ("srpm", name)
        yield ("gate", name, "SRPM")
        for arch in release.arches:
            yield from ((stage, name, arch) for stage in ("rpm", "gate", *(["kconfig"] if package.kconfig else [])))


def inputs(cut: Cut) -> dict[str, object]:
    """What shapes a record: that all steps did what they did. The commit plays no part: who made it stays who made it."""
    from tproxy_rpms.tasks.accept import list_verdicts

    origins = [cut.origin(package, arch) for package in cut.release.packages.values() for arch in cut.release.arches]
    return {
        "steps": digest_value([summarize_step(cut, words) for words in list_steps(cut)]),
        "acceptance": [digest_file(path) for path, _ in list_verdicts(cut)],
        "origins": digest_value([path.read_text() if path.is_file() else "" for path in origins]),
        "code": digest_code("publish"),
    }


def summarize_step(cut: Cut, words: tuple[str, ...]) -> list[object]:
    """Return what of a step's stamp does not change when its files are only touched."""
    stamp = read_stamp(cut.stamp(*words)) or {"inputs": {}, "outputs": {}}
    return [words, stamp["inputs"], {Path(path).name: state["sha256"] for path, state in stamp["outputs"].items()}]


def make(cut: Cut) -> tuple[Path, ...]:
    """Write the SBOM, and the record that has its digest."""
    from tproxy_rpms.publish.record import write_record
    from tproxy_rpms.publish.sbom import write_sbom

    evidence = gather(cut)
    sbom = cut.record.with_name(f"{cut.release.name}.cdx.json")
    write_sbom(sbom, evidence)
    write_record(cut.record, evidence, sbom=sbom)
    return cut.record, sbom


def gather(cut: Cut) -> "Evidence":
    """Return what the finished cut has left."""
    from tproxy_rpms.publish.evidence import Evidence
    from tproxy_rpms.publish.tools import read_checkout, read_tools
    from tproxy_rpms.tasks.inputs import list_inputs, name_inputs

    stamps = [cut.stamp("repo", name).stat().st_mtime for name in list_repositories(cut)]
    packages = cut.release.packages.values()
    return Evidence(
        release=cut.release,
        root=cut.root,
        folder=cut.build,
        inputs=list_inputs(cut),
        sources=tuple(gather_sources(cut)),
        patches={one.name: tuple(patch.name for patch in name_inputs(cut, cut.patches(one), "patch")) for one in packages},
        roots=tuple(gather_roots(cut)),
        builds=tuple(gather_builds(cut)),
        outputs=tuple(gather_outputs(cut)),
        byproducts=tuple(gather_byproducts(cut)),
        tools=read_tools(cut.release) | describe_project(cut.root),
        checkout=read_checkout(STOCK),
        finished=datetime.fromtimestamp(int(max(stamps)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        ccache=cut.ccache,
    )


def describe_project(root: Path) -> dict[str, str]:
    """Return the commit of a project that has files beside the stock, and what of it is in no commit as it is; or nothing."""
    from tproxy_rpms.publish.tools import read_checkout

    own = read_checkout(root) if root.resolve() != STOCK else None
    if own is None or not own.commit:
        return {}
    return {"project": own.commit + (f", changed: {', '.join(own.changed)}" if own.changed else "")}


def gather_sources(cut: Cut) -> Iterator["SourceEvidence"]:
    """Yield the sources."""
    from tproxy_rpms.publish.evidence import SourceEvidence
    from tproxy_rpms.sources.fetched import read_fetched
    from tproxy_rpms.sources.verify import read_verdict

    for name, source in sorted(cut.release.sources.items()):
        fetched, verdict = read_fetched(cut.sources, name), read_verdict(cut.sources, name)
        yield SourceEvidence(source=source, fetched=fetched, verdict=verdict)


def gather_roots(cut: Cut) -> Iterator["RootContent"]:
    """Yield the build roots that the builder can tell of."""
    from tproxy_rpms.builders.describe import Describer

    builder = cut.builder
    if isinstance(builder, Describer):
        for arch in cut.release.arches:
            root = builder.describe_root(arch, log=cut.build / "logs" / f"root-{arch}.log")
            if root:
                yield root


def gather_builds(cut: Cut) -> Iterator["Build"]:
    """Yield how each package and arch was made, or from where it was taken."""
    from tproxy_rpms.builders.describe import Describer, JobContent
    from tproxy_rpms.publish.evidence import Build
    from tproxy_rpms.publish.origin import read_origin

    builder = cut.builder
    for package in cut.release.packages.values():
        for arch in cut.release.arches:
            content = builder.describe_job(cut.logs(package, arch)) if isinstance(builder, Describer) else JobContent()
            yield Build(package=package.name, arch=arch, origin=read_origin(cut.origin(package, arch)), content=content)


def gather_outputs(cut: Cut) -> Iterator["Output"]:
    """Yield every file of the repositories, with the package that it belongs to."""
    from tproxy_rpms.publish.evidence import Output
    from tproxy_rpms.store import digest_file

    names = list(cut.release.packages)
    for repository in list_repositories(cut):
        arch = "SRPM" if repository == "SRPMS" else repository
        built = {file: (name, digest) for name in names for file, digest in cut.recorded(*cut.made_by(name, arch)).items()}
        built |= {
            path.name: ("tproxy-release", digest_file(path)) for path in (cut.build / "client").glob("*.rpm") if cut.has_client
        }
        for path, digest in read_outputs(cut.stamp("repo", repository)).items():
            owner, unsigned = built.get(path.name, ("", ""))
            unsigned = unsigned if cut.release.signing else ""
            name = str(path.relative_to(cut.build / "repo"))
            yield Output(name=name, path=path, sha256=digest, package=owner, arch=arch if owner else "", unsigned=unsigned)


def gather_byproducts(cut: Cut) -> Iterator[Path]:
    """Yield logs, configurations and audits, verdicts, and reports of gates and acceptance: each once, as far as it is there."""
    from tproxy_rpms.tasks.accept import list_verdicts

    paths = [cut.sources / f"{name}.verdict.json" for name in cut.release.sources]
    paths += [path for path, _ in list_verdicts(cut)]
    for arch in cut.release.arches:
        paths += (cut.build / "logs").glob(f"root-{arch}.*")
    for package in cut.release.packages.values():
        paths += cut.gates.glob(f"{package.name}-*.signed.json")
        paths.append(cut.gates / f"{package.name}-SRPM.json")
        for arch in cut.release.arches:
            paths += cut.logs(package, arch).glob("*")
            paths += cut.kconfig(package, arch).glob(f"*-{arch}*") if package.kconfig else ()
            paths.append(cut.gates / f"{package.name}-{arch}.json")
    yield from (path for path in sorted(paths) if path.is_file())
