"""Publish what is complete, signed and checked: a snapshot that is served by one rename."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tproxy_rpms.errors import GateError, ReleaseError
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.store import digest_code, read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.sign import describe_keyring
from tproxy_rpms.tasks.step import Step, Telling


def create(cut: Cut) -> Iterator[Step | Telling]:
    """Yield the step that composes the snapshot, and the task that sends it."""
    from tproxy_rpms.tasks.record import demanded

    repositories = (*cut.release.arches, "SRPMS", "key")
    if cut.release.signing and cut.release.publishing and cut.release.url:
        yield Step(
            stage="publish",
            name="tree",
            doc=f"build/{cut.release.name}/publish",
            after=(*(f"repo:{name}" for name in repositories), *demanded(cut), "record:cut"),
            inputs=partial(inputs, cut),
            run=partial(compose, cut),
        )
        yield Telling(
            stage="publish",
            name="place",
            doc=f"to {cut.release.publishing.to}",
            after=("publish:tree",),
            run=partial(send, cut),
        )
    else:
        yield Telling(stage="publish", doc="the release does not say where to", run=partial(complain, cut))


def complain(cut: Cut) -> None:
    """Raise SigningError or ReleaseError for what the release lacks."""
    from tproxy_rpms.signing.signatory import require_signing

    require_signing(cut.release)
    require_publishing(cut)
    raise ReleaseError([f"{name_file(cut)}: url: missing"], hint='say where clients find it: url = "https://host/path"')


def require_publishing(cut: Cut) -> Publishing:
    """Return where a release is published. Raises ReleaseError if it does not say so."""
    if cut.release.publishing is None:
        raise ReleaseError(
            [f"{name_file(cut)}: publishing.to: missing"], hint='add [publishing] with to = "/FOLDER" or "HOST:/FOLDER"'
        )
    return cut.release.publishing


def name_file(cut: Cut) -> str:
    """Return the release's own file."""
    return str(cut.release.files[-1])


def inputs(cut: Cut) -> dict[str, object]:
    """What shapes a snapshot."""
    from tproxy_rpms.tasks.record import list_repositories

    signing = cut.release.signing
    manifest = (signing.modern or signing).key if signing else ""
    return {
        "files": {name: cut.recorded("repo", name) for name in (*list_repositories(cut), "key")},
        "record": cut.recorded("record", "cut"),
        "demand": list(require_publishing(cut).demand),
        "url": cut.release.url,
        "key": [manifest, describe_keyring(cut)],
        "code": digest_code("publish", "signing"),
    }


def compose(cut: Cut) -> tuple[Path, ...]:
    """Compose the snapshot out of what is complete. Raises GateError if it is not."""
    from tproxy_rpms.publish.client import CLIENT_FILE, NAME
    from tproxy_rpms.publish.tree import check_complete, compose_tree
    from tproxy_rpms.tasks.accept import require_accepted
    from tproxy_rpms.tasks.record import list_repositories
    from tproxy_rpms.tasks.repro import require_reproduced

    base = cut.build / "repo"
    repositories = list_repositories(cut)
    made = {path: digest for name in (*repositories, "key") for path, digest in read_outputs(cut.stamp("repo", name)).items()}
    if cut.ccache:
        raise GateError(
            [f"{cut.release.name}: built with ccache=on"], hint="what others install is compiled: doit without ccache=on"
        )
    if "accept" in require_publishing(cut).demand:
        require_accepted(cut)
    if "repro" in require_publishing(cut).demand:
        require_reproduced(cut)
    expected = {
        f"{name}: {package}": list_finished(cut, name, package) for name in repositories for package in cut.release.packages
    }
    expected |= {f"{name}: {NAME}": list_finished(cut, name, NAME) for name in repositories}
    titles = [f"{package}-{arch}" for package in cut.release.packages for arch in (*cut.release.arches, "SRPM")]
    reports = [cut.gates / f"{title}{kind}.json" for title in (*titles, NAME) for kind in ("", ".signed")]
    check_complete(expected, {str(path.relative_to(base)): digest for path, digest in made.items()}, reports=reports)
    files = {str(path.relative_to(base)): path for path in made}
    files |= {f"record/{path.name}": path for path in read_outputs(cut.stamp("record", "cut"))}
    # A name that stays: hosts begin with it.
    (files[CLIENT_FILE],) = (base / repositories[0] / name for name in list_finished(cut, repositories[0], NAME))
    return compose_tree(
        files, cut.build / "publish", url=cut.release.url, repositories=repositories, signer=cut.signatory.manifest
    )  # fmt: skip


def list_finished(cut: Cut, repository: str, package: str) -> dict[str, str]:
    """Return what of a package belongs into a repository, file name → hex SHA-256, as the last step made it."""
    arch = "SRPM" if repository == "SRPMS" else repository
    words = ("client", package) if package not in cut.release.packages else cut.finished_by(package, arch)
    rpms = {name: digest for name, digest in cut.recorded(*words).items() if name.endswith(".rpm")}
    return {name: digest for name, digest in rpms.items() if name.endswith(".src.rpm") == (repository == "SRPMS")}


def send(cut: Cut) -> None:
    """Send the snapshot to its place, and serve it. Raises SigningError for a key that has expired since it signed."""
    from tproxy_rpms.console import write_line
    from tproxy_rpms.publish.place import open_place
    from tproxy_rpms.publish.receipt import write_tree_receipt
    from tproxy_rpms.publish.snapshots import publish_snapshot
    from tproxy_rpms.publish.tree import verify_tree
    from tproxy_rpms.signing.signatory import read_keys

    publishing, tree = require_publishing(cut), cut.build / "publish"
    _, manifest_key = read_keys(cut.release)
    verify_tree(tree, manifest_key)
    published = publish_snapshot(open_place(publishing), tree, publishing)
    write_tree_receipt(cut.receipt, to=publishing.to, tree=tree)
    word = "now" if published.changed else "already"
    write_line(sys.stdout, f"{publishing.to}: {published.id} is {word} served; clients: {cut.release.url}")
    if published.complaint:
        write_line(sys.stdout, f"warning: {published.complaint}")
