"""A snapshot as it is published: repositories, key, record and SBOM, lists of mirrors, and a signed manifest over all of it."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tproxy_rpms.errors import GateError
from tproxy_rpms.publish.client import MIRRORS
from tproxy_rpms.signing.armour import dearmour
from tproxy_rpms.signing.file import has_signature, sign_file
from tproxy_rpms.signing.key import SigningKey
from tproxy_rpms.signing.signer import Signer
from tproxy_rpms.signing.verify import verify_file
from tproxy_rpms.store import copy_link, digest_file, digest_value, whole_folder

MANIFEST = "SHA256SUMS"

# Hex digits of a snapshot's name.
ID_DIGITS = 16


def compose_tree(
    files: Mapping[str, Path], directory: Path, *, url: str, repositories: Iterable[str], signer: Signer
) -> tuple[Path, ...]:
    """Make `directory` a snapshot of these files (name in it → where it lies), and return every file of it.

    Args:
        url: where clients find the place that it is published to. repositories: names of those that get a list of mirrors.

    The name of a snapshot is a digest of all of its files, so the lists of mirrors, which hold that name, are made after. A
    manifest that has not changed keeps its signature. Raises SigningError if the manifest cannot be signed.
    """
    digests = {name: digest_file(path) for name, path in files.items()}
    name = name_files(digests)
    with whole_folder(directory) as folder:
        for relative, path in files.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            copy_link(path, folder / relative)
        for repository in repositories:
            mirrors = f"{repository}/{MIRRORS}"
            (folder / mirrors).write_text(f"{url}/snapshots/{name}/{repository}/\n")
            digests[mirrors] = digest_file(folder / mirrors)
        manifest = folder / MANIFEST
        manifest.write_text("".join(f"{digest}  {relative}\n" for relative, digest in sorted(digests.items())))
        kept, signature = directory / f"{MANIFEST}.asc", folder / f"{MANIFEST}.asc"
        if has_signature(manifest, kept, signer=signer):
            copy_link(kept, signature)
        else:
            signature.write_text(sign_file(manifest, signer=signer))
    return tuple(sorted(path for path in directory.rglob("*") if path.is_file()))


def read_id(directory: Path) -> str:
    """Return the name of a composed snapshot, which its manifest gives."""
    return name_content((directory / MANIFEST).read_text())


def verify_tree(directory: Path, key: SigningKey) -> None:
    """Raise GateError unless the manifest of a composed snapshot has a good signature by a key, as of now."""
    verify_manifest((directory / MANIFEST).read_text(), (directory / f"{MANIFEST}.asc").read_text(), key)


def verify_manifest(manifest: str, armoured: str, key: SigningKey) -> None:
    """Raise GateError unless a manifest has a good signature by a key."""
    with tempfile.TemporaryDirectory(prefix="tproxy-rpms-manifest-") as scratch:
        path = Path(scratch) / MANIFEST
        path.write_text(manifest)
        verify_file(path, dearmour(armoured.encode()), key)


def name_content(manifest: str) -> str:
    """Return the name of the snapshot that a manifest tells of."""
    return name_files({name: digest for digest, _, name in (line.partition("  ") for line in manifest.splitlines())})


def name_files(digests: Mapping[str, str]) -> str:
    """Return the name of a snapshot by its files, name → hex SHA-256; the lists of mirrors, which hold it, do not count."""
    return digest_value({name: digest for name, digest in digests.items() if Path(name).name != MIRRORS})[:ID_DIGITS]


def check_complete(expected: Mapping[str, Mapping[str, str]], present: Mapping[str, str], *, reports: Iterable[Path]) -> None:
    """Raise GateError unless a set is whole: nothing half built or unchecked is published.

    Args:
        expected: `REPOSITORY: PACKAGE` → what the last step made of it, file name → hex SHA-256.
        present: the files of the repositories, `REPOSITORY/FILE` → hex SHA-256.
        reports: the gates' reports, each of which must say that it has found nothing.
    """
    wrong = []
    for title, files in expected.items():
        if not files:
            wrong.append(f"{title}: no RPM")
        for name, digest in files.items():
            found = present.get(f"{title.partition(':')[0]}/{name}")
            if found != digest:
                wrong.append(f"{title}: {name}: {'is another file' if found else 'is not in its repository'}")
    for report in reports:
        try:
            passed = json.loads(report.read_bytes())["ok"] is True
        except (OSError, ValueError, KeyError):
            passed = False
        if not passed:
            wrong.append(f"{report}: the gate has not passed it")
    if wrong:
        raise GateError(wrong, hint="only complete sets are published: doit makes what is missing")
