"""Builds whose tasks' files the hub has cleared away: their RPMs and logs still lie where Koji keeps what it has tagged."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojilog import CHUNK, LOGS, NAMES
from tproxy_rpms.builders.kojioutput import DamagedError, fetch_checked
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.builders.kojitask import Order, find_build
from tproxy_rpms.errors import KojiError
from tproxy_rpms.release.model import RPM_ARCH, Arch

# Seconds to connect, and between two pieces of an answer.
TIMEOUT = (10, 300)


def fetch_kept(session: Any, order: Order, arch: Arch, *, files: str, folder: Path, logs: Path) -> None:
    """Put the RPMs of an arch of a tagged build into `folder`, checked as those of a task are, and its logs into `logs`.

    Args:
        files: the URL of what the hub keeps, Koji's `topurl`.

    Raises KojiError for a hub whose files nobody has named, or that do not come.
    """
    build = find_build(session, order)
    if build is None or not files:
        raise KojiError(
            f"{order.nvr}: Koji has built it, but has cleared the files of its task away",
            hint="name the URL of the hub's files: koji.files (https://koji.example.org/kojifiles)",
        )
    place = load_koji().PathInfo(topdir=files.rstrip("/"))
    for url in list_rpms(session, place, build, arch):
        fetch_checked(session, order, folder / url.rpartition("/")[2], partial(bring, session, url), url)
    bring_logs(session, place.build(build), arch, logs)


def list_rpms(session: Any, place: Any, build: Mapping[str, Any], arch: Arch) -> Iterator[str]:
    """Yield the URLs of the RPMs that a build has for an arch."""
    for rpm in session.listRPMs(buildID=build["id"], arches=[RPM_ARCH[arch], "noarch"]):
        yield f"{place.build(build)}/{place.rpm(rpm)}"


def bring(session: Any, url: str, path: Path) -> None:
    """Download a file, vouched for as the hub is. Raises DamagedError if it does not come."""
    import requests

    try:
        with requests.get(url, stream=True, timeout=TIMEOUT, verify=session.opts.get("serverca") or True) as answer:
            answer.raise_for_status()
            with path.open("wb") as output:
                for piece in answer.iter_content(CHUNK):
                    output.write(piece)
    except requests.RequestException as error:
        raise DamagedError(str(error)) from error


def bring_logs(session: Any, build: str, arch: Arch, logs: Path) -> None:
    """Download the logs of an arch as far as they were kept: a build is none the worse without."""
    for name in LOGS:
        for label in (RPM_ARCH[arch], "noarch"):
            with suppress(DamagedError):
                bring(session, f"{build}/data/logs/{label}/{name}", logs / NAMES.get(name, name))
                break
