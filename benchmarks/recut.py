"""A second clone's cut out of the content cache, against the builds that it spares: `./run python benchmarks/recut.py`.

Needs a finished cut of the release in this clone, made without ccache. Its packages are put into a cache of the benchmark's own,
and a fresh copy of the project cuts the release with that. What it spares is the time in which at least one package was being
built, as the cut has left it (build/RELEASE/origins). The target is at most 5 %.
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tproxy_rpms.builders import Result
from tproxy_rpms.cache.content import ContentCache, open_cache
from tproxy_rpms.cache.entry import Built
from tproxy_rpms.publish.origin import Origin, read_origin
from tproxy_rpms.release.load import load_release
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.rpm import identify

ROOT = Path(__file__).parent.parent
NOT_COPIED = ("build", ".venv", "__pycache__", ".*_cache", ".hypothesis", ".run.lock")


def keep_cut(cut: Cut, cache: ContentCache) -> list[Origin]:
    """Put every package of a finished cut into a cache, and return where they came from."""
    origins = []
    for package in cut.release.packages.values():
        for arch in cut.release.arches:
            known, origin = identify(cut, package, arch), read_origin(cut.origin(package, arch))
            if known is None or known.fingerprint != origin.fingerprint:
                sys.exit(f"{package.name} for {arch}: no finished build of what is here now: cut {cut.release.name} first")
            rpms, logs = cut.rpms(package, arch).glob("*.rpm"), cut.logs(package, arch).iterdir()
            built = Built(started=origin.started, finished=origin.finished, jobs=origin.jobs)
            cache.keep(known, Result(rpms=tuple(rpms), logs=tuple(logs)), built)
            origins.append(origin)
    return origins


def measure_span(origins: Iterable[Origin]) -> float:
    """Return the seconds in which at least one of the builds was under way."""
    read = datetime.datetime.fromisoformat
    spans = sorted((read(origin.started).timestamp(), read(origin.finished).timestamp()) for origin in origins)
    total, reached = 0.0, 0.0
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def time_second_clone(release: str, cache: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds that a fresh copy of the project takes to get ready, and to cut the release."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["TPROXY_RPMS_CACHE"] = str(cache)
    times = []
    for argv in (["./run", "true"], ["./run", "doit", f"release={release}"]):
        start = time.perf_counter()
        result = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        if result.returncode:
            sys.exit(f"{result.stdout}{result.stderr}")
    steps = [line for line in result.stdout.splitlines() if line.startswith("rpm:") and " done in " in line]
    if result.stdout.count("taken from the cache") != len(steps):
        sys.exit(f"{result.stdout}a package was built, not taken")
    return times[0], times[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default="bookworm")
    options = parser.parse_args()
    cut = Cut(release=load_release(options.release, root=ROOT), root=ROOT)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix=".recut-") as scratch:
        cache = open_cache(f"{scratch}/cache", tell=print)
        built = measure_span(keep_cut(cut, cache))
        ready, seconds = time_second_clone(options.release, cache.folder, Path(scratch) / "clone")
    print(f"building took {built:.0f} s; a second clone {seconds:.1f} s, and {ready:.1f} s for its .venv")
    print(f"ratio {100 * seconds / built:.1f} %, with the .venv {100 * (seconds + ready) / built:.1f} % (target: at most 5 %)")


if __name__ == "__main__":
    main()
