"""Signing and publishing by the real doit, on a project of one small package: what comes out, what is kept, what is told."""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.gates.artifact import read_artifact
from tproxy_rpms.release.load import load_release
from tproxy_rpms.store import digest_file
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.publish import inputs

from ..conftest import ROOT
from .hosted import HostedProject
from .oldclient import check_key, read_key, read_repository
from .signingkeys import TestKey, make_key

pytestmark = pytest.mark.timeout(600)

SITE = """
[signing]
key = "{key}"
home = "{home}"

[publishing]
to = "{to}"
"""


class Published(HostedProject):
    """A project whose release is signed and published."""

    def __init__(self, folder: Path) -> None:
        self.key = make_key(folder.parent / "gnupg", kind="EdDSA")
        self.place = folder.parent / "www"
        super().__init__(folder)
        shutil.copy(ROOT / "specs" / "tproxy-release.spec.j2", folder / "specs")

    def write_release(self, text: str) -> None:
        """Write the release; the default one, too, for a doit that is told of none."""
        head, _, rest = text.partition("\n[")
        site = SITE.format(key=self.key.fingerprint, home=self.key.home, to=self.place)
        text = f'{head}\nurl = "http://repo.example.org/small"\n[{rest}{site}'
        for name in ("small", "centos5"):
            (self.folder / "releases" / f"{name}.toml").write_text(text)

    def change(self, old: str, new: str) -> None:
        """Exchange a part of the release."""
        path = self.folder / "releases" / "small.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @property
    def build(self) -> Path:
        return self.folder / "build" / "small"

    def snapshot(self) -> str:
        return (self.place / "current").resolve().name


@pytest.fixture
def project(tmp_path: Path) -> Published:
    (tmp_path / "project").mkdir()
    return Published(tmp_path / "project")


def test_a_release_is_signed_published_and_gone_back_to(project: Published, tmp_path: Path) -> None:
    output = project.doit("publish")
    assert f"{project.place}: {project.snapshot()} is now served; clients: http://repo.example.org/small" in output
    current = project.place / "current"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=current, check=True)
    rpms = {str(path.relative_to(current.resolve())) for path in current.resolve().rglob("*.rpm")}
    (client,) = {path.name.partition(".noarch")[0] for path in (project.build / "client").glob("*.noarch.rpm")}
    # The key is newer than the release.
    assert re.fullmatch(r"tproxy-release-20\d{12}-1\.deb12", client) and client > "tproxy-release-20261101000000"
    assert rpms == {
        "tproxy-release.rpm", f"x86_64/{client}.noarch.rpm", f"i386/{client}.noarch.rpm", f"SRPMS/{client}.src.rpm",
        "x86_64/hello-1.0-1.deb12.x86_64.rpm", "i386/hello-1.0-1.deb12.i686.rpm", "SRPMS/hello-1.0-1.deb12.src.rpm",
    }  # fmt: skip
    for name in rpms:
        assert {one.says for one in read_artifact(current / name).signatures} == {"V4 EdDSA/SHA256"}
    assert {path.name for path in (current / "record").iterdir()} == {"small.intoto.json", "small.cdx.json"}
    check_record(project)
    check_log(project, output)

    # Nothing to do: the same snapshot, and no file is signed again.
    output = project.doit("publish")
    assert "is already served" in output and "small: 1 steps done" in output
    first = project.snapshot()

    # A new version; the one before stays, and is gone back to.
    project.change('revision = "1"', 'revision = "2"')
    output = project.doit("publish")
    second = project.snapshot()
    assert second != first
    listed = project.doit("snapshots")
    assert "    ~ x86_64/hello.x86_64 1.0-1.deb12 → 1.0-2.deb12" in listed
    assert f"{first} is now served" in project.doit("rollback")
    assert project.snapshot() == first
    assert f"{second} is now served" in project.doit("rollback", second[:5])
    assert "0 snapshots of that name" in project.doit("rollback", "ffff", status=10)
    assert "rollback takes one snapshot, not 2" in project.doit("rollback", "a", "b", status=10)
    assert project.snapshot() == second


