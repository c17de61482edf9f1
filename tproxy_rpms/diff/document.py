"""A comparison as JSON, sorted and the same for the same two sets; `schema` grows when a field changes its meaning."""

import json
from dataclasses import asdict
from typing import Any

from tproxy_rpms.diff.change import WORDS, Change, Details, Difference
from tproxy_rpms.diff.package import File, Package, PackageSet

SCHEMA = 1


def render_json(difference: Difference) -> str:
    """Return a comparison for programs; every file, symbol and relation is in it."""
    document = {
        "schema": SCHEMA,
        "differ": difference.differ,
        "old": describe_set(difference.old),
        "new": describe_set(difference.new),
        "counts": {word: len(difference.select(word)) for word in WORDS},
        "grown": difference.grown,
        "installed_grown": difference.installed_grown,
        "packages": [describe_change(change) for change in difference.changes],
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def describe_set(packages: PackageSet) -> dict[str, Any]:
    """Return what a side is."""
    return {
        "title": packages.title, "location": packages.location, "packages": len(packages.packages), "size": packages.size,
    }  # fmt: skip


def describe_change(change: Change) -> dict[str, Any]:
    """Return what became of one package."""
    return {
        "repository": change.repository,
        "name": change.name,
        "change": change.word,
        "old": change.old and describe_package(change.old),
        "new": change.new and describe_package(change.new),
        "grown": change.grown,
        "installed_grown": change.installed_grown,
        "details": change.details and describe_details(change.details),
    }


def describe_package(package: Package) -> dict[str, Any]:
    """Return one package; what only a header tells is null where only a record tells of it."""
    contents = package.contents
    return {
        "file": package.file,
        "nevra": package.nevra,
        "epoch": package.epoch,
        "version": package.version,
        "release": package.release,
        "arch": package.arch,
        "sha256": package.sha256,
        "size": package.size,
        "installed": contents and contents.installed,
        "signatures": contents and list(contents.signatures),
    }


def describe_details(details: Details) -> dict[str, Any]:
    """Return what differs inside of a package."""
    return {
        "files": [
            {
                "path": change.path, "change": change.word, "aspects": list(change.aspects),
                "old": change.old and describe_file(change.old), "new": change.new and describe_file(change.new),
            }
            for change in details.files
        ],
        "renamed": details.renamed,
        "relations": [
            {
                "kind": change.kind, "name": change.name,
                "old": [str(one) for one in change.old], "new": [str(one) for one in change.new],
            }
            for change in details.relations
        ],
        "scriptlets": [asdict(change) for change in details.scriptlets],
        "symbols": [asdict(change) | {"change": change.word} for change in details.symbols],
        "notes": list(details.notes),
    }  # fmt: skip


def describe_file(file: File) -> dict[str, Any]:
    """Return a file."""
    return asdict(file) | {"mode": f"{file.mode & 0o7777:04o}", "kind": file.kind}
