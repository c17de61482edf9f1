"""The patches of each package, with what each says of itself."""

from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.report.evidence import Evidence

# What ends the words before a patch.
BEGIN = ("diff ", "--- ", "Index: ", "===")


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A patch: its name below patches/, the first sentence of its words, lines added and removed."""

    name: str
    says: str
    added: int
    removed: int


@dataclass(frozen=True, kw_only=True)
class PatchSet:
    """The patches of a package in the order in which they apply."""

    package: str
    patches: tuple[Patch, ...]


def gather_patches(evidence: Evidence) -> tuple[PatchSet, ...]:
    """Return the patches of every package, none for many."""
    return tuple(
        PatchSet(package=package, patches=tuple(read_patch(path) for path in paths))
        for package, paths in evidence.patches.items()
    )


def read_patch(path: Path) -> Patch:
    """Return what a patch says and does."""
    lines = path.read_text(errors="replace").splitlines()
    begin = next((number for number, line in enumerate(lines) if line.startswith(BEGIN)), len(lines))
    words = [line.strip().removeprefix("Subject:").strip() for line in lines[:begin]]
    paragraph = " ".join("\n".join(words).strip().partition("\n\n")[0].split())
    body = [line for number, line in enumerate(lines) if number >= begin and not is_name(lines, number)]
    return Patch(
        name="/".join(path.parts[-2:]), says=paragraph,
        added=sum(line.startswith("+") for line in body), removed=sum(line.startswith("-") for line in body),
    )  # fmt: skip


def is_name(lines: list[str], number: int) -> bool:
    """Tell whether a line names one of the two files, and is no part of a hunk."""
    pair = lines[number : number + 2] if lines[number].startswith("--- ") else lines[max(number - 1, 0) : number + 1]
    return len(pair) == 2 and pair[0].startswith("--- ") and pair[1].startswith("+++ ")
