"""Reading a record: checked, and made into plain data."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tproxy_rpms.errors import RecordError
from tproxy_rpms.publish.client import NAME as CLIENT
from tproxy_rpms.publish.evidence import OUTSIDE
from tproxy_rpms.publish.statement import BUILD_TYPE, PREDICATE, STATEMENT

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file that went in. `content` is there for those that are not the project's."""

    name: str
    role: str
    sha256: str
    content: bytes = b""

    @property
    def outside(self) -> bool:
        """Whether it is no file of the project."""
        return self.name.startswith(f"{OUTSIDE}/")


@dataclass(frozen=True, kw_only=True)
class RecordedSource:
    """A source: its name in the release, its file, and for the host's archive PACKAGE=VERSION."""

    source: str
    file: str
    sha256: str
    package: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a rebuild wants to know of a record.

    Fields:
        release: its name. text: its resolved file. outputs: file of the repositories → SHA-256. Of a signed release, whose
            signatures nobody else can make, these are the RPMs alone, as they were before.
        commit, changed: the project's, and the files that were in no commit. roots: arch → package → version.
        versions: tool → version.
    """

    path: Path
    release: str
    text: str
    builder: str
    outputs: Mapping[str, str]
    signed: bool
    files: tuple[RecordedFile, ...]
    sources: tuple[RecordedSource, ...]
    roots: Mapping[str, Mapping[str, str]]
    versions: Mapping[str, str]
    commit: str = ""
    changed: tuple[str, ...] = ()
    arches: tuple[str, ...] = field(default=())


def read_record(path: Path) -> Record:
    """Return a record. Raises RecordError that says what is wrong with it."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        hint = "a cut leaves it as build/RELEASE/record/RELEASE.intoto.json"
        raise RecordError(f"{path}: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise RecordError(f"{path}: no JSON: {error}", hint="is it a record, and whole?") from error
    check_types(path, content)
    try:
        return parse_record(path, content)
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        hint = "it was changed, or made by another version of this project"
        raise RecordError(f"{path}: not understood: {type(error).__name__}: {error}", hint=hint) from error


def check_types(path: Path, content: Any) -> None:
    """Raise RecordError for what is no statement, no provenance, or not of our kind of build."""
    if not isinstance(content, dict):
        raise RecordError(f"{path}: no statement, but a JSON {type(content).__name__}", hint="is it a record?")
    definition = content.get("predicate", {}).get("buildDefinition", {}) if isinstance(content.get("predicate"), dict) else {}
    kind = definition.get("buildType") if isinstance(definition, dict) else None
    wanted = {"_type": (content.get("_type"), STATEMENT), "predicateType": (content.get("predicateType"), PREDICATE)}
    for name, (found, right) in (wanted | {"predicate.buildDefinition.buildType": (kind, BUILD_TYPE)}).items():
        if found != right:
            raise RecordError(f"{path}: {name}: is {found!r}, a record has {right!r}", hint="is it a record of this project?")


def parse_record(path: Path, content: Mapping[str, Any]) -> Record:
    """Return the record of a statement. Raises KeyError, TypeError or ValueError where it is not as we write it."""
    definition, details = content["predicate"]["buildDefinition"], content["predicate"]["runDetails"]
    parameters, dependencies = definition["externalParameters"], definition["resolvedDependencies"]
    by_role: dict[str, list[Mapping[str, Any]]] = {}
    for one in dependencies:
        by_role.setdefault(one["annotations"]["role"], []).append(one)
    checkout = by_role.pop("checkout", [])
    sources, roots = by_role.pop("source", []), by_role.pop("root", [])
    if not re.fullmatch(r"[^./][^/]*", parameters["release"]):
        raise ValueError(f"{parameters['release']!r} is no name of a release")
    return Record(
        path=path,
        release=parameters["release"],
        text=parameters["releaseFile"],
        builder=details["builder"]["id"],
        outputs=dict(read_outputs(content["subject"], signed="signing" in parameters)),
        files=tuple(parse_file(role, one) for role, ones in by_role.items() for one in ones),
        sources=tuple(parse_source(one) for one in sources),
        signed="signing" in parameters,
        roots={one["annotations"]["arch"]: one["annotations"]["packages"] for one in roots},
        versions=details["builder"].get("version", {}),
        commit=checkout[0]["digest"]["gitCommit"] if checkout else "",
        changed=tuple(checkout[0]["annotations"].get("changed", ())) if checkout else (),
        arches=tuple(parameters["arches"]),
    )


def read_outputs(subjects: Iterable[Mapping[str, Any]], *, signed: bool) -> Iterator[tuple[str, str]]:
    """Yield name and SHA-256 of each file that a rebuild must give."""
    for one in subjects:
        name, digest = check_name(one["name"]), read_digest(one)
        annotations = one.get("annotations", {})
        if not signed:
            yield name, digest
        elif "unsigned" in annotations and annotations["package"] != CLIENT:
            yield name, read_digest({"name": name, "digest": annotations["unsigned"]})


def parse_file(role: str, one: Mapping[str, Any]) -> RecordedFile:
    """Return a file; one that is carried along must have the digest that it is said to have."""
    import hashlib

    content = base64.b64decode(one.get("content", ""), validate=True)
    digest = read_digest(one)
    if content and hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"the digest of {one['name']} is not that of its content")
    return RecordedFile(name=check_name(one["name"]), role=role, sha256=digest, content=content)


def parse_source(one: Mapping[str, Any]) -> RecordedSource:
    """Return a source."""
    annotations = one["annotations"]
    file = check_name(one["name"])
    return RecordedSource(
        source=annotations["source"], file=file, sha256=read_digest(one), package=annotations.get("package", "")
    )


def read_digest(one: Mapping[str, Any]) -> str:
    """Return a resource's SHA-256."""
    digest = one["digest"]["sha256"]
    if not SHA256.fullmatch(digest):
        raise ValueError(f"the digest of {one['name']} is no SHA-256")
    return str(digest)


def check_name(name: str) -> str:
    """Return a name that stays in its folder. A record comes from elsewhere: it must not say where on this host to write."""
    if name.startswith("/") or ".." in Path(name).parts:
        raise ValueError(f"{name!r} leads out of its folder")
    return name
