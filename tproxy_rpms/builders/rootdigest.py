"""What is in a root's archive, as one digest that does not tell who made the archive, where and how it was packed."""

import hashlib
import tarfile
from pathlib import Path

from tproxy_rpms.errors import RootError
from tproxy_rpms.store import digest_value
from tproxy_rpms.tarball import open_tarball

# Folders that no build sees or looks at: /dev is made anew for each, and apt's own hold the mirror of the host that made the
# root, and an owner that a plain user cannot give.
LEFT_OUT = ("./dev/", "./etc/apt/", "./var/lib/apt/")


def digest_root(archive: Path) -> str:
    """Return the hex SHA-256 over names, kinds, rights, owners, times and contents of all that a build sees of a root.

    Raises RootError for an archive that cannot be read.
    """
    try:
        with open_tarball(archive) as members:
            found = sorted(describe_member(members, member) for member in members if not member.name.startswith(LEFT_OUT))
    except tarfile.TarError as error:
        raise RootError(f"{archive}: not to be read: {error}", hint="remove it: the next run makes it anew") from error
    return digest_value(found)


def describe_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> list[str | int]:
    """Return what tells a member of an archive from another."""
    stream = archive.extractfile(member) if member.isfile() else None
    content = hashlib.sha256(stream.read()).hexdigest() if stream else ""
    kind = member.type.decode(errors="replace")
    return [member.name, kind, member.mode, member.uid, member.gid, int(member.mtime), member.linkname, content]
