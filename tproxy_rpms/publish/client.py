"""What hosts need to trust a repository: the key, the .repo file, and the package tproxy-release that brings both.

The .repo file names a list of mirrors with one line: the snapshot that is served now. A client reads it once and takes all the
rest from that snapshot, which never changes; one that asked for each file by the moving name could see two snapshots at once.
"""

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tproxy_rpms.errors import BuildError, ReleaseError, SpecError
from tproxy_rpms.packaging.spec import render_spec
from tproxy_rpms.packaging.srpm import OWN, TOPDIR, build_srpm, enter_topdir
from tproxy_rpms.process import CommandError, run_command
from tproxy_rpms.release.model import Package, Release
from tproxy_rpms.signing.key import SigningKey
from tproxy_rpms.store import whole_folder

NAME = "tproxy-release"
PACKAGE = Package(name=NAME, spec=NAME, sources=())
KEY_FILE = "RPM-GPG-KEY-tproxy"
MANIFEST_KEY_FILE = "MANIFEST-GPG-KEY"
REPO_FILE = "tproxy.repo"
CLIENT_FILE = f"{NAME}.rpm"
MIRRORS = "mirrorlist"

# Where the served snapshot lies below the place that is published to.
CURRENT = "current"

# Seconds for which a client takes what it has for fresh. dnf keeps a list of mirrors as long as the metadata that it led to. yum
# keeps it for a day of its own accord, and metadata apart from it: metadata is asked for each time, so that it is the list's own.
EXPIRY = {"debian": "metadata_expire=3600\n", "el": "metadata_expire=0\nmirrorlist_expire=600\n"}

REPO = """\
# {summary}
[tproxy]
name=tproxy {release} - $basearch
mirrorlist={url}/{current}/$basearch/{mirrors}
enabled=1
gpgcheck=1
repo_gpgcheck={signed}
gpgkey=file:///etc/pki/rpm-gpg/{key}
{expiry}
[tproxy-source]
name=tproxy {release} - source
mirrorlist={url}/{current}/SRPMS/{mirrors}
enabled=0
gpgcheck=1
repo_gpgcheck={signed}
gpgkey=file:///etc/pki/rpm-gpg/{key}
{expiry}"""


def render_repo(release: Release) -> str:
    """Return the .repo file of a release. Raises ReleaseError if it does not say where clients find it."""
    if not release.url:
        raise ReleaseError(
            [f"{release.files[-1] if release.files else release.name}: url: missing"], hint="say where clients find it"
        )
    return REPO.format(
        summary=release.summary, release=release.name, url=release.url, current=CURRENT, mirrors=MIRRORS,
        signed=int(release.target.repo_signed), key=KEY_FILE, expiry=EXPIRY[release.target.family],
    )  # fmt: skip


def build_client(release: Release, *, key: SigningKey, root: Path, output: Path) -> tuple[Path, Path]:
    """Build tproxy-release on the host, and return RPM and SRPM in `output`.

    Args:
        key: what packages are signed with. root: the project's folder.

    Its version is the time of the release, or of the key's last change by its owner if that is later: a longer life reaches hosts
    by an update. Its revision is the release's `client`, for all else that changes in it.

    There is nothing to compile in it and it is for all arches, so it needs no build root; the target's payload and digests are in
    its spec as in every other's.
    """
    version = datetime.fromtimestamp(max(release.epoch, key.renewed), UTC).strftime("%Y%m%d%H%M%S")
    release = replace(release, revision=str(release.client))
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-client-") as scratch:
        top = Path(scratch)
        files = (top / KEY_FILE, top / REPO_FILE)
        files[0].write_text(key.armoured)
        files[1].write_text(render_repo(release))
        spec = render_spec(
            release, PACKAGE, root=root, version=version, sources=(), files=[path.name for path in files], patches=()
        )  # fmt: skip
        srpm = build_srpm(release, spec=spec, name=NAME, sources=files, output=top / "srpm")
        rpm = build_binary(srpm, top / "build")
        with whole_folder(output) as folder:
            for path in (rpm, srpm):
                shutil.copyfile(path, folder / path.name)
    return output / rpm.name, output / srpm.name


def build_binary(srpm: Path, top: Path) -> Path:
    """Return the one RPM that an SRPM gives for all arches, built below `top`, which rpmbuild sees at a constant path."""
    for name in ("SOURCES", "SPECS", "BUILD", "BUILDROOT", "RPMS", "SRPMS", "TMP"):
        (top / name).mkdir(parents=True)
    shutil.copyfile(srpm, top / srpm.name)
    argv = [
        "rpmbuild", "--rebuild", "--nodeps", "--target", "noarch",
        "--define", f"_topdir {TOPDIR}", "--define", f"_tmppath {TOPDIR}/TMP", f"{TOPDIR}/{srpm.name}",
    ]  # fmt: skip
    try:
        run_command(enter_topdir(top, argv, OWN), env={"HOME": TOPDIR})
    except CommandError as error:
        raise SpecError(f"{NAME}.spec: rpmbuild refuses it\n{error.output.strip()}", hint=f"mend specs/{NAME}.spec.j2") from error
    made = list((top / "RPMS").rglob("*.rpm"))
    if len(made) != 1:
        raise BuildError(f"{NAME}.spec: rpmbuild left {len(made)} RPMs, not one")
    return made[0]
