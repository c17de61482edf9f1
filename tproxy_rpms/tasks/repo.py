"""Make the repositories, one an arch and one of the SRPMs, and what hosts trust them by (this is what plain doit does)."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tproxy_rpms.store import digest_code, read_outputs
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.sign import describe_keyring
from tproxy_rpms.tasks.step import Step


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step a repository; each needs its whole set of packages. A signed release has its key beside them."""
    for name in (*cut.release.arches, "SRPMS"):
        yield make_step(cut, name)
    if cut.release.signing:
        yield Step(
            stage="repo",
            name="key",
            doc=f"build/{cut.release.name}/repo: the public key" + (" and the .repo file" if cut.has_client else ""),
            inputs=partial(key_inputs, cut),
            run=partial(write_key, cut),
        )


def make_step(cut: Cut, name: str) -> Step:
    """Return the step that makes one repository out of all packages that passed the gates."""
    arch = "SRPM" if name == "SRPMS" else name
    packages = list(cut.release.packages)
    steps = [cut.finished_by(package, arch) for package in packages]
    if cut.has_client:
        steps.append(("client", "tproxy-release"))
    return Step(
        stage="repo",
        name=name,
        doc=f"build/{cut.release.name}/repo/{name}",
        after=(*(":".join(words) for words in steps), *(f"gate:{package}:{arch}" for package in packages)),
        inputs=lambda: {
            "packages": {":".join(words): cut.recorded(*words) for words in steps},
            "epoch": cut.release.epoch,
            "release": [cut.release.summary, packages],
            "metadata": list_metadata(cut),
            "key": [cut.release.signing.key, describe_keyring(cut)] if cut.release.signing else [],
            "code": digest_code("publish"),
        },
        run=partial(make, cut, name, steps),
    )


def list_metadata(cut: Cut) -> list[str]:
    """Return what of the target shapes metadata."""
    target = cut.release.target
    return [target.repo_checksum, target.repo_compress, target.repo_database]


def make(cut: Cut, name: str, steps: list[tuple[str, ...]]) -> tuple[Path, ...]:
    """Make one repository."""
    from tproxy_rpms.publish.repository import make_repository

    made = [path for words in steps for path in read_outputs(cut.stamp(*words)) if path.suffix == ".rpm"]
    rpms = [path for path in made if path.name.endswith(".src.rpm") == (name == "SRPMS")]
    return make_repository(cut.release, rpms, cut.build / "repo" / name, groups=name != "SRPMS", sign=find_signer(cut))


def find_signer(cut: Cut) -> Callable[[Path], str] | None:
    """Return what signs metadata, or None if nobody does."""
    if cut.release.signing is None:
        return None
    from tproxy_rpms.signing.file import sign_file

    return partial(sign_file, signer=cut.signatory.metadata)


def key_inputs(cut: Cut) -> dict[str, object]:
    """What shapes the key beside the repositories."""
    release = cut.release
    signing = release.signing
    return {
        "keyring": describe_keyring(cut),
        "keys": [signing.key, signing.modern.key if signing.modern else ""] if signing else [],
        "release": [release.name, release.summary, release.url, release.target.repo_signed],
        "code": digest_code("publish", "signing"),
    }


def write_key(cut: Cut) -> tuple[Path, ...]:
    """Write the public keys, and the .repo file for hosts that do without tproxy-release."""
    from tproxy_rpms.publish.client import KEY_FILE, MANIFEST_KEY_FILE, REPO_FILE, render_repo
    from tproxy_rpms.store import write_whole

    texts = {KEY_FILE: cut.signatory.key.armoured}
    if cut.signatory.manifest.key.fingerprint != cut.signatory.key.fingerprint:
        texts[MANIFEST_KEY_FILE] = cut.signatory.manifest.key.armoured
    if cut.has_client:
        texts[REPO_FILE] = render_repo(cut.release)
    for name, text in texts.items():
        write_whole(cut.build / "repo" / name, text)
    return tuple(cut.build / "repo" / name for name in texts)
