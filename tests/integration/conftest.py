"""What the integration tests share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tproxy_rpms.acceptance.payload import unpack_rpms
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Arch, Publishing

from ..conftest import ROOT
from .distribution import Distribution, make_distribution
from .finished import FinishedCut
from .hosttools import CACHE
from .kojibuilder import KojiBuilder, why_no_builder
from .kojihub import KojiHub, why_no_hub
from .package import build_package
from .servers import SshServer, serve_by_sshd
from .signingkeys import TestKey, make_key
from .site import Site, make_site


@pytest.fixture(scope="session")
def cut(request: pytest.FixtureRequest) -> FinishedCut:
    """The cut that is looked at. One that is not finished is skipped, or an error if it was asked for by name."""
    given = request.config.getoption("--cut")
    release = load_release(given or "bookworm", root=ROOT)
    found = FinishedCut(release=release, folder=request.config.getoption("--build-folder") / release.name)
    if found.missing():
        reason = f"no finished cut in {found.folder}: run ./run doit release={given or release.name} first"
        pytest.fail(reason) if given else pytest.skip(reason)
    return found


@pytest.fixture(params=["i386", "x86_64"], scope="module")
def arch(request: pytest.FixtureRequest, cut: FinishedCut) -> Arch:
    """Each arch of the cut that is looked at."""
    if request.param not in cut.release.arches:
        pytest.skip(f"{cut.release.name} is not for {request.param}")
    return cast(Arch, request.param)


@pytest.fixture(scope="session")
def unpacked_iptables(cut: FinishedCut, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the cut's iptables for x86_64, unpacked."""
    package = cut.package("iptables")
    if package is None:
        pytest.skip(f"{cut.release.name} has no iptables")
    folder = tmp_path_factory.mktemp("iptables")
    unpack_rpms([path for path in cut.rpms("x86_64") if path.name.startswith(f"{package.name}-")], folder)
    return folder


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An sshd on loopback."""
    with serve_by_sshd(tmp_path_factory.mktemp("ssh")) as server:
        yield server


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


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return build_package(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def distribution() -> Distribution:
    """The test distribution, from the roots of `bookworm`."""
    return make_distribution(load_release("bookworm", root=ROOT).target, cache=CACHE)


@pytest.fixture(scope="session")
def koji_hub() -> Iterator[KojiHub]:
    """A Koji hub, shared by all who name users and targets of their own in it."""
    if why_no_hub():
        pytest.skip(why_no_hub())
    with KojiHub() as hub:
        yield hub


@pytest.fixture(scope="session")
def koji_builder(koji_hub: KojiHub) -> Iterator[KojiBuilder]:
    """The shared hub's one builder. Who wants another, or one told otherwise, stops this and starts it again."""
    if why_no_builder():
        pytest.skip(why_no_builder())
    with KojiBuilder(hub=koji_hub) as builder:
        yield builder


@pytest.fixture(scope="session")
def ed25519(tmp_path_factory: pytest.TempPathFactory) -> TestKey:
    return make_key(tmp_path_factory.mktemp("keys") / "ed25519", kind="EdDSA")


@pytest.fixture(scope="session")
def old_rsa(tmp_path_factory: pytest.TempPathFactory) -> TestKey:
    return make_key(tmp_path_factory.mktemp("keys") / "rsa", bits=2048, program="gpg1")
