"""Serve an older snapshot again: the one before, or the one that is named."""

import sys
from collections.abc import Iterator
from functools import partial

from tproxy_rpms.errors import UserError
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.publish import require_publishing
from tproxy_rpms.tasks.step import Telling


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(stage="rollback", doc="serve the snapshot before, or that of an ID", run=partial(roll_back, cut), words="ids")


def roll_back(cut: Cut, *, ids: list[str]) -> None:
    """Go back. Raises UserError for a snapshot that is not there, PublishError or GateError for one that is not as it was."""
    from tproxy_rpms.console import write_line
    from tproxy_rpms.publish import snapshots
    from tproxy_rpms.publish.place import open_place
    from tproxy_rpms.publish.receipt import write_receipt
    from tproxy_rpms.signing.signatory import read_manifest_key

    if len(ids) > 1:
        raise UserError(f"rollback takes one snapshot, not {len(ids)}", hint="doit rollback [ID]; doit snapshots lists them")
    publishing = require_publishing(cut)
    place = open_place(publishing)
    name = snapshots.roll_back(place, read_manifest_key(cut.release), *ids)
    served = snapshots.read_catalogue(place).find(name)
    write_receipt(cut.receipt, to=publishing.to, name=name, packages=served.packages if served else {})
    write_line(sys.stdout, f"{publishing.to}: {name} is now served")
