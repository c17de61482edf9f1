"""Spec templates rendered for a release's target."""

import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from tproxy_rpms.errors import SpecError
from tproxy_rpms.release.model import Package, Release, Target


def find_source_root(tarball: Path) -> str:
    """Return the one top folder that a source tarball unpacks to, read from its first member."""
    try:
        with tarfile.open(tarball, "r|*") as archive:
            first = archive.next()
    except tarfile.TarError as error:
        raise SpecError(f"{tarball}: not a tarball: {error}") from error
    if first is None:
        raise SpecError(f"{tarball}: the tarball is empty")
    return PurePosixPath(first.name).parts[0]


def list_files(package: Package, *, root: Path) -> tuple[Path, ...]:
    """Return what a package installs of its own: the files of specs/files/SPEC/, sorted by name."""
    folder = root / "specs" / "files" / package.spec
    return tuple(sorted(path for path in folder.iterdir() if path.is_file())) if folder.is_dir() else ()


def render_spec(
    release: Release,
    package: Package,
    *,
    root: Path,
    version: str,
    sources: Sequence[Path],
    files: Sequence[str],
    patches: Sequence[str],
) -> str:
    """Return the spec of a package for the release's target.

    Args:
        root: the project's folder; the template is specs/SPEC.spec.j2 below it.
        sources: the fetched sources, Source0 first; files and patches: names of the further files of the SRPM.

    Raises SpecError that names the template and the line when it does not render.
    """
    import jinja2

    template = f"{package.spec}.spec.j2"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(root / "specs"),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    context: dict[str, Any] = {
        "release": release, "target": release.target, "package": package, "version": version, "revision": release.revision,
        "sources": [path.name for path in sources], "source_root": find_source_root(sources[0]) if sources else "",
        "files": list(files), "patches": list(patches), "epoch": release.epoch,
        "changelog_date": datetime.fromtimestamp(release.epoch, UTC).strftime("%a %b %d %Y"),
        "require": lambda name: name_requirement(release.target, name),
    }  # fmt: skip
    try:
        return environment.get_template(template).render(context)
    except jinja2.TemplateSyntaxError as error:
        raise SpecError(f"specs/{error.name}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateNotFound as error:
        raise SpecError(
            f"specs/{error.name}: no such template", hint=f"write it, or mend packages.{package.name}.spec"
        ) from error
    except jinja2.UndefinedError as error:
        raise SpecError(
            f"specs/{template}: {error.message}", hint=f"targets/{release.target.name}.toml may lack a trait"
        ) from error


def name_requirement(target: Target, name: str) -> str:
    """Return the target's own name of a build requirement that is written in EL's names."""
    return target.names.get(name, name)
