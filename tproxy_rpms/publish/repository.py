"""yum repositories: createrepo_c over a finished set of RPMs, whole or not at all."""

import os
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.model import Release
from tproxy_rpms.store import digest_file, whole_folder

REPO = "{http://linux.duke.edu/metadata/repo}"


def make_repository(release: Release, rpms: Sequence[Path], directory: Path) -> tuple[Path, ...]:
    """Make `directory` a repository of just these RPMs, with metadata that the target's clients read.

    The same RPMs give the same metadata: file times and revision are the release's epoch.
    Returns every file of the repository. Raises HostError when the metadata does not agree with what lies on disk.
    """
    createrepo = require_tool("createrepo_c", package="createrepo-c")
    with whole_folder(directory) as folder:
        for rpm in sorted(rpms):
            shutil.copyfile(rpm, folder / rpm.name)
            os.utime(folder / rpm.name, (release.epoch, release.epoch))
        run_command([
            createrepo, "--quiet", "--revision", str(release.epoch), "--set-timestamp-to-revision", "--workers", "1",
            "--checksum", release.target.repo_checksum, "--general-compress-type", release.target.repo_compress, str(folder),
        ])  # fmt: skip
        check_repository(folder)
    return tuple(sorted(path for path in directory.rglob("*") if path.is_file()))


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
