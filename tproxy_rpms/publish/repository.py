"""yum repositories: createrepo_c over a finished set of RPMs, with metadata that the target's clients read."""

import os
import shutil
import sysconfig
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.process import run_command
from tproxy_rpms.publish.comps import render_comps
from tproxy_rpms.release.model import Release, Target
from tproxy_rpms.store import copy_link, digest_file, whole_folder

REPO = "{http://linux.duke.edu/metadata/repo}"

# How files end whose compression has another name.
SUFFIXES = {"zstd": "zst"}

# The time of all metadata, 2000-01-01, whatever the release: yum 3.2.22 takes no repomd.xml that is older than the one it has
# (yumRepo.py, _groupCheckDataMDNewer), so that a host would never learn of a snapshot that is gone back to.
METADATA_TIME = 946_684_800

# Takes a file and returns its signature in ASCII armour.
SignFile = Callable[[Path], str]


def make_repository(
    release: Release, rpms: Sequence[Path], directory: Path, *, groups: bool = False, sign: SignFile | None = None
) -> tuple[Path, ...]:
    """Make `directory` a repository of just these RPMs, with metadata that the target's clients read.

    Args:
        groups: whether it offers the group of all packages. sign: what signs repomd.xml, into repomd.xml.asc beside it.

    The same RPMs give the same metadata: their times are the release's epoch, its own a constant. Old metadata is never
    taken over: what createrepo_c goes by, size and time, may be the same for another package.
    Returns every file of the repository. Raises HostError when the metadata does not agree with what lies on disk.
    """
    with whole_folder(directory) as folder:
        for rpm in sorted(rpms):
            place_rpm(rpm, folder / rpm.name, epoch=release.epoch)
        with tempfile.TemporaryDirectory(prefix="tproxy-rpms-comps-") as scratch:
            comps = Path(scratch) / "comps.xml"
            if groups:
                comps.write_text(render_comps(release, [read_artifact(rpm).name for rpm in rpms]))
            run_createrepo(release.target, folder, comps=comps if groups else None)
        check_repository(folder)
        if sign:
            repomd = folder / "repodata" / "repomd.xml"
            repomd.with_name("repomd.xml.asc").write_text(sign(repomd))
    return tuple(sorted(path for path in directory.rglob("*") if path.is_file()))


def place_rpm(rpm: Path, target: Path, *, epoch: int) -> None:
    """Put an RPM into a repository, with the release's time; one that has it, as signed ones do, is no second copy."""
    if rpm.stat().st_mtime == epoch:
        copy_link(rpm, target)
    else:
        shutil.copyfile(rpm, target)
        os.utime(target, (epoch, epoch))


def run_createrepo(target: Target, folder: Path, *, comps: Path | None = None) -> None:
    """Make the metadata of a folder of RPMs."""
    group = ["--groupfile", str(comps)] if comps else []
    times = ["--revision", str(METADATA_TIME), "--set-timestamp-to-revision"]
    command = find_createrepo(target.repo_checksum, target.repo_compress, target.repo_database)
    run_command([*command, *times, *group, "--workers", "1", folder])


@cache
def find_createrepo(checksum: str, compress: str, database: str) -> tuple[str, ...]:
    """Return the first createrepo_c on PATH, with its options, that makes metadata of just this kind.

    Old and new ones differ in what they can: SHA-1 is gone from some builds, zstd missing in others, and databases are compressed
    as the version likes; so each is tried on an empty folder. Raises HostError if none does.
    """
    shape = [f"primary.xml.{SUFFIXES.get(compress, compress)}", *([f"primary.sqlite.{database}"] if database else [])]
    said = []
    for tool in list_tools("createrepo_c"):
        # Without a word on compression, old ones give gzip, and databases in bzip2; --compatibility asks that of new ones.
        for words in (["--no-database", "--general-compress-type", compress], ["--database", "--compatibility"]):
            command = (tool, "--quiet", "--checksum", checksum, *words)
            with tempfile.TemporaryDirectory(prefix="tproxy-rpms-createrepo-") as scratch:
                done = run_command([*command, scratch], check=False)
                made = [path.name.partition("-")[2] for path in Path(scratch, "repodata").glob("*-primary.*")]
            if done.returncode == 0 and sorted(made) == sorted(shape):
                return command
            said.append(f"{tool}: {done.stderr.strip() or ', '.join(sorted(made))}")
    raise HostError(
        "\n".join([f"no createrepo_c here makes {' and '.join(shape)} with {checksum} checksums", *dict.fromkeys(said)]),
        hint="install createrepo_c (Debian: createrepo-c; Fedora: createrepo_c), or start through ./run, which does",
    )


def list_tools(name: str) -> Iterator[str]:
    """Yield every program of a name: our environment's own comes before the host's."""
    folders = [sysconfig.get_path("scripts"), *os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    paths = {(Path(folder) / name).resolve(): Path(folder) / name for folder in reversed(folders) if folder}
    yield from (str(path) for path in reversed(paths.values()) if os.access(path, os.X_OK))


def check_repository(folder: Path) -> None:
    """Compare each metadata file with the checksum that repomd.xml gives it. Raises HostError at the first lie."""
    repomd = folder / "repodata" / "repomd.xml"
    for data in ET.parse(repomd).getroot().iter(f"{REPO}data"):
        location, checksum = data.find(f"{REPO}location"), data.find(f"{REPO}checksum")
        if location is None or checksum is None:
            raise HostError(f"{repomd}: {data.get('type')}: no location or checksum")
        algorithm = {"sha": "sha1"}.get(checksum.get("type", ""), checksum.get("type", ""))
        if digest_file(folder / location.get("href", ""), algorithm) != checksum.text:
            raise HostError(f"{folder / location.get('href', '')}: does not have the {algorithm} that repomd.xml gives it")
