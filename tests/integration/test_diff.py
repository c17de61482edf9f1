"""`doit diff` with real RPMs: folders, snapshots by id here and by ssh, URLs, records, a kernel's configuration, signatures."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tproxy_rpms.diff.change import Difference
from tproxy_rpms.diff.compare import compare_sets
from tproxy_rpms.diff.gather import gather
from tproxy_rpms.diff.read import read_package, read_set
from tproxy_rpms.diff.side import Bearings, FolderSide, RecordSide, Side, SnapshotSide, UrlSide, find_side
from tproxy_rpms.diff.table import render_table
from tproxy_rpms.errors import BuildError, FetchError, PublishError, RecordError
from tproxy_rpms.publish.statement import BUILD_TYPE, PREDICATE, STATEMENT
from tproxy_rpms.store import digest_file

from ..conftest import ROOT
from .finished import FinishedCut
from .package import build_package
from .server import serve_folder
from .site import Site

KERNEL = """\
Name: kernel
Version: {version}
Release: 1
Summary: A kernel
License: GPLv2
BuildArch: noarch
AutoReqProv: no
Requires: mkinitrd >= {version}
Conflicts: {post}
Provides: kernel-uname-r = %{{version}}-%{{release}}
%description
A kernel.
%install
mkdir -p %{{buildroot}}/boot %{{buildroot}}/lib/modules/{version}-1
printf '%%s\\n' {config} >%{{buildroot}}/boot/config-{version}-1
echo {version} >%{{buildroot}}/boot/vmlinuz-{version}-1
echo same >%{{buildroot}}/lib/modules/{version}-1/a.ko
{install}
%post
echo {post}
%files
/boot/*
/lib/modules/{version}-1
{files}
"""


def build_kernel(
    folder: Path, *, version: str, config: str, post: str = "done", install: str = "", files: str = "", payload: str = "w9.gzdio"
) -> Path:
    """A package with a configuration in /boot, as a kernel's has it."""
    folder.mkdir(parents=True)
    spec = folder / "kernel.spec"
    spec.write_text(KERNEL.format(version=version, config=config, post=post, install=install, files=files))
    defines = {"_topdir": str(folder), "_binary_payload": payload}
    words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    subprocess.run(["rpmbuild", "-bb", "--nodeps", *words, str(spec)], check=True, capture_output=True)
    (rpm,) = (folder / "RPMS").rglob("*.rpm")
    return rpm


def put(rpm: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(rpm, folder))


def told(difference: Difference) -> list[tuple[str, str, str]]:
    return [(change.repository, change.name, change.word) for change in difference.changes]


def compare(old: Side, new: Side, scratch: Path, known: tuple[Path, ...] = ()) -> Difference:
    return compare_sets(*gather([old, new], scratch=scratch, known=known))


@pytest.mark.parametrize("payload", ["w9.gzdio", "w3.zstdio", "w6.xzdio"])
def test_two_kernels(payload: str, tmp_path: Path) -> None:
    old = build_kernel(
        tmp_path / "1", version="2.6.30", payload=payload,
        config="'CONFIG_TPROXY=m' '# CONFIG_GRE is not set' 'CONFIG_OLD=y' 'CONFIG_SAME=y'",
    )  # fmt: skip
    new = build_kernel(
        tmp_path / "2", version="2.6.31", payload=payload, post="other",
        config="'# CONFIG_TPROXY is not set' 'CONFIG_GRE=m' 'CONFIG_NEW=\"text\"' 'CONFIG_SAME=y'",
        install="mkdir %{buildroot}/etc; echo x >%{buildroot}/etc/kernel; ln -s kernel %{buildroot}/etc/link",
        files="%config(noreplace) %attr(0600,root,root) /etc/kernel\n/etc/link",
    )  # fmt: skip
    put(old, tmp_path / "old" / "x86_64")
    put(new, tmp_path / "new" / "x86_64")
    difference = compare_sets(read_set(tmp_path / "old"), read_set(tmp_path / "new"))
    (change,) = difference.changes
    assert change.word == "upgraded" and change.details
    assert [(one.symbol, one.old, one.new) for one in change.details.symbols] == [
        ("GRE", "n", "m"), ("NEW", "", '"text"'), ("OLD", "y", ""), ("TPROXY", "m", "n"),
    ]  # fmt: skip
    assert [(one.path, one.word, one.aspects) for one in change.details.files] == [
        ("/boot/config-2.6.31-1", "changed", ("content",)),
        ("/boot/vmlinuz-2.6.31-1", "changed", ("content",)),
        ("/etc/kernel", "added", ()),
        ("/etc/link", "added", ()),
    ]
    assert change.details.renamed == 2  # the folder of the modules, and the one in it
    # What follows its version is no change: kernel, kernel-uname-r, mkinitrd.
    assert [(one.kind, one.name) for one in change.details.relations] == [("conflicts", "done"), ("conflicts", "other")]
    assert [(one.kind, one.word) for one in change.details.scriptlets] == [("postin", "changed")]
    text = render_table(difference)
    assert "    changed  TPROXY: m → n\n" in text and "added    /etc/kernel (configuration): 2 B" in text


def test_a_payload_without_its_configuration_is_damage(tmp_path: Path) -> None:
    from tproxy_rpms.diff.kconfig import read_config

    rpm = build_kernel(tmp_path / "1", version="1", config="CONFIG_A=y")
    with pytest.raises(BuildError, match="its payload does not have it"):
        read_config(read_package(rpm), "/boot/config-2")
    assert read_config(read_package(rpm), "/boot/config-1-1") == {"A": "y"}


def test_signatures_alone(local: Site, tmp_path: Path) -> None:
    rpm, srpm = local.build("1")
    unsigned, signed = tmp_path / "unsigned", tmp_path / "signed"
    for folder, paths in ((unsigned, (rpm, srpm)), (signed, local.sign([rpm, srpm], tmp_path / "work"))):
        for name, path in zip(("x86_64", "SRPMS"), paths, strict=True):
            put(path, folder / name)
    difference = compare_sets(read_set(unsigned), read_set(signed))
    assert told(difference) == [("x86_64", "hello", "signed"), ("SRPMS", "hello", "signed")]
    assert "hello  1-1  not signed → V4 EdDSA/SHA256" in render_table(difference)


def test_the_same_version_built_anew(tmp_path: Path) -> None:
    first, _ = build_package(tmp_path / "1")
    again, _ = build_package(tmp_path / "2", tags="BuildRequires: make", _buildhost="elsewhere")
    other, _ = build_package(tmp_path / "3", size="5000")
    sides = [put(rpm, tmp_path / name / "i386").parent.parent for name, rpm in (("a", first), ("b", again), ("c", other))]
    (change,) = compare_sets(read_set(sides[0]), read_set(sides[1])).changes
    assert change.word == "rebuilt" and change.details and change.details.empty
    (change,) = compare_sets(read_set(sides[0]), read_set(sides[2])).changes
    assert change.word == "rebuilt" and change.details
    assert [(one.path, one.aspects) for one in change.details.files] == [("/usr/share/ghost", ("content",))]


def bearings_of(site: Site, folder: Path) -> Bearings:
    return Bearings(root=ROOT, top=folder / "build", work=folder, release="bookworm", publishing=site.publishing)


def test_snapshots_by_their_ids(site: Site, tmp_path: Path) -> None:
    """In a folder, and by ssh: only what is not here is brought, and what is of no more use goes."""
    first, second = site.publish("1"), site.publish("1", "2")
    bearings, scratch = bearings_of(site, tmp_path), tmp_path / "scratch"
    sides = [find_side(word, bearings) for word in ("previous", second[:6])]
    assert all(isinstance(side, SnapshotSide if site.place.login else FolderSide) for side in sides)
    difference = compare(*sides, scratch)
    assert [one for one in told(difference) if one[2] != "identical"] == [
        (repository, "hello", "added") for repository in ("x86_64", "i386", "SRPMS")
    ]
    assert difference.old.title == f"snapshot {first}" and difference.new.title == f"snapshot {second}, served"
    assert difference.grown and difference.grown > 0
    assert not compare(find_side("current", bearings), sides[1], scratch).differ
    kept = {path.name for path in scratch.rglob("*.rpm")}
    assert ("hello-2-1.noarch.rpm" in kept) == bool(site.place.login)
    # A copy of all of it lies here already: nothing is brought.
    here = tuple(path for path in (site.folder / "snapshots").rglob("*.rpm") if path.parent.name in ("x86_64", "i386", "SRPMS"))
    assert told(compare(*sides, tmp_path / "other", known=here)) == told(difference)
    assert not list((tmp_path / "other").rglob("*.rpm"))
    compare(sides[0], sides[0], scratch)
    assert "hello-2-1.noarch.rpm" not in {path.name for path in scratch.rglob("*.rpm")}


def test_a_snapshot_that_was_changed_at_another_host_is_refused(site: Site, tmp_path: Path) -> None:
    if not site.place.login:
        pytest.skip("what lies here is compared as it is")
    name = site.publish("1")
    (rpm,) = (site.folder / "snapshots" / name / "x86_64").glob("hello-*.rpm")
    rpm.write_bytes(rpm.read_bytes()[:-1] + b"?")
    (site.folder / "snapshots" / name / "i386" / rpm.name).unlink()
    side = find_side("current", bearings_of(site, tmp_path))
    with pytest.raises(PublishError, match="nothing was changed there"):
        gather([side], scratch=tmp_path / "scratch")
    shutil.copy(rpm, site.folder / "snapshots" / name / "i386")
    with pytest.raises(PublishError, match=rf"i386/{rpm.name} is not what the manifest says"):
        gather([side], scratch=tmp_path / "scratch")


@pytest.mark.parametrize("below", ["current", "", "current/x86_64"])
def test_urls(below: str, local: Site, tmp_path: Path) -> None:
    """A snapshot, the place that has it, and one repository of it."""
    local.publish("1")
    old = local.folder / "snapshots" / local.publish("1") / ("x86_64" if "x86_64" in below else "")
    local.publish("2")
    with serve_folder(local.folder) as url:
        side, scratch = UrlSide(url=f"{url}/{below}"), tmp_path / "scratch"
        difference = compare(FolderSide(title="old", folder=old), side, scratch)
        repositories = ["x86_64"] if "x86_64" in below else ["x86_64", "i386", "SRPMS"]
        assert told(difference) == [
            (repository, name, word)
            for repository in repositories
            for name, word in (("hello", "upgraded"), ("tproxy-release", "identical"))
        ]
        assert {path.name for path in scratch.rglob("*.rpm")} == {"hello-2-1.noarch.rpm"} | (
            {"hello-2-1.src.rpm"} if len(repositories) > 1 else set()
        )
        assert not compare(FolderSide(title="new", folder=(local.folder / below)), side, scratch).differ


def test_a_url_that_gives_something_else_is_refused(local: Site, tmp_path: Path) -> None:
    local.publish("1")
    (rpm,) = (local.folder / "current" / "x86_64").glob("hello-*.rpm")
    rpm.write_bytes(rpm.read_bytes()[:-1] + b"?")
    with serve_folder(local.folder) as url:
        with pytest.raises(FetchError, match="but its repository says"):
            gather([UrlSide(url=url)], scratch=tmp_path / "scratch")
        with pytest.raises(FetchError, match="no repository there") as caught:
            gather([UrlSide(url=f"{url}/nothing")], scratch=tmp_path / "scratch")
    assert "/nothing/x86_64/repodata/repomd.xml: HTTP 404" in caught.value.message


def write_record(path: Path, folder: Path) -> Path:
    subject = [
        {"name": str(rpm.relative_to(folder)), "digest": {"sha256": digest_file(rpm)}} for rpm in sorted(folder.rglob("*.rpm"))
    ]
    predicate = {"buildDefinition": {"buildType": BUILD_TYPE}}
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"_type": STATEMENT, "predicateType": PREDICATE, "subject": subject, "predicate": predicate}))
    return path


def test_records(tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    one = put(build_package(tmp_path / "1")[0], cut / "repo" / "x86_64")
    record = write_record(cut / "record" / "cut.intoto.json", cut / "repo")
    alone = Path(shutil.copy(record, tmp_path / "alone.json"))
    new = FolderSide(title="new", folder=put(build_package(tmp_path / "2", version="2")[0], tmp_path / "new" / "x86_64").parent)
    beside, without = (compare(RecordSide(path=path), new, tmp_path / "scratch") for path in (record, alone))
    assert told(beside) == told(without) == [("x86_64", "hello", "upgraded")]
    assert beside.grown is not None and without.grown is None
    (change,) = without.changes
    assert change.details and change.details.notes == ("a record tells no more than name and digest",)
    assert "note: a record tells no more" in render_table(without)
    same = compare(RecordSide(path=alone), FolderSide(title="cut", folder=cut), tmp_path / "scratch")
    assert not same.differ
    one.write_bytes(build_package(tmp_path / "3", size="9")[0].read_bytes())
    assert told(compare(RecordSide(path=record), FolderSide(title="cut", folder=cut), tmp_path / "scratch"))[0][2] == "other"
    for content, message in (
        ("{", "cannot be read"),
        ("[]", "no statement"),
        (record.read_text().replace("sha256", "md5"), "subject"),
    ):
        alone.write_text(content)
        with pytest.raises(RecordError, match=message):
            gather([RecordSide(path=alone)], scratch=tmp_path / "scratch")


def doit(folder: Path, *words: str, status: int = 0) -> tuple[str, str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    argv = ["doit", "-f", str(ROOT / "dodo.py"), f"build={folder / 'build'}", "release=bookworm", "diff", *words]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_the_task(tmp_path: Path) -> None:
    for name, version in (("build/bookworm/repo", "2"), ("old", "1")):
        rpm, srpm = build_package(tmp_path / "made" / version, version=version)
        put(rpm, tmp_path / name / "x86_64")
        put(srpm, tmp_path / name / "SRPMS")
    output, errors = doit(tmp_path, "old")
    assert "new  cut bookworm: 2 packages" in output and "\n2 upgraded; RPMs " in output and not errors
    assert doit(tmp_path, "old", "bookworm")[0] == output
    assert doit(tmp_path, "./old", "build/bookworm")[0].splitlines()[4:] == output.splitlines()[4:]
    for words in (("--json", "old"), ("old", "--json"), ("old", "--json", "--exit-code")):
        output, errors = doit(tmp_path, *words, status=27 if "--exit-code" in words else 0)
        document = json.loads(output)
        assert document["differ"] and document["counts"]["upgraded"] == 2
        assert ("old and cut bookworm differ" in errors) == ("--exit-code" in words)
    output, errors = doit(tmp_path, "--exit-code", "bookworm", "bookworm")
    assert "identical: all 2 packages are the same bytes" in output and not errors
    output, errors = doit(tmp_path, status=11)
    assert not output and "bookworm: publishing.to: missing" in errors
    output, errors = doit(tmp_path, "odl", status=10)
    assert not output and "odl: nothing to compare" in errors
    # Whoever compares does not wait for who builds, and leaves nothing.
    assert {path.name for path in (tmp_path / "build" / "bookworm").iterdir()} == {"repo"}


@pytest.mark.cut
def test_a_finished_cut_is_identical_to_itself(cut: FinishedCut) -> None:
    difference = compare_sets(read_set(cut.folder), read_set(cut.folder / "repo"))
    assert not difference.differ and difference.changes
