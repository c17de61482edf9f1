"""Snapshots at real places: a folder, and another host by ssh; what is served changes whole or not at all."""

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import GateError, HostError, PublishError, UserError
from tproxy_rpms.publish.place import Place, open_place
from tproxy_rpms.publish.snapshots import (
    Published,
    find_stale,
    prune_snapshots,
    publish_snapshot,
    read_catalogue,
    render_catalogue,
    roll_back,
)
from tproxy_rpms.publish.tree import MANIFEST, check_complete, compose_tree, read_id
from tproxy_rpms.release.model import Publishing

from .servers import SshServer, free_port
from .site import Site, make_site


@pytest.fixture
def local(tmp_path: Path) -> Site:
    return make_site(tmp_path)


@pytest.fixture(params=["folder", "ssh"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A site that publishes to a folder, or to the same folder by ssh."""
    made = make_site(tmp_path)
    if request.param == "ssh":
        server: SshServer = request.getfixturevalue("ssh")
        publishing = Publishing(to=f"ssh://{server.login}{made.folder}", ssh=server.options, grace=0)
        made.release = replace(made.release, publishing=publishing)
    return made


def served(site: Site) -> str:
    """The snapshot that is served, after a look at every file of it."""
    current = site.folder / "current"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", MANIFEST], cwd=current, check=True)
    listed = {line.split("  ")[1] for line in (current / MANIFEST).read_text().splitlines()}
    found = {str(path.relative_to(current.resolve())) for path in current.resolve().rglob("*") if path.is_file()}
    assert found == listed | {MANIFEST, f"{MANIFEST}.asc"}
    return current.resolve().name


def test_a_set_is_published_whole(site: Site) -> None:
    name = site.publish("1")
    assert served(site) == name
    current = site.folder / "current"
    assert str(current.readlink()) == f"snapshots/{name}"
    assert {path.name for path in current.iterdir()} == {
        "x86_64", "i386", "SRPMS", "RPM-GPG-KEY-tproxy", "tproxy.repo", "tproxy-release.rpm", MANIFEST, f"{MANIFEST}.asc",
    }  # fmt: skip
    assert (current / "i386/mirrorlist").read_text() == f"{site.release.url}/snapshots/{name}/i386/\n"
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ {name} publish\n", (site.folder / "history").read_text())
    assert not [path for path in site.folder.iterdir() if path.name.startswith((".incoming", ".trash", ".current"))]
    for path in current.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_publishing_again_changes_nothing(local: Site) -> None:
    tree = local.compose("1")
    first = publish_snapshot(local.place, tree, local.publishing)
    before = (local.folder / "history").read_text()
    assert publish_snapshot(local.place, tree, local.publishing) == Published(id=first.id, changed=False)
    assert (local.folder / "history").read_text() == before


def test_the_same_packages_give_the_same_snapshot(local: Site) -> None:
    first, second = local.compose("1", "2", name="one"), local.compose("1", "2", name="two")
    for path in first.rglob("*"):
        other = second / path.relative_to(first)
        # The clock is in signatures alone; the name of the snapshot is made of the rest and of them.
        if path.is_file() and path.name not in ("repomd.xml.asc", "SHA256SUMS", "SHA256SUMS.asc", "mirrorlist"):
            assert path.read_bytes() == other.read_bytes()


def test_what_has_not_changed_is_linked_not_sent(site: Site) -> None:
    site.publish("1")
    site.publish("1", "2")
    (rpm,) = (site.folder / "current" / "x86_64").glob("hello-1-*.rpm")
    assert rpm.stat().st_nlink == 2
    (rpm,) = (site.folder / "current" / "x86_64").glob("hello-2-*.rpm")
    assert rpm.stat().st_nlink == 1


def test_a_file_of_the_same_size_and_time_is_not_taken_for_the_same(local: Site) -> None:
    """All files have the release's time, so rsync must not go by that."""
    tree = local.compose("1")
    publish_snapshot(local.place, tree, local.publishing)
    files = {str(path.relative_to(tree)): path for path in tree.rglob("*") if path.is_file() and path.name != "mirrorlist"}
    (name,) = (name for name in files if name.startswith("x86_64/hello-1-"))
    other = local.top.parent / "other.rpm"
    data = bytearray(files[name].read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    times = files[name].stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    files = {key: path for key, path in files.items() if MANIFEST not in key} | {name: other}
    second = local.top.parent / "second"
    compose_tree(files, second, url=local.release.url, repositories=["x86_64", "i386", "SRPMS"], signer=local.signatory.manifest)
    publish_snapshot(local.place, second, local.publishing)
    served(local)
    assert (local.folder / "current" / name).read_bytes() == bytes(data)


def test_going_back_and_forth(site: Site) -> None:
    one, two, three = site.publish("1"), site.publish("1", "2"), site.publish("2")
    assert roll_back(site.place, site.key) == two == served(site)
    assert roll_back(site.place, site.key) == one == served(site)
    with pytest.raises(UserError, match="no snapshot is older"):
        roll_back(site.place, site.key)
    assert roll_back(site.place, site.key, three[:6]) == three == served(site)
    with pytest.raises(UserError, match="ffff: 0 snapshots of that name"):
        roll_back(site.place, site.key, "ffff")
    assert served(site) == three
    assert [line.split()[1:] for line in (site.folder / "history").read_text().splitlines()] == [
        [one, "publish"], [two, "publish"], [three, "publish"], [two, "rollback"], [one, "rollback"], [three, "rollback"],
    ]  # fmt: skip
    # A cache between here and the clients must not take an older snapshot for what it has already.
    roll_back(site.place, site.key, one)
    times = [(site.folder / "snapshots" / name / "x86_64/mirrorlist").stat().st_mtime for name in (one, three)]
    assert times[0] >= times[1]


def test_the_list_tells_what_differs(local: Site) -> None:
    one, two, three = local.publish("1"), local.publish("1", "2"), local.publish("2")
    roll_back(local.place, local.key)
    text = render_catalogue(read_catalogue(local.place), local.publishing)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [three, two, one]
    assert [line for line in lines if line.endswith("served")] == [next(line for line in lines if line.startswith(two))]
    assert "    + x86_64/hello.noarch 2-1" in lines and "    - x86_64/hello.noarch 1-1" in lines
    assert f"{two}  " in text and "9 packages" in text


def test_an_empty_place_has_no_snapshots(site: Site) -> None:
    catalogue = read_catalogue(site.place)
    assert not catalogue.snapshots and not catalogue.current
    assert render_catalogue(catalogue, site.publishing) == "no snapshots yet"
    with pytest.raises(UserError, match="no snapshot is older"):
        roll_back(site.place, site.key)


def test_only_so_many_are_kept(local: Site) -> None:
    local.release = replace(local.release, publishing=replace(local.publishing, keep=2))
    names = [local.publish(*versions) for versions in (("1",), ("2",), ("1", "2"), ("3",))]
    assert sorted(path.name for path in (local.folder / "snapshots").iterdir()) == sorted(names[2:])
    assert not list(local.folder.glob(".trash*"))


def test_one_that_clients_may_still_read_is_kept(local: Site) -> None:
    publishing = replace(local.publishing, keep=1, grace=60)
    names = []
    for versions in (("1",), ("2",)):
        names.append(publish_snapshot(local.place, local.compose(*versions), publishing).id)
    catalogue = read_catalogue(local.place)
    assert len(catalogue.snapshots) == 2
    assert "goes after 60 minutes" in render_catalogue(catalogue, publishing)
    assert find_stale(replace(catalogue, now=catalogue.now + 3500), publishing) == ()
    assert prune_snapshots(local.place, publishing, replace(catalogue, now=catalogue.now + 3700)) == (names[0],)
    assert served(local) == names[1]


def test_the_served_one_is_never_removed(local: Site) -> None:
    names = [local.publish(*versions) for versions in (("1",), ("2",), ("3",))]
    roll_back(local.place, local.key, names[0])
    catalogue = read_catalogue(local.place)
    prune_snapshots(local.place, replace(local.publishing, keep=1), replace(catalogue, now=catalogue.now + 10))
    assert served(local) == names[0]
    local.place.act("prune", names[0])
    assert served(local) == names[0]


def test_a_damaged_snapshot_is_mended_by_publishing_and_not_gone_back_to(site: Site) -> None:
    tree = site.compose("1", name="first")
    one = publish_snapshot(site.place, tree, site.publishing).id
    two = site.publish("2")
    (rpm,) = (site.folder / "snapshots" / one / "x86_64").glob("hello-1-*.rpm")
    rpm.chmod(0o644)
    rpm.write_bytes(rpm.read_bytes()[:-1] + b"x")
    with pytest.raises(PublishError, match="a file there is not what the manifest says") as caught:
        roll_back(site.place, site.key)
    assert rpm.name in str(caught.value)
    assert served(site) == two
    assert publish_snapshot(site.place, tree, site.publishing) == Published(id=one, changed=True)
    assert served(site) == one
    two = site.publish("2")
    (rpm.parent / "stranger").symlink_to("/etc")
    with pytest.raises(PublishError, match="something lies there that the manifest does not name"):
        roll_back(site.place, site.key, one)
    assert served(site) == two


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
from tests.integration.site import make_site
from tests.integration.test_publish import served
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


def test_only_complete_sets_are_published(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"ok": true}')
    expected = {"x86_64: hello": {"a.rpm": "1"}, "i386: hello": {"b.rpm": "2"}}
    present = {"x86_64/a.rpm": "1", "i386/b.rpm": "2"}
    check_complete(expected, present, reports=[report])
    for wrong, message in (
        ({"i386/b.rpm": ""}, "i386: hello: b.rpm: is not in its repository"),
        ({"i386/b.rpm": "3"}, "i386: hello: b.rpm: is another file"),
    ):
        with pytest.raises(GateError, match=message):
            check_complete(expected, present | wrong, reports=[report])
    with pytest.raises(GateError, match="i386: hello: no RPM"):
        check_complete(expected | {"i386: hello": {}}, present, reports=[report])
    for text in ('{"ok": false}', "{}", "broken"):
        report.write_text(text)
        with pytest.raises(GateError, match=r"report\.json: the gate has not passed it"):
            check_complete(expected, present, reports=[report])
    with pytest.raises(GateError, match="none: the gate has not passed it"):
        check_complete(expected, present, reports=[tmp_path / "none"])


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


def test_many_may_publish_the_same_at_once(local: Site, tmp_path: Path) -> None:
    tree = local.compose("1")
    trees = [shutil.copytree(tree, tmp_path / f"publisher-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda one: publish_snapshot(local.place, one, local.publishing).id, trees * 3))
    assert set(done) == {served(local)} == {path.name for path in (local.folder / "snapshots").iterdir()}
    assert not list(local.folder.glob(".incoming-*"))


def test_options_of_ssh_may_have_quotes_and_blanks(local: Site, ssh: SshServer) -> None:
    _, _, port = ssh.login.rpartition(":")
    options = (*ssh.options, "-o", f"ProxyCommand=bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3'")
    publishing = Publishing(to=f"ssh://{ssh.login}{local.folder}", ssh=options, grace=0)
    publish_snapshot(open_place(publishing), local.compose("1"), publishing)
    served(local)


def test_a_folder_with_odd_characters_is_taken_as_it_is(local: Site, ssh: SshServer) -> None:
    folder = f"{local.folder}/$(touch${{IFS}}x);*&"
    publishing = Publishing(to=f"ssh://{ssh.login}{folder}", ssh=ssh.options, grace=0)
    name = publish_snapshot(open_place(publishing), local.compose("1"), publishing).id
    assert (Path(folder) / "snapshots" / name / MANIFEST).is_file()
