"""Cuts by a real Koji: a private hub, its builder with the real mock, and the test distribution."""

from pathlib import Path

import pytest

from tproxy_rpms.packaging.header import read_header

from .distribution import Distribution
from .kojibuilder import KojiBuilder, why_no_builder
from .kojichain import Chain
from .kojihub import KojiHub

pytestmark = [
    pytest.mark.koji,
    pytest.mark.mock,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(why_no_builder()), reason=why_no_builder()),
]


@pytest.fixture
def chain(tmp_path: Path, koji_hub: KojiHub, koji_builder: KojiBuilder, distribution: Distribution, request: pytest.FixtureRequest) -> Chain:
    name = request.node.name.replace("test_", "").replace("_", "-")[:40]
    return Chain(tmp_path / "project", koji_hub, distribution, name=name)


def test_three_packages_that_need_each_other(chain: Chain) -> None:
    print(chain.doit())
    for package in ("first", "second", "third"):
        for arch in ("x86_64", "i386"):
            print(chain.place(package, arch))
            assert [read_header(path).arch for path in chain.rpms(package, arch)]
    assert len(chain.tasks()) == 3
