"""Snapshots at real places, a folder and another host by ssh: published whole, listed, gone back to, removed in time."""

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.errors import GateError, PublishError, UserError
from tproxy_rpms.publish.place import open_place
from tproxy_rpms.publish.snapshots import (
    Published,
    find_stale,
    prune_snapshots,
    publish_snapshot,
    read_catalogue,
    render_catalogue,
    roll_back,
)
from tproxy_rpms.publish.tree import MANIFEST, check_complete, compose_tree
from tproxy_rpms.release.model import Publishing

from .servers import SshServer
from .site import Site, served


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
