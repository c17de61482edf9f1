"""Every key of a release file and a target file, out of the model and its docstrings."""

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tproxy_rpms.release.model import (
    Acceptance,
    Archive,
    Kconfig,
    Koji,
    Limits,
    Package,
    Publishing,
    Release,
    Signature,
    Signing,
    Source,
    Target,
)
from tproxy_rpms.release.table import DIGEST_LENGTHS, NAMES


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a table.

    Fields:
        kind: what its value is. default: what holds without it. text: what it is. All three are Markdown.
    """

    name: str
    kind: str
    default: str
    text: str


# What the reader asks of a file that the resolved model has no field for, and kinds of value that a field turns into another.
SCHEMA = Key(name="schema", kind="a whole number", default="required", text="1; says how the file is to be read.")
OWN: Mapping[type, tuple[Key, ...]] = {
    Release: (
        SCHEMA,
        Key(
            name="extends",
            kind="text",
            default="none",
            text="name or path of the release that this one builds on; a path is relative to this file. A release of a project "
            "may have the name of the stock's that it extends.",
        ),
        Key(
            name="remove",
            kind="a list of texts",
            default="none",
            text='dotted keys of what is below to drop before merging: `["packages.libcap2", "sources.linux.signature"]`.',
        ),
    ),
    Target: (SCHEMA,),
}
KINDS: Mapping[tuple[type, str], str] = {
    (Release, "epoch"): "a date-time with offset, or a whole number",
    (Release, "target"): "text",
}

# The tables of each file: dotted path → what is in it. A key that is one of these is described by its own table.
RELEASE_TABLES: Mapping[str, type] = {
    "": Release,
    "sources.NAME": Source,
    "sources.NAME.signature": Signature,
    "sources.NAME.archive": Archive,
    "packages.NAME": Package,
    "packages.NAME.kconfig": Kconfig,
    "acceptance": Acceptance,
    "koji": Koji,
    "signing": Signing,
    "signing.modern": Signing,
    "publishing": Publishing,
}
TARGET_TABLES: Mapping[str, type] = {"": Target, "limits": Limits}


def list_keys(table: type) -> tuple[Key, ...]:
    """Return the keys of a table in their order. Raises ValueError for a field that the docstring tells nothing of."""
    told, derived = read_section(table, "Fields"), read_section(table, "Derived")
    hints = get_type_hints(table)
    keys = list(OWN.get(table, ()))
    for field in fields(table):
        if field.name in derived:
            continue
        if field.name not in told:
            raise ValueError(f"{table.__name__}.{field.name}: nothing below Fields: in the docstring")
        text, _, default = told[field.name].partition(" Default: ")
        key = Key(
            name=field.name,
            kind=KINDS.get((table, field.name)) or describe_kind(hints[field.name]),
            default=default.removesuffix(".") or describe_default(field),
            text=text,
        )
        keys += list_digests(key) if field.name == "digests" else [key]
    return tuple(keys)


def list_digests(key: Key) -> list[Key]:
    """Return the keys that a source's digests are written as: the algorithm is the key."""
    return [
        Key(
            name=name,
            kind=f"{length} hex digits",
            default="required without `archive`" if name == "sha256" else "none",
            text=key.text,
        )
        for name, length in DIGEST_LENGTHS.items()
    ]


def read_section(table: type, heading: str) -> dict[str, str]:
    """Return what a docstring tells below a heading, name → text on one line."""
    found: dict[str, str] = {}
    _, _, rest = (inspect.getdoc(table) or "").partition(f"\n{heading}:\n")
    name = ""
    for line in rest.partition("\n\n")[0].splitlines():
        if entry := re.fullmatch(r" {4}(\w+): (.*)", line):
            name = entry[1]
            found[name] = entry[2]
        else:
            found[name] += f" {line.strip()}"
    return found


def describe_kind(hint: Any) -> str:
    """Return what a value is, in the words of the reader's complaints."""
    origin, words = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return describe_kind(next(word for word in words if word is not NoneType))
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`"
    if origin is tuple:
        return "a list of texts"
    if origin is Mapping:
        return "a table of tables" if is_dataclass(words[1]) else "a table"
    if hint is Path:
        return "text, a path"
    return NAMES.get(hint, NAMES[dict])


def describe_default(field: Field[Any]) -> str:
    """Return what holds without a key."""
    if field.default is MISSING:
        return "required" if field.default_factory is MISSING else "none"
    if is_dataclass(field.default) or field.default in (None, "", (), 0):
        return "`false`" if field.default is False else "none"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def render_keys(keys: Iterable[Key]) -> str:
    """Return keys as a Markdown table."""
    lines = [f"| `{key.name}` | {key.kind} | {key.default} | {key.text} |" for key in keys]
    return "\n".join(["| key | value | default | what it is |", "|---|---|---|---|", *lines, ""])
