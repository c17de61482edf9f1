"""What went into a build, told so that the same inputs have the same fingerprint in every clone and on every machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tproxy_rpms.release.model import Arch
from tproxy_rpms.store import digest_value

# Changes to what a fingerprint is made of count here: what was kept under the old ones is no longer found.
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that shapes the RPMs of one package and arch; digests are hex SHA-256, no path of a host is in it.

    Fields:
        builder: its name. code: a digest of the builders' code. epoch: seconds since 1970, the build's SOURCE_DATE_EPOCH.
        srpm: the SRPM's digest. root: what tells the arch's build root from all others, in the builder's own words.
        requires: RPMs of this cut that were in the root, file name → digest.
    """

    builder: str
    code: str
    arch: Arch
    epoch: int
    srpm: str
    root: Mapping[str, str]
    requires: Mapping[str, str]

    def render(self) -> dict[str, Any]:
        """Return the inputs as JSON has them."""
        return asdict(self) | {"schema": SCHEMA}

    @cached_property
    def fingerprint(self) -> str:
        """The hex SHA-256 of all of it."""
        return digest_value(self.render())

    def list_differences(self, other: Any) -> list[str]:
        """Return the names of the inputs that are not the same in `other`, which is as `render` gives it."""
        own = self.render()
        if not isinstance(other, dict):
            return sorted(own)
        return sorted(name for name in own.keys() | other.keys() if own.get(name) != other.get(name))
