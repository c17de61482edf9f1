"""What a finished Koji task has left: its RPMs, fetched and checked, and where they were made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.kojilog import CHUNK, list_sizes, read_chunk
from tproxy_rpms.builders.kojiorder import UPLOADS, Order
from tproxy_rpms.builders.kojisession import load_koji
from tproxy_rpms.builders.kojitask import list_rpms
from tproxy_rpms.console import Console
from tproxy_rpms.errors import BuildError, KojiError
from tproxy_rpms.packaging.header import check_digests, read_header
from tproxy_rpms.store import digest_file, read_json, write_json

PLACE = "koji.json"

# How often one file is fetched before it counts as damaged on the hub.
TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Made:
    """Where the RPMs of an arch were made.

    Fields:
        task, child: Koji's build task, and the one of the arch. host: the builder. buildroot: its number on the hub.
        tag: the build tag. repo: the number of the repository that filled the root. packages: NAME.ARCH → [EPOCH:]VERSION-RELEASE
        of all that was in it. hub_version: Koji's own version there.
    """

    hub: str
    target: str
    task: int
    child: int
    host: str
    scratch: bool
    tag: str
    repo: int
    buildroot: int
    hub_version: str
    packages: Mapping[str, str]

    def render(self) -> dict[str, Any]:
        """Return what the record tells, without the packages."""
        return {name: value for name, value in vars(self).items() if name != "packages"}


def fetch_rpms(session: Any, order: Order, children: Sequence[int], folder: Path) -> bool:
    """Put the RPMs of an arch into `folder`, each whole by its size, by its own digests and by what the hub says of it.

    Args:
        children: the task of the arch, then those of the others: Koji keeps a noarch package of one of them, the same for all.

    Returns whether all were there: a hub clears its tasks' files away after some time.
    Raises KojiError for one that stays damaged, and BuildError for one of another build.
    """
    sizes = {child: list_sizes(session, child) for child in children}
    names = sorted(list_rpms(session, children[0]))
    if not all(name in sizes[children[0]] for name in names):
        return False
    for name in names:
        origins = [child for child in children if name in sizes[child]] if name.endswith(".noarch.rpm") else [children[0]]
        brings = [partial(fetch_file, session, child, name, sizes[child][name]) for child in origins]
        fetch_checked(session, order, folder / name, brings, f"task {children[0]}")
    return True


def fetch_checked(session: Any, order: Order, path: Path, brings: Sequence[Callable[[Path], None]], origin: str) -> None:
    """Have one of `brings` after the other write an RPM, until it is whole; `origin` is where it comes from, for people."""
    for attempt, bring in enumerate(islice(cycle(brings), TRIES), 1):
        try:
            bring(path)
            check_rpm(session, order, path)
            break
        except DamagedError as error:
            if attempt == TRIES:
                raise KojiError(f"{path.name} of {origin}: {error}, {TRIES} times", hint="look at the hub's disk") from error


class DamagedError(Exception):
    """A file did not come whole."""


def fetch_file(session: Any, task: int, name: str, size: int, path: Path) -> None:
    """Fetch one file of a task in parts. Raises DamagedError if the hub has less of it than it said."""
    with path.open("wb") as output, Console().transfer(name) as report:
        while output.tell() < size:
            report(output.tell(), size)
            chunk = read_chunk(session, task, name, output.tell(), min(CHUNK, size - output.tell()))
            if not chunk:
                raise DamagedError(f"{output.tell()} of {size} bytes came")
            output.write(chunk)


def check_rpm(session: Any, order: Order, path: Path) -> None:
    """Compare an RPM with the digests that it carries, with its order, and, of a tagged build, with what the hub has recorded."""
    try:
        check_digests(path)
        header = read_header(path)
    except BuildError as error:
        raise DamagedError(error.message) from error
    if header.srpm != f"{order.nvr}.src.rpm":
        raise BuildError(
            f"{path.name}: its header says that it was built from {header.srpm}, asked for was {order.nvr}.src.rpm",
            hint=f"another package's upload is in the way: raise the release's revision ({UPLOADS}/{order.label})",
        )
    if not order.scratch:
        check_recorded(session, path)


def check_recorded(session: Any, path: Path) -> None:
    """Compare an RPM with what the hub has recorded of it: size, MD5 of header and payload, and SHA-256 where it has one."""
    recorded = session.getRPM(path.name.removesuffix(".rpm"))
    if not recorded:
        raise DamagedError("the hub has no RPM of this name in a build")
    found = {"size": path.stat().st_size, "payloadhash": read_header(path).sigmd5}
    for key, value in found.items():
        if recorded.get(key) and recorded[key] != value:
            raise DamagedError(f"its {key} is {value}, the hub has recorded {recorded[key]}")
    known = read_checksums(session, int(recorded["id"]))
    if known and digest_file(path) not in known:
        raise DamagedError(f"its SHA-256 is {digest_file(path)}, the hub has recorded {', '.join(known)}")


def read_checksums(session: Any, rpm: int) -> list[str]:
    """Return the SHA-256 of the unsigned RPM as the hub has recorded it; none where the hub keeps none (before Koji 1.28)."""
    koji = load_koji()
    try:
        found = session.getRPMChecksums(rpm, checksum_types=["sha256"], cacheonly=True)
    except koji.GenericError:
        return []
    return [digests["sha256"] for key, digests in found.items() if key == "" and digests.get("sha256")]


def read_made(session: Any, order: Order, task: int, child: Mapping[str, Any]) -> Made:
    """Return where an arch was made; a hub that has forgotten the root leaves that empty."""
    roots = session.listBuildroots(taskID=child["id"]) or [{}]
    root = roots[-1]
    return Made(
        hub=session.baseurl,
        target=order.koji.target,
        task=task,
        child=int(child["id"]),
        host=str(root.get("host_name") or ""),
        scratch=order.scratch,
        tag=str(root.get("tag_name") or ""),
        repo=int(root.get("repo_id") or 0),
        buildroot=int(root.get("id") or 0),
        hub_version=str(session.hub_version_str),
        packages=dict(sorted(list_root(session, int(root["id"])))) if root.get("id") else {},
    )


def check_root(job: Job, made: Made) -> None:
    """Raise BuildError if a root held another version of one of this cut's packages than the one that was asked for."""
    wanted = {header.name: f"{header.version}-{header.release}" for header in map(read_header, job.requires)}
    for package, version in made.packages.items():
        name = package.rpartition(".")[0]
        if name in wanted and version.rpartition(":")[2] != wanted[name]:
            raise BuildError(
                f"{job.package} for {job.arch}: task {made.child} has built with {name}-{version}, and this cut has "
                f"{wanted[name]}",
                hint=f"{made.tag} has the other one, which is newer there: give each release a target of its own",
            )


def list_root(session: Any, buildroot: int) -> Iterator[tuple[str, str]]:
    """Yield what was in a build root."""
    for rpm in session.listRPMs(componentBuildrootID=buildroot):
        epoch = f"{rpm['epoch']}:" if rpm.get("epoch") else ""
        yield f"{rpm['name']}.{rpm['arch']}", f"{epoch}{rpm['version']}-{rpm['release']}"


def write_place(logs: Path, made: Made) -> None:
    """Leave beside the logs where an arch was made."""
    write_json(logs / PLACE, vars(made))


def read_place(logs: Path) -> Made | None:
    """Return where an arch was made, or None where that was not left."""
    content = read_json(logs / PLACE)
    return Made(**content) if content else None
