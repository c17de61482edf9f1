"""The word for one side of a comparison, and what it names: a release's cut, a folder, a snapshot, a URL or a record."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tproxy_rpms.diff.read import list_rpms
from tproxy_rpms.errors import ReleaseError, UserError
from tproxy_rpms.publish.place import Place, open_place
from tproxy_rpms.publish.snapshots import Catalogue, choose_target, read_catalogue
from tproxy_rpms.publish.statement import strip_credentials
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.release.table import suggest
from tproxy_rpms.repro.published import local_folder
from tproxy_rpms.shelf import list_names

SERVED, BEFORE = "current", "previous"
ID = re.compile(r"[0-9a-f]{3,16}")

HINT = "OLD and NEW are each a release, a folder, a snapshot's id, current, previous, a URL, or a record"


@dataclass(frozen=True, kw_only=True)
class FolderSide:
    """A folder with RPMs."""

    title: str
    folder: Path


@dataclass(frozen=True, kw_only=True)
class SnapshotSide:
    """A snapshot at a place on another host."""

    title: str
    place: Place
    id: str


@dataclass(frozen=True, kw_only=True)
class UrlSide:
    """A published repository, or a tree of them."""

    url: str


@dataclass(frozen=True, kw_only=True)
class RecordSide:
    """The record of a cut."""

    path: Path


Side = FolderSide | SnapshotSide | UrlSide | RecordSide


@dataclass(frozen=True, kw_only=True)
class Bearings:
    """Where words are looked for.

    Fields:
        root: the project's folder. top: the folder of all releases' runs. work: what relative paths begin at.
        release: the name of the release that is worked on. publishing: where it is published, if it is.
    """

    root: Path
    top: Path
    work: Path
    release: str
    publishing: Publishing | None = None

    @cached_property
    def releases(self) -> tuple[str, ...]:
        """The names of the releases that there are, and of those that have left a cut."""
        files = list_names(self.root, "releases", ".toml")
        cuts = [path.parent.name for path in self.top.glob("*/repo")]
        return tuple(sorted({*files, *cuts, self.release}))

    @cached_property
    def place(self) -> Place:
        """The place that the release is published to. Raises ReleaseError if it says none."""
        if self.publishing is None:
            raise ReleaseError(
                [f"{self.release}: publishing.to: missing: there are no snapshots to compare"],
                hint="add [publishing] with to = …, or name a release that has it: release=/path/to/mine.toml",
            )
        return open_place(self.publishing)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What is published there. Raises PublishError if the place cannot be reached."""
        return read_catalogue(self.place)


def find_sides(words: list[str], bearings: Bearings) -> tuple[Side, Side]:
    """Return what is compared: two words say both; one the old side, and the new is the release's cut; none: what is served.

    Raises UserError for what is not to be found.
    """
    if len(words) > 2:
        raise UserError(f"diff takes two words, not {len(words)}: {' '.join(words)}", hint="doit diff [OLD [NEW]]")
    old, new = [*words, *(SERVED, bearings.release)[len(words) :]]
    return find_side(old, bearings), find_side(new, bearings)


def find_side(word: str, bearings: Bearings) -> Side:
    """Return what a word names.

    A release comes before a folder of the same name, a folder before the id of a snapshot; ./NAME is always a folder.
    Raises UserError for what is nothing of that, and for a cut or a snapshot that is not there.
    """
    if "://" in word:
        return find_url(word)
    if word in (SERVED, BEFORE):
        return find_snapshot(word, bearings)
    if word in bearings.releases:
        return find_cut(word, bearings)
    if word.endswith(".toml"):
        from tproxy_rpms.release.load import load_release

        return find_cut(load_release(str(bearings.work / word), root=bearings.root).name, bearings)
    path = find_path(word, bearings)
    if path and path.is_dir():
        return FolderSide(title=word, folder=path)
    if path and path.suffix == ".json":
        return RecordSide(path=path)
    if ID.fullmatch(word) and bearings.publishing:
        return find_snapshot(word, bearings)
    raise complain(word, path, bearings)


def find_path(word: str, bearings: Bearings) -> Path | None:
    """Return the file or folder of a word, relative to where the command was given, or else to the project."""
    return next((path for path in (bearings.work / word, bearings.root / word) if path.exists()), None)


def find_url(word: str) -> Side:
    """Return what a URL names. Raises UserError for one that is not read."""
    folder = local_folder(word)
    if folder is not None:
        return FolderSide(title=word, folder=folder)
    if not word.startswith(("http://", "https://")):
        raise UserError(f"{strip_credentials(word)}: no URL that is read", hint="give http://…, https://… or file://…")
    return UrlSide(url=word)


def find_cut(name: str, bearings: Bearings) -> FolderSide:
    """Return a release's cut. Raises UserError if it is not made."""
    folder = bearings.top / name / "repo"
    if not folder.is_dir() or not list_rpms(folder):
        raise UserError(f"{name}: no finished cut: no RPM in {folder}", hint=f"make it: doit release={name}")
    return FolderSide(title=f"cut {name}", folder=folder)


def find_snapshot(word: str, bearings: Bearings) -> FolderSide | SnapshotSide:
    """Return a snapshot of the release's place. Raises UserError if there is no such."""
    place, catalogue = bearings.place, bearings.catalogue
    if word == SERVED:
        name = catalogue.current
        if not name:
            raise UserError(f"{place}: nothing is served there", hint="doit publish does it")
    else:
        name = choose_target(catalogue, "" if word == BEFORE else word, place)
    title = f"snapshot {name}" + (", served" if name == catalogue.current else "")
    if place.login:
        return SnapshotSide(title=title, place=place, id=name)
    return FolderSide(title=title, folder=Path(place.folder) / "snapshots" / name)


def complain(word: str, path: Path | None, bearings: Bearings) -> UserError:
    """Return the error of a word that names nothing, with all that it could have been."""
    tried = [
        f"no release: there are {', '.join(bearings.releases)}{suggest(word, (*bearings.releases, SERVED, BEFORE))}",
        f"{path}: a file, but no record (*.json)" if path else f"no folder or file: {bearings.work / word}",
    ]
    if not bearings.publishing:
        tried.append(f"no snapshot: {bearings.release} is not published (release=NAME names another)")
    elif not ID.fullmatch(word):
        tried.append("no snapshot: an id has up to 16 hex digits")
    return UserError("\n  ".join([f"{word}: nothing to compare", *tried]), hint=HINT)
