"""What a cut leaves, made by hand: every kind of evidence that a report reads, with text in it that nobody should trust."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tproxy_rpms.acceptance.trial import Check, Series
from tproxy_rpms.acceptance.trial import Finding as Trialled
from tproxy_rpms.acceptance.verdict import Verdict as Accepted
from tproxy_rpms.builders.describe import RootContent
from tproxy_rpms.release.model import Archive, Kconfig, Package, Signature, Source
from tproxy_rpms.report.evidence import Evidence, Made, Published, Verdicts
from tproxy_rpms.report.runs import Run, StepRun
from tproxy_rpms.report.status import Cell
from tproxy_rpms.repro.verdict import Comparison, Difference, Report
from tproxy_rpms.sources.signature import Finding, SignatureVerdict
from tproxy_rpms.sources.verify import Verdict
from tproxy_rpms.store import write_json

from ..conftest import make_release
from .handmade import Made as MadeRpm
from .handmade import text, write_rpm

EVIL = "\"><script>alert('1')</script>\x1b[31m&amp;"

SIGNATURE = Signature(urls=("https://example.org/a.sig",), signers=("A" * 40,), policy="report")


def make_source(name: str, **changes: Any) -> Source:
    """A source of a URL, pinned by SHA-256."""
    fields = {"version": "1.0", "urls": (f"https://example.org/{name}.tar.gz",), "digests": {"sha256": "11" * 32}}
    return Source(name=name, **(fields | changes))


def make_signature(finding: Finding, **changes: Any) -> SignatureVerdict:
    """What became of a signature made in 2009."""
    fields = {
        "policy": "report", "finding": finding, "detail": "", "signer": "A" * 40, "key": "RSA-4096", "digest": "SHA256",
        "made": 1_240_000_000, "over": "compressed", "acceptable": finding == "good",
    }  # fmt: skip
    return SignatureVerdict(**(fields | changes))


def make_verdict(name: str, **changes: Any) -> Verdict:
    """A source that is as pinned, without a signature."""
    fields = {
        "source": name, "file": f"{name}.tar.gz", "version": "1.0", "origin": f"https://user:secret@example.org/{name}.tar.gz",
        "size": 1 << 20, "sha256": "11" * 32, "digests": {"sha256": "good"}, "vouched": "", "signature": None, "ok": True,
    }  # fmt: skip
    return Verdict(**(fields | changes))


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Leave what was found of a source, as `verify` does."""
    write_json(folder / "sources" / f"{verdict.source}.verdict.json", asdict(verdict))


def write_audit(folder: Path, package: str, arch: str, *, state: str = "kept", kind: str = "demand") -> None:
    """Leave an audit of two lines, one of which is kept."""
    demand = {"file": f"{EVIL}.config", "line": 3, "kind": kind, "reason": f"why {EVIL}", "symbol": "NET_IPGRE", "value": "m"}
    rows = [
        {"blocker": "", "demand": demand, "got": "m" if state == "kept" else "n", "state": state},
        {"blocker": "", "demand": demand | {"symbol": "NF_TPROXY", "kind": "demand"}, "got": "m", "state": "kept"},
    ]
    place = folder / "kconfig" / f"{package}-{arch}"
    write_json(place / f"audit-{arch}.json", {"arch": arch, "ok": state == "kept", "findings": rows})
    (place / f"config-{arch}").write_text("CONFIG_NET_IPGRE=m\n")


def write_gate(folder: Path, name: str, *findings: Mapping[str, str]) -> None:
    """Leave a report of the gate on one file."""
    artifact = {
        "file": f"{name}.rpm", "payload": {"is": "gzip"}, "signatures": [{"says": "V3 RSA/SHA256"}],
        "scriptlets": [{"kind": "post"}],
    }  # fmt: skip
    content = {"target": "test", "reader": "rpm 4.4.2.3", "ok": not findings, "artifacts": [artifact], "findings": list(findings)}
    write_json(folder / "gates" / f"{name}.json", content)


def make_run(started: float, *, factor: float = 1, outcome: str = "done", ccache: bool = False) -> Run:
    """A run of two builds side by side, after a fetch and before a repository."""
    steps = (
        ("fetch:linux", 0, 5), ("rpm:kernel:x86_64", 5, 400), ("rpm:squid:x86_64", 5.01, 100), ("rpm:squid:i386", 105, 100),
        ("repo:x86_64", 405, 0.4),
    )  # fmt: skip
    return Run(
        started=started, cores=2, ccache=ccache,
        steps=tuple(
            StepRun(
                task=task, started=started + begin * factor, seconds=seconds * factor,
                outcome="failed" if outcome == "failed" and task == "rpm:squid:i386" else "done",
            )
            for task, begin, seconds in steps
        ),
    )  # fmt: skip


def make_accepted(*, holds: bool = True) -> Accepted:
    """A run in which one scenario was tried under load, and one was not."""
    series = Series(
        name=f"intercepted {EVIL}", requests=2000, lost=0, connections=200, seconds=4.0, latency={"50": 5.0, "99": 80.5}
    )
    tried = Trialled(
        scenario="load", about="many at once", seconds=12.5, series=(series,), error="" if holds else EVIL,
        checks=(Check(name="nothing is lost", holds=True), Check(name=f"rules stay {EVIL}", holds=holds)),
    )  # fmt: skip
    return Accepted(
        release="test", world="namespaces", arch="x86_64", packages={},
        versions={"kernel": "6.1", "squid": EVIL, "iptables": "1.8.9"},
        started="2026-11-01T00:00:00Z", seconds=70.5,
        findings=(tried, Trialled(scenario="wccp", about="", skipped=f"no GRE {EVIL}")),
    )  # fmt: skip