def read_status(project: Published, *, status: int = 0) -> dict[str, dict[str, str]]:
    """Return what `doit status --json` says: `PACKAGE ARCH` → column → word; and what is in the way, under its own name."""
    content, _ = json.JSONDecoder().raw_decode(project.doit("status", "--json", status=status))
    rows = {
        f"{row['package']} {row['arch']}": {name: cell["word"] for name, cell in row["cells"].items()} for row in content["rows"]
    }
    assert content["publishable"] == (status == 0) == (not content["obstacles"])
    return rows | {"obstacles": dict.fromkeys(content["obstacles"], "")}


def test_the_status_tells_what_is_done_and_what_has_changed_since(project: Published) -> None:
    before = read_status(project, status=26)
    assert set(before["hello x86_64"].values()) == {"no", "none"}
    assert "srpm:hello: not done yet" in before["obstacles"] or "fetch:hello: not done yet" in before["obstacles"]
    project.doit("publish")
    found = read_status(project)
    row = dict.fromkeys(("built", "gated", "signed", "published"), "good")
    for name in ("hello x86_64", "hello i386", "hello SRPM", "tproxy-release noarch"):
        assert row.items() <= found[name].items(), name
    assert found["hello x86_64"]["reproducible"] == "no"

    # What changes is named, and what comes of it is old, up to what is served.
    project.change('revision = "1"', 'revision = "2"')
    found = read_status(project, status=26)
    assert found["obstacles"] == {'srpm:hello: revision: "1" → "2"': ""}
    assert found["hello i386"]["built"] == "old" and found["hello i386"]["published"] == "good"
    text = project.doit("status", status=26)
    assert 'srpm:hello: revision: "1" → "2"' in text and "publishable: no" in text
    project.doit("repo", "record")
    assert read_status(project)["hello i386"]["published"] == "old"
    project.doit("publish")
    assert read_status(project)["hello i386"]["published"] == "good"
    project.doit("rollback")
    assert read_status(project)["hello i386"]["published"] == "old"

    # A file that is harmed is named.
    (rpm,) = (project.build / "rpms" / "hello-i386").glob("*.rpm")
    rpm.chmod(0o644)
    rpm.write_bytes(rpm.read_bytes() + b"x")
    assert f"rpm:hello:i386: {rpm}: changed" in read_status(project, status=26)["obstacles"]


def test_nothing_is_published_that_was_not_built_twice_where_that_is_asked(project: Published) -> None:
    path = project.folder / "releases" / "small.toml"
    path.write_text(path.read_text() + 'demand = ["repro"]\n')
    output = project.doit("publish", status=21)
    assert "hello x86_64: no second build of these RPMs gave the same" in output, output
    assert not (project.place / "current").exists()
    assert "repro:hello:SRPM: not done yet" in read_status(project, status=26)["obstacles"]
    project.doit("repro")
    project.doit("publish")
    assert read_status(project)["hello i386"]["reproducible"] == "good"


def test_nothing_is_published_that_was_to_be_shown_to_proxy_and_was_not(project: Published) -> None:
    for name in ("small", "centos5"):
        path = project.folder / "releases" / f"{name}.toml"
        path.write_text(path.read_text() + 'demand = ["accept"]\n')
    output = project.doit("publish", status=10)
    assert "packages: no squid" in output, output
    assert "squid, iptables and tproxy-host" in output, output
    assert not (project.place / "current").exists()
    # What the demand is about is made nevertheless.
    assert (project.build / "repo" / "x86_64" / "repodata" / "repomd.xml").is_file()


def test_a_demand_that_is_made_later_composes_the_snapshot_again(project: Published) -> None:
    """Else one that was composed without it would be sent."""
    release = load_release("small", root=project.folder)
    assert release.publishing
    asking = replace(release, publishing=replace(release.publishing, demand=("accept",)))
    before, after = (inputs(Cut(release=one, root=project.folder, folder=project.folder / "build")) for one in (release, asking))
    assert before != after


