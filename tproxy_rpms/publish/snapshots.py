"""Snapshots at a place: published whole, served by one rename, gone back to, listed with what differs, and removed in time."""

import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tproxy_rpms.errors import GateError, PublishError, UserError
from tproxy_rpms.publish.place import Place
from tproxy_rpms.publish.tree import name_content, read_id, verify_manifest
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.signing.key import SigningKey
from tproxy_rpms.store import digest_value

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
    """What a place holds: the snapshots, newest first, the name of the served one (or nothing), and what time it is there."""

    current: str
    snapshots: tuple[Snapshot, ...]
    now: float

    def find(self, name: str) -> Snapshot | None:
        """Return a snapshot by its name, or None."""
        return next((one for one in self.snapshots if one.id == name), None)


def read_catalogue(place: Place) -> Catalogue:
    """Return what a place holds; nothing if it is not there yet. Raises PublishError if it cannot be reached."""
    return parse_catalogue(place.act("state"))


def parse_catalogue(text: str) -> Catalogue:
    """Return what a place has told of itself."""
    current, now, history, found = "", 0.0, [], {}
    manifest: list[str] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "current":
            current = rest
        elif word == "now":
            now = float(rest)
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
    newest = sorted(snapshots, key=lambda one: (one.published, order.get(one.id, -1)), reverse=True)
    return Catalogue(current=current, snapshots=tuple(newest), now=now)


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


@dataclass(frozen=True, kw_only=True)
class Published:
    """What came of publishing: the snapshot's name, whether it is served since, and what could not be removed, for people."""

    id: str
    changed: bool
    complaint: str = ""


def publish_snapshot(place: Place, tree: Path, publishing: Publishing) -> Published:
    """Publish a composed snapshot.

    What is served changes by one rename, after every file there was checked against the manifest. Stopped anywhere before, what
    was served still is, and the next run goes on with the upload. What is served is never written to. Raises PublishError.
    """
    name = read_id(tree)
    upload = f"{name}-{digest_value([socket.gethostname(), str(tree.absolute())])[:8]}"
    text = place.act("open", name, upload)
    before = parse_catalogue(text)
    if f"whole {name}" not in text.splitlines():
        upload_tree(place, tree, upload, before)
    after = parse_catalogue(place.act("serve", name, "publish", upload))
    try:
        prune_snapshots(place, publishing, after)
    except PublishError as error:
        return Published(id=name, changed=before.current != name, complaint=str(error))
    return Published(id=name, changed=before.current != name)


def upload_tree(place: Place, tree: Path, upload: str, catalogue: Catalogue) -> None:
    """Upload a snapshot beside the others, under a name that no other publisher has. Raises PublishError."""
    names = [one.id for one in catalogue.snapshots]
    links = dict.fromkeys([*(name for name in names if name == catalogue.current), *names])
    try:
        place.upload(tree, f".incoming-{upload}", links=list(links)[:MOST_LINKS])
    except PublishError as error:
        if "disk is full" in error.message:
            place.act("forget", upload)  # whoever makes room finds all of it
        raise


def prune_snapshots(place: Place, publishing: Publishing, catalogue: Catalogue) -> tuple[str, ...]:
    """Remove what is beyond `keep` and was not served for `grace` minutes, and return the names. Raises PublishError."""
    names = find_stale(catalogue, publishing)
    if names:
        place.act("prune", *names)
    return names


def find_stale(catalogue: Catalogue, publishing: Publishing) -> tuple[str, ...]:
    """Return the names of the snapshots that nobody needs any more, by the place's own clock."""
    others = [one for one in catalogue.snapshots if one.id != catalogue.current]
    beyond = others[max(publishing.keep - 1, 0) :]
    return tuple(one.id for one in beyond if max(one.retired, one.published) <= catalogue.now - 60 * publishing.grace)


def roll_back(place: Place, key: SigningKey, name: str = "") -> str:
    """Serve an older snapshot again, the one that was published before the served one if none is named, and return its name.

    Args:
        key: whose signature its manifest must have: who can write there must not choose what hosts get.

    Every file of it is checked first. Raises UserError if there is no such snapshot, PublishError if it is damaged, GateError if
    it is not as it was signed.
    """
    target = choose_target(read_catalogue(place), name, place)
    manifest, armoured = split_manifest(place.act("manifest", target))
    verify_manifest(manifest, armoured, key)
    if name_content(manifest) != target:
        raise GateError([f"{place}: {target}: its manifest is that of another snapshot"], hint="go back to another one")
    place.act("serve", target, "rollback", "none")
    return target


def split_manifest(text: str) -> tuple[str, str]:
    """Return a manifest and its signature, which stands behind it."""
    manifest, begin, rest = text.partition("-----BEGIN PGP SIGNATURE-----")
    return manifest, begin + rest


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


def render_catalogue(catalogue: Catalogue, publishing: Publishing) -> str:
    """Return the list of snapshots for people, newest first, each with its differences from the one before."""
    stale = find_stale(catalogue, replace(publishing, grace=0))
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
