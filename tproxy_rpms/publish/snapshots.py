"""Snapshots at a place: published whole, served by one rename, gone back to, listed with what differs, and removed in time."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tproxy_rpms.errors import PublishError, UserError
from tproxy_rpms.publish.place import Place
from tproxy_rpms.publish.tree import read_id
from tproxy_rpms.release.model import Publishing

# How many snapshots an upload looks into for files that it need not send; rsync takes no more than 20.
MOST_LINKS = 5

RPM_NAME = re.compile(r"(?P<folder>.+)/(?P<name>[^/]+)-(?P<version>[^-/]+-[^-/]+)\.(?P<arch>[^.-]+)\.rpm")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One published set.

    Fields:
        published: when it last came by publishing, retired: when it last ceased to be served; seconds since 1970, 0 for never.
        packages: `REPOSITORY/NAME.ARCH` → version-release → hex SHA-256.
    """

    id: str
    published: float
    retired: float
    packages: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What a place holds: the snapshots, newest first, and the name of the served one (empty if none is)."""

    current: str
    snapshots: tuple[Snapshot, ...]

    def find(self, name: str) -> Snapshot | None:
        """Return a snapshot by its name, or None."""
        return next((one for one in self.snapshots if one.id == name), None)


def read_catalogue(place: Place) -> Catalogue:
    """Return what a place holds; nothing if it is not there yet. Raises PublishError if it cannot be reached."""
    return parse_catalogue(place.act("state"))


def parse_catalogue(text: str) -> Catalogue:
    """Return what a place has told of itself."""
    current, history, found = "", [], {}
    manifest: list[str] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "current":
            current = rest
        elif word == "history":
            history.append(rest.split())
        elif word == "snapshot":
            name, _, changed = rest.partition(" ")
            manifest = []
            found[name] = (float(changed), manifest)
        elif word == "file":
            manifest.append(rest)
    entries = [(read_time(words[0]), words[1], words[2]) for words in history if len(words) == 3]
    snapshots = [
        Snapshot(
            id=name,
            published=max((when for when, which, how in entries if which == name and how == "publish"), default=changed),
            retired=find_retired(name, entries),
            packages=read_packages(lines),
        )
        for name, (changed, lines) in found.items()
    ]
    # Two that came in the same second are told apart by the history's order.
    order = {which: number for number, (_, which, how) in enumerate(entries) if how == "publish"}
    return Catalogue(
        current=current, snapshots=tuple(sorted(snapshots, key=lambda one: (one.published, order.get(one.id, -1)), reverse=True))
    )


def read_time(text: str) -> float:
    """Return the seconds since 1970 of a time in a history; 0 for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0


def find_retired(name: str, entries: list[tuple[float, str, str]]) -> float:
    """Return when something else was served after a snapshot, 0 if it never was or still is."""
    places = [number for number, (_, which, _) in enumerate(entries) if which == name]
    after = entries[places[-1] + 1 :] if places else []
    return after[0][0] if after else 0


