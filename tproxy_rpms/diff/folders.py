"""Many files as few folders."""

from collections.abc import Sequence

from tproxy_rpms.diff.change import FileChange

# How deep a folder may lie that is told.
DEEPEST = 8


def group_folders(changes: Sequence[FileChange], *, most: int) -> list[tuple[str, list[FileChange]]]:
    """Return the files by folder, no more than `most` of them: the deepest folders that are few enough.

    Where even those at the top are too many, what comes last is under "other folders".
    """
    groups: dict[str, list[FileChange]] = {}
    for depth in range(DEEPEST, 0, -1):
        groups = {}
        for change in changes:
            groups.setdefault(cut_path(change.path, depth), []).append(change)
        if len(groups) <= most:
            return sorted(groups.items())
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    rest = [change for _, inside in ordered[most - 1 :] for change in inside]
    return [*sorted(ordered[: most - 1]), ("other folders", rest)]


def cut_path(path: str, depth: int) -> str:
    """Return the folder of a path, no deeper than that many names."""
    names = path.split("/")[:-1]
    return "/".join(names[: depth + 1]) or ("/" if path.startswith("/") else ".")
