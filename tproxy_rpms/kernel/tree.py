"""The part of a kernel's source that configuring reads, unpacked with suspicion."""

import copy
import tarfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from tproxy_rpms.errors import VerifyError
from tproxy_rpms.store import whole_folder
from tproxy_rpms.tarball import open_tarball

NOT_ORIGINAL = "this is not the tarball that its makers published"


def unpack_tree(tarball: Path, directory: Path, *, extra: Collection[str] = ()) -> Path:
    """Unpack what configuring needs of a kernel tarball into `directory`, which is replaced as a whole, and return it.

    Args:
        extra: further files to unpack, by their paths below the top folder: what patches touch.

    Left out are drivers' and file systems' C sources, documentation and device trees: nine tenths of the files.
    Raises VerifyError for a member that would leave the directory: `../`, an absolute path, or a link that does.
    """
    links: set[PurePosixPath] = set()
    with whole_folder(directory) as folder:
        try:
            with open_tarball(tarball) as archive:
                archive.extraction_filter = trust_member  # from Python 3.12 on it wants to be told
                archive.extractall(folder, members=(kept for member in archive if (kept := select_member(member, links, extra))))
        except tarfile.TarError as error:
            raise VerifyError(f"{tarball.name}: {error}", hint=NOT_ORIGINAL) from error
    return directory


def trust_member(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:  # noqa: ARG001  # tarfile calls it with both
    """Return a member as it is: `select_member` has checked it."""
    return member


def select_member(member: tarfile.TarInfo, links: set[PurePosixPath], extra: Collection[str] = ()) -> tarfile.TarInfo | None:
    """Return a member without the top folder, or None if configuring does not need it. Every member is checked, kept or not."""
    check_member(member, links)
    relative = PurePosixPath(*PurePosixPath(member.name).parts[1:])
    wanted = bool(relative.parts) and (is_needed(relative) or str(relative) in extra)
    if not wanted or not (member.isdir() or member.isfile() or member.issym()):
        return None
    kept = copy.copy(member)
    kept.name, kept.mode = str(relative), (member.mode & 0o755) | 0o600
    return kept


def check_member(member: tarfile.TarInfo, links: set[PurePosixPath]) -> None:
    """Raise VerifyError for a member that would write or point outside the tarball's top folder, or is a device.

    The top folder goes away when unpacking, so a link to what lies beside it already leaves. `links` holds the links so far:
    nothing is written through one, so what a path says is where it leads.
    Python has this as tarfile.data_filter since 3.11.4; Debian 12's 3.11.2 has not.
    """
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise VerifyError(f"{member.name}: a file outside the tarball's own folder", hint=NOT_ORIGINAL)
    if not links.isdisjoint((path, *path.parents)):
        raise VerifyError(f"{member.name}: would be written through a link", hint=NOT_ORIGINAL)
    if member.issym():
        links.add(path)
    if (member.issym() and leaves_top(path, member.linkname)) or (
        member.islnk() and leaves_top(path, member.linkname, hard=True)
    ):
        raise VerifyError(f"{member.name}: a link to {member.linkname}, outside the tarball's own folder", hint=NOT_ORIGINAL)
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise VerifyError(f"{member.name}: a device or pipe in a source tarball", hint=NOT_ORIGINAL)


def leaves_top(path: PurePosixPath, target: str, *, hard: bool = False) -> bool:
    """Tell whether a link leads out of the top folder; a hard link's target counts from the tarball's root."""
    parts = PurePosixPath(target).parts
    if hard:
        return target.startswith("/") or ".." in parts
    up = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    # A `..` behind a name could go up from wherever a link has led.
    return target.startswith("/") or up > len(path.parts) - 2 or ".." in parts[up:]


def is_needed(path: PurePosixPath) -> bool:
    """Tell whether configuring reads a file: Makefiles, Kconfig, scripts, the arch's configurations, and a few headers."""
    if path.name.startswith(("Makefile", "Kconfig", "Kbuild")) or path.suffix == ".mk":
        return path.parts[0] not in ("Documentation", "samples") or path.name.startswith("Kconfig")
    if path.parts[0] in ("scripts",):
        return True
    if path.parts[:2] == ("arch", "x86"):
        return path.parts[2:3] == ("configs",) or path.suffix in (".sh", ".tbl")
    return path.parts[:2] == ("include", "config") or path.name in ("localversion", "compiler-version.h")
