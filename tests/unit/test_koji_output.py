"""What comes from a hub is what was built of what was sent there, whole, and nothing of it is written elsewhere."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import koji
import pytest

from tproxy_rpms.builders import Job
from tproxy_rpms.builders.koji import KojiBuilder
from tproxy_rpms.errors import BuildError, KojiError

from .kojiclient import FakeSession
from .kojifake import FakeHub
from .kojirpm import make_rpm

Jobs = Callable[..., Job]
Builders = Callable[..., KojiBuilder]
RPM = "hello-1-1.x86_64.rpm"


def leave(hub: FakeHub, **changes: str) -> None:
    """Have builders leave one RPM of another kind."""

    def make(nvr: str, label: str) -> dict[str, bytes]:
        fields = {"arch": label, "source": f"{nvr}.src.rpm"} | changes
        rpm = make_rpm(hub.folder / f"{nvr}.{fields['arch']}.rpm", **fields)
        return {f"{nvr}.{label}.rpm": rpm.read_bytes()}

    hub.files_of = make


def end_with(hub: FakeHub, act: Callable[[], object]) -> None:
    """Have the builders do their work, and then something more, before anybody looks again."""

    def close() -> None:
        hub.close()
        act()

    hub.play(hub.begin, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"), close)


def fail_of(builder: KojiBuilder, job: Job, kind: type[BuildError | KojiError]) -> BuildError | KojiError:
    """Return the error of a build that must fail so, and leave nothing."""
    with pytest.raises(kind) as caught:
        builder.build(job)
    assert not job.results.exists()
    return caught.value


def test_rpms_have_the_releases_date_and_plain_rights(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    (rpm,) = builder.build(make_job()).rpms
    assert (rpm.stat().st_mtime, rpm.stat().st_mode & 0o777) == (1_000_000_000, 0o644)
    assert rpm.read_bytes() == hub.children()["x86_64"].output[RPM]


def test_results_are_replaced_as_a_whole(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    results = make_job().results
    results.mkdir()
    (results / "hello-0-1.x86_64.rpm").write_bytes(b"an older one")
    builder.build(make_job())
    assert [path.name for path in results.iterdir()] == [RPM]


def test_source_packages_and_logs_are_no_results(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.files_of = lambda nvr, label: hub.make_rpms(nvr, label) | {f"{nvr}.src.rpm": b"source", "dnf.log": b"log"}
    hub.play(hub.begin, partial(hub.finish, "x86_64"), partial(hub.finish, "i686"))
    scratch = KojiBuilder(
        release=builder.release, koji=builder.koji.__class__(**(vars(builder.koji) | {"scratch": True})),
        cache=builder.cache, work=builder.work,
    )  # fmt: skip
    assert [path.name for path in scratch.build(make_job()).rpms] == [RPM]


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_comes_damaged_is_fetched_again(hub: FakeHub, builder: KojiBuilder, make_job: Jobs, times: int) -> None:
    hub.damaged[RPM] = times
    builder.build(make_job())
    assert (make_job().results / RPM).read_bytes() == hub.children()["x86_64"].output[RPM]
    assert hub.damaged[RPM] == 0


def test_a_file_that_stays_damaged_is_told_with_both_digests(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    hub.damaged[RPM] = 1000
    error = fail_of(builder, make_job(), KojiError)
    assert f"{RPM} of task 2: " in error.message and "its MD5 is " in error.message
    assert "the hub's disk" in error.hint
    assert 1000 - hub.damaged[RPM] in range(2, 6)
    hub.damaged.clear()
    builder.build(make_job())
    assert len(hub.list_parents()) == 1


def test_a_file_of_which_the_hub_has_lost_the_end(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = FakeSession.downloadTaskOutput

    def cut(session: FakeSession, task: int, name: str, offset: int = 0, size: int = -1) -> bytes:
        whole = download(session, task, name)
        return whole[:400][offset:][:size] if name == RPM else whole[offset:][:size]

    monkeypatch.setattr(FakeSession, "downloadTaskOutput", cut)
    whole = len(hub.make_rpms("hello-1-1", "x86_64")[RPM])
    assert f"400 of {whole} bytes came" in fail_of(builder, make_job(), KojiError).message


def test_no_rpm_at_all(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    hub.files_of = lambda nvr, label: {"hello-1-1.i686.rpm.log": b""}
    assert "left no RPM" in fail_of(make_builder(scratch=True), make_job(), BuildError).message


@pytest.mark.parametrize("scratch", [True, False])
def test_an_rpm_of_another_source_is_told_and_not_taken(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, scratch: bool
) -> None:
    leave(hub, source="squid-3-1.src.rpm")
    error = fail_of(make_builder(scratch=scratch), make_job(), BuildError)
    assert f"{RPM}: its header says that it was built from squid-3-1.src.rpm" in error.message
    assert "hello-1-1.src.rpm" in error.message
    assert "revision" in error.hint


def test_an_rpm_for_another_arch_is_told_and_not_taken(hub: FakeHub, make_builder: Builders, make_job: Jobs) -> None:
    leave(hub, arch="ppc")
    error = fail_of(make_builder(scratch=True), make_job(), BuildError)
    assert f"{RPM}: its header says ppc, asked for was x86_64" in error.message


@pytest.mark.parametrize(("key", "value"), [("size", 12), ("payloadhash", "0" * 32)])
def test_an_rpm_that_is_not_as_the_hub_has_recorded_it(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, key: str, value: object
) -> None:
    end_with(hub, lambda: hub.rpms["hello-1-1.x86_64"].update({key: value}))
    error = fail_of(builder, make_job(), KojiError)
    assert f"its {key} is " in error.message and f"the hub has recorded {value}" in error.message


def test_an_rpm_whose_digest_is_not_the_recorded_one(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    end_with(hub, lambda: hub.checksums.update({hub.rpms["hello-1-1.x86_64"]["id"]: {"": {"sha256": "0" * 64}}}))
    error = fail_of(builder, make_job(), KojiError)
    assert "its SHA-256 is " in error.message and "0" * 64 in error.message


@pytest.mark.parametrize(
    "known", [{}, {"": {"sha256": None}}, {"0123abcd": {"sha256": "1" * 64}}, {"": {"sha256": None}, "ab": {"sha256": "1" * 64}}]
)
def test_a_hub_that_has_no_digest_of_the_unsigned_rpm_is_none_the_worse(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, known: dict[str, dict[str, str | None]]
) -> None:
    end_with(hub, lambda: hub.checksums.update({hub.rpms["hello-1-1.x86_64"]["id"]: known}))
    assert [path.name for path in builder.build(make_job()).rpms] == [RPM]


def test_a_hub_before_1_28_keeps_no_digests(
    hub: FakeHub, builder: KojiBuilder, make_job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise koji.GenericError("Invalid method: getRPMChecksums")

    monkeypatch.setattr(FakeSession, "getRPMChecksums", refuse)
    assert builder.build(make_job()).rpms


def test_an_rpm_that_the_hub_has_not_recorded_at_all(hub: FakeHub, builder: KojiBuilder, make_job: Jobs) -> None:
    end_with(hub, hub.rpms.clear)
    assert "no RPM of this name in a build" in fail_of(builder, make_job(), KojiError).message


@pytest.mark.parametrize("name", ["../evil.rpm", "/evil.rpm", "sub/evil.rpm", "../../evil.x86_64.rpm"])
def test_a_file_name_with_a_slash_is_not_written_anywhere(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path, name: str
) -> None:
    hub.files_of = lambda nvr, label: hub.make_rpms(nvr, label) | {name: b"evil"}
    make_builder(scratch=True).build(make_job())
    assert [path.name for path in make_job().results.iterdir()] == [RPM]
    assert not list(tmp_path.rglob("evil*")) and not Path("/evil.rpm").exists()


def test_a_task_that_was_fetched_by_two_clones_gives_the_same(
    hub: FakeHub, make_builder: Builders, make_job: Jobs, tmp_path: Path
) -> None:
    jobs = [make_job(results=tmp_path / name, logs=tmp_path / f"{name}-logs") for name in ("one", "two")]
    for job in jobs:
        make_builder(job.results.name).build(job)
    one, two = ((job.results / RPM).read_bytes() for job in jobs)
    assert one == two and len(hub.list_parents()) == 1