def check_record(project: Published) -> None:
    """The unsigned packages are kept, and the record has both digests of each."""
    statement = json.loads((project.place / "current/record/small.intoto.json").read_text())
    subjects = {one["name"]: one for one in statement["subject"]}
    unsigned = {path.name: path for folder in ("rpms", "srpms") for path in (project.build / folder).rglob("*.rpm")}
    assert len(unsigned) == 3
    for name, one in subjects.items():
        if name.endswith(".rpm") and "tproxy-release" not in name:
            path = unsigned[Path(name).name]
            assert not read_artifact(path).signatures
            assert one["annotations"]["unsigned"] == {"sha256": digest_file(path)}
            assert one["digest"] == {"sha256": digest_file(project.place / "current" / name)}
    parameters = statement["predicate"]["buildDefinition"]["externalParameters"]
    assert parameters["signing"] == {"key": project.key.fingerprint, "profile": "modern"}
    # Where a key lies and where is published is nobody's business.
    assert str(project.key.home) not in json.dumps(statement) and str(project.place) not in json.dumps(statement)


def check_log(project: Published, output: str) -> None:
    """Nothing that was left tells more of the key than its fingerprint."""
    assert "PRIVATE KEY" not in output
    for path in project.build.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".log"):
            assert "PRIVATE KEY" not in path.read_text(errors="replace")


