"""What unit tests share: a Koji hub in this process, and a builder that knows no other.

Koji's library is loaded by who asks for these: all other tests run without it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder, create
from tproxy_rpms.release.koji import Koji

from ..conftest import make_release
from .kojirpm import make_srpm

if TYPE_CHECKING:
    from .kojifake import FakeHub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "FakeHub":
    """A hub that answers every session of koji's library; nobody really sleeps while waiting for it."""
    from .kojiclient import connect
    from .kojiclock import Clock
    from .kojifake import FakeHub

    clock = Clock()
    for name, module in list(sys.modules.items()):
        if name.startswith("tproxy_rpms.builders.koji") and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", clock)
    (tmp_path / "hub").mkdir()
    made = FakeHub(tmp_path / "hub", clock)
    monkeypatch.setattr("koji.ClientSession", connect(made))
    return made


@pytest.fixture
def table(tmp_path: Path) -> Koji:
    """How a release names the hub."""
    from .kojifake import URL

    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text("secret\n")
    return Koji(target="t", hub=URL, login="password", user="builder", password_file=password)


@pytest.fixture
def make_builder(hub: "FakeHub", table: Koji, tmp_path: Path) -> Callable[..., KojiBuilder]:
    """Return a builder; what is given changes the koji table. `clone` names the folder in which it keeps what it knows."""

    def make(clone: str = "clone", **changes: Any) -> KojiBuilder:
        release = make_release(builder="koji", koji=replace(table, **changes))
        return create(release, cache=tmp_path / "cache", work=tmp_path / clone / "work")

    return make


@pytest.fixture
def builder(make_builder: Callable[..., KojiBuilder]) -> KojiBuilder:
    """A builder of tagged builds."""
    return make_builder()


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    """Return a job for a package called hello."""
    srpm = make_srpm(tmp_path / "srpms")

    def make(arch: str = "x86_64", **changes: Any) -> Job:
        fields = {
            "package": "hello", "srpm": srpm, "arch": arch, "results": tmp_path / f"rpms-{arch}",
            "logs": tmp_path / f"logs-{arch}", "jobs": 0, "epoch": 1_000_000_000,
        }  # fmt: skip
        return Job(**(fields | changes))

    return make


@pytest.fixture
def files(hub: "FakeHub") -> Iterator[str]:
    """The URL of what the hub keeps, on loopback."""
    from .kojifiles import serve_files

    hub.kept.mkdir(exist_ok=True)
    with serve_files(hub.kept) as url:
        yield url
