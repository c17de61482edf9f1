"""What the integration tests share."""

from collections.abc import Iterator

import pytest

from tproxy_rpms.release.load import load_release

from ..conftest import ROOT
from .finished import FinishedCut
from .servers import SshServer, serve_by_sshd


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


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An sshd on loopback."""
    with serve_by_sshd(tmp_path_factory.mktemp("ssh")) as server:
        yield server
