"""What all tests share."""

from pathlib import Path

import pytest

from tproxy_rpms.release.model import Package, Release, Target

ROOT = Path(__file__).parent.parent


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
        "traits": {"rpm_base": False},
    }
    return Target(**(fields | changes))  # type: ignore[arg-type]


def make_release(**changes: object) -> Release:
    """A release of one package called hello with some fields changed."""
    fields = {
        "name": "test",
        "files": (),
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
