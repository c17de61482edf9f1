"""Paths and names that carry their package's version: /lib/modules/6.1.174-1 is /lib/modules/6.1.192-1 of the next."""

import re
from dataclasses import dataclass

from tproxy_rpms.diff.package import Package


@dataclass(frozen=True, kw_only=True)
class Renaming:
    """How a text of the old package reads in the new one.

    Fields:
        pairs: what stands for what, the longest first; empty for two packages of one version.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def between(cls, old: Package, new: Package) -> "Renaming":
        """Return the renaming of two versions of a package."""
        words = [(one.evr, f"{one.version}-{one.release}", one.version) for one in (old, new)]
        return cls(pairs=tuple(dict.fromkeys(pair for pair in zip(*words, strict=True) if pair[0] != pair[1])))

    def apply(self, text: str) -> str:
        """Return a text as the new package would have it: a version counts only where it is whole."""
        if not self.pairs:
            return text
        found = dict(self.pairs)
        # Not the 1.2 of 1.2.3, 3.1.2 or 21.2.
        words = "|".join(re.escape(old) for old in found)
        return re.sub(rf"(?<!\d)(?<!\d\.)(?:{words})(?!\d)(?!\.\d)", lambda match: found[match[0]], text)
