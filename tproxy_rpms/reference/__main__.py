"""Prints the reference as Markdown: python -m tproxy_rpms.reference."""

from tproxy_rpms.reference.failure import list_failures, render_failures
from tproxy_rpms.reference.keys import RELEASE_TABLES, TARGET_TABLES, list_keys, render_keys


def render_reference() -> str:
    """Return all keys of both files, table by table, and all errors."""
    parts = []
    for file, tables in (("a release file", RELEASE_TABLES), ("a target file", TARGET_TABLES)):
        for path, table in tables.items():
            parts.append(f"## {f'`[{path}]` of ' if path else 'The top of '}{file}\n\n{render_keys(list_keys(table))}")
    return "\n".join([*parts, "## Errors\n", render_failures(list_failures())])


if __name__ == "__main__":
    print(render_reference(), end="")
