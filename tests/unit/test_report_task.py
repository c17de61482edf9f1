"""What the task hands over: each step's state as doit would see it, verdicts that are about these packages, what is published."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.acceptance.verdict import write_verdict
from tproxy_rpms.publish.place import Place
from tproxy_rpms.publish.receipt import write_receipt
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.report.benchmark import read_benchmarks
from tproxy_rpms.report.published import compare_published
from tproxy_rpms.repro.report import write_report
from tproxy_rpms.repro.verdict import Comparison, Report
from tproxy_rpms.store import digest_file, read_json, write_json, write_stamp
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.report import drop_folders, gather, tell

from ..conftest import ROOT
from .handcut import make_accepted
from .handmade import Made, write_rpm
from .htmlpage import check_page

ID = "0123456789abcdef"


@pytest.fixture
def cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cut:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Cut(release=load_release("bookworm", root=ROOT), root=ROOT, folder=tmp_path / "build")


def test_a_cut_of_which_nothing_is_there_has_a_page(cut: Cut, capsys: pytest.CaptureFixture[str]) -> None:
    tell(cut)
    assert str(cut.report) in capsys.readouterr().out
    page = check_page(cut.report.read_text(), place=cut.report)
    assert "not complete" in page.text and "Never published" in page.text
    assert [path.name for path in cut.build.iterdir()] == ["report"], "nothing else was written"


def write_packages(cut: Cut, *arches: str) -> None:
    """Leave packages for squid and the stamps of their steps, as if built with ccache."""
    for arch in arches:
        words = cut.made_by("squid", arch)
        path = cut.build / "rpms" / f"squid-{arch}" / "squid.rpm"
        path.parent.mkdir(parents=True)
        write_stamp(cut.stamp(*words), inputs={"ccache": True}, outputs=[write_rpm(path, Made())])


def test_verdicts_count_that_are_about_these_packages(cut: Cut) -> None:
    write_packages(cut, "x86_64", "i386")
    (digest,) = cut.recorded("rpm", "squid", "x86_64").values()
    accepted = make_accepted()
    write_verdict(cut.acceptance / "namespaces-x86_64.json", replace(accepted, packages={"squid.rpm": digest}))
    write_verdict(cut.acceptance / "namespaces-i386.json", replace(accepted, arch="i386", packages={"squid.rpm": "0"}))
    write_verdict(cut.acceptance / "namespaces-sparc.json", replace(accepted, arch="sparc"))
    (cut.acceptance / "machines-i386.json").write_text("{")
    for arch, first in (("x86_64", digest), ("i386", "0")):
        comparison = Comparison(file="squid.rpm", verdict="identical", first=first, second=first)
        write_report(cut.verdicts() / f"squid-{arch}.json", Report(package="squid", arch=arch, comparisons=(comparison,)))
    evidence = gather(cut)
    assert [verdict.arch for verdict in evidence.verdicts.accepted] == ["x86_64"]
    assert [report.arch for report in evidence.verdicts.reproduced] == ["x86_64"]
    damaged, *others = evidence.verdicts.stale
    assert "no verdict of an acceptance run" in damaged
    assert [line.partition(":")[0] for line in others] == [
        "acceptance/namespaces-i386.json", "acceptance/namespaces-sparc.json", "repro/squid-i386.json",
    ]  # fmt: skip
    assert {one.cell.word for one in evidence.made if one.paths} == {"old"}
    assert evidence.steps["rpm:squid:i386"].word == "old" and evidence.steps["repo:i386"].word == "no"
    assert "bookworm.toml: signing.key: missing" in evidence.obstacles
    shown = [*evidence.obstacles, *evidence.verdicts.stale, *(line for cell in evidence.steps.values() for line in cell.reasons)]
    assert not [line for line in shown if str(cut.top) in line or str(ROOT) in line], "folders of this host"


def test_no_folder_of_this_host_is_named(cut: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    paths = {
        cut.build / "logs/a.log": "logs/a.log", cut.top / "other/b": "other/b", ROOT / "specs/c": "specs/c",
        cut.cache / "roots/d.tar": "roots/d.tar", tmp_path / "home/.gnupg/e": ".gnupg/e", cut.build: "bookworm", cut.top: "build",
        Path(f"/elsewhere{tmp_path}/home/f"): f"/elsewhere{tmp_path}/home/f",
    }  # fmt: skip
    for path, shown in paths.items():
        assert drop_folders(cut, f"{path}: lost, and ({path})") == f"{shown}: lost, and ({shown})"
    monkeypatch.setenv("HOME", "/")
    assert drop_folders(cut, "/usr/bin/rpm and /") == "/usr/bin/rpm and /"


def test_damaged_measurements_are_told_without_their_path(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"schema": 1, "ratios": 3}')
    assert "damaged" in read_benchmarks(path).lack and str(tmp_path) not in read_benchmarks(path).lack


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A place that serves a snapshot of one package."""
    folder = tmp_path / "place"
    rpm = folder / "snapshots" / ID / "i386" / "hello-1-1.noarch.rpm"
    rpm.parent.mkdir(parents=True)
    write_rpm(rpm, Made())
    (rpm.parents[1] / "SHA256SUMS").write_text(f"{digest_file(rpm)}  i386/{rpm.name}\n")
    (folder / "current").symlink_to(f"snapshots/{ID}")
    (folder / "history").write_text(f"2026-11-25T10:00:00Z {ID} publish\n")
    return folder


