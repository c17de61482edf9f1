"""Make tproxy-release, the package that brings hosts the repository's address and its key."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tproxy_rpms.store import digest_code
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.sign import describe_keyring, describe_signing, sign_into
from tproxy_rpms.tasks.step import Step


def create(cut: Cut) -> Iterator[Step]:
    """Yield the one step of a release that is signed and says where clients find it."""
    if cut.has_client:
        yield Step(
            stage="client",
            name="tproxy-release",
            doc=f"the key, and {cut.release.url}",
            inputs=partial(inputs, cut),
            run=partial(make, cut),
        )


def inputs(cut: Cut) -> dict[str, object]:
    """What shapes the package."""
    from tproxy_rpms.publish.client import PACKAGE

    release = cut.release
    return describe_signing(cut) | {
        "keyring": describe_keyring(cut),
        "release": [release.name, release.summary, release.url, release.epoch, release.client, release.packager],
        "target": [cut.target_digest, release.target.repo_signed],
        "spec": cut.spec_digest(PACKAGE),
        "packaging": digest_code("packaging", "publish"),
    }


def make(cut: Cut) -> tuple[Path, ...]:
    """Build the package and its SRPM, check and sign them."""
    from tproxy_rpms.gates.gate import check_artifacts
    from tproxy_rpms.publish.client import build_client
    from tproxy_rpms.tasks.templates import open_specs

    with open_specs(cut.root) as root:
        made = build_client(cut.release, key=cut.signatory.key, root=root, output=cut.build / "client")
    check_artifacts(made, target=cut.release.target, report=cut.gates / "tproxy-release.json")
    return sign_into(cut, cut.build / "signed" / "tproxy-release", made)
