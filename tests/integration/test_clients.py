"""Real dnf as hosts use it: over HTTP, both checks on, from the first package to updates and back; and all that it refuses."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from tproxy_rpms.publish.client import CLIENT_FILE, CURRENT, KEY_FILE, MIRRORS, REPO_FILE, render_repo
from tproxy_rpms.publish.comps import GROUP_ID
from tproxy_rpms.publish.repository import make_repository
from tproxy_rpms.publish.snapshots import roll_back
from tproxy_rpms.release.model import RPM_ARCH, Arch
from tproxy_rpms.signing.file import sign_file

from .dnfclient import DnfClient, make_client, require_dnf, without_time
from .finished import FinishedCut
from .package import build_package
from .servers import serve_by_nginx
from .site import Site, make_site

ARCHES: tuple[Arch, ...] = ("x86_64", "i386")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A folder that nginx serves."""

    folder: Path
    url: str

    def make_site(self, name: str, **options: str) -> Site:
        """A site below the folder, with versions 1 and 2 of the package hello for every arch."""
        site = make_site(self.folder / name, url=f"{self.url}/{name}/www", **options)  # type: ignore[arg-type]
        for version in ("1", "2"):
            packages = self.folder / name / "packages" / version
            made = [build_package(packages / arch, version=version, arch=RPM_ARCH[arch], scriptlets="") for arch in ARCHES]
            site.built[version] = (made[0][0], *made[1])
        return site


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    require_dnf()
    folder = tmp_path_factory.mktemp("served")
    with serve_by_nginx(folder, tmp_path_factory.mktemp("nginx")) as url:
        yield Served(folder=folder, url=url)


@pytest.fixture(scope="module")
def site(served: Served) -> Site:
    """A site that serves version 1."""
    site = served.make_site("site")
    site.publish("1")
    return site


@pytest.fixture(scope="module")
def stranger(served: Served) -> Site:
    """A site with another key."""
    return served.make_site("stranger")


@pytest.fixture(params=ARCHES)
def arch(request: pytest.FixtureRequest) -> Arch:
    return request.param  # type: ignore[no-any-return]


def begin(site: Site, folder: Path, arch: Arch) -> DnfClient:
    """A host with nothing but the .repo file that the site serves; its key is where the site serves it, too."""
    url = f"{site.release.url}/{CURRENT}"
    return make_client(folder, arch, repo=requests.get(f"{url}/{REPO_FILE}").text, key=f"{url}/{KEY_FILE}")


def bootstrap(site: Site, folder: Path, arch: Arch) -> DnfClient:
    """A host that has installed tproxy-release, and goes on with what that has brought."""
    client = begin(site, folder, arch)
    client.run("install", "tproxy-release")
    return client.settle()


def name_all(arch: Arch, version: str) -> list[str]:
    """What is installed once all of a site's version is."""
    return [f"hello-{version}.{RPM_ARCH[arch]}", "tproxy-release-0.noarch"]


def test_the_first_package_brings_all_that_the_others_need(site: Site, arch: Arch, tmp_path: Path) -> None:
    client = bootstrap(site, tmp_path, arch)
    assert client.list_installed() == name_all(arch, "1")[1:]
    repo = (client.repos / REPO_FILE).read_text()
    for line in ("gpgcheck=1", "repo_gpgcheck=1", f"gpgkey=file:///etc/pki/rpm-gpg/{KEY_FILE}"):
        assert line in repo.splitlines()
    assert (client.root / "etc/pki/rpm-gpg" / KEY_FILE).read_text() == site.signatory.key.armoured
    client.run("install", "hello")
    assert client.list_installed() == name_all(arch, "1")


def test_the_first_package_may_come_by_its_constant_name(site: Site, arch: Arch, tmp_path: Path) -> None:
    client = make_client(tmp_path, arch, repo="", key="")
    client.run("install", f"{site.release.url}/{CURRENT}/{CLIENT_FILE}")
    client.settle().run("install", "hello")
    assert client.list_installed() == name_all(arch, "1")


def test_the_group_is_all_of_the_release(site: Site, arch: Arch, tmp_path: Path) -> None:
    client = bootstrap(site, tmp_path, arch)
    said = client.run("group", "info", GROUP_ID)
    assert re.search(r"Mandatory Packages:\s+tproxy-release\s+Default Packages:\s+hello\s*$", said), said
    client.run("group", "install", GROUP_ID)
    assert client.list_installed() == name_all(arch, "1")


def test_hosts_follow_what_is_published_and_gone_back_to(served: Served, arch: Arch, tmp_path: Path) -> None:
    site = served.make_site(f"moving-{arch}")
    site.publish("1")
    client = bootstrap(site, tmp_path, arch)
    client.run("install", "hello")
    site.publish("1", "2")
    client.run("upgrade")
    assert client.list_installed() == name_all(arch, "2")
    roll_back(site.place, site.key)
    client.run("distro-sync")
    assert client.list_installed() == name_all(arch, "1")


