"""Print the resolved release as TOML."""

import sys
from collections.abc import Iterator

from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(stage="dump", doc="print the resolved release as TOML", run=lambda: show(cut))


def show(cut: Cut) -> None:
    """Print the release."""
    from tproxy_rpms.outlet import write_text
    from tproxy_rpms.release.dump import dump_release

    write_text(sys.stdout, dump_release(cut.release))
