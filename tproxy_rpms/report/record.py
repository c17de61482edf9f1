"""Where record, SBOM, repositories and logs lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.report.evidence import Evidence
from tproxy_rpms.report.link import link


@dataclass(frozen=True, kw_only=True)
class Link:
    """A file with what it is; `href` is empty for one that is not there."""

    name: str
    what: str
    href: str
    size: int = 0


def gather_records(evidence: Evidence) -> tuple[Link, ...]:
    """Return the documents of the cut, also those that are not there yet."""
    name, folder = evidence.release.name, evidence.folder
    documents = (
        (
            folder / "record" / f"{name}.intoto.json",
            "the record: what went in, how it was made, every output's digest (in-toto, SLSA)",
        ),
        (folder / "record" / f"{name}.cdx.json", "the SBOM (CycloneDX)"),
        (folder / "acceptance" / "index.html", "what was shown to proxy, check by check"),
        (folder / "repro" / "index.html", "verdicts on reproducibility, and what differs"),
        (folder / "repro-published" / "index.html", "the comparison with what is published"),
    )
    return tuple(make_link(path, what, folder) for path, what in documents)


def gather_repositories(evidence: Evidence) -> tuple[Link, ...]:
    """Return the metadata of the repositories, one an arch and one of the SRPMs."""
    folder = evidence.folder
    names = (*evidence.release.arches, "SRPMS")
    return tuple(make_link(folder / "repo" / name / "repodata" / "repomd.xml", f"repository {name}", folder) for name in names)


def gather_logs(evidence: Evidence) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    """Return the logs of each folder of logs, and of the roots."""
    logs = evidence.folder / "logs"
    groups = [("build roots", sorted(logs.glob("root-*.log")))]
    groups += [(path.name, sorted(path.glob("*.log"))) for path in sorted(logs.glob("*")) if path.is_dir()]
    return tuple((name, tuple(make_logs(paths, evidence.folder))) for name, paths in groups if paths)


def make_logs(paths: list[Path], folder: Path) -> Iterator[Link]:
    """Yield links to logs that say anything."""
    for path in paths:
        if path.stat().st_size:
            yield make_link(path, "log", folder)


def make_link(path: Path, what: str, folder: Path) -> Link:
    """Return a link to a file that may not be there."""
    return Link(
        name=path.relative_to(folder).as_posix(),
        what=what,
        href=link(path, folder),
        size=path.stat().st_size if path.is_file() else 0,
    )
