"""How `extends` builds one release file on another.

Tables merge key by key, to any depth; every other value (text, number, list) replaces the one below. `remove` lists dotted keys
of the file below that are dropped before that: `remove = ["sources.linux.signature", "packages.libcap2"]`. `schema`, `extends`
and `remove` speak of their own file alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OWN_KEYS = ("schema", "extends", "remove")


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Merged data, with the file that each leaf (dotted key) comes from."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Path] = field(default_factory=dict)


def merge_layer(below: Layers, data: Mapping[str, Any], *, path: Path) -> tuple[Layers, list[str]]:
    """Return `data` (the content of the release file `path`) laid over `below`, and the keys of `remove` that are not there."""
    merged, missing = copy_table(below.data), []
    for key in data.get("remove", []):
        if not remove_key(merged, key.split(".")):
            missing.append(key)
    own = {key: value for key, value in data.items() if key not in OWN_KEYS}
    overlay(merged, own)
    origins = below.origins | dict.fromkeys(list_leaves(own), path)
    return Layers(data=merged, origins=origins), missing


def copy_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose nested tables can be changed."""
    return {key: copy_table(value) if isinstance(value, dict) else value for key, value in table.items()}


def overlay(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Lay `above` over `below`, in place."""
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            overlay(below[key], value)
        else:
            below[key] = copy_table(value) if isinstance(value, dict) else value


def remove_key(table: dict[str, Any], words: list[str]) -> bool:
    """Remove a dotted key, in place; False if it is not there."""
    for word in words[:-1]:
        inner = table.get(word)
        if not isinstance(inner, dict):
            return False
        table = inner
    return table.pop(words[-1], None) is not None


def list_leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every table and value."""
    for key, value in table.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from list_leaves(value, f"{prefix}{key}.")
