"""What a warm build adds to rpmbuild itself: `./run python benchmarks/overhead.py`.

Builds one package again with everything else up to date, and compares doit's wall time with the time that rpmbuild took inside
the root (from state.log). The target is at most 5 s and 5 %.
"""

import argparse
import datetime
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def read_phases(state: Path) -> dict[str, float]:
    """Return the seconds of each phase of a state.log."""
    started: dict[str, float] = {}
    phases: dict[str, float] = {}
    for line in state.read_text().splitlines():
        stamp, event, name = line.split()[:3]
        seconds = datetime.datetime.fromisoformat(stamp).timestamp()
        if event == "start":
            started[name] = seconds
        elif name in started:
            phases[name] = seconds - started[name]
    return phases


def time_step(release: str, step: str) -> float:
    """Return the seconds of building one `rpm` step of a release again, with everything else up to date."""
    command = ["doit", f"release={release}", "-n", "1", step]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (ROOT / "build" / Path(release).stem / "stamps" / f"{step.replace(':', '-')}.json").unlink()
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--package", default="iptables")
    parser.add_argument("--arch", default="x86_64", choices=["x86_64", "i386"])
    options = parser.parse_args()
    step = f"rpm:{options.package}:{options.arch}"
    total = time_step(options.release, step)
    phases = read_phases(ROOT / "build" / Path(options.release).stem / "logs" / f"{options.package}-{options.arch}" / "state.log")
    added = total - phases["rpmbuild"]
    print(f"{step}: {total:.1f} s in all, rpmbuild {phases['rpmbuild']:.1f} s, unpacking the root {phases['unpack']:.1f} s")
    print(f"added {added:.1f} s, {100 * added / phases['rpmbuild']:.1f} % (target: at most 5 % and 5 s)")


if __name__ == "__main__":
    main()
