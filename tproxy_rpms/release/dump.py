"""The resolved release as TOML: a file that stands alone and reads back to the same release."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tproxy_rpms.release.load import SCHEMA
from tproxy_rpms.release.model import Package, Release, Source, Target

# Fields that the reader derives, or that are written in another place.
DERIVED: Mapping[type, tuple[str, ...]] = {
    Release: ("name", "files", "target", "epoch", "target_file", "root"),
    Source: ("name", "digests"),
    Package: ("name",),
    Target: ("name",),
}


def dump_release(release: Release, *, target: str = "") -> str:
    """Return TOML text; comments tell the files it came from. `target` is how it names its target, if not as usual."""
    head = "".join(f"# {path}\n" for path in release.files)
    epoch = datetime.fromtimestamp(release.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    top = f"schema = {SCHEMA}\nepoch = {epoch}\ntarget = {quote(target or name_target(release))}\n"
    return head + top + render_table(release, "") + render_target(release)


def render_target(release: Release) -> str:
    """Return the target as comments: a release file names its target, so a table of it would not read back."""
    text = f"\n{release.target_file}:\n" + render_table(release.target, "").replace("\n\n", "\n")
    return "".join(f"# {line}\n" if line else "\n" for line in text.splitlines())


def name_target(release: Release) -> str:
    """Return a target as a release file names it: by name if it is one of the project's, else by path."""
    path = release.target_file
    return path.stem if path.parent.name == "targets" and (path.parent.parent / "releases").is_dir() else str(path.resolve())


def render_table(value: Any, path: str) -> str:
    """Return a dataclass's or mapping's plain values, then its tables."""
    items = collect_items(value)
    plain = "".join(f"{quote_key(key)} = {quote(item)}\n" for key, item in items.items() if not is_table(item))
    tables = [(key, item) for key, item in items.items() if is_table(item)]
    text = (f"\n[{path}]\n" if path and (plain or not tables) else "") + plain
    return text + "".join(render_table(item, f"{path}.{quote_key(key)}" if path else quote_key(key)) for key, item in tables)


def collect_items(value: Any) -> dict[str, Any]:
    """Return what of a value is written: no derived fields, no empty optional ones; digests among a source's own keys."""
    if isinstance(value, Mapping):
        return dict(value)
    items = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in DERIVED.get(type(value), ())}
    empty = ("", None, (), 0)
    kept = {key: item for key, item in items.items() if item is False or item not in empty or key in ("summary", "signers")}
    return kept | dict(getattr(value, "digests", {}))


def is_table(value: Any) -> bool:
    """Tell whether a value is written as a table of its own."""
    return isinstance(value, Mapping) or is_dataclass(value)


def quote(value: Any) -> str:
    """Return a plain value as TOML; JSON's way of writing texts is TOML's too."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(quote(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def quote_key(key: str) -> str:
    """Return a key, quoted where TOML wants it."""
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else json.dumps(key)
