"""What changed since the last published snapshot."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.package import Package, PackageSet
from tproxy_rpms.diff.pool import Pool
from tproxy_rpms.diff.read import make_set, read_package, read_set
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.publish.place import Place
from tproxy_rpms.publish.snapshots import Snapshot, read_catalogue
from tproxy_rpms.report.evidence import Published

# Where a place keeps its snapshots (publish/place.sh).
SNAPSHOTS = "snapshots"


def compare_published(place: Place, cut: Path) -> Published:
    """Return how the repositories in a cut's folder differ from what a place serves; never raises for what is not there.

    A snapshot of this host is read RPM by RPM. Of one elsewhere only names and digests are asked for: nothing is downloaded, and
    what is in its packages is told only where the same bytes are here, in the cut or among what `doit diff` has brought.
    """
    found = Published(place=str(place))
    try:
        catalogue = read_catalogue(place)
        served = catalogue.find(catalogue.current)
        if served is None:
            return replace(found, lack="Nothing has been published there yet.")
        found = replace(found, served=served.id, when=served.published)
        ours = sorted((cut / "repo").glob("*/*.rpm"))
        if not ours:
            return replace(found, lack="This cut has no repositories yet.")
        pool = Pool([*ours, *(cut / "diff").rglob("*.rpm")])
        return replace(found, difference=compare_sets(read_snapshot(place, served, pool), read_set(cut, title="this cut")))
    except (TproxyError, OSError) as error:
        return replace(found, lack=f"It could not be compared: {getattr(error, 'message', error)}")


def read_snapshot(place: Place, snapshot: Snapshot, pool: Pool) -> PackageSet:
    """Return the packages of a snapshot, with what is in them as far as they are on this host."""
    title, location = f"snapshot {snapshot.id}", f"{place}/{SNAPSHOTS}/{snapshot.id}"
    if not place.login:
        return read_set(Path(place.folder) / SNAPSHOTS / snapshot.id, title=title, location=location)
    return make_set(list(list_packages(snapshot, pool)), title=title, location=location)


def list_packages(snapshot: Snapshot, pool: Pool) -> Iterator[Package]:
    """Yield what the manifest of a snapshot tells of its packages, those that are here with their contents."""
    for key, versions in snapshot.packages.items():
        repository, _, rest = key.rpartition("/")
        name, _, arch = rest.rpartition(".")
        for evr, digest in versions.items():
            version, _, release = evr.partition("-")
            file = f"{name}-{evr}.{arch}.rpm"
            here = pool.find(file, digest=digest)
            yield (
                read_package(here, repository=repository)
                if here
                else Package(
                    repository=repository, file=file, sha256=digest, name=name, version=version, release=release, arch=arch
                )
            )
