"""Files that are whole or absent, and the stamps that tell whether a task's outputs are still good.

A file gets its name only once it is complete (written beside its place, synced, renamed). A stamp is a JSON file that
records what went into a task (`inputs`, name → digest or value) and each output's SHA-256 with its size, times and inode.
An output is hashed again only when one of these four changed.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar

from tproxy_rpms.errors import HostError, LockedError

T = TypeVar("T")

PACKAGE = Path(__file__).parent

# Characters of a changed value that are still shown; a digest is longer.
SHORT = 32

# How often a lock is tried before somebody else has it, every 20 ms.
TRIES = 10


def digest_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the hex digest of a file, read in constant memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def digest_value(value: Any) -> str:
    """Return the hex SHA-256 of a JSON-like value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def digest_tree(root: Path) -> str:
    """Return the hex SHA-256 over names, contents and executable bits of a small folder (or one file)."""
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    return digest_value([(str(path.relative_to(root)), digest_file(path), os.access(path, os.X_OK)) for path in files])


@cache
def digest_code(*rooms: str, without: tuple[str, ...] = ()) -> str:
    """Return a digest of the code (Python and shell) in the named rooms, and of what of the ground floor shapes results.

    Files whose names begin with one of `without` do not count.
    """
    files = [
        path
        for room in rooms
        for path in (PACKAGE / room).iterdir()
        if path.suffix in (".py", ".sh") and not (without and path.name.startswith(without))
    ]
    files += [PACKAGE / name for name in ("process.py", "tarball.py")]
    return digest_value([(str(path.relative_to(PACKAGE)), digest_file(path)) for path in sorted(files)])


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed to `path`, on failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        sync_path(temporary)
        temporary.replace(path)
        sync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it replaces `path`, on failure it is removed.

    What a killed run left of the same folder is removed first: two never make the same one at once, their caller's lock sees to
    that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in (*path.parent.glob(f".{path.name}.*.part"), *path.parent.glob(f".{path.name}.*.old")):
        shutil.rmtree(stale, ignore_errors=True)
    token = secrets.token_hex(4)
    temporary, old = path.with_name(f".{path.name}.{token}.part"), path.with_name(f".{path.name}.{token}.old")
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        sync_path(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def copy_link(source: Path, target: Path) -> None:
    """Put a file at another place, as a further name of it where the disk allows."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def sync_path(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a small file so that a reader sees the old content or the new, never a part."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with sorted keys, whole or not at all."""
    write_whole(path, json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file, or None if the file is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def read_document(path: Path, kind: type[T], *, schema: int, what: str, cure: str) -> T:
    """Return the dataclass that a JSON file with a `schema` holds.

    Raises HostError, with what it should be and the cure, for a file that is missing, damaged, or of another schema.
    """
    import msgspec

    content = read_json(path)
    try:
        if content["schema"] != schema:
            raise ValueError(f"schema {content['schema']}, not {schema}")
        return msgspec.convert(content, kind)
    except (TypeError, KeyError, ValueError, msgspec.ValidationError) as error:
        raise HostError(f"{path}: no {what}: {error}", hint=cure) from error


def output_state(path: Path) -> dict[str, int]:
    """Return what tells that a file was touched: size in bytes, modification and change time in ns, inode."""
    stat = path.stat()
    return {"size": stat.st_size, "mtime": stat.st_mtime_ns, "ctime": stat.st_ctime_ns, "inode": stat.st_ino}


def write_stamp(stamp: Path, *, inputs: Mapping[str, Any], outputs: Iterable[Path]) -> None:
    """Record that `outputs` are what `inputs` make. Called last in a task, when every output is in its place."""
    recorded = {str(path): {"sha256": digest_file(path), **output_state(path)} for path in outputs}
    write_json(stamp, {"inputs": dict(inputs), "outputs": recorded})


def read_stamp(stamp: Path) -> dict[str, Any] | None:
    """Return a stamp's content, or None if it is missing or no stamp."""
    content = read_json(stamp)
    return content if isinstance(content, dict) and content.keys() == {"inputs", "outputs"} else None


def read_outputs(stamp: Path) -> dict[Path, str]:
    """Return the outputs that a stamp records, path → hex SHA-256; empty without a stamp."""
    content = read_stamp(stamp)
    return {Path(path): state["sha256"] for path, state in content["outputs"].items()} if content else {}


def is_current(stamp: Path, *, inputs: Mapping[str, Any]) -> bool:
    """Tell whether a stamp has these inputs and its outputs are unharmed; refreshes the times of unharmed outputs.

    The stamp keeps its own time: it tells when its step was done.
    """
    content = read_stamp(stamp)
    if content is None or content["inputs"] != as_recorded(inputs):
        return False
    touched = False
    for name, recorded in content["outputs"].items():
        state = look_at(Path(name), recorded)
        if state is None:
            return False
        if state != recorded:
            content["outputs"][name], touched = state, True
    if touched:
        done = stamp.stat()
        write_json(stamp, content)
        os.utime(stamp, ns=(done.st_atime_ns, done.st_mtime_ns))
    return True


def as_recorded(inputs: Mapping[str, Any]) -> Any:
    """Return inputs as they come back from a stamp."""
    return json.loads(json.dumps(dict(inputs), default=str))


def look_at(path: Path, recorded: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how an output is recorded as it is now, or None if it is not what was recorded."""
    if not path.is_file():
        return None
    state = {"sha256": recorded["sha256"], **output_state(path)}
    return state if state == recorded or digest_file(path) == recorded["sha256"] else None


def explain_stamp(stamp: Path, *, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why a stamp is not current, a line for each input that changed and each output that is harmed; writes nothing.

    A stamp that is not there has nothing to tell.
    """
    content = read_stamp(stamp)
    if content is None:
        return ()
    harmed = [name for name, recorded in content["outputs"].items() if look_at(Path(name), recorded) is None]
    return (
        *list_changes(content["inputs"], as_recorded(inputs)),
        *(f"{name}: {'changed' if Path(name).is_file() else 'missing'}" for name in harmed),
    )


def list_changes(old: Any, new: Any, key: str = "") -> Iterator[str]:
    """Yield what differs between two JSON-like values, a line for each innermost key; what is long is not shown."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            inner = f"{key}.{name}" if key else name
            if name not in new:
                yield f"{inner}: gone"
            elif name not in old:
                yield f"{inner}: new"
            else:
                yield from list_changes(old[name], new[name], inner)
        return
    words = [json.dumps(value) for value in (old, new)]
    yield f"{key}: {words[0]} → {words[1]}" if max(map(len, words)) <= SHORT else f"{key}: changed"


@contextlib.contextmanager
def wait_for_lock(path: Path) -> Iterator[None]:
    """Wait until no other thread or process holds this lock, and hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hold_lock(path: Path, holder: str) -> IO[str]:
    """Take a lock that ends with this process, and leave in it who holds it.

    Args:
        path: the lock file; it stays when the lock is gone.
        holder: one line that tells a second run who is at work.

    Returns the open file; the lock lasts until it is closed. Raises LockedError when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("a+")
    try:
        try_lock(stream)
    except BlockingIOError:
        stream.seek(0)
        owner = stream.read().strip() or "unknown"
        stream.close()
        raise LockedError(f"{path}: locked by {owner}", hint="wait until that run ends, or stop it") from None
    stream.truncate(0)
    stream.write(holder + "\n")
    stream.flush()
    return stream


def try_lock(stream: IO[str]) -> None:
    """Lock an open file. Raises BlockingIOError if somebody else has it for longer than a look whether it is locked takes."""
    for _ in range(TRIES):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.02)
    return fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def read_holder(path: Path) -> str:
    """Return who holds a lock just now, as it was left there; empty if nobody does."""
    try:
        with path.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path.read_text().strip() or "unknown"
    except OSError:
        return ""
    return ""
