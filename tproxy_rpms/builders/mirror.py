"""A mirror on the host of the packages that locks name: fetched once, checked by digest, all that mock then sees."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tproxy_rpms.builders.lock import LockedPackage
from tproxy_rpms.console import Console
from tproxy_rpms.errors import BuildError, FetchError
from tproxy_rpms.packaging.header import read_header
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.model import Source
from tproxy_rpms.sources.download import Part, download
from tproxy_rpms.sources.fetch import fetch_source
from tproxy_rpms.sources.place import DownloadError, Limits
from tproxy_rpms.store import digest_file, digest_value, read_json, wait_for_lock, whole_folder, write_json

# The most bytes that one package may have.
LIMIT = 1 << 30

# The packages of several roots are much the same, and several threads, clones and releases ask for them at once.
LOCK = ".lock"


def fetch_package(package: LockedPackage, *, store: Path, mirrors: Sequence[str]) -> Path:
    """Return a locked package's file, fetched if need be. Raises FetchError when no place has those bytes."""
    source = Source(
        name=package.name,
        urls=(package.url,),
        filename=package.filename,
        digests={"sha256": package.sha256},
        size=package.size,
        limit=LIMIT,
    )
    folder = store / package.sha256[:2] / package.sha256
    path = folder / package.filename
    with wait_for_lock(store / LOCK):
        if not (path.is_file() and path.stat().st_size == package.size and digest_file(path) == package.sha256):
            fetch_source(source, directory=folder, mirrors=mirrors, console=Console())
    return path


def lock_package(package: LockedPackage, *, store: Path) -> LockedPackage:
    """Return a package with the digest and size of what its URL gives, which then lies in the store.

    Raises FetchError if it cannot be had, or is not what the chroot has installed.
    """
    with wait_for_lock(store / LOCK):
        known = read_json(store / "known" / f"{package.sigmd5}.json")
        if isinstance(known, dict):
            return replace(package, sha256=known["sha256"], size=known["size"])
        part = Part.open(store / f"{package.sigmd5}.part")
        try:
            digest = download(package.url, part, algorithms=("sha256",), limit=LIMIT, limits=Limits(), progress=lambda *_: None)
        except DownloadError as error:
            raise FetchError(f"{package.nevra}: {error}", hint="the repository of the chroot must still be there") from error
        try:
            sigmd5 = read_header(part.path).sigmd5
        except BuildError as error:
            raise FetchError(f"{package.url}: no RPM came: {error.message}", hint="look at what the mirror answers") from error
        if sigmd5 != package.sigmd5:
            part.drop()
            raise FetchError(
                f"{package.nevra}: {package.url} now is another build: {sigmd5}, installed was {package.sigmd5}",
                hint="the repository has changed since the build: build again, then doit lock",
            )
        size = part.size
        folder = store / digest["sha256"][:2] / digest["sha256"]
        folder.mkdir(parents=True, exist_ok=True)
        part.finish(folder / package.filename)
        write_json(store / "known" / f"{package.sigmd5}.json", {"sha256": digest["sha256"], "size": size})
        return replace(package, sha256=digest["sha256"], size=size)


def make_mirror(packages: Iterable[LockedPackage], *, cache: Path, mirrors: Sequence[str]) -> Path:
    """Return a repository of just these packages, named by their digests and made if it is not there.

    Args:
        cache: the user's cache; the files lie once in `packages/` there, and are linked into the repository.
    """
    wanted = sorted(packages, key=lambda package: package.sha256)
    folder = cache / "mirrors" / digest_value([(package.filename, package.sha256) for package in wanted])[:16]
    files = [fetch_package(package, store=cache / "packages", mirrors=mirrors) for package in wanted]
    with wait_for_lock(cache / "mirrors" / LOCK):
        linked = {(path.name, path.stat().st_ino) for path in folder.glob("*.rpm")}
        if not (folder / "repodata" / "repomd.xml").is_file() or linked != {(path.name, path.stat().st_ino) for path in files}:
            with whole_folder(folder) as repository:
                for path in files:
                    os.link(path, repository / path.name)
                run_command([require_tool("createrepo_c", package="createrepo-c"), "--quiet", str(repository)])
    return folder
