"""What is published for CentOS 5, read as rpm 4.4.2.3 and yum 3.2.22 read it: by code that shares nothing with ours."""

import configparser
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.gates.gate import check_artifacts
from tproxy_rpms.publish.snapshots import roll_back

from .finished import FinishedCut
from .oldclient import check_key, check_rpm, read_key, read_mirrorlist, read_repository
from .server import serve_folder
from .site import Site, make_site

KEYS = [("RSA", 2048, "gpg1"), ("RSA", 4096, "gpg1"), ("DSA", 1024, "gpg")]
ARCHES = ("x86_64", "i386", "SRPMS")


@pytest.fixture(scope="module", params=KEYS, ids=lambda key: f"{key[0]}-{key[1]}")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of CentOS 5, served over HTTP."""
    folder = tmp_path_factory.mktemp("site")
    kind, bits, program = request.param
    with serve_folder(folder / "www") as url:
        yield make_site(folder, target="centos5", url=url, kind=kind, bits=bits, program=program)


def read_repo_file(site: Site, section: str = "tproxy") -> configparser.SectionProxy:
    """A section of the .repo file that tproxy-release installs."""
    folder = site.top.parent / "installed"
    folder.mkdir(exist_ok=True)
    (client,) = (site.folder / "current" / "x86_64").glob("tproxy-release-*.rpm")
    unpack_rpms([client], folder)
    assert (folder / "etc/pki/rpm-gpg/RPM-GPG-KEY-tproxy").read_bytes() == (
        site.folder / "current/RPM-GPG-KEY-tproxy"
    ).read_bytes()
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "etc/yum.repos.d/tproxy.repo")
    return parser[section]


def test_yum_and_rpm_find_nothing_wrong(site: Site) -> None:
    site.publish("1", "2")
    key = site.folder / "current" / "RPM-GPG-KEY-tproxy"
    assert check_key(key) == []
    repo = read_repo_file(site)
    for arch in ARCHES:
        section = read_repo_file(site, "tproxy-source") if arch == "SRPMS" else repo
        (base,) = read_mirrorlist(section["mirrorlist"].replace("$basearch", arch), basearch=arch)
        found = read_repository(base, [read_key(key)])
        assert found.problems == ()
        assert len(found.packages) == 3
        assert base == f"{site.release.url}/snapshots/{(site.folder / 'current').resolve().name}/{arch}/"


def test_yum_gets_all_options_that_it_needs(site: Site) -> None:
    site.publish("1")
    repo = read_repo_file(site)
    assert dict(repo) | {"name": "", "mirrorlist": ""} == {
        "name": "", "mirrorlist": "", "enabled": "1", "gpgcheck": "1", "repo_gpgcheck": "0",
        "gpgkey": "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-tproxy", "metadata_expire": "0", "mirrorlist_expire": "600",
    }  # fmt: skip


def test_an_older_set_of_the_same_release_is_no_older_metadata(site: Site) -> None:
    """yum refuses what is older than it has; all sets of a release are of its epoch."""
    site.publish("1")
    site.publish("2")
    keys = [read_key(site.folder / "current/RPM-GPG-KEY-tproxy")]
    newest = read_repository(site.folder / "current/x86_64", keys)
    roll_back(site.place, site.key)
    assert read_repository(site.folder / "current/x86_64", keys, known=newest.timestamp).problems == ()


def test_what_others_have_changed_is_found(site: Site) -> None:
    site.publish("1")
    key = read_key(site.folder / "current/RPM-GPG-KEY-tproxy")
    (rpm,) = (site.folder / "current/x86_64").glob("hello-*.rpm")
    whole = rpm.read_bytes()
    changed = site.top.parent / "changed.rpm"
    changed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert check_rpm(rpm, [key]) == []
    assert check_rpm(changed, [key])
    assert any("NOKEY" in problem for problem in check_rpm(rpm, []))


def test_a_key_with_subkeys_is_served_without_them(site: Site) -> None:
    """Old rpm takes the numbers of the last RSA subkey for the primary key's."""
    signing = site.release.signing
    assert signing and signing.home
    program = site.signatory.key.kind.program
    if program == "gpg1":
        pytest.skip("old GnuPG adds subkeys only by hand")
    argv = ["gpg", "--homedir", signing.home, "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*argv, "--quick-add-key", signing.key, "rsa2048", "encr", "1y"], check=True, capture_output=True)
    whole = site.top.parent / "whole.asc"
    whole.write_bytes(subprocess.run([*argv, "--armor", "--export", signing.key], check=True, capture_output=True).stdout)
    assert whole.read_bytes() != (site.folder / "current/RPM-GPG-KEY-tproxy").read_bytes()
    from tproxy_rpms.signing.signatory import open_signatory

    served = site.top.parent / "served.asc"
    served.write_text(open_signatory(site.release).key.armoured)
    assert (
        check_key(served) == [] and check_rpm(next((site.folder / "current/i386").glob("hello-*.rpm")), [read_key(served)]) == []
    )


@pytest.mark.cut
def test_a_whole_cut_for_centos5_is_one_that_it_takes(cut: FinishedCut, tmp_path: Path) -> None:
    """Signed, published and read: every package of a cut whose target is CentOS 5's rpm."""
    if cut.release.target.limits is None:
        pytest.skip(f"{cut.release.name} is for {cut.release.target.name}; give one for CentOS 5 by --cut")
    site = make_site(tmp_path, target="centos5", kind="RSA", bits=2048, program="gpg1")
    unsigned = [*(cut.folder / "rpms").rglob("*.rpm"), *(cut.folder / "srpms").rglob("*.rpm")]
    signed = site.sign(unsigned, tmp_path / "signed")
    profile = site.signatory.profile
    check_artifacts(signed, target=cut.release.target, report=tmp_path / "report.json", signatures=profile.signatures)
    words = {"x86_64": ".x86_64.rpm", "i386": ".i686.rpm", "SRPMS": ".src.rpm"}
    sets = {arch: [path for path in signed if path.name.endswith(word)] for arch, word in words.items()}
    tree = site.compose_of(sets)
    keys = [read_key(tree / "RPM-GPG-KEY-tproxy")]
    for arch, rpms in sets.items():
        found = read_repository(tree / cast(str, arch), keys)
        assert found.problems == () and len(found.packages) == len(rpms)