def test_a_signed_release_is_rebuilt_from_its_record_without_its_key(project: Published) -> None:
    project.doit("publish")
    record = project.build / "record" / "small.intoto.json"
    shutil.rmtree(project.key.home)
    argv = ["doit", "-f", str(project.folder / "dodo.py"), "rebuild", str(record)]
    done = subprocess.run(argv, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 3 files are the same bytes" in done.stdout


def test_what_is_missing_is_told_before_anything_is_published(project: Published) -> None:
    release = project.folder / "releases" / "small.toml"
    whole = release.read_text()
    signing, publishing = whole.index("[signing]"), whole.index("[publishing]")
    for text, status, message in (
        (whole[:signing] + whole[publishing:], 17, "small: signing.key: the release names no key"),
        (whole[:publishing], 11, f"{release}: publishing.to: missing"),
        (whole.replace('url = "http://repo.example.org/small"\n', ""), 11, f"{release}: url: missing"),
    ):
        release.write_text(text)
        assert message in project.doit("publish", status=status)
    release.write_text(whole[:signing])
    assert "the release names no key" in project.doit("sign", status=17)
    assert "publishing.to: missing" in project.doit("snapshots", status=11)
    assert not project.place.exists()


def test_a_key_that_fails_is_asked_once_and_nothing_is_published(project: Published) -> None:
    project.doit("gate")
    log = project.folder / "log"
    signer = project.folder / "signer"
    signer.write_text(f"#!/bin/sh\necho asked >>{log}\nexit 1\n")
    signer.chmod(0o755)
    public = project.key.export(project.folder / "public.asc")
    project.change(f'home = "{project.key.home}"', f'command = ["{signer}"]\npublic = "{public}"')
    output = project.doit("publish", status=17)
    assert log.read_text() == "asked\n"
    assert "signer does not sign: status 1" in output and "publish:place not done" in output
    assert not project.place.exists()
    # With a signer that works it goes on from there; no package is built again.
    signer.write_text(f"#!/bin/sh\nexec gpg --homedir {project.key.home} --batch --detach-sign\n")
    output = project.doit("publish")
    assert "rpm:hello:x86_64 …" not in output and project.snapshot()


def test_the_doctor_tries_key_and_place(project: Published, tmp_path: Path) -> None:
    output = project.doit("doctor")
    assert "Ed25519, signs for the profile modern" in output and f"{project.place} can be written" in output
    assert not project.place.exists()
    TestKey.run(project.key, "--quick-set-expire", project.key.fingerprint, "10d")
    assert "expires in 10 days" in project.doit("doctor")
    project.change(f'to = "{project.place}"', 'to = "ssh://127.0.0.1:1/srv/www"')
    assert "cannot be reached" in project.doit("doctor", status=30)


def test_a_longer_life_of_the_key_reaches_hosts(project: Published) -> None:
    """By a newer tproxy-release; no package is signed again."""
    project.doit("publish")
    signed = {path: path.stat().st_ino for path in (project.build / "signed").rglob("hello*.rpm")}
    (client,) = (project.build / "client").glob("*.noarch.rpm")
    project.key.run("--quick-set-expire", project.key.fingerprint, "1y")
    project.doit("publish")
    (renewed,) = (project.build / "client").glob("*.noarch.rpm")
    assert renewed.name > client.name
    assert {path.name for path in (project.place / "current" / "x86_64").glob("tproxy-release*")} == {renewed.name}
    assert {path: digest_file(path) for path in signed} == {
        path: digest_file(project.place / "current" / folder / path.name)
        for path in signed
        for folder in ["x86_64" if "x86_64" in path.name else "SRPMS" if ".src." in path.name else "i386"]
    }
    project.change('url = "http', 'client = 2\nurl = "http')
    project.doit("publish")
    assert [path.name.endswith("-2.deb12.noarch.rpm") for path in (project.place / "current/i386").glob("tproxy-release*")] == [
        True
    ]


def test_a_key_that_has_expired_since_publishes_nothing(project: Published) -> None:
    project.key.run("--quick-set-expire", project.key.fingerprint, "seconds=20")
    project.doit("publish:tree")
    time.sleep(21)
    assert "expired on" in project.doit("publish", status=17)
    assert not project.place.exists()


def test_only_what_is_whole_and_checked_is_published(project: Published) -> None:
    project.doit("publish:tree")
    # A report that is gone is made again; one that says no stops everything.
    (project.build / "gates" / "hello-i386.signed.json").unlink()
    project.doit("publish")
    first = project.snapshot()
    stamp = project.build / "stamps" / "gate-hello-x86_64.json"
    report = project.build / "gates" / "hello-x86_64.json"
    report.write_text(report.read_text().replace('"ok": true', '"ok": false'))
    outputs = json.loads(stamp.read_text())
    outputs["outputs"][str(report)]["sha256"] = digest_file(report)
    stamp.write_text(json.dumps(outputs))
    shutil.rmtree(project.build / "publish")
    assert "hello-x86_64.json: the gate has not passed it" in project.doit("publish", status=21)
    assert project.snapshot() == first
    assert "built with ccache=on" in project.doit("ccache=on", "publish", status=21)


def test_a_full_disk_is_told_with_its_file(project: Published) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    project.doit("gate")
    (project.build / "signed").mkdir()
    script = f"mount -t tmpfs -o size=4k tmpfs {project.build}/signed && exec doit release=small publish"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    argv = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(argv, cwd=project.folder, env=environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert done.returncode == 30, output
    assert "No space left on device" in output and "Traceback" not in output and "make room on the disk" in output
    assert not project.place.exists()


def test_going_back_does_not_wait_for_a_build(project: Published) -> None:
    from tproxy_rpms.store import hold_lock

    project.doit("publish")
    lock = hold_lock(project.build / "lock", "a test")
    try:
        assert "served" in project.doit("snapshots")
        assert "no snapshot is older" in project.doit("rollback", status=10)
    finally:
        lock.close()


def test_what_is_for_centos5_is_what_its_clients_take(project: Published, tmp_path: Path) -> None:
    """All of it by doit: profile, metadata, key, tproxy-release, gate; read by an independent rpm 4.4.2.3 and yum 3.2.22."""
    project.set_limits()
    target = project.folder / "targets" / "debian-12.toml"
    theirs = (ROOT / "targets" / "centos-5.toml").read_text()
    text = target.read_text()
    for name in ("repo_checksum", "repo_compress", "signing"):
        (line,) = re.findall(rf"^{name} = .*$", theirs, re.M)
        text = re.sub(rf"^{name} = .*$", line, text, flags=re.M)
    (line,) = re.findall(r"^repo_database = .*$", theirs, re.M)
    target.write_text(text.replace("repo_compress", f"{line}\nrepo_compress"))
    key = make_key(tmp_path / "old", bits=2048, program="gpg1")
    project.change(
        f'key = "{project.key.fingerprint}"\nhome = "{project.key.home}"', f'key = "{key.fingerprint}"\nhome = "{key.home}"'
    )
    project.doit("publish")
    current = project.place / "current"
    assert check_key(current / "RPM-GPG-KEY-tproxy") == []
    keys = [read_key(current / "RPM-GPG-KEY-tproxy")]
    for arch in ("x86_64", "i386", "SRPMS"):
        found = read_repository(current / arch, keys)
        assert found.problems == () and len(found.packages) == 2
    for name in ("hello-x86_64", "tproxy-release"):
        report = json.loads((project.build / "gates" / f"{name}.signed.json").read_text())
        says = {one["says"] for artifact in report["artifacts"] for one in artifact["signatures"]}
        assert report["ok"] and says == {"V3 RSA/SHA256"}