def test_a_set_that_is_gone_back_to_does_not_look_older_than_the_one_before(served: Served, tmp_path: Path) -> None:
    # yum 3.2.22 keeps what it has while any timestamp in repomd.xml is newer there (yumRepo.py, _groupCheckDataMDNewer), and
    # then asks the older snapshot for the newer one's packages.
    times = []
    for epoch in (1_700_000_000, 1_800_000_000):
        release = replace(served.make_site(f"epoch-{epoch}", target="centos5", kind="RSA", program="gpg1").release, epoch=epoch)
        make_repository(release, [], tmp_path / str(epoch))
        text = (tmp_path / str(epoch) / "repodata/repomd.xml").read_text()
        times.append(max(map(int, re.findall(r"<timestamp>(\d+)</timestamp>", text))))
    assert times[0] == times[1]


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A published snapshot that somebody may do as he likes with.

    Fields:
        folder: one repository of it. site: who made it. stranger: a site with another key.
    """

    folder: Path
    site: Site
    stranger: Site

    @property
    def rpm(self) -> Path:
        """The package hello in it."""
        (path,) = self.folder.glob("hello-*.rpm")
        return path

    def damage_package(self) -> None:
        """Turn the last byte of the payload."""
        data = bytearray(self.rpm.read_bytes())
        data[-1] ^= 0xFF
        self.rpm.write_bytes(data)

    def damage_package_for_good(self) -> None:
        """Turn a byte, and make the metadata of what there is then, with its signature."""
        self.damage_package()
        self.make_again([*self.folder.glob("*.rpm")])

    def make_again(self, rpms: list[Path], *, signer: Site | None = None) -> None:
        """Make the repository of these RPMs again, as a release does."""
        key = (signer or self.site).signatory.metadata
        mirrors = (self.folder / MIRRORS).read_bytes()
        make_repository(self.site.release, rpms, self.folder, groups=True, sign=lambda path: sign_file(path, signer=key))
        (self.folder / MIRRORS).write_bytes(mirrors)

    def replace_package(self, package: Path) -> None:
        """Put another hello into the repository, and make its metadata again."""
        self.make_again([package, *self.folder.glob("tproxy-*.rpm")])

    def take_unsigned(self) -> None:
        self.replace_package(next(path for path in self.site.built["1"] if path.name == self.rpm.name))

    def take_the_strangers(self) -> None:
        (signed,) = self.stranger.sign([self.stranger.built["1"][0]], self.folder.parent / "strange")
        self.replace_package(signed)

    def let_the_stranger_sign(self) -> None:
        self.make_again([*self.folder.glob("*.rpm")], signer=self.stranger)

    def change_primary(self) -> None:
        (primary,) = (self.folder / "repodata").glob("*-primary.xml.*")
        data = bytearray(primary.read_bytes())
        data[-1] ^= 0xFF
        primary.write_bytes(data)

    def change_repomd(self) -> None:
        repomd = self.folder / "repodata" / "repomd.xml"
        repomd.write_text(repomd.read_text().replace("<revision>", "<revision>1"))

    def take_anothers_signature(self) -> None:
        name = "repodata/repomd.xml.asc"
        shutil.copyfile(self.folder.parent / "SRPMS" / name, self.folder / name)

    def drop_signature(self) -> None:
        (self.folder / "repodata" / "repomd.xml.asc").unlink()

    def leave(self) -> None:
        """Do nothing."""


# What is done → what dnf says, of that alone.
REFUSED: dict[Callable[[Copy], None], str] = {
    Copy.damage_package: r"hello-1-1\.x86_64\.rpm: Downloading successful, but checksum doesn't match",
    Copy.damage_package_for_good: r"Problem opening package hello-1-1\.x86_64\.rpm\n.*GPG check FAILED",
    Copy.take_unsigned: r"Package hello-1-1\.x86_64\.rpm is not signed",
    Copy.take_the_strangers: r"Public key for hello-1-1\.x86_64\.rpm is not installed",
    Copy.change_primary: r"metadata.*\n.*checksum doesn't match(.*\n)*.*-primary\.xml\.zst - Cannot download",
    Copy.change_repomd: r"repomd\.xml GPG signature verification error: Bad GPG signature",
    Copy.take_anothers_signature: r"repomd\.xml GPG signature verification error: Bad GPG signature",
    Copy.drop_signature: r"GPG verification is enabled, but GPG signature is not available",
    Copy.let_the_stranger_sign: r"repomd\.xml GPG signature verification error: Bad GPG signature",
}


def copy_snapshot(site: Site, stranger: Site, folder: Path, *, url: str) -> Copy:
    """A copy of the served snapshot, served below another URL."""
    shutil.copytree(site.folder / CURRENT, folder / CURRENT)
    for mirrors in (folder / CURRENT).glob(f"*/{MIRRORS}"):
        mirrors.write_text(f"{url}/{CURRENT}/{mirrors.parent.name}/\n")
    return Copy(folder=folder / CURRENT / "x86_64", site=site, stranger=stranger)


@pytest.mark.parametrize("act", [Copy.leave, *REFUSED], ids=lambda act: act.__name__)
def test_a_host_takes_nothing_that_was_tampered_with(
    act: Callable[[Copy], None], site: Site, stranger: Site, served: Served, tmp_path: Path
) -> None:
    url = f"{served.url}/{act.__name__}"
    act(copy_snapshot(site, stranger, served.folder / act.__name__, url=url))
    repo, key = render_repo(replace(site.release, url=url)), f"{site.release.url}/{CURRENT}/{KEY_FILE}"
    client = make_client(tmp_path, "x86_64", repo=repo, key=key)
    said = client.run("install", "hello", expect=1 if act in REFUSED else 0)
    assert client.list_installed() == ([] if act in REFUSED else name_all("x86_64", "1")[:1])
    assert re.search(REFUSED.get(act, "Complete!"), said), said


def test_metadata_of_a_stranger_lacks_nothing_but_trust(site: Site, stranger: Site, served: Served, tmp_path: Path) -> None:
    # dnf has the same words for metadata that has changed: with the stranger's key, this is good.
    stranger.publish("1")
    url = f"{served.url}/trusted"
    copy_snapshot(site, stranger, served.folder / "trusted", url=url).let_the_stranger_sign()
    repo, key = render_repo(replace(site.release, url=url)), f"{stranger.release.url}/{CURRENT}/{KEY_FILE}"
    client = make_client(tmp_path, "x86_64", repo=repo, key=key)
    client.run("repoquery", "hello")
    said = client.run("install", "hello", expect=1)
    assert "Public key for hello-1-1.x86_64.rpm is not installed" in said


def test_dnf_reads_what_is_made_for_yum(served: Served, arch: Arch, tmp_path: Path) -> None:
    site = served.make_site(f"centos5-{arch}", target="centos5", kind="RSA", program="gpg1")
    site.publish("1", "2")
    repodata = site.folder / CURRENT / arch / "repodata"
    kinds = {path.name.partition("-")[2] for path in repodata.iterdir()}
    assert {"primary.xml.gz", "primary.sqlite.bz2"} <= kinds
    client = begin(site, tmp_path, arch)
    # Today's rpm takes no such signatures; the metadata is what counts here.
    listed = client.run("--setopt=tproxy.gpgcheck=0", "repoquery", "--qf", "%{name}-%{version}.%{arch}", "--quiet").split()
    rpm_arch = RPM_ARCH[arch]
    assert [without_time(one) for one in listed] == [f"hello-1.{rpm_arch}", f"hello-2.{rpm_arch}", "tproxy-release-0.noarch"]
    assert GROUP_ID in client.run("--setopt=tproxy.gpgcheck=0", "group", "list", "--ids")


@pytest.fixture(scope="module")
def cut_site(cut: FinishedCut, served: Served) -> Site:
    """A site that serves all of a finished cut, signed anew by RSA."""
    target = cut.release.target
    if target.signing != "modern" or target.traits["rpm_base"]:
        pytest.skip(f"{target.name}: today's rpm does not verify its signatures, or its base system is not here")
    site = make_site(served.folder / "cut", url=f"{served.url}/cut/www", kind="RSA", bits=4096)
    site.release = replace(
        cut.release, url=site.release.url, signing=site.release.signing, publishing=site.release.publishing
    )  # fmt: skip
    site.built["all"] = tuple(path for folder in ("rpms", "srpms") for path in sorted((cut.folder / folder).glob("*/*.rpm")))
    site.publish("all")
    return site


@pytest.mark.cut
def test_a_finished_cut_installs_from_where_it_is_published(cut: FinishedCut, cut_site: Site, arch: Arch, tmp_path: Path) -> None:
    client = bootstrap(cut_site, tmp_path, arch)
    names = {f"{name}.{kind}" for name, kind in cut.list_arches(arch).items()}
    available = client.run("repoquery", "--available", "--qf", "%{name}.%{arch}", "--quiet").split()
    assert set(available) == names | {"tproxy-release.noarch"}
    client.run("install", *sorted(names))
    installed = {re.sub(r"-[^-]+(\.[^.]+)$", r"\1", one) for one in client.list_installed()}
    assert installed == names | {"tproxy-release.noarch"}
    said = client.run("--disablerepo=tproxy", "--enablerepo=tproxy-source", f"--setopt=tproxy-source.gpgkey={client.key}",
                      "repoquery", "--qf", "%{name}.%{arch}", "--quiet")  # fmt: skip
    assert set(said.split()) >= {f"{package}.src" for package in cut.release.packages}
