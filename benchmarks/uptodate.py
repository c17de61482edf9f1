"""How long an up-to-date run takes, as a multiple of an empty dodo.py's run: `./run python benchmarks/uptodate.py`.

Needs a finished cut of the release: one is made first where there is none, which takes its time. Prints the median of the
runs in seconds and the ratios; the target is at most 2.5.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def time_command(argv: list[str], *, cwd: Path, runs: int) -> float:
    """Return the median wall time of a command in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--ccache", choices=["on", "off"], default="off", help="how the cut was made")
    options = parser.parse_args()
    variables = [f"release={options.release}", f"ccache={options.ccache}"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dodo.py").write_text("def task_nothing():\n    return {'actions': None}\n")
        floor = time_command(["doit"], cwd=Path(folder), runs=options.runs)
    for name, argv in (("doit", ["doit", *variables]), ("doit list", ["doit", "list", *variables])):
        seconds = time_command(argv, cwd=ROOT, runs=options.runs)
        print(f"{name:10} {seconds:.3f} s, empty dodo.py {floor:.3f} s: {seconds / floor:.2f} times (target 2.5)")


if __name__ == "__main__":
    main()
