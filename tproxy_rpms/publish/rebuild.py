"""Rebuilding a cut from its record: is this the same checkout, the release with every source pinned, and the bytes compared."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tproxy_rpms.errors import RebuildError, RecordError
from tproxy_rpms.publish.evidence import OUTSIDE, Input
from tproxy_rpms.publish.recorded import Record, RecordedFile, RecordedSource
from tproxy_rpms.release.model import Release, Source
from tproxy_rpms.store import digest_file, write_whole

# What of the files that went in need not be there as it was: the record has the release as it was resolved.
RESOLVED = ("release",)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file of the repositories, compared: its SHA-256 as recorded and as rebuilt, empty where it is not there."""

    file: str
    first: str
    second: str

    @property
    def word(self) -> str:
        """What came of it, for people."""
        if not self.second:
            return "missing"
        if not self.first:
            return "new"
        return "same" if self.first == self.second else "different"


def check_files(record: Record, *, find: Mapping[str, Path]) -> None:
    """Raise RecordError with each file of the checkout that is not as the record has it.

    Args:
        find: name → where it lies, for all files of the project that the record names.
    """
    wrong = []
    for one in sorted(record.files, key=lambda file: file.name):
        if one.outside or one.role in RESOLVED:
            continue
        path = find[one.name]
        if not path.is_file():
            wrong.append(f"{one.name}: missing")
        elif digest_file(path) != one.sha256:
            wrong.append(f"{one.name}: changed: has {digest_file(path)}, recorded is {one.sha256}")
    raise_differences(record, wrong)


def check_additions(record: Record, inputs: Iterable[Input]) -> None:
    """Raise RecordError with each file that would go into the packages here, and did not then."""
    known = {one.name for one in record.files}
    # Release, target and locks lie in the rebuild's own folder here.
    added = [one for one in inputs if not one.outside and one.role not in ("release", "target", "lock", "mock-config")]
    raise_differences(record, [f"{one.name}: new" for one in added if one.name not in known])


def raise_differences(record: Record, wrong: list[str]) -> None:
    """Raise RecordError for differences, with the way back to the recorded commit."""
    if not wrong:
        return
    hint = name_way_back(record)
    names = {line.partition(": ")[0] for line in wrong}
    lost = [name for name in record.changed if name in names]
    if lost:
        hint += f"; but these were in no commit as they were: {', '.join(lost)}"
    raise RecordError(f"{record.path}: this checkout is not the one that it was made from\n" + "\n".join(wrong), hint=hint)


def name_way_back(record: Record) -> str:
    """Return how to come to the files of a record: by a commit of the checkout, or by the wheel and a commit of the project."""
    installed, project = record.versions.get("python:tproxy-rpms"), record.versions.get("project")
    ways = [f"git checkout {record.commit}"] if record.commit else []
    # Never a name for pip to look up: the project is on no index, and whoever took its name there would be believed.
    wheel = f"in a checkout of tproxy-rpms {installed}, ./run python -m pip wheel --no-deps --no-build-isolation -w dist ."
    ways += [f"{wheel}, and install that wheel"] if installed and not record.commit else []
    ways += [f"in the project, git checkout {project}"] if project else []
    return "; ".join(ways) or "the record names no commit: find the files of that time"


def write_release(record: Record, folder: Path, *, find: Mapping[str, Path]) -> Path:
    """Write the recorded release with what belongs to it into a folder, and return its file, FOLDER/RELEASE.toml."""
    path = folder / f"{record.release}.toml"
    write_whole(path, record.text)
    for one in record.files:
        if one.outside and one.role not in RESOLVED:
            write_whole(folder / one.name.removeprefix(f"{OUTSIDE}/"), carried(record, one))
        elif one.role == "lock":
            write_whole(folder / f"{record.release}.lock" / Path(one.name).name, find[one.name].read_bytes())
    return path


def carried(record: Record, one: RecordedFile) -> bytes:
    """Return a file that the record carries. Raises RecordError if it does not."""
    if not one.content:
        raise RecordError(f"{record.path}: {one.name}: the record does not carry it", hint="the record was changed")
    return one.content


def pin_sources(release: Release, record: Record) -> Release:
    """Return a release whose every source is pinned to what was recorded. Raises RecordError where one does not fit the other."""
    recorded = {one.source: one for one in record.sources}
    if recorded.keys() != release.sources.keys():
        text = f"recorded are {', '.join(sorted(recorded))}, its release has {', '.join(sorted(release.sources))}"
        raise RecordError(f"{record.path}: sources: {text}", hint="the record was changed")
    return replace(release, sources={name: pin_source(source, recorded[name]) for name, source in release.sources.items()})


def pin_source(source: Source, recorded: RecordedSource) -> Source:
    """Return a source that takes one file alone."""
    digests = dict(source.digests) | {"sha256": recorded.sha256}
    if source.archive is None:
        return replace(source, digests=digests)
    version = recorded.package.partition("=")[2]
    return replace(source, digests=digests, filename=recorded.file, archive=replace(source.archive, version=version))


def target_name(record: Record) -> str:
    """Return how the recorded release names its target. Raises RecordError if it is no TOML."""
    try:
        return str(tomllib.loads(record.text)["target"])
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise RecordError(f"{record.path}: releaseFile: {error}", hint="the record was changed") from error


def compare_outputs(record: Record, repositories: Path) -> tuple[Row, ...]:
    """Compare every file of the rebuilt repositories, read from the disk, with the record; of a signed release, every RPM."""
    files = repositories.rglob("*.rpm" if record.signed else "*")
    found = {str(path.relative_to(repositories)): digest_file(path) for path in files if path.is_file()}
    names = sorted(record.outputs.keys() | found.keys())
    return tuple(Row(file=name, first=record.outputs.get(name, ""), second=found.get(name, "")) for name in names)


def compare_surroundings(first: Record, second: Record) -> Iterator[str]:
    """Yield how the build roots and the tools of two cuts differ, a line a package or tool."""
    for arch in sorted(first.roots.keys() | second.roots.keys()):
        yield from compare_versions(f"root for {arch}", first.roots.get(arch, {}), second.roots.get(arch, {}))
    yield from compare_versions("host", first.versions, second.versions)


def compare_versions(where: str, first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[str]:
    """Yield `WHERE: NAME: recorded X, here Y` for each name with two versions."""
    for name in sorted(first.keys() | second.keys()):
        if first.get(name) != second.get(name):
            yield f"{where}: {name}: recorded {first.get(name, 'none')}, here {second.get(name, 'none')}"


def render_rows(rows: Iterable[Row]) -> str:
    """Return the table of all files, for people."""
    # Metadata has its digest in its name.
    names = {row: re.sub(r"\b([0-9a-f]{8})[0-9a-f]{24,}-", r"\1…-", row.file) for row in rows}
    width = max((len(name) for name in names.values()), default=0)
    cells = ((row.word, name, row.first[:16] or "-", row.second[:16] or "-") for row, name in names.items())
    return "".join(f"{word:9}  {name:{width}}  {first:16}  {second}\n" for word, name, first, second in cells)


def require_same(rows: Iterable[Row], causes: Iterable[str]) -> None:
    """Raise RebuildError with each file that is not the same, and what else was not."""
    wrong = [row for row in rows if row.word != "same"]
    if not wrong:
        return
    found = list(causes)
    likely = ["likely because of what differs:", *found] if found else ["build roots and tools are the same: compare the files"]
    raise RebuildError(
        [f"{row.file}: {row.word}: recorded {row.first or 'none'}, rebuilt {row.second or 'none'}" for row in wrong],
        hint="\n".join(likely),
    )
