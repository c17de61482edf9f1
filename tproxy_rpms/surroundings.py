"""What surrounds a build and must not shape it: time, place and person, which a second build changes on purpose."""

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a build can let slip into its results. Empty or None where it is not known.

    Fields:
        directory: the folder below which rpmbuild worked. host: the host's name. user, uid: who built.
        timezone: TZ. locale: LC_ALL. jobs: how many compilers at once. umask: as text, "022".
        clock: seconds that its clock was ahead of the host's.
        root: what the build root was. disk: what kind of file system it lay on.
    """

    directory: str = ""
    host: str = ""
    user: str = ""
    uid: int | None = None
    timezone: str = ""
    locale: str = ""
    jobs: int | None = None
    umask: str = ""
    clock: int = 0
    root: str = ""
    disk: str = ""


# What people call the fields of surroundings.
NAMES: Mapping[str, str] = {
    "directory": "build path", "host": "host name", "user": "user", "uid": "user id", "timezone": "time zone", "locale": "locale",
    "jobs": "jobs", "umask": "umask", "clock": "clock", "root": "build root", "disk": "file system",
}  # fmt: skip


def list_varied(first: Surroundings, second: Surroundings) -> dict[str, tuple[str, str]]:
    """Return the conditions that differ, by the names that people have for them, with both values."""
    values = {NAMES[entry.name]: (show(first, entry.name), show(second, entry.name)) for entry in fields(Surroundings)}
    return {name: (one, other) for name, (one, other) in values.items() if one != other}


def show(surroundings: Surroundings, name: str) -> str:
    """Return a field for people."""
    value = getattr(surroundings, name)
    if name == "clock":
        return f"{value / 86400:+.1f} days" if value else "the host's"
    return "" if value is None else str(value)
