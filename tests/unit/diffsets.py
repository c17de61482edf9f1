"""Packages and sets of them, as a comparison has them, without a file."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from tproxy_rpms.diff.package import Contents, File, Package, PackageSet, Relation


def make_file(path: str, *, digest: str = "aa", size: int = 10, mode: int = 0o644, target: str = "", **more: object) -> File:
    """A regular file, a link if it has a target, or a folder if its mode says so."""
    kind = stat.S_IFLNK if target else 0 if stat.S_IFMT(mode) else stat.S_IFREG
    fields = {"user": "root", "group": "root", "digest": digest, "size": size, "target": target} | more
    return File(path=path, mode=mode | kind, **fields)  # type: ignore[arg-type]


def make_contents(
    files: Iterable[File] = (),
    *,
    body: str = "b",
    installed: int = 100,
    relations: Iterable[Relation] = (),
    scriptlets: Mapping[str, str] | None = None,
    **more: object,
) -> Contents:
    fields = {"digest_number": 8} | more
    return Contents(
        body=body, installed=installed, files=tuple(files), relations=frozenset(relations), scriptlets=scriptlets or {}, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def make_package(name: str = "hello", version: str = "1", release: str = "1", **more: object) -> Package:
    """A package for x86_64; its digest is one of its own version and body."""
    contents = more.pop("contents", make_contents())
    fields: dict[str, object] = {"repository": "x86_64", "arch": "x86_64", "size": 1000, "path": Path("there")} | more
    body = contents.body if isinstance(contents, Contents) else ""
    fields.setdefault("sha256", f"{name}-{version}-{release}-{body}")
    return Package(
        name=name, version=version, release=release, file=f"{name}-{version}-{release}.rpm", contents=contents, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def make_packages(*packages: Package, title: str = "a set") -> PackageSet:
    return PackageSet(title=title, location="/somewhere", packages=packages)
