"""The files that shape a release's cut: its own, and those of the project that it names. Their digests are in its record."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tproxy_rpms.publish.evidence import OUTSIDE, Input, Role
from tproxy_rpms.shelf import name_path
from tproxy_rpms.store import PACKAGE
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.kconfig import list_fragments

# The code that has a part in the packages' bytes; all else only fetches, checks and tells.
ROOMS = ("builders", "kernel", "packaging")
MODULES = ("process.py", "tarball.py", "publish/repository.py", "tasks/srpm.py", "tasks/rpm.py", "tasks/kconfig.py")


def list_inputs(cut: Cut) -> tuple[Input, ...]:
    """Return every file once, sorted by name."""
    found = {one.name: one for one in (*list_release(cut), *list_project(cut), *list_code())}
    return tuple(found[name] for name in sorted(found))


def list_release(cut: Cut) -> Iterator[Input]:
    """Yield the release's files, its target, and what its builder asks for; any of them may lie outside of the project."""
    release = cut.release
    for path in release.files:
        yield make_input(cut, path, "release", elsewhere=path.name)
    yield make_input(cut, release.target_file, "target", elsewhere=f"targets/{release.target_file.name}")
    for path in sorted(release.lock.glob("*.json")) if release.files else ():
        yield make_input(cut, path, "lock", elsewhere=f"{release.name}.lock/{path.name}")
    for arch in release.arches:
        config = release.mock_config(arch)
        if release.builder == "mock" and config.is_file():
            folder = os.path.normpath(f"targets/{release.target.mock_configs}")
            yield make_input(cut, config, "mock-config", elsewhere=f"{folder}/{config.name}")


def make_input(cut: Cut, path: Path, role: Role, *, elsewhere: str) -> Input:
    """Return a file, named by its path in the project or the stock, or by `elsewhere` if it is in neither."""
    return Input(name=name_path(cut.root, path) or f"{OUTSIDE}/{elsewhere}", path=path, role=role)


def list_project(cut: Cut) -> Iterator[Input]:
    """Yield the files of the project that the packages name: specs, patches with their series, fragments."""
    for package in cut.release.packages.values():
        yield from name_inputs(cut, cut.spec_files(package), "spec")
        patches = cut.patches(package)
        yield from name_inputs(cut, patches, "patch")
        yield from name_inputs(cut, {patch.parent / "series" for patch in patches}, "series")
        if package.kconfig:
            for arch in cut.release.arches:
                yield from name_inputs(cut, list_fragments(cut.root, package.kconfig, arch), "kconfig")


def name_inputs(cut: Cut, paths: Iterable[Path], role: Role) -> Iterator[Input]:
    """Yield files of the project or the stock."""
    for path in paths:
        yield make_input(cut, path, role, elsewhere=path.name)


def list_code() -> Iterator[Input]:
    """Yield the modules and scripts that have a part in the packages' bytes."""
    rooms = [path for room in ROOMS for path in (PACKAGE / room).iterdir() if path.suffix in (".py", ".sh")]
    for path in (*rooms, *(PACKAGE / module for module in MODULES)):
        yield Input(name=str(path.relative_to(PACKAGE.parent)), path=path, role="code")
