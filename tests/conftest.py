"""What all tests share."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tproxy_rpms.release.model import Package, Release, Target

ROOT = Path(__file__).parent.parent

# A developer's cache of finished builds is not for tests: each that wants one names its own.
os.environ.pop("TPROXY_RPMS_CACHE", None)

# Examples are slow where others are at work on the same host, or coverage is measured: that is no fault of what is tested.
settings.register_profile("tproxy-rpms", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tproxy-rpms")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for the tests that look at a finished cut."""
    group = parser.getgroup("tproxy-rpms")
    group.addoption("--cut", metavar="RELEASE", help="the finished cut to look at: a release's name or file (bookworm)")
    group.addoption("--build-folder", default=ROOT / "build", type=Path, help="where cuts lie, if not in the project's build/")


@pytest.fixture
def project() -> Path:
    """The project's folder."""
    return ROOT


def make_target(**changes: object) -> Target:
    """A target like debian-12 with some fields changed."""
    fields = {
        "name": "test",
        "family": "debian",
        "suite": "bookworm",
        "dist": ".t",
        "init": "systemd",
        "payload": "w3.zstdio",
        "file_digest": 8,
        "repo_checksum": "sha256",
        "repo_compress": "gz",
        "libdir": {"x86_64": "/usr/lib64", "i386": "/usr/lib"},
        "traits": {"rpm_base": False, "buildroot_tag": False, "rpm_clamps_times": True, "optflags": ""},
    }
    return Target(**(fields | changes))  # type: ignore[arg-type]


def make_release(**changes: object) -> Release:
    """A release of one package called hello with some fields changed."""
    fields = {
        "name": "test",
        "files": (Path("test.toml"),),
        "summary": "a release for tests",
        "epoch": 1_000_000_000,
        "revision": "1",
        "packager": "Test <test@example.org>",
        "arches": ("x86_64", "i386"),
        "target": make_target(),
        "builder": "chroot",
        "sources": {},
        "packages": {"hello": Package(name="hello", spec="hello", sources=())},
    }
    return Release(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def _end_gpg_agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """End the agents that gpg has started for the homes of the tests; their sockets may be elsewhere, below /run/user."""
    yield
    homes = {path.parent for name in ("private-keys-v1.d", "secring.gpg") for path in tmp_path_factory.getbasetemp().rglob(name)}
    for home in homes:
        for words in (["--kill", "gpg-agent"], ["--remove-socketdir"]):
            subprocess.run(["gpgconf", "--homedir", home, *words], check=False, capture_output=True)
