"""Builds whose tasks' files the hub has cleared away: their RPMs and logs still lie where Koji keeps what it has tagged."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojilog import LOGS, NAMES
from tproxy_rpms.builders.kojioutput import check_rpm
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.builders.kojitask import Order, find_kept
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.model import RPM_ARCH, Arch
from tproxy_rpms.sources.download import Part, download
from tproxy_rpms.sources.place import DownloadError, Limits

# The most bytes that one file may have.
LIMIT = 4 << 30


def fetch_kept(session: Any, order: Order, arch: Arch, *, files: str, folder: Path, logs: Path) -> None:
    """Put the RPMs of an arch of a tagged build into `folder`, checked as those of a task are, and its logs into `logs`.

    Args:
        files: the URL of what the hub keeps, Koji's `topurl`.

    Raises KojiError for a hub whose files nobody has named, or that do not come.
    """
    build = find_kept(session, order)
    if build is None or not files:
        raise KojiError(
            f"{order.nvr}: Koji has built it, but has cleared the files of its task away",
            hint="name the URL of the hub's files: koji.files (https://koji.example.org/kojifiles)",
        )
    place = load_koji().PathInfo(topdir=files.rstrip("/"))
    for url in list_rpms(session, place, build, arch):
        path = folder / url.rpartition("/")[2]
        try:
            bring(url, path)
        except DownloadError as error:
            raise KojiError(f"{order.nvr}: {error}", hint="look whether koji.files is the URL of the hub's files") from error
        check_rpm(session, order, path)
    bring_logs(place.build(build), arch, logs)


def list_rpms(session: Any, place: Any, build: Mapping[str, Any], arch: Arch) -> Iterator[str]:
    """Yield the URLs of the RPMs that a build has for an arch."""
    for rpm in session.listRPMs(buildID=build["id"], arches=[RPM_ARCH[arch], "noarch"]):
        yield f"{place.build(build)}/{place.rpm(rpm)}"


def bring(url: str, path: Path) -> None:
    """Download a file. Raises DownloadError."""
    part = Part.open(path.with_name(f"{path.name}.part"))
    download(url, part, algorithms=(), limit=LIMIT, limits=Limits(), progress=lambda *_: None)
    part.finish(path)


def bring_logs(build: str, arch: Arch, logs: Path) -> None:
    """Download the logs of an arch as far as they were kept: a build is none the worse without."""
    for name in LOGS:
        for label in (RPM_ARCH[arch], "noarch"):
            try:
                bring(f"{build}/data/logs/{label}/{name}", logs / NAMES.get(name, name))
                break
            except DownloadError:
                (logs / f"{NAMES.get(name, name)}.part").unlink(missing_ok=True)
