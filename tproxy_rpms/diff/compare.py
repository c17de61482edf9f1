"""Two sets of packages compared. All but the kernels' configurations is told by what was read of the packages before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cmp_to_key

from tproxy_rpms.diff.change import Change, Details, Difference, Word
from tproxy_rpms.diff.files import compare_files
from tproxy_rpms.diff.kconfig import compare_configs, find_config, read_config
from tproxy_rpms.diff.package import Package, PackageSet
from tproxy_rpms.diff.read import REPOSITORIES
from tproxy_rpms.diff.relations import compare_relations, compare_scriptlets
from tproxy_rpms.diff.version import Renaming
from tproxy_rpms.librpm import load_rpm

# Takes a package and the path of a file in it, and returns the symbols of that configuration.
ReadConfig = Callable[[Package, str], Mapping[str, str]]


def compare_sets(old: PackageSet, new: PackageSet, *, read: ReadConfig = read_config) -> Difference:
    """Return what differs between two sets.

    Packages go by repository and name; of those with several versions, each that both have is compared with itself, and what is
    left with what is left if that is one each. `read` opens the RPM of a kernel whose configuration has changed.
    Raises BuildError where that RPM cannot be read.
    """
    changes = [describe(first, second, read) for first, second in pair_packages(old.packages, new.packages)]
    return Difference(old=old, new=new, changes=tuple(sorted(changes, key=order)))


def order(change: Change) -> tuple[object, ...]:
    """Return what changes are sorted by: repositories stand in the order of a cut."""
    one = change.new or change.old
    assert one is not None
    rank = REPOSITORIES.index(change.repository) if change.repository in REPOSITORIES else len(REPOSITORIES)
    return rank, change.repository, change.name, one.arch, one.evr, change.word


def pair_packages(old: Iterable[Package], new: Iterable[Package]) -> Iterator[tuple[Package | None, Package | None]]:
    """Yield each package of either set, with its like in the other or None."""
    sides = group_names(old), group_names(new)
    for key in sorted(sides[0].keys() | sides[1].keys()):
        left, right = sides[0].get(key, []), sides[1].get(key, [])
        for like in (is_same_file, is_same_version, is_same_arch, is_any):
            pairs, left, right = match(left, right, like)
            yield from pairs
        yield from ((one, None) for one in left)
        yield from ((None, one) for one in right)


def group_names(packages: Iterable[Package]) -> dict[tuple[str, str], list[Package]]:
    """Return repository and name → packages, the newest last."""
    found: dict[tuple[str, str], list[Package]] = {}
    for package in packages:
        found.setdefault((package.repository, package.name), []).append(package)
    return {key: sorted(ones, key=cmp_to_key(compare_versions)) for key, ones in found.items()}


def is_same_file(package: Package) -> object:
    """Two of the same bytes."""
    return package.arch, package.evr, package.sha256


def is_same_version(package: Package) -> object:
    """Two of the same version and arch."""
    return package.arch, package.evr


def is_same_arch(package: Package) -> object:
    """Two of the same arch."""
    return package.arch


def is_any(_package: Package) -> object:
    """Two of the same name."""
    return ""


def match(
    left: list[Package], right: list[Package], like: Callable[[Package], object]
) -> tuple[list[tuple[Package, Package]], list[Package], list[Package]]:
    """Return pairs of packages that are alike where each side has one such, and what is left of both sides."""
    pairs = []
    for one in left:
        mine = [other for other in left if like(other) == like(one)]
        theirs = [other for other in right if like(other) == like(one)]
        if len(mine) == len(theirs) == 1:
            pairs.append((one, theirs[0]))
    done = {id(one) for pair in pairs for one in pair}
    return pairs, [one for one in left if id(one) not in done], [one for one in right if id(one) not in done]


def compare_versions(first: Package, second: Package) -> int:
    """Return -1, 0 or 1 as rpm orders two packages' versions; epochs do not count beside one of which only a record tells."""
    known = first.contents is not None and second.contents is not None
    labels = [((known and one.epoch) or "0", one.version, one.release) for one in (first, second)]
    return int(load_rpm().labelCompare(*labels))


def describe(old: Package | None, new: Package | None, read: ReadConfig) -> Change:
    """Return what became of a package."""
    either = new or old
    assert either is not None
    word = choose_word(old, new)
    details = compare_contents(old, new, read) if old and new and word not in ("identical", "signed") else None
    return Change(repository=either.repository, name=either.name, word=word, old=old, new=new, details=details)


def choose_word(old: Package | None, new: Package | None) -> Word:
    """Return what became of a package in one word."""
    if old is None or new is None:
        return "added" if old is None else "removed"
    if old.sha256 == new.sha256:
        return "identical"
    if ordered := compare_versions(old, new):
        return "upgraded" if ordered < 0 else "downgraded"
    if old.contents is None or new.contents is None:
        return "other"
    if old.nevra != new.nevra:
        return "moved"
    return "signed" if old.contents.body == new.contents.body else "rebuilt"


def compare_contents(old: Package, new: Package, read: ReadConfig) -> Details:
    """Return what differs inside of two versions of a package."""
    before, after = old.contents, new.contents
    if before is None or after is None:
        return Details(notes=("a record tells no more than name and digest",))
    renaming = Renaming.between(old, new)
    compared = compare_files(before, after, renaming)
    configs = find_config(before), find_config(after)
    changed = before.digest_number != after.digest_number or configs[1] in {change.path for change in compared.changes}
    symbols = compare_configs(read(old, configs[0]), read(new, configs[1])) if all(configs) and changed else ()
    return Details(
        files=compared.changes,
        renamed=compared.renamed,
        relations=compare_relations(before.relations, after.relations, renaming),
        scriptlets=compare_scriptlets(before.scriptlets, after.scriptlets),
        symbols=symbols,
        notes=compared.notes,
    )
