"""What goes wrong at a place, and what somebody has left there: told with its cure, and the old snapshot stays served."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import GateError, HostError, PublishError
from tproxy_rpms.publish.place import Place, open_place
from tproxy_rpms.publish.snapshots import (
    Published,
    publish_snapshot,
    read_catalogue,
    roll_back,
)
from tproxy_rpms.publish.tree import MANIFEST, read_id
from tproxy_rpms.release.model import Publishing

from .servers import SshServer, free_port
from .site import Site, served


def test_a_file_that_changes_during_the_upload_is_found(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change comes between rsync's reading and the seal, by an rsync that lets somebody else in before it ends."""
    first = site.publish("1")
    real = shutil.which("rsync")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "rsync"
    fake.write_text(f'#!/bin/sh\n{real} "$@" || exit\necho other >{tmp_path}/tree/tproxy.repo\n{real} "$@"\n')
    fake.chmod(0o755)
    tree = site.compose("2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(PublishError, match="a file there is not what the manifest says: it changed during the upload") as caught:
        publish_snapshot(site.place, tree, site.publishing)
    assert "tproxy.repo" in str(caught.value) and caught.value.exit_code == 35
    assert served(site) == first
    monkeypatch.undo()
    assert served(site) != first if site.publish("2") else False


def test_a_full_disk_leaves_the_old_set_served(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    script = tmp_path / "script"
    script.write_text(FULL_DISK)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    argv = ["unshare", "--mount", sys.executable, script, tmp_path]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the disk is full; what was served before still is" in done.stdout
    assert "publishing.keep" in done.stdout


FULL_DISK = """
import os, subprocess, sys
from pathlib import Path
from tests.integration.site import make_site, served
from tproxy_rpms.errors import PublishError
from tproxy_rpms.publish.snapshots import publish_snapshot

site = make_site(Path(sys.argv[1]))
site.folder.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", site.folder], check=True)
first = site.publish("1")
tree = site.compose("2")
stuffing = site.folder / "stuffing"
try:
    with stuffing.open("wb") as stream:
        while True:
            stream.write(bytes(4096))
            stream.flush()
except OSError:
    pass
try:
    publish_snapshot(site.place, tree, site.publishing)
    sys.exit("no error")
except PublishError as error:
    print(error)
stuffing.unlink()
assert served(site) == first
assert not list(site.folder.glob(".incoming*")), "the next who makes room finds all of it"
assert publish_snapshot(site.place, tree, site.publishing).id == served(site) != first
"""


def test_a_host_that_is_not_there_is_told(local: Site) -> None:
    place = Place(folder="/srv/www", login="127.0.0.1", port=str(free_port()), ssh=("-F", "none"))
    with pytest.raises(PublishError, match=r"127\.0\.0\.1:\d+:/srv/www: cannot be reached; what was served") as caught:
        publish_snapshot(place, local.compose("1"), local.publishing)
    assert f"ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -p {place.port}" in caught.value.hint
    assert "Connection refused" in str(caught.value)


def test_a_key_that_is_not_let_in_is_told(local: Site, ssh: SshServer, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    options = tuple(str(tmp_path / "other") if word.endswith("user_key") else word for word in ssh.options)
    place = open_place(Publishing(to=f"ssh://{ssh.login}/srv/www", ssh=options))
    with pytest.raises(PublishError, match="cannot be reached") as caught:
        place.act("open", "none", "none")
    assert "Permission denied" in str(caught.value)


def test_an_unknown_host_key_is_not_trusted(ssh: SshServer, tmp_path: Path) -> None:
    options = tuple(f"UserKnownHostsFile={tmp_path}/none" if "KnownHosts" in word else word for word in ssh.options)
    place = open_place(Publishing(to=f"ssh://{ssh.login}/srv/www", ssh=options))
    with pytest.raises(PublishError, match="Host key verification failed"):
        place.act("open", "none", "none")


def test_a_folder_that_may_not_be_written_is_told(local: Site) -> None:
    (local.top / "proxy").write_text("a file, no folder")
    with pytest.raises(PublishError, match=r"proxy: .*what was served"):
        local.publish("1")


def test_a_folder_with_a_current_of_somebody_else_is_left_alone(local: Site) -> None:
    (local.folder / "current").mkdir(parents=True)
    (local.folder / "current" / "precious").write_text("x")
    with pytest.raises(PublishError):
        local.publish("1")
    assert (local.folder / "current" / "precious").read_text() == "x"


def test_a_tool_that_is_missing_there_is_told(local: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "setpriv", "mkdir"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(HostError, match="flock: not found") as caught:
        local.place.act("open", "none", "none")
    assert "util-linux" in caught.value.hint


def write_fake_rsync(folder: Path, script: str) -> str:
    """An rsync that does something else besides; returns the PATH that finds it."""
    (folder / "bin").mkdir()
    fake = folder / "bin" / "rsync"
    fake.write_text(f"#!/bin/sh\n{script}\n".replace("REAL", str(shutil.which("rsync"))))
    fake.chmod(0o755)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


def test_what_is_served_is_never_written_to(local: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = local.compose("1")
    name = publish_snapshot(local.place, tree, local.publishing).id
    inodes = {path: path.stat().st_ino for path in (local.folder / "snapshots" / name).rglob("*")}
    monkeypatch.setenv("PATH", write_fake_rsync(tmp_path, "echo never >&2; exit 99"))
    (tree / "stray").write_text("x")
    assert publish_snapshot(local.place, tree, local.publishing) == Published(id=name, changed=False)
    assert {path: path.stat().st_ino for path in (local.folder / "snapshots" / name).rglob("*")} == inodes


def test_a_rollback_during_an_upload_is_respected(local: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is served when the new one comes has its grace, though it was not served when the upload began."""
    one, _, tree = local.publish("1"), local.publish("2"), local.compose("1", "2")
    publishing = replace(local.publishing, keep=1, grace=60)
    switch = f"cd {local.folder} && ln -sfn snapshots/{one} x && mv -T x current"
    note = f"echo $(date -u +%Y-%m-%dT%H:%M:%SZ) {one} rollback >>{local.folder}/history"
    monkeypatch.setenv("PATH", write_fake_rsync(tmp_path, f'({switch}; {note})\nexec REAL "$@"'))
    publish_snapshot(local.place, tree, publishing)
    assert (local.folder / "snapshots" / one).is_dir()


def test_old_ones_that_cannot_be_removed_are_a_warning(local: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local.publish("1")
    real = shutil.which("mv")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "mv"
    fake.write_text(
        f'#!/bin/sh\ncase "$3" in .trash*) echo "mv: cannot move: Permission denied" >&2; exit 1;; esac\nexec {real} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    published = publish_snapshot(local.place, local.compose("2"), replace(local.publishing, keep=1))
    assert published.changed and served(local) == published.id
    assert "old snapshots could not be removed" in published.complaint


def test_an_upload_that_was_stopped_is_gone_on_with(local: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However old its source is: what is cleared is what nobody has gone on with for a day."""
    tree = local.compose("1")
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (1, 1))
    publish_snapshot(local.place, local.compose("2", name="other"), local.publishing)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", write_fake_rsync(tmp_path, 'REAL "$@"; exit 12'))
        with pytest.raises(PublishError):
            publish_snapshot(local.place, tree, local.publishing)
    (incoming,) = local.folder.glob(".incoming-*")
    inode = (incoming / MANIFEST).stat().st_ino
    stale = local.folder / ".incoming-0123456789abcdef"
    stale.mkdir()
    os.utime(stale, (1, 1))
    publish_snapshot(local.place, tree, local.publishing)
    assert (local.folder / "current" / MANIFEST).stat().st_ino == inode
    assert not stale.exists()


def test_the_umask_is_nobody_s_business(local: Site) -> None:
    previous = os.umask(0o077)
    try:
        local.publish("1")
    finally:
        os.umask(previous)
    for path in (local.folder, local.folder / "snapshots", local.folder / "current" / "x86_64"):
        assert path.stat().st_mode & 0o777 == 0o755


def test_a_clock_that_is_ahead_removes_nothing_too_early(local: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4e9)
    publishing = replace(local.publishing, keep=1, grace=60)
    for versions in (("1",), ("2",)):
        publish_snapshot(local.place, local.compose(*versions), publishing)
    assert len(read_catalogue(local.place).snapshots) == 2


def test_what_somebody_with_access_has_changed_is_not_gone_back_to(local: Site) -> None:
    """The manifest fits the file, so that the check there finds nothing; but nobody has signed it."""
    one = local.publish("1")
    two = local.publish("2")
    folder = local.folder / "snapshots" / one
    repo = folder / "tproxy.repo"
    before = subprocess.run(["sha256sum", repo], capture_output=True, text=True, check=True).stdout.split()[0]
    repo.write_text("baseurl=http://evil.example.org\n")
    after = subprocess.run(["sha256sum", repo], capture_output=True, text=True, check=True).stdout.split()[0]
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace(before, after))
    assert f"whole {one}" in local.place.act("open", one, "none")  # by its own manifest
    with pytest.raises(GateError, match="the signature is bad"):
        roll_back(local.place, local.key)
    # A good signature, but of another snapshot.
    for name in (MANIFEST, f"{MANIFEST}.asc"):
        shutil.copy(local.folder / "snapshots" / two / name, folder / name)
    with pytest.raises(GateError, match="its manifest is that of another snapshot"):
        roll_back(local.place, local.key)
    assert served(local) == two


def test_what_is_not_ours_is_left_alone(local: Site) -> None:
    first = local.publish("1")
    for name in ("backup 2020", "it's", "0123456789abcde"):
        (local.folder / "snapshots" / name).mkdir()
        (local.folder / "snapshots" / name / MANIFEST).write_text("")
    second = local.publish("2")
    assert {one.id for one in read_catalogue(local.place).snapshots} == {first, second}
    assert len(list((local.folder / "snapshots").iterdir())) == 5
    (local.folder / "current").unlink()
    (local.folder / "current").symlink_to("releases/v1")
    with pytest.raises(PublishError, match="the current there is somebody else's"):
        local.publish("3")
    assert (local.folder / "current").readlink() == Path("releases/v1")


def test_leftovers_do_not_block(local: Site) -> None:
    tree = local.compose("1")
    name = read_id(tree)
    (local.folder / "snapshots" / name).mkdir(parents=True)
    (local.folder / "snapshots" / name / "half").write_text("x")
    (local.folder / f".trash-{name}").mkdir()
    assert publish_snapshot(local.place, tree, local.publishing).id == served(local)
