"""Publishing 2,000 packages, against createrepo_c and rsync; and how long the change of one takes to reach hosts.

The repository is of many small RPMs, subpackages of a few specs; key and place are in the benchmark's own folder.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.measure import ROOT, Measured, Setting, take_turns, time_command
from tproxy_rpms.publish.place import open_place
from tproxy_rpms.publish.repository import make_repository
from tproxy_rpms.publish.snapshots import publish_snapshot
from tproxy_rpms.publish.tree import compose_tree
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Publishing, Release, Signing
from tproxy_rpms.signing.file import sign_file
from tproxy_rpms.signing.package import sign_packages
from tproxy_rpms.signing.signatory import Signatory, open_signatory

WHAT = "indexing, signing the index, checking and switching a snapshot of 2,000 packages, against createrepo_c and rsync -a"
SLOW = False

ARCH = "x86_64"

# Bytes of each package's one file.
SIZE = 4096

# How many packages a spec makes.
SHARE = 100

SPEC = """\
Name: many
Version: {version}
Release: 1
Summary: Many small packages
License: MIT
BuildArch: noarch
{packages}
%description
Many small packages.
%install
mkdir -p %{{buildroot}}/usr/share/many
for number in $(seq {first} {last}); do head -c {size} /dev/urandom > %{{buildroot}}/usr/share/many/$number; done
"""

PACKAGE = """\
%package {number}
Summary: Small package {number}
%description {number}
One of many.
%files {number}
/usr/share/many/{number}
"""


def build_packages(folder: Path, *, version: str, first: int, last: int, size: int) -> list[Path]:
    """Build subpackages `first` to `last` of a version, and return the RPMs."""
    packages = "".join(PACKAGE.format(number=number) for number in range(first, last + 1))
    folder.mkdir(parents=True)
    spec = folder / "many.spec"
    spec.write_text(SPEC.format(version=version, packages=packages, first=first, last=last, size=size))
    command = ["rpmbuild", "-bb", "--define", f"_topdir {folder}", "--define", "_binary_payload w3.zstdio", str(spec)]
    subprocess.run(command, check=True, capture_output=True)
    return sorted((folder / "RPMS").rglob("*.rpm"))


def build_many(folder: Path, *, count: int, size: int) -> dict[str, list[Path]]:
    """Build packages 1 to `count`, a hundred a spec, and return the RPMs of each spec."""
    return {
        f"from-{first}": build_packages(
            folder / str(first), version="1", first=first, last=min(first + SHARE - 1, count), size=size
        )
        for first in range(1, count + 1, SHARE)
    }


def make_release(folder: Path) -> Release:
    """Return a release with a key and a place of its own."""
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "Benchmark", "rsa4096", "sign"], check=True)
    listed = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    return replace(
        load_release("bookworm", root=ROOT),
        url="http://127.0.0.1/proxy",
        signing=Signing(key=fingerprint, home=home),
        publishing=Publishing(to=str(folder / "www")),
    )


def time_publish(release: Release, signatory: Signatory, rpms: list[Path], work: Path) -> float:
    """Return the seconds from signed RPMs to a snapshot that is served."""
    assert release.publishing
    start = time.perf_counter()
    sign = partial(sign_file, signer=signatory.metadata)
    files = make_repository(release, rpms, work / "repo" / ARCH, groups=True, sign=sign)
    named = {str(path.relative_to(work / "repo")): path for path in files}
    compose_tree(named, work / "tree", url=release.url, repositories=(ARCH,), signer=signatory.manifest)
    publish_snapshot(open_place(release.publishing), work / "tree", release.publishing)
    return time.perf_counter() - start


def time_plain(rpms: list[Path], work: Path) -> float:
    """Return the seconds of createrepo_c and rsync, with the files in their folder before."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "repo").mkdir(parents=True)
    for path in rpms:
        (work / "repo" / path.name).hardlink_to(path)
    return time_command(["sh", "-c", "createrepo_c --quiet repo && rsync -a repo/ www/"], cwd=work)


@contextmanager
def open_release(folder: Path) -> Iterator[tuple[Release, Signatory]]:
    """Yield a release with a key of its own; gpg's agent ends with it."""
    try:
        release = make_release(folder)
        yield release, open_signatory(release)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(folder / "gnupg"), "--kill", "gpg-agent"], check=False)


def measure(setting: Setting) -> Measured:
    """Measure 2,000 packages, or 200 if it is to be quick; the note tells of one that has changed, its signature included."""
    count, folder = 200 if setting.quick else 2000, setting.scratch
    many = build_many(folder / "many", count=count - 1, size=SIZE)
    one, other = (build_packages(folder / version, version=version, first=0, last=0, size=SIZE) for version in ("1", "2"))
    with open_release(folder) as (release, signatory):
        # Signatures of packages are no part of the comparison, and 2,000 of them take five minutes.
        rpms = [path for paths in (*many.values(), one) for path in paths]

        def publish_anew() -> float:
            for name in ("www", "work"):
                shutil.rmtree(folder / name, ignore_errors=True)
            return time_publish(release, signatory, rpms, folder / "work")

        measured = take_turns(publish_anew, lambda: time_plain(rpms, folder / "plain"), samples=setting.samples(3))
        start = time.perf_counter()
        changed = sign_packages(
            other, folder / "signed", signer=signatory.package, profile=signatory.profile, epoch=release.epoch
        )
        time_publish(release, signatory, [*rpms[:-1], *changed], folder / "work")
        note = f"{count} packages; one changed, signed and published again: {time.perf_counter() - start:.1f} s"
    return Measured(ours=measured.ours, theirs=measured.theirs, note=note)
