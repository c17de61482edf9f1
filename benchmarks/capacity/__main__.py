"""How long a release takes on how many Koji builders, from measured times: `./run python -m benchmarks.capacity [SET]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.capacity.matrix import MissingTimesError
from benchmarks.capacity.table import Plan, render_plan
from benchmarks.capacity.times import MEASURED, Measured, gather_figures, read_measured
from benchmarks.measure import ROOT
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.release.load import load_release
from tproxy_rpms.report.runs import read_runs

# A package of no work (rpmbuild takes 0.4 s) for both arches on a hub and builder of one host, roots of one package: 14 to 18 s.
EXTRA = 18.0
# A repo of a small tag there, with the tag made before it.
PAUSE = 10.0


def count(word: str) -> int:
    """Return a number of things, one at least."""
    number = int(word)
    if number < 1:
        raise ValueError
    return number


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("set", nargs="?", default="centos5", help=f"figures of {MEASURED.name} (default: %(default)s)")
    parser.add_argument("--runs", type=Path, help="take the times from a folder of runs instead: build/RELEASE/runs")
    parser.add_argument("--release", help="the release whose packages they are (default: as the set says; needed with --runs)")
    parser.add_argument("--kernels", type=count, nargs="+", default=[1, 4, 16], metavar="N")
    parser.add_argument("--builders", type=count, nargs="+", default=[1, 2, 4, 8, 16], metavar="N")
    parser.add_argument("--at-once", type=count, metavar="N", help="tasks of a builder (default: as it was measured; of runs, 1)")
    parser.add_argument("--extra", type=float, default=EXTRA, metavar="SECONDS", help="added to each task (default: %(default)g)")
    parser.add_argument(
        "--pause", type=float, default=PAUSE, metavar="SECONDS", help="until a new repo is ready (default: %(default)g)"
    )
    return parser


def read_times(options: argparse.Namespace) -> Measured:
    """Return what was measured. Raises KeyError for a set or runs that are not there."""
    if options.runs is None:
        return read_measured(MEASURED, options.set)
    if not options.release:
        raise KeyError("--runs needs --release: runs do not say whose they are")
    figures = gather_figures(read_runs(options.runs))
    if not figures:
        raise KeyError(f"{options.runs} has no run without ccache in which a package was built")
    return Measured(release=options.release, at_once=1, figures=figures)


def main(words: Sequence[str]) -> int:
    """Print the plan; 0, or 2 where something is missing."""
    parser = make_parser()
    options = parser.parse_args(words)
    try:
        measured = read_times(options)
        plan = Plan(
            builders=tuple(options.builders),
            at_once=options.at_once or measured.at_once,
            kernels=tuple(options.kernels),
            extra=options.extra,
            pause=options.pause,
        )
        release = load_release(options.release or measured.release, root=ROOT)
        print(render_plan(release, measured.figures, plan), end="")
    except KeyError as error:
        parser.error(str(error.args[0]))
    except (MissingTimesError, TproxyError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
