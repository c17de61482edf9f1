"""Patch series: read, and proven to apply before anything is built."""

import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from tproxy_rpms.errors import PatchError
from tproxy_rpms.process import run_command

TOUCHED = re.compile(r"^(?:---|\+\+\+) (?P<path>[^\t\n]+)", re.MULTILINE)
FAILED = re.compile(
    r"^(?:\d+ out of \d+ hunks? .*|Hunk #\d+ FAILED.*|can't find file to patch.*|.*malformed patch.*|.*already exists.*)",
    re.MULTILINE,
)


def read_series(folder: Path) -> tuple[Path, ...]:
    """Return the patches that `folder`/series lists, in order; `#` starts a comment.

    Raises PatchError for a missing series file, a listed patch that is not there, and a patch that is not listed.
    """
    series = folder / "series"
    try:
        lines = [line.split("#", 1)[0].strip() for line in series.read_text().splitlines()]
    except OSError as error:
        raise PatchError(
            f"{series}: {error.strerror}", hint="a patches folder needs a series file that lists its patches"
        ) from error
    patches = tuple(folder / line for line in lines if line)
    missing = [f"{series}: {patch.name}: no such file" for patch in patches if not patch.is_file()]
    unlisted = [f"{path}: not listed in {series}" for path in sorted(folder.glob("*.patch")) if path not in patches]
    if missing or unlisted:
        raise PatchError("\n".join(missing + unlisted), hint="list every patch once, by its file name")
    return patches


def read_patches(folder: Path, traits: Mapping[str, str | bool]) -> tuple[Path, ...]:
    """Return the patches of a source for a target, in order.

    Those of `folder`/series apply to every target, those of `folder`/SOME-TRAIT/series after them where the target has
    `some_trait = true`.

    Raises PatchError for a folder without any series, for what `read_series` refuses, and for two patches of one name.
    """
    below = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    folders = [path for path in below if traits.get(path.name.replace("-", "_")) is True]
    if (folder / "series").exists() or not below:
        folders.insert(0, folder)
    patches = tuple(patch for one in folders for patch in read_series(one))
    names = [patch.name for patch in patches]
    twice = [str(patch) for patch in patches if names.count(patch.name) > 1]
    if twice:
        raise PatchError("\n".join(twice), hint="in an SRPM all patches lie in one folder: give each a name of its own")
    return patches


def list_touched(patch: Path) -> set[str]:
    """Return the paths that a patch reads or writes, without the first folder (-p1)."""
    names = {match["path"].strip() for match in TOUCHED.finditer(patch.read_text(errors="replace"))} - {"/dev/null"}
    return {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in names}


def extract_members(tarball: Path, names: set[str], directory: Path) -> None:
    """Unpack the named regular files (paths below the tarball's top folder) into `directory`."""
    with tarfile.open(tarball, "r|*") as archive:
        for member in archive:
            relative = str(PurePosixPath(*PurePosixPath(member.name).parts[1:]))
            if relative in names and member.isfile():
                path = directory / relative
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as stream:
                    shutil.copyfileobj(archive.extractfile(member), stream)  # type: ignore[arg-type]  # isfile() has a body


def check_patches(patches: Sequence[Path], tarball: Path) -> None:
    """Apply `patches` in order to the files they touch, in a scratch folder. Raises PatchError naming patch and hunk."""
    if not patches:
        return
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-patches-") as scratch:
        tree = Path(scratch)
        extract_members(tarball, set().union(*map(list_touched, patches)), tree)
        apply_patches(patches, tree)


def apply_patches(patches: Sequence[Path], tree: Path) -> None:
    """Apply `patches` in order to a tree, without fuzz. Raises PatchError naming the patch, the file and the hunk."""
    for patch in patches:
        argv = ["patch", "-p1", "--fuzz=0", "--forward", "--no-backup-if-mismatch", "--reject-file=-", f"--input={patch}"]
        result = run_command(argv, cwd=tree, check=False)
        if result.returncode:
            raise PatchError(
                describe_failure(patch, result.stdout + result.stderr), hint="refresh the patch against the pinned source"
            )


def describe_failure(patch: Path, output: str) -> str:
    """Return what `patch` said about the hunks that failed, each with the file that it was patching."""
    lines, current = [f"{patch}: does not apply"], ""
    for line in output.splitlines():
        if line.startswith(("patching file ", "checking file ")):
            current = line.split(" ", 2)[2]
        elif FAILED.match(line):
            lines.append(f"  {current or 'unknown file'}: {line}")
    return "\n".join(lines if len(lines) > 1 else [*lines, output.strip()])
