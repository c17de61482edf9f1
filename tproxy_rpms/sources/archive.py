"""Sources out of the distribution's own archive: the archive's signature vouches, version and digest are recorded or pinned."""

import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cmp_to_key
from pathlib import Path

from tproxy_rpms.console import Console, repeat
from tproxy_rpms.errors import FetchError
from tproxy_rpms.process import CommandError, require_tool, run_command
from tproxy_rpms.release.model import Archive, Source
from tproxy_rpms.sources.apt import PrivateApt
from tproxy_rpms.sources.fetch import fetch_source
from tproxy_rpms.sources.fetched import Fetched, write_fetched
from tproxy_rpms.store import digest_file, whole_file

# What apt says when the index names a file that the mirror no longer or not yet has: then an older version may do.
LAGGING = re.compile(r"404|Not Found|unexpected size|Hash Sum mismatch|Unable to fetch|Failed to fetch")

# What apt would download: 'URI' FILE SIZE DIGEST.
OFFERED = re.compile(r"^'[^']+' \S+ (\d+)", re.MULTILINE)


def fetch_from_archive(source: Source, *, directory: Path, apt: PrivateApt) -> Fetched:
    """Fetch a source from the archive that `apt` reaches: the pinned version, else the newest that can be had.

    Args:
        source: a source with `archive` set. directory: where the file and its record go.

    Returns the record, also written beside the file. Raises FetchError with what was tried, or with what the archive has instead.
    """
    archive = source.archive
    assert archive is not None
    directory.mkdir(parents=True, exist_ok=True)
    tried = []
    with apt.updated(), tempfile.TemporaryDirectory(prefix=".archive-", dir=directory) as scratch:
        for version in choose_versions(source, archive, list_versions(apt, archive)):
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


def fetch_pinned(source: Source, *, directory: Path, mirrors: Sequence[str], console: Console) -> Fetched | None:
    """Return the record of a pinned archive source if the folder or a mirror has it, without asking the archive; else None.

    The mirrors keep what the archive has long replaced; the digest says that it is the same file.
    """
    archive = source.archive
    assert archive is not None
    if not source.digests or not (mirrors or (directory / source.filename).is_file()):
        return None
    plain = replace(source, archive=None, version=upstream_version(archive.version))
    try:
        fetched = fetch_source(plain, directory=directory, mirrors=mirrors, console=console)
    except FetchError:
        return None
    fetched = replace(fetched, package=f"{archive.package}={archive.version}")
    write_fetched(directory, fetched)
    return fetched


def choose_versions(source: Source, archive: Archive, found: list[str]) -> list[str]:
    """Return the versions to try, in order. Raises FetchError when there is a pinned one and the archive no longer has it."""
    if not archive.version:
        return found
    if archive.version in found:
        return [archive.version]
    has = f"has {', '.join(found)}" if found else f"has no such {archive.kind} package"
    raise FetchError(
        f"{source.name}: pinned is {archive.package}={archive.version}, but the host's archive {has}", hint=describe_cure(source)
    )


def describe_cure(source: Source) -> str:
    """Return what to do when the archive does not give what is pinned."""
    if not source.digests:
        return f"mend sources.{source.name}.archive.version, or leave it away for the newest"
    return f"TPROXY_RPMS_MIRROR=FOLDER names a folder that has {source.filename} with the SHA-256 {source.digests['sha256']}"


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
        download_into(scratch, apt, "source", "--download-only", "--tar-only", wanted)
        return find_one(scratch, f"{archive.package}_*.orig.tar.*[!c]", wanted)
    download_into(scratch, apt, "download", wanted)
    package = find_one(scratch, "*.deb", wanted)
    tarball = scratch / Path(archive.member).name
    extract_member(package, archive.member, tarball)
    package.unlink()
    return tarball


def download_into(scratch: Path, apt: PrivateApt, *words: str) -> None:
    """Have apt-get download into a folder, and show how far it is; `words` end with what is wanted."""
    offered = apt.run("apt-get", "-q", *words, "--print-uris", cwd=scratch)
    total = sum(int(size) for size in OFFERED.findall(offered))
    with Console().transfer(words[-1]) as report, repeat(lambda: report(measure_folder(scratch), total)):
        apt.run("apt-get", "-q", *words, cwd=scratch)


def measure_folder(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
    found = digest_file(path)
    pinned = source.digests.get("sha256", found)
    if (found, path.name) != (pinned, source.filename or path.name):
        raise FetchError(
            f"{source.name}: {path.name} of {version} has the SHA-256 {found}, pinned is {source.filename} with {pinned}",
            hint=describe_cure(source),
        )
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
        sha256=found,
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