def read_packages(manifest: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the RPMs of a manifest."""
    found: dict[str, dict[str, str]] = {}
    for line in manifest:
        digest, _, path = line.partition("  ")
        if match := RPM_NAME.fullmatch(path):
            found.setdefault(f"{match['folder']}/{match['name']}.{match['arch']}", {})[match["version"]] = digest
    return found


def publish_snapshot(place: Place, tree: Path, publishing: Publishing) -> tuple[str, bool]:
    """Publish a composed snapshot, and return its name and whether it was not served already.

    What is served changes by one rename, after every file there was checked against the manifest. Stopped anywhere before, what
    was served still is, and the next run goes on with the upload. Raises PublishError.
    """
    name = read_id(tree)
    catalogue = parse_catalogue(place.act("open"))
    known = catalogue.find(name) is not None
    others = [
        one for one in dict.fromkeys((catalogue.current, *(one.id for one in catalogue.snapshots))) if one not in ("", name)
    ]
    try:
        # One that is there already is gone over again: what has been damaged since is mended.
        place.upload(tree, f"snapshots/{name}" if known else f".incoming-{name}", links=() if known else others[:MOST_LINKS])
        place.act("serve", name, "publish")
    except PublishError as error:
        if "disk is full" in error.message and not known:
            place.act("forget", name)  # whoever makes room finds all of it
        raise
    prune_snapshots(place, publishing, catalogue=replace_served(catalogue, name, now=time.time()))
    return name, catalogue.current != name


def replace_served(catalogue: Catalogue, name: str, *, now: float) -> Catalogue:
    """Return what a place holds once another snapshot is served."""
    if catalogue.current == name:
        return catalogue
    new = catalogue.find(name) or Snapshot(id=name, published=now, retired=0, packages={})
    others = [replace(one, retired=now) if one.id == catalogue.current else one for one in catalogue.snapshots if one.id != name]
    return Catalogue(current=name, snapshots=(new, *others))


def prune_snapshots(
    place: Place, publishing: Publishing, *, catalogue: Catalogue | None = None, now: float | None = None
) -> tuple[str, ...]:
    """Remove what is beyond `keep` and was not served for `grace` minutes, and return the names."""
    names = find_stale(catalogue or read_catalogue(place), publishing, now=time.time() if now is None else now)
    if names:
        place.act("prune", *names)
    return names


def find_stale(catalogue: Catalogue, publishing: Publishing, *, now: float) -> tuple[str, ...]:
    """Return the names of the snapshots that nobody needs any more."""
    others = [one for one in catalogue.snapshots if one.id != catalogue.current]
    beyond = others[max(publishing.keep - 1, 0) :]
    return tuple(one.id for one in beyond if max(one.retired, one.published) <= now - 60 * publishing.grace)


def roll_back(place: Place, name: str = "") -> str:
    """Serve an older snapshot again, the one that was published before the served one if none is named, and return its name.

    Every file of it is checked first. Raises UserError if there is no such snapshot, PublishError if it is damaged.
    """
    catalogue = read_catalogue(place)
    target = choose_target(catalogue, name, place)
    place.act("serve", target, "rollback")
    return target


def choose_target(catalogue: Catalogue, name: str, place: Place) -> str:
    """Return the full name of the snapshot to go back to."""
    names = [one.id for one in catalogue.snapshots]
    if name:
        found = [one for one in names if one.startswith(name)]
        if len(found) != 1:
            raise UserError(
                f"{place}: {name}: {len(found)} snapshots of that name", hint=f"there are {', '.join(names) or 'none'}"
            )
        return found[0]
    older = names[names.index(catalogue.current) + 1 :] if catalogue.current in names else names
    if not older:
        raise UserError(f"{place}: no snapshot is older than the served one", hint="doit snapshots lists them; doit rollback ID")
    return older[0]


def describe_changes(old: Snapshot, new: Snapshot) -> list[str]:
    """Return how the packages of a snapshot differ from those of an older one, a line each."""
    lines = []
    for name in sorted(old.packages.keys() | new.packages.keys()):
        before, after = old.packages.get(name, {}), new.packages.get(name, {})
        gone, come = [one for one in before if one not in after], [one for one in after if one not in before]
        if len(gone) == len(come) == 1:
            lines.append(f"~ {name} {gone[0]} → {come[0]}")
        else:
            lines += [f"- {name} {version}" for version in gone] + [f"+ {name} {version}" for version in come]
        changed = [version for version in after if version in before and before[version] != after[version]]
        lines += [f"~ {name} {version}: other content" for version in changed]
    return lines


def render_catalogue(catalogue: Catalogue, publishing: Publishing, *, now: float) -> str:
    """Return the list of snapshots for people, newest first, each with its differences from the one before."""
    stale = find_stale(catalogue, Publishing(to="", keep=publishing.keep, grace=0), now=now)
    lines = []
    for number, one in enumerate(catalogue.snapshots):
        when = datetime.fromtimestamp(one.published, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        state = (
            "  served" if one.id == catalogue.current else f"  goes after {publishing.grace} minutes" if one.id in stale else ""
        )
        lines.append(f"{one.id}  {when}  {sum(map(len, one.packages.values()))} packages{state}")
        older = catalogue.snapshots[number + 1] if number + 1 < len(catalogue.snapshots) else None
        if older:
            changes = describe_changes(older, one)
            lines += [f"    {change}" for change in changes] or ["    the same packages"]
    return "\n".join(lines) or "no snapshots yet"
