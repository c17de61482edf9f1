"""Measure, print the ratios, and keep them: `./run python -m benchmarks [NAME…] [--quick]`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from benchmarks.measure import ROOT, Benchmark, CannotRunError, Setting
from benchmarks.results import Ratio, make_ratio, render_table, write_results

# In the order in which they run: the quick ones first.
NAMES = ("uptodate", "fetch", "publish", "audit", "warm", "arches", "recut", "kernel", "ccache")


def run_benchmark(name: str, *, release: str, quick: bool, kept: Path) -> Ratio | None:
    """Return what a benchmark measured; None, with its reason told, where it cannot run or would take too long."""
    benchmark = cast(Benchmark, import_module(f"benchmarks.{name}"))
    if quick and benchmark.SLOW:
        print(f"{name}: left out by --quick", flush=True)
        return None
    print(f"{name}: {benchmark.WHAT} …", flush=True)
    load = os.getloadavg()[0]
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept, prefix=f".{name}-") as scratch:
        try:
            measured = benchmark.measure(Setting(release=release, quick=quick, scratch=Path(scratch), kept=kept))
        except CannotRunError as reason:
            print(f"{name}: left out: {reason}", flush=True)
            return None
    ratio = make_ratio(name, benchmark.WHAT, measured, load=load)
    print(f"{name}: {ratio.ratio:.2f} ({ratio.note})", flush=True)
    return ratio


def main(words: Sequence[str]) -> int:
    """Run what is asked for; 0 if anything was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="less of everything, and no kernel")
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "benchmarks", help="where results and work lie")
    options = parser.parse_args(words)
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    ratios = []
    for name in options.names or NAMES:
        ratio = run_benchmark(name, release=options.release, quick=options.quick, kept=options.folder.resolve())
        if ratio:
            ratios.append(ratio)
            write_results(options.folder / "results.json", [ratio])
    print(f"\n{render_table(ratios)}\nratio: ours as a multiple of theirs, of medians; kept in {options.folder / 'results.json'}")
    if max((ratio.load for ratio in ratios), default=0) > 1:
        print("others were at work on this host meanwhile (load): ratios may be off")
    return 0 if ratios else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
