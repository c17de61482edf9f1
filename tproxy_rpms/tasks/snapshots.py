"""List what is published, newest first, with the differences in packages."""

import sys
from collections.abc import Iterator
from functools import partial

from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.publish import require_publishing
from tproxy_rpms.tasks.step import Telling


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(stage="snapshots", doc="list what is published, with differences", run=partial(tell, cut))


def tell(cut: Cut) -> None:
    """Write the list. Raises PublishError if the place cannot be reached."""
    from tproxy_rpms.console import write_line
    from tproxy_rpms.publish.place import open_place
    from tproxy_rpms.publish.snapshots import read_catalogue, render_catalogue

    publishing = require_publishing(cut)
    write_line(sys.stdout, render_catalogue(read_catalogue(open_place(publishing)), publishing))
