"""Sources out of the distribution's own archive: the archive's signature vouches, version and digest are recorded."""

import re
import shutil
import tarfile
import tempfile
from functools import cmp_to_key
from pathlib import Path

from tproxy_rpms.errors import FetchError
from tproxy_rpms.process import CommandError, require_tool, run_command
from tproxy_rpms.release.model import Archive, Source
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.sources.fetched import Fetched, write_fetched
from tproxy_rpms.store import digest_file, whole_file

# What apt says when the index names a file that the mirror no longer or not yet has: then an older version may do.
LAGGING = re.compile(r"404|Not Found|unexpected size|Hash Sum mismatch|Unable to fetch|Failed to fetch")


def fetch_from_archive(source: Source, *, directory: Path, apt: PrivateApt) -> Fetched:
    """Fetch a source from the archive that `apt` reaches, the newest version that can be had.

    Args:
        source: a source with `archive` set. directory: where the file and its record go.

    Returns the record, also written beside the file. Raises FetchError with what was tried.
    """
    archive = source.archive
    assert archive is not None
    directory.mkdir(parents=True, exist_ok=True)
    tried = []
    with apt.updated(), tempfile.TemporaryDirectory(prefix=".archive-", dir=directory) as scratch:
        for version in list_versions(apt, archive):
            try:
                path = download_version(apt, archive, version, Path(scratch))
            except CommandError as error:
                if not LAGGING.search(error.output):
                    raise
                tried.append(f"{archive.package}={version}: {last_error(error.output)}")
                continue
            return keep_file(source, path, version=version, directory=directory)
    what = "\n".join(tried) if tried else f"{archive.package}: the host's archive has no such {archive.kind} package"
    raise FetchError(
        f"{source.name}: not to be had from the host's archive\n{what}", hint="try again when the mirror is whole again"
    )


def list_versions(apt: PrivateApt, archive: Archive) -> list[str]:
    """Return the versions of a package that the archive's indexes name, newest first."""
    index = "Packages" if archive.kind == "binary" else "Sources"
    rows = [
        [field.strip() for field in line.split("|")] for line in apt.run("apt-cache", "madison", archive.package).splitlines()
    ]
    versions = {row[1] for row in rows if len(row) == 3 and row[0] == archive.package and row[2].endswith(index)}
    # madison sorts binary packages, and leaves source packages as the index has them.
    return sorted(versions, key=cmp_to_key(compare_versions), reverse=True)


def compare_versions(one: str, other: str) -> int:
    """Return 1, 0 or -1: dpkg's own order of two versions."""
    if one == other:
        return 0
    return 1 if run_command(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0 else -1


def download_version(apt: PrivateApt, archive: Archive, version: str, scratch: Path) -> Path:
    """Download one version into `scratch` and return the tarball. apt checks it against the signed index."""
    wanted = f"{archive.package}={version}"
    if archive.kind == "source":
        apt.run("apt-get", "-q", "source", "--download-only", "--tar-only", wanted, cwd=scratch)
        return find_one(scratch, f"{archive.package}_*.orig.tar.*[!c]", wanted)
    apt.run("apt-get", "-q", "download", wanted, cwd=scratch)
    package = find_one(scratch, "*.deb", wanted)
    tarball = scratch / Path(archive.member).name
    extract_member(package, archive.member, tarball)
    package.unlink()
    return tarball


def find_one(folder: Path, pattern: str, wanted: str) -> Path:
    """Return the one file that matches. Raises FetchError when there is none or more."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FetchError(
            f"{wanted}: {len(found)} files like {pattern}, not one", hint="choose another package in the release's archive table"
        )
    return found[0]


def extract_member(package: Path, member: str, path: Path) -> None:
    """Write one regular file out of a .deb to `path`. Raises FetchError when the package does not hold it."""
    require_tool("dpkg-deb", package="dpkg")
    stream = path.with_name(f"{path.name}.fsys")
    try:
        run_command(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" > "$2"', "sh", package, stream])
        with tarfile.open(stream, "r:") as archive:
            for entry in archive:
                if entry.name.removeprefix("./") == member.lstrip("/") and entry.isfile():
                    with path.open("wb") as output:
                        shutil.copyfileobj(archive.extractfile(entry), output, 1 << 20)  # type: ignore[arg-type]  # isfile() has a body
                    return
    finally:
        stream.unlink(missing_ok=True)
    raise FetchError(f"{package.name}: no file {member} in it", hint="mend `member` in the release's archive table")


def keep_file(source: Source, path: Path, *, version: str, directory: Path) -> Fetched:
    """Move a downloaded tarball to its place and record it."""
    with whole_file(directory / path.name) as temporary:
        path.rename(temporary)
    kept = directory / path.name
    archive = source.archive
    assert archive is not None
    package = f"{archive.package}={version}"
    fetched = Fetched(
        source=source.name,
        file=kept.name,
        version=upstream_version(version),
        sha256=digest_file(kept),
        size=kept.stat().st_size,
        origin=f"archive:{package}",
        package=package,
    )
    write_fetched(directory, fetched)
    return fetched


def upstream_version(version: str) -> str:
    """Return upstream's part of a Debian version: `1:5.7+dfsg-2+deb12u5` is 5.7+dfsg."""
    return version.split(":", 1)[-1].rsplit("-", 1)[0]


def last_error(output: str) -> str:
    """Return apt's last error line."""
    lines = [line for line in output.splitlines() if line.startswith(("E:", "Err:", "W:"))]
    return lines[-1] if lines else output.strip().splitlines()[-1] if output.strip() else "no output"
