"""Resolve the kernel configuration and audit every fragment line, before any build root is made."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tproxy_rpms.release.model import Arch, Kconfig, Package
from tproxy_rpms.shelf import find_path
from tproxy_rpms.store import digest_code, digest_file
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step

# The fragment that is part of every kernel.
ALWAYS = "reproducible"


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step for unpacking what configuring needs of a kernel, and one an arch."""
    for package in cut.release.packages.values():
        if package.kconfig is None:
            continue
        yield Step(
            stage="kconfig",
            name=f"{package.name}:tree",
            doc=f"unpack what configuring {package.name} needs",
            inputs=partial(tree_inputs, cut, package),
            run=partial(unpack, cut, package),
            after=(f"verify:{package.sources[0]}",),
        )
        for arch in cut.release.arches:
            yield Step(
                stage="kconfig",
                name=f"{package.name}:{arch}",
                doc=f"{package.kconfig.base} and {', '.join(package.kconfig.fragments)}",
                inputs=partial(inputs, cut, package, arch),
                run=partial(resolve, cut, package, arch),
                after=(f"kconfig:{package.name}:tree",),
            )


def tree_inputs(cut: Cut, package: Package) -> dict[str, object]:
    """What shapes the unpacked tree."""
    return {
        "source": cut.recorded("fetch", package.sources[0]),
        "verdict": cut.recorded("verify", package.sources[0]),
        "patches": cut.patches_digest(package),
        "code": digest_code("kernel", "packaging"),
    }


def inputs(cut: Cut, package: Package, arch: Arch) -> dict[str, object]:
    """What shapes a resolved configuration."""
    assert package.kconfig is not None
    paths = list_fragments(cut.root, package.kconfig, arch)
    return tree_inputs(cut, package) | {
        "kconfig": asdict(package.kconfig),
        "fragments": {path.name: digest_file(path) for path in paths},
    }


def list_fragments(root: Path, kconfig: Kconfig, arch: Arch) -> list[Path]:
    """Return the files of all fragments of a kernel; what every kernel must keep to comes first, named or not."""
    always = [ALWAYS] if find_path(root, "kconfig", f"{ALWAYS}.config").exists() else []
    names = dict.fromkeys([*always, *kconfig.fragments])
    return [path for name in names for path in fragment_paths(root, name, arch)]


def fragment_paths(root: Path, name: str, arch: Arch) -> list[Path]:
    """Return the files of a fragment: kconfig/NAME.config, and kconfig/NAME.ARCH.config where that exists."""
    special = find_path(root, "kconfig", f"{name}.{arch}.config")
    return [find_path(root, "kconfig", f"{name}.config"), *([special] if special.exists() else [])]


def tree_path(cut: Cut, package: Package) -> Path:
    """Where the unpacked tree of a kernel package lies."""
    return cut.build / "kconfig" / f"{package.name}-tree"


def unpack(cut: Cut, package: Package) -> tuple[Path, ...]:
    """Unpack, patch, and return the few files that stand for the whole tree."""
    from tproxy_rpms.kernel.tree import unpack_tree
    from tproxy_rpms.packaging.patches import apply_patches, list_touched
    from tproxy_rpms.sources.fetched import read_fetched

    tarball = cut.sources / read_fetched(cut.sources, package.sources[0]).file
    patches = cut.patches(package)
    tree = unpack_tree(tarball, tree_path(cut, package), extra=set().union(*map(list_touched, patches)))
    apply_patches(patches, tree)
    return tree / "Makefile", tree / "scripts" / "kconfig" / "Makefile"


def resolve(cut: Cut, package: Package, arch: Arch) -> tuple[Path, ...]:
    """Resolve and audit one arch; the audit's JSON is left even when the audit fails."""
    from tproxy_rpms.console import write_line
    from tproxy_rpms.kernel.audit import audit_config, check_audit, list_demands, render_table, write_audit
    from tproxy_rpms.kernel.explain import explain_findings
    from tproxy_rpms.kernel.fragment import read_fragments
    from tproxy_rpms.kernel.resolve import resolve_config
    from tproxy_rpms.store import write_whole

    assert package.kconfig is not None
    folder, tree = cut.kconfig(package, arch), tree_path(cut, package)
    fragments = read_fragments(list_fragments(cut.root, package.kconfig, arch))
    config, audit, demands = folder / f"config-{arch}", folder / f"audit-{arch}.json", folder / f"demands-{arch}"
    folder.mkdir(parents=True, exist_ok=True)
    resolve_config(
        tree, arch=arch, base=package.kconfig.base, fragments=fragments, output=config, log=folder / f"resolve-{arch}.log"
    )
    findings = explain_findings(tree, config, audit_config(fragments, config), arch=arch)
    write_audit(audit, findings, arch=arch)
    write_line(sys.stdout, render_table(findings, arch=arch))
    check_audit(findings, arch=arch)
    write_whole(demands, "".join(f"{line}\n" for line in list_demands(fragments)))
    return config, demands, audit
