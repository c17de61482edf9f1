"""What two versions of a package require, provide, conflict with and run, compared."""

from collections.abc import Iterable, Mapping

from tproxy_rpms.diff.change import RelationChange, ScriptletChange
from tproxy_rpms.diff.package import Relation
from tproxy_rpms.diff.version import Renaming


def compare_relations(old: Iterable[Relation], new: Iterable[Relation], renaming: Renaming) -> tuple[RelationChange, ...]:
    """Return the names of which the two say different things; what only follows the package's own version does not count."""
    before, after = set(old), set(new)
    gone = {one for one in before - after if rename(one, renaming) not in after}
    come = after - before - {rename(one, renaming) for one in before}
    names = sorted({(one.kind, one.name) for one in gone | come})
    return tuple(
        RelationChange(
            kind=kind,
            name=name,
            old=tuple(sorted(one for one in gone if (one.kind, one.name) == (kind, name))),
            new=tuple(sorted(one for one in come if (one.kind, one.name) == (kind, name))),
        )
        for kind, name in names
    )


def rename(relation: Relation, renaming: Renaming) -> Relation:
    """Return a relation as the new version would have it."""
    return Relation(
        kind=relation.kind, name=renaming.apply(relation.name), sense=relation.sense, version=renaming.apply(relation.version)
    )


def compare_scriptlets(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[ScriptletChange, ...]:
    """Return the scriptlets that differ, by kind."""
    return tuple(
        ScriptletChange(kind=kind, word="added" if kind not in old else "removed" if kind not in new else "changed")
        for kind in sorted(old.keys() | new.keys())
        if old.get(kind) != new.get(kind)
    )
