"""Runs of doit that build in a hub that lies in this process, and how they end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder

from .kojifake import FakeHub

Jobs = Callable[..., Job]
BOTH = ("x86_64", "i386")


class Killed(BaseException):
    """The run was killed."""


def kill() -> None:
    raise Killed


def build_both(builder: KojiBuilder, make_job: Jobs, **changes: object) -> None:
    """Build both arches side by side, as doit's workers do."""
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(builder.build, make_job(arch, **changes)) for arch in BOTH]:
            made.result()


def die_watching(hub: FakeHub, builder: KojiBuilder, job: Job) -> None:
    """Submit, and be killed when it comes to watching."""
    hub.hook("before getTaskChildren", kill)
    with pytest.raises(Killed):
        builder.build(job)
