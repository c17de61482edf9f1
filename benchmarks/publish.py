"""How long a change of one package takes to reach hosts: `./run python benchmarks/publish.py`.

Makes a repository of many small RPMs (subpackages of a few specs), signs and publishes it; then one RPM changes, is signed, and
the whole is made and published again, by the code that `doit sign`, `repo` and `publish` call. Like doit, it signs only what has
changed. Prints the seconds of each part of both; the target for the change is under 10 s. All of it, key and place too, is in a
temporary folder.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tproxy_rpms.publish.place import open_place
from tproxy_rpms.publish.repository import make_repository
from tproxy_rpms.publish.snapshots import publish_snapshot
from tproxy_rpms.publish.tree import compose_tree
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Publishing, Release, Signing
from tproxy_rpms.signing.file import sign_file
from tproxy_rpms.signing.package import sign_packages
from tproxy_rpms.signing.signatory import Signatory, open_signatory

ROOT = Path(__file__).parent.parent
ARCH = "x86_64"

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
    command = ["rpmbuild", "-bb", "--define", f"_topdir {folder}", "--define", "_binary_payload w3.zstdio", spec]
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
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "Benchmark", "rsa4096", "sign"], check=True)
    listed = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    return replace(
        load_release("bookworm", root=ROOT),
        url="http://127.0.0.1/proxy",
        signing=Signing(key=fingerprint, home=home),
        publishing=Publishing(to=str(folder / "www")),
    )


@contextmanager
def tell(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Measure a part."""
    start = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - start


def publish_all(
    release: Release, signatory: Signatory, signed: dict[str, tuple[Path, ...]], changed: dict[str, list[Path]], work: Path
) -> dict[str, float]:
    """Sign what has changed (spec → RPMs; added to `signed`), index, compose and publish all; return the seconds of each part."""
    assert release.publishing
    seconds: dict[str, float] = {}
    with tell(seconds, "signatures"):
        for name, rpms in changed.items():
            signed[name] = sign_packages(
                rpms, work / "signed" / name, signer=signatory.package, profile=signatory.profile, epoch=release.epoch
            )
    with tell(seconds, "repository metadata"):
        rpms = [path for paths in signed.values() for path in paths]
        sign = partial(sign_file, signer=signatory.metadata)
        files = make_repository(release, rpms, work / "repo" / ARCH, groups=True, sign=sign)
    with tell(seconds, "composing, manifest signature"):
        named = {str(path.relative_to(work / "repo")): path for path in files}
        compose_tree(named, work / "tree", url=release.url, repositories=(ARCH,), signer=signatory.manifest)
    with tell(seconds, "upload, check, switch"):
        publish_snapshot(open_place(release.publishing), work / "tree", release.publishing)
    return seconds


def report(title: str, seconds: dict[str, float]) -> None:
    """Print the parts of a run, and the whole."""
    print(f"{title}: {sum(seconds.values()):.1f} s")
    for part, taken in seconds.items():
        print(f"  {part:30} {taken:6.1f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=2000)
    parser.add_argument("--size", type=int, default=4096, help="bytes of each package's one file")
    parser.add_argument(
        "--folder", type=Path, help="where all of it goes; the default is the system's folder for temporary files"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tproxy-rpms-benchmark-") as name:
        folder, start = Path(name), time.perf_counter()
        try:
            many = build_many(folder / "many", count=options.packages - 1, size=options.size)
            one, other = (
                {"one": build_packages(folder / version, version=version, first=0, last=0, size=options.size)}
                for version in ("1", "2")
            )
            print(f"{options.packages} RPMs built in {time.perf_counter() - start:.1f} s")
            release = make_release(folder)
            signatory = open_signatory(release)
            signed: dict[str, tuple[Path, ...]] = {}
            report("first", publish_all(release, signatory, signed, many | one, folder / "work"))
            seconds = publish_all(release, signatory, signed, other, folder / "work")
            report("one package changed (target: under 10 s)", seconds)
        finally:
            subprocess.run(["gpgconf", "--homedir", str(folder / "gnupg"), "--kill", "gpg-agent"], check=False)


if __name__ == "__main__":
    main()
