"""Look whether this host has what the release needs, with the cure of all that is missing."""

import sys
from collections.abc import Iterator
from functools import partial

from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Telling

JSON = {
    "name": "json",
    "long": "json",
    "type": bool,
    "default": False,
    "help": "print JSON, and nothing else, on standard output",
}


def create(cut: Cut) -> Iterator[Telling]:
    """Yield the one task."""
    yield Telling(
        stage="doctor",
        doc="what the release needs of this host, and what to do (--json)",
        run=partial(tell, cut),
        options=(JSON,),
    )


def tell(cut: Cut, *, json: bool) -> None:
    """Print what is found. Raises HostError if the host is not fit."""
    from tproxy_rpms.doctor.examine import examine, render_json, render_table, require_fitness
    from tproxy_rpms.doctor.finding import Case
    from tproxy_rpms.doctor.host import read_host
    from tproxy_rpms.outlet import write_text

    case = Case(release=cut.release, host=read_host(), root=cut.root, build=cut.build, cache=cut.cache)
    findings = examine(case)
    write_text(sys.stdout, render_json(case, findings) if json else render_table(findings))
    require_fitness(case, findings)
