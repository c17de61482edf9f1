"""RPMs that are here already: what another place has too need not be brought."""

from collections.abc import Iterable
from pathlib import Path

from tproxy_rpms.store import digest_file


class Pool:
    """Files by their names; which one has a digest is looked at only where the name is right."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.paths: dict[str, list[Path]] = {}
        self.digests: dict[tuple[Path, str], str] = {}
        self.add(paths)

    def add(self, paths: Iterable[Path]) -> None:
        """Take more files in."""
        for path in paths:
            self.paths.setdefault(path.name, []).append(path)

    def find(self, name: str, *, digest: str, algorithm: str = "sha256") -> Path | None:
        """Return a file of that name and hex digest, or None."""
        return next((path for path in self.paths.get(name, []) if self.get_digest(path, algorithm) == digest), None)

    def get_digest(self, path: Path, algorithm: str) -> str:
        """Return the digest of a file, counted once."""
        key = path, algorithm
        if key not in self.digests:
            self.digests[key] = digest_file(path, algorithm)
        return self.digests[key]
