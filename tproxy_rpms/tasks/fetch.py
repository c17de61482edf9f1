"""Download the sources; each is checked against its digest while it arrives."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tproxy_rpms.release.model import Source
from tproxy_rpms.store import digest_value
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step

if TYPE_CHECKING:
    from tproxy_rpms.sources.fetched import Fetched


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step a source. What has once been fetched stays until it is damaged, pinned anew, or cleaned."""
    for source in cut.release.sources.values():
        yield Step(
            stage="fetch",
            name=source.name,
            doc=describe_source(source),
            inputs=partial(inputs, cut, source),
            run=partial(fetch, cut, source),
        )


def inputs(cut: Cut, source: Source) -> dict[str, str]:
    """What shapes a fetched file; not our code, so that a mended fetch does not download again."""
    return {"source": digest_source(source), "suite": cut.release.target.suite if source.archive else ""}


def digest_source(source: Source) -> str:
    """A digest of all that the release says of a source."""
    said = asdict(source)
    if source.archive and not source.archive.version:
        del said["archive"]["version"]  # fetched before versions could be pinned, and still good
    return digest_value(said)


def describe_source(source: Source) -> str:
    """Return what `doit list` says of a source."""
    if source.archive:
        return f"{source.archive.kind} package {source.archive.package} of the host's archive"
    return source.filename


def fetch(cut: Cut, source: Source) -> tuple[Path, ...]:
    """Fetch one source from the host's archive, the mirrors or its makers' sites."""
    if source.archive:
        fetched = fetch_archive(cut, source)
    else:
        from tproxy_rpms.console import Console
        from tproxy_rpms.sources.fetch import fetch_source

        fetched = fetch_source(source, directory=cut.sources, mirrors=cut.mirrors, console=Console())
    return cut.sources / fetched.file, cut.sources / f"{source.name}.fetched.json"


def fetch_archive(cut: Cut, source: Source) -> "Fetched":
    """Fetch one source from the host's archive; a pinned one may lie on a mirror, and then no archive is asked."""
    from tproxy_rpms.console import Console
    from tproxy_rpms.sources.apt import PrivateApt
    from tproxy_rpms.sources.archive import fetch_from_archive, fetch_pinned

    fetched = fetch_pinned(source, directory=cut.sources, mirrors=cut.mirrors, console=Console())
    if fetched is None:
        apt = PrivateApt.create(suite=cut.release.target.suite, cache=cut.cache)
        fetched = fetch_from_archive(source, directory=cut.sources, apt=apt)
    return fetched
