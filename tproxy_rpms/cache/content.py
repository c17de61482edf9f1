"""The content cache: finished builds in FOLDER/rpms/FI/FINGERPRINT/, each whole or absent, each checked when it is taken.

The folder may be shared over a network, and is trusted for nothing: what it gives is held against digests and headers, and
what it fails to do is one warning. An entry may be deleted at any time; its time is that of its last use.
"""

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.builders.output import finish_rpms
from tproxy_rpms.cache.entry import FOLDERS, NAME, Built, DamageError, Entry, read_entry, render_entry
from tproxy_rpms.cache.files import copy_checked, copy_kept, explain, list_names, make_folder, remove, rename_first, sweep
from tproxy_rpms.cache.fingerprint import Inputs
from tproxy_rpms.errors import BuildError, UserError
from tproxy_rpms.packaging.header import check_digests, read_header
from tproxy_rpms.store import sync_path, whole_folder, write_whole

VARIABLE = "TPROXY_RPMS_CACHE"

# A log that tells of the machine, not of the build.
LEFT_OUT = "hw_info.log"


@dataclass(frozen=True, kw_only=True)
class ContentCache:
    """The builds kept in a folder.

    Fields:
        folder: absolute; it is made if only its last part is missing. tell: writes one line for people.
    """

    folder: Path
    tell: Callable[[str], None]
    warned: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, inputs: Inputs, job: Job) -> Entry | None:
        """Put the kept build of these inputs where the job wants RPMs and logs, and return what it was.

        Returns None when there is none, or none that can be had: one that is damaged is told of and dropped, a folder that
        cannot be read is told of once.
        """
        place = self.place(inputs)
        try:
            self.folder.mkdir(exist_ok=True)
            if not os.path.lexists(place):
                return None
            entry = copy_entry(place, inputs, job)
        except DamageError as error:
            self.drop(place, f"{job.package} for {job.arch}: {error}")
            return None
        except OSError as error:
            self.warn("folder", f"{error}; going on without it")
            return None
        with suppress(OSError):  # a folder that is only read from has no last use
            os.utime(place)
        self.tell(f"{job.package} for {job.arch}: taken from the cache, {place}")
        return entry

    def keep(self, inputs: Inputs, result: Result, built: Built) -> None:
        """Keep a copy of a finished build; when another has kept the same meanwhile, the first one stays."""
        place = self.place(inputs)
        part = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
        try:
            self.folder.mkdir(exist_ok=True)
            rights = self.folder.stat().st_mode & 0o7777
            for folder in (place.parent.parent, place.parent):
                make_folder(folder, rights)
            sweep(place.parent)
            write_entry(part, inputs, result, built, rights=rights)
            rename_first(part, place)
        except OSError as error:
            self.warn("folder", f"{error}; going on without it")
        finally:
            remove(part)

    def place(self, inputs: Inputs) -> Path:
        """The folder of the build of these inputs."""
        return self.folder / "rpms" / inputs.fingerprint[:2] / inputs.fingerprint

    def drop(self, place: Path, why: str) -> None:
        """Remove a damaged entry; it is out of the way at once, and a reader that has it open reads on."""
        aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.bad")
        try:
            place.rename(aside)
            done = "dropped"
        except FileNotFoundError:
            done = "gone meanwhile"
        except OSError as error:
            done = f"not to be removed ({error.strerror})"
        remove(aside)
        self.tell(f"cache: {why}; {done}, built anew: {place}")

    def warn(self, about: str, text: str) -> None:
        """Write a line, but only the first one about the same."""
        with self.lock:
            first = about not in self.warned
            self.warned.add(about)
        if first:
            self.tell(f"cache: {self.folder}: {text}")


def open_cache(value: str, *, tell: Callable[[str], None]) -> ContentCache:
    """Return the cache that the environment names. Raises UserError for a path that can be none."""
    folder = Path(value)
    hint = f"name a folder by its whole path in {VARIABLE}, or unset it to build everything"
    if not folder.is_absolute():
        raise UserError(f"{VARIABLE}={value}: not an absolute path", hint=hint)
    with suppress(OSError):  # what cannot be told now is a warning later
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{VARIABLE}={value}: not a folder", hint=hint)
    return ContentCache(folder=folder, tell=tell)


def copy_entry(place: Path, inputs: Inputs, job: Job) -> Entry:
    """Put an entry's files where a job wants them, each checked, and return the entry.

    Raises DamageError for an entry that is not what it should be, OSError when it cannot be read or its copy not be written.
    """
    entry = read_checked(place, inputs)
    with whole_folder(job.results) as rpms, whole_folder(job.logs) as logs:
        for name, kept in entry.logs.items():
            copy_checked(place / "logs" / name, logs / name, kept)
        for name, kept in entry.rpms.items():
            copy_checked(place / "rpms" / name, rpms / name, kept)
            check_rpm(rpms / name, job)
        try:
            finish_rpms(job, rpms)
        except BuildError as error:
            raise DamageError(error.message) from error
    return entry


def read_checked(place: Path, inputs: Inputs) -> Entry:
    """Return the entry in a folder that holds the files that it lists and no other. Raises DamageError."""
    try:
        entry = read_entry(place / NAME, inputs)
    except OSError as error:
        raise explain(error, place / NAME) from error
    found = list_names(place) - {NAME, *FOLDERS}
    found |= {f"{folder}/{name}" for folder in FOLDERS for name in list_names(place / folder)}
    wrong = sorted(found ^ entry.files().keys())
    if wrong:
        raise DamageError(f"not just the files that {NAME} lists: {', '.join(wrong)}")
    return entry


def check_rpm(path: Path, job: Job) -> None:
    """Raise DamageError for an RPM that is not whole by its own digests, or that no build of the job's SRPM can have left.

    This finds what an entry with right digests of wrong files would hide.
    """
    try:
        check_digests(path)
        header = read_header(path)
    except BuildError as error:
        raise DamageError(error.message) from error
    name = f"{header.name}-{header.version}-{header.release}.{header.arch}.rpm"
    if path.name != name:
        raise DamageError(f"{path.name}: its header says {name}")
    if header.srpm != job.srpm.name:
        raise DamageError(f"{path.name}: built from {header.srpm or 'nothing: it is an SRPM'}, asked for was {job.srpm.name}")


def write_entry(folder: Path, inputs: Inputs, result: Result, built: Built, *, rights: int) -> None:
    """Write an entry whole: RPMs, logs, and entry.json last."""
    make_folder(folder, rights)
    kept = {}
    for name, paths in (("rpms", result.rpms), ("logs", [log for log in result.logs if log.name != LEFT_OUT])):
        make_folder(folder / name, rights)
        kept[name] = {path.name: copy_kept(path, folder / name / path.name) for path in paths}
    entry = Entry(built=built, rpms=kept["rpms"], logs=kept["logs"])
    write_whole(folder / NAME, render_entry(entry, inputs))
    for path in (folder / NAME, *(folder / name for name in entry.files())):
        path.chmod(rights & 0o666 | 0o444)
    for name in FOLDERS:
        sync_path(folder / name)
