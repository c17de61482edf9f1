"""A TOML table that is read key by key and remembers every problem instead of stopping at the first."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# The digits of each digest algorithm that a source may be pinned with.
DIGEST_LENGTHS: Mapping[str, int] = {"sha256": 64, "md5": 32, "sha1": 40, "sha512": 128}

NAMES = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """One table of a release or target file.

    Args:
        data: its content. path: its dotted key, empty at the top. file: the file it is in.
        origins: dotted key → the file that the value comes from, where files are merged.
        problems: where every problem goes, as `file: key: what is wrong`.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        file: Path,
        problems: list[str],
        path: str = "",
        origins: Mapping[str, Path] | None = None,
    ) -> None:
        self.data, self.file, self.path = data, file, path
        self.problems, self.origins = problems, origins or {}
        self.known: set[str] = set()

    def key(self, name: str) -> str:
        """Return the dotted key of a name in this table."""
        return f"{self.path}.{name}" if self.path else name

    def origin(self, name: str) -> Path:
        """Return the file that a key's value comes from."""
        return self.origins.get(self.key(name), self.file)

    def complain(self, name: str, text: str) -> None:
        """Remember a problem with one key (or, with an empty name, with this table)."""
        key = self.key(name) if name else self.path
        self.problems.append(f"{self.origins.get(key, self.origins.get(self.path, self.file))}: {key}: {text}")

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        """Return a value of a kind; without a default a missing key is a problem. A problem gives an empty value."""
        self.known.add(name)
        if name not in self.data:
            if default is None:
                self.complain(name, "missing")
            return default if default is not None else kind()
        value = self.data[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.complain(name, f"must be {NAMES[kind]}, not {describe(value)}")
            return default if default is not None else kind()
        return value

    def choice(self, name: str, options: Iterable[str], default: str | None = None) -> str:
        """Return a text that must be one of `options`."""
        value = self.take(name, str, default)
        if name in self.data and isinstance(self.data[name], str) and value not in options:
            self.complain(name, f"{value!r} is none of {', '.join(options)}{suggest(value, options)}")
        return value

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.take(name, list, None if default is None else list(default))
        for number, value in enumerate(values):
            if not isinstance(value, str) or not value:
                self.complain(name, f"item {number + 1} must be text that is not empty, not {describe(value)}")
        return tuple(value for value in values if isinstance(value, str))

    def urls(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of http, https, ftp-over-proxy or file URLs."""
        urls = self.texts(name, default)
        for url in urls:
            if not is_url(url):
                self.complain(name, f"{url!r} is no URL: it must look like https://host/path, http://host/path or file:///path")
        return urls

    def path_of(self, name: str) -> Path | None:
        """Return a path, relative to the file that names it; ~ is the user's home. None if there is none."""
        text = self.take(name, str, "")
        return (self.origin(name).parent / Path(text).expanduser()).absolute() if text else None

    def table(self, name: str) -> "Table | None":
        """Return a nested table, or None if there is none."""
        self.known.add(name)
        if name not in self.data:
            return None
        return self.inner(name, self.take(name, dict))

    def tables(self, name: str) -> Iterator[tuple[str, "Table"]]:
        """Yield the named tables of a table of tables."""
        outer = self.table(name)
        for key, value in (outer.data if outer else {}).items():
            assert outer is not None
            if isinstance(value, dict):
                yield key, outer.inner(key, value)
            else:
                outer.complain(key, f"must be a table, not {describe(value)}")

    def inner(self, name: str, data: Mapping[str, Any]) -> "Table":
        """Return a nested table."""
        return Table(data, file=self.file, problems=self.problems, path=self.key(name), origins=self.origins)

    def digests(self) -> dict[str, str]:
        """Return the digests among the keys, algorithm → hex in lower case."""
        found = {}
        for name, length in DIGEST_LENGTHS.items():
            self.known.add(name)
            if name in self.data:
                value = self.take(name, str).lower()
                if isinstance(self.data[name], str) and not re.fullmatch(f"[0-9a-f]{{{length}}}", value):
                    self.complain(name, f"must be {length} hex digits, not {len(value)} characters")
                found[name] = value
        return found

    def finish(self) -> None:
        """Complain of every key that nobody asked for."""
        for name in self.data:
            if name not in self.known:
                self.complain(name, f"unknown key{suggest(name, self.known)}")


def is_url(text: str) -> bool:
    """Tell whether a text is a URL that the fetch understands."""
    return bool(re.fullmatch(r"(https?://[A-Za-z0-9.\-]+(:\d+)?|file://)/\S*[^/\s]", text))


def describe(value: object) -> str:
    """Return a TOML value's kind and itself, for people."""
    return f"{NAMES.get(type(value), type(value).__name__)} ({value!r})"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
