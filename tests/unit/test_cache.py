"""The content cache without a build: fingerprints, what an entry says of itself, and the variable that names the folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tproxy_rpms.builders import Job, Result
from tproxy_rpms.cache.content import open_cache
from tproxy_rpms.cache.entry import Built, DamageError, Entry, Kept, read_entry, render_entry
from tproxy_rpms.cache.fingerprint import Inputs
from tproxy_rpms.errors import UserError
from tproxy_rpms.publish.origin import read_origin
from tproxy_rpms.store import write_stamp
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.rpm import build

from ..conftest import make_release

INPUTS = Inputs(
    builder="chroot", code="c" * 64, arch="x86_64", epoch=1_000_000_000, srpm="5" * 64, root={"content": "0" * 64},
    requires={"kernel-devel-1-1.x86_64.rpm": "d" * 64},
)  # fmt: skip
ENTRY = Entry(
    built=Built(started="2026-11-01T00:00:00Z", finished="2026-11-01T00:01:00Z", jobs=2),
    rpms={"hello-1-1.x86_64.rpm": Kept(sha256="a" * 64, size=1234)},
    logs={"build.log": Kept(sha256="b" * 64, size=56)},
)


def test_a_fingerprint_is_the_same_for_the_same_inputs_and_stays_so() -> None:
    again = replace(INPUTS, root=dict(INPUTS.root), requires=dict(INPUTS.requires))
    assert again.fingerprint == INPUTS.fingerprint
    # What is kept on disks is found by this: a change of it must be meant, and counted in SCHEMA.
    assert INPUTS.fingerprint == "41d489c6f81a6a3bf1d81c23734d5f917a661bdd89d4df9eb5c336faff177c8e"


@pytest.mark.parametrize(
    "change",
    [
        {"builder": "mock"}, {"code": "e" * 64}, {"arch": "i386"}, {"epoch": 1_000_000_001}, {"srpm": "6" * 64},
        {"root": {"content": "1" * 64}}, {"requires": {}}, {"requires": {"kernel-devel-1-1.x86_64.rpm": "e" * 64}},
        {"requires": {"kernel-devel-2-1.x86_64.rpm": "d" * 64}},
    ],
)  # fmt: skip
def test_every_input_has_a_part_in_the_fingerprint(change: dict[str, object]) -> None:
    other = replace(INPUTS, **change)  # type: ignore[arg-type]  # each is its field's type
    assert other.fingerprint != INPUTS.fingerprint
    assert INPUTS.list_differences(other.render()) == list(change)


def test_an_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    path.write_text(render_entry(ENTRY, INPUTS))
    assert read_entry(path, INPUTS) == ENTRY
    assert list(ENTRY.files()) == ["logs/build.log", "rpms/hello-1-1.x86_64.rpm"]


def test_a_flipped_bit_anywhere_in_an_entry_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    good = render_entry(ENTRY, INPUTS).encode()
    for index in range(len(good) - 1):  # the last is the newline
        for bit in (1, 32):
            path.write_bytes(good[:index] + bytes([good[index] ^ bit]) + good[index + 1 :])
            with pytest.raises(DamageError):
                read_entry(path, INPUTS)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"sum": 1}', "\udcff", "x" * (2 << 20)])
def test_what_is_no_entry_is_damaged(tmp_path: Path, content: str) -> None:
    path = tmp_path / "entry.json"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(DamageError):
        read_entry(path, INPUTS)


def test_an_entry_of_other_inputs_is_told_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "entry.json"
    path.write_text(render_entry(ENTRY, replace(INPUTS, srpm="6" * 64, epoch=1)))
    with pytest.raises(DamageError, match="another epoch, srpm"):
        read_entry(path, INPUTS)


@pytest.mark.parametrize(
    ("rpms", "logs", "named"),
    [
        (["../../hello.rpm"], ["build.log"], "../../hello.rpm"),
        (["hello.rpm"], ["/etc/passwd"], "/etc/passwd"),
        (["hello.rpm"], [".."], r"'\.\.'"),
        (["hello.rpm", ".job.src.rpm"], [], ".job.src.rpm"),
        (["hello.txt"], [], "hello.txt"),
        ([], ["build.log"], "no RPM"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, rpms: list[str], logs: list[str], named: str) -> None:
    path = tmp_path / "entry.json"
    kept = Kept(sha256="a" * 64, size=1)
    path.write_text(render_entry(replace(ENTRY, rpms=dict.fromkeys(rpms, kept), logs=dict.fromkeys(logs, kept)), INPUTS))
    with pytest.raises(DamageError, match=named):
        read_entry(path, INPUTS)


def test_a_cache_is_named_by_its_whole_path(tmp_path: Path) -> None:
    tell: Callable[[str], None] = pytest.fail
    assert open_cache(str(tmp_path / "not" / "there"), tell=tell).folder == tmp_path / "not" / "there"
    with pytest.raises(UserError, match="TPROXY_RPMS_CACHE=some/where: not an absolute path") as caught:
        open_cache("some/where", tell=tell)
    assert "TPROXY_RPMS_CACHE" in caught.value.hint
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: not a folder"):
        open_cache(str(tmp_path / "file"), tell=tell)


class FakeBuilder:
    """A builder whose roots nobody can tell before a build."""

    def identify_root(self, arch: str) -> None:
        return None

    def build(self, job: Job) -> Result:
        job.results.mkdir(parents=True)
        (job.results / "hello.rpm").write_text("built")
        return Result(rpms=(job.results / "hello.rpm",), logs=())


def test_a_build_in_a_root_that_nobody_knows_is_neither_taken_nor_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TPROXY_RPMS_CACHE", str(tmp_path / "cache"))
    cut = Cut(release=make_release(), root=tmp_path)
    cut.__dict__["builder"] = FakeBuilder()
    package = cut.release.packages["hello"]
    (tmp_path / "hello.src.rpm").touch()
    write_stamp(cut.stamp("srpm", "hello"), inputs={}, outputs=[tmp_path / "hello.src.rpm"])
    for arch in cut.release.arches:
        assert [path.name for path in build(cut, package, arch)] == ["hello.rpm"]
        origin = read_origin(cut.origin(package, arch))
        assert (origin.origin, origin.fingerprint) == ("built", "")
        assert origin.started <= origin.finished
        assert origin.started.endswith("Z")
    assert capsys.readouterr().out.count("the build roots are not locked") == 1
    assert not (tmp_path / "cache").exists()