def write_repository(cut: Path, made: Made) -> None:
    """Leave a repository with one package."""
    (cut / "repo" / "i386").mkdir(parents=True)
    write_rpm(cut / "repo" / "i386" / "hello-1-1.noarch.rpm", made)


def test_a_cut_is_compared_with_what_is_served(place: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    found = compare_published(Place(folder=str(place)), cut)
    assert (found.served, found.lack, found.when) == (ID, "This cut has no repositories yet.", 1_795_600_800)
    write_repository(cut, Made())
    found = compare_published(Place(folder=str(place)), cut)
    assert found.difference and not found.difference.differ and found.lack == ""
    shutil.rmtree(cut)
    write_repository(cut, Made(files={"/usr/a": b"one\n", "/usr/c": b"three\n"}))
    found = compare_published(Place(folder=str(place)), cut)
    assert found.difference
    (change,) = found.difference.changes
    assert change.word == "rebuilt" and change.details
    assert [(one.path, one.word) for one in change.details.files] == [("/usr/b", "removed"), ("/usr/c", "added")]


def test_a_place_without_anything_says_so(tmp_path: Path) -> None:
    assert compare_published(Place(folder=str(tmp_path / "place")), tmp_path).lack == "Nothing has been published there yet."


def write_ssh(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an ssh of our own first on PATH; it gets the command for the other host as its last word."""
    folder.mkdir()
    (folder / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_place_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ssh(tmp_path / "bin", "exec sleep 60", monkeypatch)
    begun = time.monotonic()
    found = compare_published(Place(folder="/srv/www", login="nobody@host.invalid", patience=1), tmp_path)
    assert time.monotonic() - begun < 10
    assert "no answer in 1 seconds" in found.lack and found.difference is None


def test_nothing_is_downloaded_from_a_place_elsewhere(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ssh(tmp_path / "bin", 'while [ $# -gt 1 ]; do shift; done; exec sh -c "$1"', monkeypatch)
    cut, remote = tmp_path / "cut", Place(folder=str(place), login="host.invalid")
    write_repository(cut, Made(files={"/usr/c": b"three\n"}))
    found = compare_published(remote, cut)
    assert found.difference
    (change,) = found.difference.changes
    assert change.word == "other" and change.grown is None
    # What `doit diff` has brought is looked into.
    brought = cut / "diff" / ID / "i386" / "hello-1-1.noarch.rpm"
    brought.parent.mkdir(parents=True)
    shutil.copy(place / "snapshots" / ID / "i386" / brought.name, brought)
    found = compare_published(remote, cut)
    assert found.difference and found.difference.changes[0].word == "rebuilt"


def test_who_is_asked_is_the_releases_place(cut: Cut, place: Path) -> None:
    publishing = replace(cut, release=replace(cut.release, publishing=Publishing(to=str(place))))
    assert gather(publishing).published.served == ID


def test_a_place_that_cannot_tell_is_known_by_what_was_last_published(cut: Cut, tmp_path: Path) -> None:
    to = str(tmp_path / "gone")
    publishing = replace(cut, release=replace(cut.release, publishing=Publishing(to=to)))
    write_receipt(cut.receipt, to=to, name=ID, packages={})
    published = gather(publishing).published
    assert (published.served, published.unsure, published.lack) == (ID, True, "Nothing has been published there yet.")
    elsewhere = replace(cut, release=replace(cut.release, publishing=Publishing(to=f"{to}/else")))
    assert gather(elsewhere).published.served == ""


def test_a_damaged_snapshot_does_not_stop_the_page(cut: Cut, place: Path) -> None:
    (rpm,) = place.rglob("*.rpm")
    rpm.write_bytes(rpm.read_bytes()[:300])
    write_repository(cut.build, Made())
    publishing = replace(cut, release=replace(cut.release, publishing=Publishing(to=str(place))))
    tell(publishing)
    assert "It could not be compared" in check_page(cut.report.read_text(), place=cut.report).text


def test_what_lies_in_the_folder_is_never_trusted_to_be_whole(cut: Cut) -> None:
    for name in ("sources/linux.verdict.json", "kconfig/kernel-i386/audit-i386.json", "gates/squid-i386.json", "runs/a.jsonl"):
        path = cut.build / name
        path.parent.mkdir(parents=True)
        path.write_text("[1, 2")
    write_json(cut.build / "kconfig" / "kernel-x86_64" / "audit-x86_64.json", {"findings": [{"demand": 3}]})
    write_json(cut.build / "gates" / "squid-x86_64.json", {"artifacts": [3], "reader": None})
    write_json(cut.build / "runs" / "b.jsonl", {"schema": 1})
    write_json(cut.top / "benchmarks" / "results.json", {"schema": 7})
    cut.stamp("rpm", "squid", "i386").parent.mkdir(parents=True)
    cut.stamp("rpm", "squid", "i386").write_text("{}")
    tell(cut)
    text = check_page(cut.report.read_text(), place=cut.report).text
    assert text.count("damaged") >= 4 and "schema 7" in text
    assert read_json(cut.stamp("rpm", "squid", "i386")) == {}


def test_signed_packages_are_told_where_there_are_some(cut: Cut, tmp_path: Path) -> None:
    from tproxy_rpms.release.model import Signing

    signed = replace(cut, release=replace(cut.release, signing=Signing(key="A" * 40, home=tmp_path)))
    write_packages(signed, "i386")
    path = write_rpm(tmp_path / "signed.rpm", Made())
    made = {(one.package, one.arch): one.paths for one in gather(signed).made}
    assert [one.name for one in made["squid", "i386"]] == ["squid.rpm"]
    write_stamp(signed.stamp("sign", "squid", "i386"), inputs={}, outputs=[path])
    made = {(one.package, one.arch): one.paths for one in gather(signed).made}
    assert made["squid", "i386"] == (path,)
    assert ("tproxy-release", "i386") not in made
    known = replace(signed, release=replace(signed.release, url="http://example.org"))
    write_stamp(known.stamp("client", "tproxy-release"), inputs={}, outputs=[path, write_rpm(tmp_path / "a.src.rpm", Made())])
    made = {(one.package, one.arch): [path.name for path in one.paths] for one in gather(known).made}
    assert [made["tproxy-release", arch] for arch in ("x86_64", "i386", "SRPM")] == [
        ["signed.rpm"],
        ["signed.rpm"],
        ["a.src.rpm"],
    ]
