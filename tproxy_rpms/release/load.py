"""Reading a release: its file, the files that it extends, its target; every problem at once."""

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tproxy_rpms.errors import ReleaseError
from tproxy_rpms.release.koji import check_hub
from tproxy_rpms.release.limits import check_versions
from tproxy_rpms.release.merge import Layers, merge_layer
from tproxy_rpms.release.model import Package, Release, Target
from tproxy_rpms.release.read import read_release, read_target
from tproxy_rpms.release.table import Table, describe, suggest
from tproxy_rpms.shelf import find_path, list_names, list_shelves

SCHEMA = 1
BUILDERS = ("chroot", "koji", "mock")
HINT = f"every key with what it means: {sys.executable} -m tproxy_rpms.reference"


def load_release(name_or_path: str, *, root: Path) -> Release:
    """Return a checked and resolved release.

    Args:
        name_or_path: a name (releases/NAME.toml) or the path of a file, which may lie anywhere.
        root: the project's folder. What it has not in releases/, targets/, specs/, kconfig/ or patches/, the stock has.

    Raises ReleaseError with every problem of the release, of what it extends, and of its target.
    """
    problems: list[str] = []
    chain = read_chain(find_release(name_or_path, root=root, base=Path.cwd()), root=root, problems=problems)
    layers = Layers()
    for path, data in chain:
        layers, missing = merge_layer(layers, data, path=path)
        problems += [f"{path}: remove: {key!r} is not in what it extends" for key in missing]
    path = chain[-1][0]
    table = Table(layers.data, file=path, problems=problems, origins=layers.origins)
    target_file = find_target(table, root=root)
    release = read_release(
        table,
        name=path.stem,
        files=[path for path, _ in chain],
        target=load_target(table, target_file),
        target_file=target_file,
        root=root,
        builders=BUILDERS,
    )
    check_references(release, table)
    check_versions(release, table)
    check_hub(release, table)
    check_files(release, table, root=root)
    if problems:
        raise ReleaseError(problems, hint=HINT)
    return release


def find_release(name_or_path: str, *, root: Path, base: Path, asking: Path | None = None) -> Path:
    """Return the file of a release name, or the path itself relative to `base`. Raises ReleaseError for neither.

    A release of the project may be named like the one of the stock that it extends: it (`asking`) never means itself.
    """
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        path = base / name_or_path
        if not path.is_file():
            raise ReleaseError([f"{path}: no such release file"], hint="give a name of releases/ or the path of a .toml file")
        return path
    names = list_names(root, "releases", ".toml")
    if name_or_path not in names:
        known = f"known releases: {', '.join(names)}"
        raise ReleaseError([f"{name_or_path}: no such release{suggest(name_or_path, names)}"], hint=known)
    paths = [shelf / "releases" / f"{name_or_path}.toml" for shelf in list_shelves(root)]
    others = (path for path in paths if path.is_file() and not (asking and path.samefile(asking)))
    return next(others, asking or paths[0])


def read_chain(path: Path, *, root: Path, problems: list[str]) -> list[tuple[Path, dict[str, Any]]]:
    """Return the files that a release is built of with their content, the lowest first.

    Raises ReleaseError at once for what makes merging senseless: broken TOML, a missing file, a cycle.
    """
    chain: list[tuple[Path, dict[str, Any]]] = []
    while True:
        if path.resolve() in [known.resolve() for known, _ in chain]:
            circle = " → ".join(str(known) for known, _ in chain) + f" → {path}"
            raise ReleaseError([f"{path}: extends: goes in a circle: {circle}"], hint="let one of them stand alone")
        data = read_toml(path)
        check_own_keys(path, data, problems)
        chain.insert(0, (path, data))
        below = data.get("extends")
        if not isinstance(below, str):
            return chain
        path = find_release(below, root=root, base=path.parent, asking=path)


def check_own_keys(path: Path, data: Mapping[str, Any], problems: list[str]) -> None:
    """Check what each file says of itself: schema, extends, remove."""
    table = Table(data, file=path, problems=problems)
    if data.get("schema") != SCHEMA:
        found = "missing" if "schema" not in data else f"{data['schema']!r} is not known here"
        table.complain("schema", f"{found}; this version reads schema = {SCHEMA}")
    if "extends" in data and not isinstance(data["extends"], str):
        table.complain("extends", f"must be the name or path of a release, not {describe(data['extends'])}")
    table.texts("remove", ())


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content. Raises ReleaseError that names the line."""
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReleaseError([f"{path}: {error}"], hint="the file is not TOML") from error


def find_target(table: Table, *, root: Path) -> Path:
    """Return the file of a release's target: targets/NAME.toml, or a path relative to the release file that names it."""
    names = list_names(root, "targets", ".toml")
    given = table.data.get("target")
    if isinstance(given, str) and ("/" in given or given.endswith(".toml")):
        path = table.origin("target").parent / table.take("target", str)
        if not path.is_file():
            table.complain("target", f"{path}: no such target file")
        return path
    return find_path(root, "targets", f"{table.choice('target', names)}.toml")


def load_target(table: Table, path: Path) -> Target:
    """Return a target from its file; what is not there has been complained of."""
    if not path.is_file():
        return read_target(Table({}, file=table.file, problems=[]), name=path.stem)
    data = read_toml(path)
    check_own_keys(path, data, table.problems)
    return read_target(Table(data, file=path, problems=table.problems), name=path.stem)


def check_references(release: Release, table: Table) -> None:
    """Complain of names that lead nowhere, and of packages that wait for each other."""
    for package in release.packages.values():
        inner = table.inner("packages", {}).inner(package.name, {})
        for source in package.sources:
            if source not in release.sources:
                inner.complain("sources", f"there is no source {source!r}{suggest(source, release.sources)}")
        for name in package.after:
            if name not in release.packages:
                inner.complain("after", f"there is no package {name!r}{suggest(name, release.packages)}")
        if waits_for(package.name, package.after, release.packages):
            inner.complain("after", "goes in a circle: the package waits for itself")


def waits_for(name: str, after: tuple[str, ...], packages: Mapping[str, Package]) -> bool:
    """Tell whether `name` is among `after` or what these wait for."""
    seen: set[str] = set()
    waiting = list(after)
    while waiting:
        one = waiting.pop()
        if one == name:
            return True
        if one not in seen and one in packages:
            waiting += packages[one].after
        seen.add(one)
    return False


def check_files(release: Release, table: Table, *, root: Path) -> None:
    """Complain of spec templates, patch folders and fragments that are not there."""
    for package in release.packages.values():
        inner = table.inner("packages", {}).inner(package.name, {})
        specs = list_names(root, "specs", ".spec.j2")
        if package.spec not in specs:
            inner.complain("spec", f"there is no specs/{package.spec}.spec.j2{suggest(package.spec, specs)}")
        if package.patches and not find_path(root, "patches", package.patches).is_dir():
            inner.complain("patches", f"there is no folder patches/{package.patches}")
        fragments = list_names(root, "kconfig", ".config")
        for fragment in package.kconfig.fragments if package.kconfig else ():
            if fragment not in fragments:
                inner.complain("kconfig.fragments", f"there is no kconfig/{fragment}.config{suggest(fragment, fragments)}")