def make_reproduced(verdict: Any = "different") -> Report:
    """A comparison of one package."""
    different = Difference(kind="file", place=EVIL, cause="mtime", first=EVIL, second="2")
    comparison = Comparison(
        file="a.rpm", verdict=verdict, first="1", second="2", differences=() if verdict == "identical" else (different,)
    )
    return Report(package="squid", arch="i386", comparisons=(comparison,), against=EVIL)


def make_packages() -> dict[str, Package]:
    """A kernel and a Squid."""
    kernel = Package(name="kernel", spec="kernel", sources=("linux",), kconfig=Kconfig(base="slim", fragments=("tproxy",)))
    return {"kernel": kernel, "squid": Package(name="squid", spec="squid", sources=("squid",))}


def write_cut(folder: Path, **changes: Any) -> Evidence:
    """Leave all of a cut in its folder, and return what the tasks would hand over."""
    write_verdict(folder, make_verdict("linux", file=EVIL, origin=EVIL, signature=make_signature("weak", detail=EVIL)))
    write_verdict(folder, make_verdict("squid", signature=make_signature("expired key", digest="SHA1")))
    write_verdict(folder, make_verdict("tools", vouched=f"the archive's signature {EVIL}", origin=f"archive:{EVIL}"))
    write_audit(folder, "kernel", "x86_64")
    write_audit(folder, "kernel", "i386", state="dropped")
    write_gate(folder, "kernel-x86_64")
    finding = dict.fromkeys(("file", "limit", "tag", "value", "why", "cure", "source"), EVIL)
    write_gate(folder, "squid-x86_64", *[finding] * 50)
    (folder / "gates" / "squid-i386.json").write_text("{")
    rpm = folder / "rpms" / 'a "b" #<i>.rpm'
    rpm.parent.mkdir(parents=True)
    write_rpm(rpm, MadeRpm(tags={1004: text(f"A package {EVIL}", kind=9), 1014: text(EVIL)}))
    (folder / "rpms" / "half.rpm").write_bytes(rpm.read_bytes()[:200])
    (folder / "logs" / f"kernel-{'x' * 90}").mkdir(parents=True)
    (folder / "logs" / f"kernel-{'x' * 90}" / "build.log").write_text("make: done\n")
    patch = folder / "patches" / "fix.patch"
    patch.parent.mkdir()
    patch.write_text(f"{EVIL}\nin two lines\n\nmore\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n-- gone\n+come\n+too\n same\n")
    benchmarks = folder / "results.json"
    ratios = [
        {"name": EVIL, "what": EVIL, "ours_seconds": 2.0, "theirs_seconds": 1.0, "ratio": 2.0, "unit": "s"},
        {"name": "fetch", "what": "against curl", "ours_seconds": 1.0, "theirs_seconds": 4.0, "ratio": 0.25, "unit": "s"},
    ]
    benchmarks.write_text(json.dumps({"schema": 1, "host": {"cores": 2, EVIL: EVIL}, "measured": EVIL, "ratios": ratios}))
    sources = {
        "linux": make_source("linux", signature=SIGNATURE), "squid": make_source("squid", signature=SIGNATURE),
        "tools": make_source("tools", digests={}, urls=(), archive=Archive(kind="source", package="tools")),
        "later": make_source("later"),
    }  # fmt: skip
    fields = {
        "release": make_release(summary=EVIL, packages=make_packages(), sources=sources),
        "folder": folder, "now": 1_800_000_000.0, "patches": {"kernel": (), "squid": (patch,)},
        "runs": (make_run(1_799_000_000, factor=1.2), make_run(1_799_100_000), make_run(1_799_200_000, outcome="failed")),
        "steps": {
            "fetch:linux": Cell(word="good", since=1_799_000_000), "repo:x86_64": Cell(word="no", needs=("rpm:squid:i386",)),
            "rpm:kernel:x86_64": Cell(word="old", reasons=(f"rpm:kernel:x86_64: srpm: {EVIL}",)),
            "rpm:squid:i386": Cell(word="bad"),
        },
        "obstacles": ("signing.key: missing", f"publishing.to: {EVIL}"),
        "made": (
            Made(
                package="kernel", arch="x86_64", cell=Cell(word="good"),
                paths=(rpm, rpm.with_name("half.rpm"), folder / "gone.rpm"),
            ),
            Made(package="squid", arch="x86_64", paths=(), cell=Cell(word="bad")),
            Made(package="squid", arch="i386", paths=(), cell=Cell(word="no")),
        ),
        "roots": (
            RootContent(arch="x86_64", kind="deb", suite="bookworm", sha256="22" * 32, packages={EVIL: EVIL, "gcc": "12"}),
        ),
        "verdicts": Verdicts(accepted=(make_accepted(holds=False),), reproduced=(make_reproduced(),), stale=(EVIL,)),
        "published": Published(lack=f"never published {EVIL}"), "benchmarks": benchmarks,
    }  # fmt: skip
    return Evidence(**(fields | changes))
