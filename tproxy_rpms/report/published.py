"""What changed since the last published snapshot."""

from pathlib import Path

from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.package import Package, PackageSet
from tproxy_rpms.diff.read import make_set, read_set
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.publish.place import Place
from tproxy_rpms.publish.snapshots import Snapshot, read_catalogue
from tproxy_rpms.report.evidence import Published

# Where a place keeps its snapshots (publish/place.sh).
SNAPSHOTS = "snapshots"


def compare_published(place: Place, cut: Path) -> Published:
    """Return how the repositories of a cut's folder differ from what a place serves; never raises for what is not there.

    Snapshots of this host are read RPM by RPM. Of one elsewhere only names and digests are asked for: nothing is downloaded.
    """
    try:
        catalogue = read_catalogue(place)
        served = catalogue.find(catalogue.current)
    except (TproxyError, OSError) as error:
        return Published(place=str(place), lack=f"the place could not be asked: {getattr(error, 'message', error)}")
    if served is None:
        return Published(place=str(place), lack="nothing has been published there yet")
    found = Published(place=str(place), served=served.id, when=served.published)
    if not any((cut / "repo").glob("*/*.rpm")):
        return Published(place=found.place, served=found.served, when=found.when, lack="this cut has no repositories yet")
    try:
        difference = compare_sets(read_snapshot(place, served), read_set(cut, title="this cut"))
    except (TproxyError, OSError) as error:
        return Published(place=found.place, served=found.served, when=found.when, lack=str(getattr(error, "message", error)))
    return Published(place=found.place, served=found.served, when=found.when, difference=difference)


def read_snapshot(place: Place, snapshot: Snapshot) -> PackageSet:
    """Return the packages of a snapshot, with their contents where it lies on this host."""
    title = f"snapshot {snapshot.id}"
    if not place.login:
        return read_set(Path(place.folder) / SNAPSHOTS / snapshot.id, title=title)
    return make_set(list_packages(snapshot), title=title, location=f"{place}/{SNAPSHOTS}/{snapshot.id}")


def list_packages(snapshot: Snapshot) -> list[Package]:
    """Return what the manifest of a snapshot tells of its packages; the further name of tproxy-release is none of its own."""
    found = []
    for name, versions in snapshot.packages.items():
        repository, _, rest = name.rpartition("/")
        package, _, arch = rest.rpartition(".")
        for evr, digest in versions.items():
            version, _, release = evr.partition("-")
            file = f"{package}-{evr}.{arch}.rpm"
            found.append(
                Package(
                    repository=repository, file=file, sha256=digest, name=package, version=version, release=release, arch=arch
                )
            )  # fmt: skip
    return found
