"""Files and folders of a cache that several machines read, write and prune at once, perhaps over a network."""

import errno
import hashlib
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tproxy_rpms.cache.entry import DamageError, Kept
from tproxy_rpms.store import sync_path

CHUNK = 1 << 20

# Errors of reading that tell of the entry; all others tell of the folder or its server.
DAMAGE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EIO}

# What ended runs have left is swept away after this many seconds: longer than any copy takes.
STALE = 86400


def explain(error: OSError, path: Path) -> Exception:
    """Return what an error of reading `path` means: DamageError if the entry is at fault, else the error itself."""
    return DamageError(f"{path.name}: {error.strerror}") if error.errno in DAMAGE else error


def list_names(folder: Path) -> set[str]:
    """Return the names in a folder of an entry. Raises DamageError if it is none."""
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise explain(error, folder) from error


def copy_checked(source: Path, target: Path, kept: Kept) -> None:
    """Copy a file out of an entry. Raises DamageError if it is not a plain file of the bytes that were kept."""
    try:
        # Neither a link to elsewhere nor a pipe that never ends.
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise explain(error, source) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamageError(f"{source.name}: not a plain file")
    with os.fdopen(descriptor, "rb") as stream:
        copied = copy_stream(stream, target, source, most=kept.size)
    if copied.size != kept.size:
        raise DamageError(f"{source.name}: not {kept.size} bytes")
    if copied.sha256 != kept.sha256:
        raise DamageError(f"{source.name}: its SHA-256 is {copied.sha256}, kept was {kept.sha256}")


def copy_kept(source: Path, target: Path) -> Kept:
    """Copy a file into an entry, down to the disk, and return what it is."""
    with source.open("rb") as stream:
        kept = copy_stream(stream, target, source, most=None)
    sync_path(target)
    return kept


def copy_stream(stream: BinaryIO, target: Path, source: Path, *, most: int | None) -> Kept:
    """Copy a file and return what was copied; one of more than `most` bytes not to its end. Raises as `explain` says."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as output:
        while most is None or size <= most:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                raise explain(error, source) from error
            if not chunk:
                break
            digest.update(chunk)
            size += len(chunk)
            output.write(chunk)
    return Kept(sha256=digest.hexdigest(), size=size)


def make_folder(path: Path, rights: int) -> None:
    """Make a folder with the rights of the cache itself, whatever our umask; whoever shares that shares all of it."""
    with suppress(FileExistsError):
        path.mkdir()
        path.chmod(rights)


def rename_first(made: Path, place: Path) -> bool:
    """Give a folder its name, unless another has it already; tells whether it was the first."""
    try:
        made.rename(place)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        return False
    sync_path(place.parent)
    return True


def remove(path: Path) -> None:
    """Remove a file or folder as far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def sweep(folder: Path) -> None:
    """Remove what killed runs have left in a folder long ago; what others are at work on is younger."""
    for path in (*folder.glob(".*.part"), *folder.glob(".*.bad")):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > STALE:
                remove(path)
