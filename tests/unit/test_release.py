"""The release file: strict, all errors at once, merged by rule, dumped to what reads back."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tproxy_rpms.errors import ReleaseError
from tproxy_rpms.release.dump import dump_release
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.merge import Layers, merge_layer

SHIPPED = sorted(path.stem for path in (Path(__file__).parents[2] / "releases").glob("*.toml"))

GOOD = """\
schema = 1
summary = "one"
epoch = 2026-11-01T00:00:00Z
revision = "1"
packager = "A <a@example.org>"
target = "debian-12"
builder = "chroot"
[sources.hello]
version = "1.0"
urls = ["https://example.org/hello-1.0.tar.gz"]
sha256 = "{digest}"
[packages.hello]
spec = "squid"
sources = ["hello"]
"""
GOOD = GOOD.replace("{digest}", "a" * 64)


@pytest.fixture
def root(tmp_path: Path, project: Path) -> Path:
    """A project of its own, with the real specs, targets and fragments."""
    for name in ("specs", "targets", "kconfig"):
        shutil.copytree(project / name, tmp_path / name)
    (tmp_path / "releases").mkdir()
    (tmp_path / "patches").mkdir()
    return tmp_path


def write(root: Path, text: str, name: str = "one") -> Path:
    path = root / "releases" / f"{name}.toml"
    path.write_text(text)
    return path


def problems_of(root: Path, text: str) -> tuple[str, ...]:
    write(root, text)
    with pytest.raises(ReleaseError) as caught:
        load_release("one", root=root)
    assert caught.value.exit_code == 11
    return caught.value.problems


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_release_loads_and_its_dump_reads_back_the_same(name: str, project: Path, tmp_path: Path) -> None:
    release = load_release(name, root=project)
    copy = tmp_path / f"{name}.toml"
    copy.write_text(dump_release(release))
    again = load_release(str(copy), root=project)
    assert dump_release(again).split("\n", len(again.files))[-1] == dump_release(release).split("\n", len(release.files))[-1]
    assert (again.sources, again.packages, again.target, again.epoch) == (
        release.sources,
        release.packages,
        release.target,
        release.epoch,
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_dump_tells_all_of_the_target(name: str, project: Path, tmp_path: Path) -> None:
    release = load_release(name, root=project)
    comments = dump_release(release).partition(f"# {release.target_file}:\n")[2]
    copy = tmp_path / release.target_file.name
    copy.write_text("schema = 1\n" + comments.replace("# ", "", 1).replace("\n# ", "\n"))
    top = tmp_path / "one.toml"
    top.write_text(f'schema = 1\nextends = "{project / "releases" / name}.toml"\ntarget = "./{copy.name}"\n')
    assert load_release(str(top), root=project).target == release.target


def test_the_mission_pins_what_the_facts_say(project: Path) -> None:
    release = load_release("centos5", root=project)
    assert release.sources["linux"].digests["sha256"] == "d7b9f19b92fd5c693c16cd62f441d051b699f28ec6a175d1b464e58bacd8c78f"
    assert all({"sha256", "md5"} <= source.digests.keys() for source in release.sources.values())
    assert all(source.signature and source.signature.signers for source in release.sources.values())


def test_a_good_file_loads_with_its_defaults(root: Path) -> None:
    write(root, GOOD)
    release = load_release("one", root=root)
    assert (release.name, release.arches, release.epoch) == ("one", ("x86_64", "i386"), 1793491200)
    assert release.sources["hello"].filename == "hello-1.0.tar.gz"


def test_a_path_outside_the_project_can_extend_a_name_and_a_neighbour(root: Path, tmp_path: Path) -> None:
    write(root, GOOD)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "base.toml").write_text('schema = 1\nextends = "one"\nrevision = "2"\n')
    (tmp_path / "mine" / "top.toml").write_text('schema = 1\nextends = "./base.toml"\nsummary = "mine"\n')
    release = load_release(str(tmp_path / "mine" / "top.toml"), root=root)
    assert (release.name, release.revision, release.summary, len(release.files)) == ("top", "2", "mine", 3)


def test_all_errors_come_at_once_each_with_file_key_and_cure(root: Path) -> None:
    text = GOOD.replace("revision", "revisoin").replace('sources = ["hello"]', 'sources = ["helo"]\nafter = [1]')
    text = text.replace("https://example.org/", "example.org/").replace("a" * 64, "abc").replace("schema = 1", "schema = 2")
    problems = problems_of(root, text)
    expected = [
        "one.toml: schema: 2 is not known here",
        "one.toml: revisoin: unknown key; did you mean revision?",
        "one.toml: revision: missing",
        "one.toml: sources.hello.urls: 'example.org/hello-1.0.tar.gz' is no URL",
        "one.toml: sources.hello.sha256: must be 64 hex digits, not 3 characters",
        "one.toml: packages.hello.sources: there is no source 'helo'; did you mean hello?",
        "one.toml: packages.hello.after: item 1 must be text",
    ]
    for text in expected:
        assert any(text in problem for problem in problems), (text, problems)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('sha256 = "' + "a" * 64 + '"', "", "sources.hello.sha256: missing"),
        ("schema = 1", "", "schema: missing"),
        ("2026-11-01T00:00:00Z", '"yesterday"', "epoch: not text ('yesterday')"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00", "epoch: not"),
        ('"debian-12"', '"debian-21"', "target: 'debian-21' is none of centos-5, debian-12; did you mean debian-12?"),
        ('"chroot"', '"chrot"', "builder: 'chrot' is none of chroot, koji, mock; did you mean chroot?"),
        ('spec = "squid"', 'spec = "squib"', "packages.hello.spec: there is no specs/squib.spec.j2; did you mean squid?"),
        ('spec = "squid"', 'spec = "squid"\npatches = "none"', "packages.hello.patches: there is no folder patches/none"),
        ('spec = "squid"', 'spec = "squid"\nafter = ["hello"]', "packages.hello.after: goes in a circle"),
        ('revision = "1"', "revision = 1", "revision: must be text, not a whole number (1)"),
        ('version = "1.0"', 'version = "1.0"\nfilename = "../up"', "sources.hello.filename: '../up' must be a plain file name"),
        ('version = "1.0"', 'version = "1.0"\nmd5 = "zz"', "sources.hello.md5: must be 32 hex digits"),
        (
            'version = "1.0"',
            'version = "1.0"\narchive = {kind = "source", package = "x"}',
            "sources.hello.archive: an archive source has no",
        ),
    ],
)
def test_one_thing_wrong_is_told(root: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    problems = problems_of(root, GOOD.replace(old, new, 1))
    assert any(message in problem for problem in problems), problems


def test_a_signature_is_pinned_by_full_fingerprints(root: Path) -> None:
    signature = '[sources.hello.signature]\nurls = ["https://example.org/x.sig"]\nsigners = ["DEADBEEF"]\npolicy = "requires"\n'
    problems = problems_of(root, GOOD.replace("[packages.hello]", signature + "[packages.hello]"))
    assert any("signers: 'DEADBEEF' is no full fingerprint" in problem for problem in problems)
    assert any("policy: 'requires' is none of require, report, none; did you mean require?" in problem for problem in problems)


def test_two_sources_do_not_share_a_file(root: Path) -> None:
    other = GOOD[GOOD.index("[sources.hello]") : GOOD.index("[packages.hello]")].replace("hello]", "other]")
    text = GOOD.replace("[packages.hello]", other + "[packages.hello]")
    (problem,) = problems_of(root, text)
    assert "sources.other.filename: 'hello-1.0.tar.gz' is that of hello, too" in problem
    write(root, text.replace("[packages.hello]", 'filename = "other.tar.gz"\n[packages.hello]'))
    assert load_release("one", root=root).sources["other"].filename == "other.tar.gz"


def test_a_circle_of_extends_is_named(root: Path) -> None:
    write(root, 'schema = 1\nextends = "two"\n')
    write(root, 'schema = 1\nextends = "one"\n', name="two")
    with pytest.raises(ReleaseError, match=r"extends: goes in a circle: .*two\.toml.*one\.toml"):
        load_release("one", root=root)


def test_broken_toml_names_the_line(root: Path) -> None:
    assert "line 2" in problems_of(root, "schema = 1\nsummary = \n")[0]


def test_an_unknown_release_is_suggested(root: Path) -> None:
    write(root, GOOD, name="bookworm")
    with pytest.raises(ReleaseError, match=r"bokworm: no such release; did you mean bookworm\?"):
        load_release("bokworm", root=root)


def test_an_error_names_the_file_of_the_chain_that_it_is_in(root: Path) -> None:
    write(root, GOOD.replace("revision", "revisoin"), name="below")
    problems = problems_of(root, 'schema = 1\nextends = "below"\nsumary = "x"\n')
    assert any(problem.startswith(str(root / "releases/below.toml")) and "revisoin" in problem for problem in problems)
    assert any(problem.startswith(str(root / "releases/one.toml")) and "sumary" in problem for problem in problems)


def test_remove_drops_inherited_keys_and_complains_of_what_is_not_there(root: Path) -> None:
    write(root, GOOD.replace("version =", "limit = 5\nversion ="), name="below")
    write(root, 'schema = 1\nextends = "below"\nremove = ["sources.hello.limit"]\n')
    assert load_release("one", root=root).sources["hello"].limit == 512 << 20
    problems = problems_of(root, 'schema = 1\nextends = "below"\nremove = ["sources.hallo"]\n')
    assert any("remove: 'sources.hallo' is not in what it extends" in problem for problem in problems)


LIMITS = (Path(__file__).parents[2] / "targets" / "centos-5.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lead_major = 4", "lead_mayor = 4", "limits.lead_mayor: unknown key; did you mean lead_major?"),
        ("lead_major = 4", "", "limits.lead_major: missing"),
        ("file_size = 2_147_483_647", 'file_size = "2G"', "limits.file_size: must be a whole number, not text ('2G')"),
        ("rich_dependencies = false", "rich_dependencies = 0", "limits.rich_dependencies: must be true or false"),
        ('payloads = ["gzip", "bzip2"]', 'payloads = ["gzip", "bzip"]', "limits.payloads: 'bzip' is none of none, gzip, bzip2"),
        ('payloads = ["gzip", "bzip2"]', 'payloads = ["gzip", "bzip"]', "; did you mean bzip2?"),
        ('file_digests = ["md5"]', 'file_digests = ["md6"]', "limits.file_digests: 'md6' is none of md5, sha1, sha256"),
        ('"preun", "postun", "pretrans"', '"preun", "postun", "pretran"', "limits.scriptlets: 'pretran' is none of"),
        ('"V3 RSA/MD5"', '"RSA/MD5"', "limits.signatures: 'RSA/MD5' names no signature: it must look like 'V3 RSA/SHA256'"),
        ('archives = "lib/', 'archive = "lib/', "limits.sources.archive: there is no such limit; did you mean archives?"),
        ('payload = "w9.gzdio"', 'payload = "w2.xzdio"', "payload: 'w2.xzdio' makes xz, but limits.payloads has gzip, bzip2"),
        ("file_digest = 1", "file_digest = 8", "file_digest: 8 is sha256, but limits.file_digests has md5"),
        ('dist = ".el5"', 'dist = "~el5"', "dist: '~el5' has '~', which limits.version_refuses"),
    ],
)
def test_limits_are_read_strictly_and_the_target_keeps_to_them(root: Path, old: str, new: str, message: str) -> None:
    assert old in LIMITS
    (root / "targets" / "debian-12.toml").write_text(LIMITS.replace(old, new, 1))
    problems = problems_of(root, GOOD)
    assert any(message in problem and "debian-12.toml: " in problem for problem in problems), problems


def test_versions_that_the_target_sorts_wrongly_are_told_before_anything_is_built(root: Path) -> None:
    text = GOOD.replace('"debian-12"', '"centos-5"').replace('version = "1.0"', 'version = "1.0~rc1"')
    problems = problems_of(root, text.replace('revision = "1"', 'revision = "1^git"'))
    assert any("one.toml: revision: '1^git' has '^', which limits.version_refuses" in problem for problem in problems), problems
    assert any("one.toml: sources.hello.version: '1.0~rc1' has '~'" in problem for problem in problems), problems
    write(root, GOOD.replace('version = "1.0"', 'version = "1.0~rc1"'))
    assert load_release("one", root=root).sources["hello"].version == "1.0~rc1"


KEYS = st.sampled_from("abc")
TABLES = st.recursive(
    st.dictionaries(KEYS, st.integers()), lambda inner: st.dictionaries(KEYS, st.integers() | inner), max_leaves=12
)


@given(below=TABLES, above=TABLES)
def test_merging_keeps_all_that_is_above_and_what_it_does_not_name(below: dict[str, Any], above: dict[str, Any]) -> None:
    base, _ = merge_layer(Layers(), below, path=Path("below"))
    merged, _ = merge_layer(base, above, path=Path("above"))
    check_merged(merged.data, below, above)
    assert merge_layer(Layers(), below, path=Path("below"))[0].data == base.data == below


def check_merged(merged: dict[str, Any], below: dict[str, Any], above: dict[str, Any]) -> None:
    assert merged.keys() == below.keys() | above.keys()
    for key, value in merged.items():
        if isinstance(above.get(key), dict) and isinstance(below.get(key), dict):
            check_merged(value, below[key], above[key])
        else:
            assert value == above.get(key, below.get(key))


PINNED = """\
[sources.hello]
sha256 = "{digest}"
filename = "hello_1.0.orig.tar.xz"
archive = {kind = "source", package = "hello", version = "1:1.0-2"}
""".replace("{digest}", "a" * 64)


def replace_source(text: str) -> str:
    before, after = GOOD.partition("[sources.hello]")[0], GOOD.partition("[packages.hello]")[2]
    return f"{before}{text}[packages.hello]{after}"


def test_an_archive_source_may_be_pinned_and_is_dumped_with_its_pin(root: Path) -> None:
    write(root, replace_source(PINNED))
    release = load_release("one", root=root)
    source = release.sources["hello"]
    assert source.archive is not None
    assert (source.archive.version, source.digests["sha256"], source.filename) == ("1:1.0-2", "a" * 64, "hello_1.0.orig.tar.xz")
    write(root, dump_release(release), name="again")
    assert load_release("again", root=root).sources == release.sources


@pytest.mark.parametrize(
    "pin",
    [
        PINNED.replace(', version = "1:1.0-2"', ""),
        PINNED.replace('filename = "hello_1.0.orig.tar.xz"\n', ""),
        PINNED.replace(f'sha256 = "{"a" * 64}"\n', ""),
    ],
)
def test_half_a_pin_of_an_archive_source_is_told(root: Path, pin: str) -> None:
    assert pin != PINNED
    problems = problems_of(root, replace_source(pin))
    assert problems == (
        f"{root}/releases/one.toml: sources.hello.archive: a pinned archive source has sha256, filename and archive.version, "
        "or the last alone",
    )


OWN = '[packages.own]\nspec = "tproxy-host"\n'


def test_a_package_without_sources_has_a_version(root: Path) -> None:
    write(root, GOOD + OWN + 'version = "1.0"\n')
    release = load_release("one", root=root)
    assert (release.packages["own"].sources, release.packages["own"].version) == ((), "1.0")
    assert 'version = "1.0"' in dump_release(release).partition("[packages.own]")[2]


@pytest.mark.parametrize(
    ("lines", "key", "text"),
    [
        ("", "sources", "a package has sources, or a version"),
        ("sources = []\n", "sources", "a package has sources, or a version"),
        ('version = "1.0"\nsources = ["hello"]\n', "version", "leave version or sources"),
        ('version = "1.0-2"\n', "version", "'1.0-2' can be no version of an RPM"),
        ('version = "1.0\\n"\n', "version", "can be no version of an RPM"),
        ('version = "1.0"\npatches = "linux"\n', "patches", "no sources that it could be for"),
        ('version = "1.0"\nkconfig = { base = "slim", fragments = ["tproxy"] }\n', "kconfig", "no sources that it could be for"),
    ],
)
def test_a_package_has_sources_or_a_version(lines: str, key: str, text: str, root: Path) -> None:
    (root / "patches" / "linux").mkdir()
    (problem,) = problems_of(root, GOOD + OWN + lines)
    assert f"one.toml: packages.own.{key}: " in problem
    assert text in problem


def test_the_targets_rpm_must_sort_a_packages_own_version(root: Path) -> None:
    (problem,) = problems_of(root, GOOD.replace('"debian-12"', '"centos-5"') + OWN + 'version = "1.0~rc1"\n')
    assert "packages.own.version: '1.0~rc1' has '~', which limits.version_refuses of the target centos-5" in problem
