"""Build-root locks: every package of the chroot that a package was built in, so that it can be had again.

A lock is a JSON file with the fields of mock's own buildroot_lock.json (version 1.1: `config`, and `buildroot.rpms` with name,
arch, epoch, version, release, license, sigmd5, signature, url), and for each package its `sha256` and `size` in bytes besides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tproxy_rpms.errors import UserError
from tproxy_rpms.store import read_json, write_json

# What mock 6 writes; a reader of 1.1 takes any 1.x.
VERSION = "1.1.0"


@dataclass(frozen=True, kw_only=True)
class LockedPackage:
    """One package of a chroot. `epoch` and `signature` are None where there is none; `sha256` is empty until it is locked."""

    name: str
    arch: str
    version: str
    release: str
    sigmd5: str
    url: str
    epoch: str | None = None
    license: str = ""
    signature: str | None = None
    sha256: str = ""
    size: int = 0

    @property
    def nevra(self) -> str:
        """NAME-[EPOCH:]VERSION-RELEASE.ARCH, as rpm -qa writes it."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}"

    @property
    def filename(self) -> str:
        """The name of its file, the last part of its URL."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A chroot's packages, and mock's own notes on the configuration."""

    packages: tuple[LockedPackage, ...]
    config: Mapping[str, Any]


def read_buildroot(path: Path) -> Lock:
    """Return what mock's buildroot_lock plugin wrote of a chroot. Raises UserError if that is missing or not understood."""
    return parse_lock(path, read_json(path), locked=False)


def read_lock(path: Path) -> Lock:
    """Return a lock. Raises UserError that names the package and the field at fault."""
    return parse_lock(path, read_json(path), locked=True)


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock, whole or not at all."""
    rpms = [asdict(package) for package in sorted(lock.packages, key=lambda package: (package.name, package.arch))]
    write_json(path, {"version": VERSION, "buildroot": {"rpms": rpms}, "config": dict(lock.config)})


def parse_lock(path: Path, content: Any, *, locked: bool) -> Lock:
    """Return a lock from JSON; with `locked`, every package must have a sha256 and a size."""
    hint = "write it anew: remove its folder and run doit lock"
    if not isinstance(content, dict) or not str(content.get("version", "")).startswith("1."):
        raise UserError(f"{path}: missing, damaged, or no build-root lock of version 1", hint=hint)
    rpms = content.get("buildroot", {}).get("rpms")
    if not isinstance(rpms, list) or not rpms:
        raise UserError(f"{path}: buildroot.rpms: holds no package", hint=hint)
    problems, packages = [], []
    for index, rpm in enumerate(rpms):
        where = f"{path}: buildroot.rpms[{index}] ({rpm.get('name', '?') if isinstance(rpm, dict) else repr(rpm)})"
        try:
            package = LockedPackage(**{key: value for key, value in rpm.items() if key in LockedPackage.__dataclass_fields__})
        except (TypeError, AttributeError) as error:
            problems.append(f"{where}: {error}")
            continue
        if locked and (len(package.sha256) != 64 or package.size <= 0):
            problems.append(f"{where}: sha256 and size: missing or not whole")
        packages.append(package)
    if problems:
        raise UserError("\n".join(problems), hint=hint)
    return Lock(packages=tuple(packages), config=content.get("config", {}))


def compare_roots(*, locked: Iterable[LockedPackage], found: Iterable[LockedPackage]) -> list[str]:
    """Return how a chroot differs from its lock, a line a package; empty when both hold the same builds of the same packages."""
    old = {(package.name, package.arch): package for package in locked}
    new = {(package.name, package.arch): package for package in found}
    lines = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            lines.append(f"- {old[key].nevra}: in the lock, not in the root")
        elif key not in old:
            lines.append(f"+ {new[key].nevra}: in the root, not in the lock")
        elif new[key].nevra != old[key].nevra:
            lines.append(f"! {new[key].nevra}: the lock has {old[key].nevra}")
        elif new[key].sigmd5 != old[key].sigmd5:
            lines.append(
                f"! {new[key].nevra}: another build of it: header and payload {new[key].sigmd5}, locked {old[key].sigmd5}"
            )
    return lines


def join_locks(locks: Sequence[tuple[Path, Lock]]) -> tuple[LockedPackage, ...]:
    """Return the packages of several locks, each once. Raises UserError if two locks want different builds of one."""
    joined: dict[tuple[str, str], tuple[Path, LockedPackage]] = {}
    problems = []
    for path, lock in locks:
        for package in lock.packages:
            before, other = joined.setdefault((package.name, package.arch), (path, package))
            if other.sha256 != package.sha256:
                problems.append(f"{path}: {package.nevra} is not the {other.nevra} of {before}")
    if problems:
        raise UserError("\n".join(problems), hint="the locks of one arch come from one doit lock: run it again for all packages")
    return tuple(package for _, package in joined.values())
