"""The koji table of a release: where it builds and who asks; every problem at once, and no secret in it."""

import shutil
from pathlib import Path

import pytest

from tproxy_rpms.errors import ReleaseError
from tproxy_rpms.release.dump import dump_release
from tproxy_rpms.release.koji import Koji
from tproxy_rpms.release.load import load_release

GOOD = """\
schema = 1
summary = "one"
epoch = 2026-11-01T00:00:00Z
revision = "1"
packager = "A <a@example.org>"
target = "centos-5"
builder = "koji"
[packages.lib]
spec = "tproxy-host"
version = "1"
[packages.hello]
spec = "tproxy-host"
version = "1"
AFTER
"""
TABLE = """\
[koji]
target = "el5"
hub = "https://koji.example.org/kojihub"
"""
CERTIFICATE = 'certificate = "me.pem"\n'


@pytest.fixture
def root(tmp_path: Path, project: Path) -> Path:
    """A project of its own, with the real specs and targets."""
    for name in ("specs", "targets"):
        shutil.copytree(project / name, tmp_path / name)
    (tmp_path / "releases").mkdir()
    return tmp_path


def write(root: Path, table: str, *, after: str = "") -> None:
    (root / "releases" / "one.toml").write_text(GOOD.replace("AFTER", after) + table)


def read(root: Path, table: str, *, after: str = "") -> Koji:
    """Return what a release file with this table says of Koji."""
    write(root, table, after=after)
    koji = load_release("one", root=root).koji
    assert koji
    return koji


def problems_of(root: Path, table: str, *, after: str = "") -> list[str]:
    """Return the problems of a release file with this table, each without the file, which must be this one."""
    write(root, table, after=after)
    with pytest.raises(ReleaseError) as caught:
        load_release("one", root=root)
    head = f"{root / 'releases' / 'one.toml'}: "
    assert all(problem.startswith(head) for problem in caught.value.problems)
    return [problem.removeprefix(head) for problem in caught.value.problems]


def test_a_table_is_read_with_its_defaults(root: Path) -> None:
    koji = read(root, TABLE + CERTIFICATE)
    assert koji == Koji(
        target="el5", hub="https://koji.example.org/kojihub", login="certificate", certificate=root / "releases" / "me.pem"
    )
    assert (koji.scratch, koji.patience) == (False, 120)


@pytest.mark.parametrize(
    ("keys", "login"),
    [
        (CERTIFICATE, "certificate"), ('user = "me"\npassword_file = "~/secret"\n', "password"),
        ('principal = "me@EXAMPLE.ORG"\nkeytab = "/etc/me.keytab"\n', "kerberos"), ('keytab = "/etc/me.keytab"\n', "kerberos"),
        ('login = "kerberos"\n', "kerberos"), ('profile = "shop"\n', ""),
    ],
)  # fmt: skip
def test_the_way_to_log_in_follows_from_the_keys(root: Path, keys: str, login: str) -> None:
    assert read(root, TABLE + keys).login == login


def test_paths_are_the_files_own_or_the_users_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    koji = read(root, TABLE + 'user = "me"\npassword_file = "~/secret"\nca = "../ca.pem"\n')
    assert koji.password_file == Path("/home/me/secret")
    assert koji.ca and koji.ca.resolve() == root / "ca.pem"


def test_urls_are_the_same_with_a_slash_at_their_end(root: Path) -> None:
    koji = read(root, TABLE.replace("kojihub", "kojihub/") + 'files = "https://koji.example.org/kojifiles/"\n' + CERTIFICATE)
    assert (koji.hub, koji.files) == ("https://koji.example.org/kojihub", "https://koji.example.org/kojifiles")


def test_a_profile_stands_for_hub_and_login(root: Path) -> None:
    assert read(root, '[koji]\ntarget = "el5"\nprofile = "shop"\n') == Koji(target="el5", profile="shop")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", 'koji: missing: builder = "koji" takes a table that names hub and target'),
        ("koji = 5\n", "koji: must be a table"),
        (TABLE.replace('target = "el5"\n', "") + CERTIFICATE, "koji.target: missing"),
        (TABLE.replace('"el5"', "5") + CERTIFICATE, "koji.target: must be text, not a whole number (5)"),
        ('[koji]\ntarget = "el5"\n' + CERTIFICATE, "koji.hub: missing: the hub's URL"),
        (TABLE.replace("https:", "ssh:") + CERTIFICATE, "koji.hub: 'ssh://koji.example.org/kojihub' is no URL of a hub"),
        (TABLE.replace("koji.ex", "me:pw@koji.ex") + CERTIFICATE, "without user or password"),
        (TABLE + 'user = "me"\npassword = "secret"\n', "koji.password: a password has no place in a release file"),
        (TABLE + 'user = "me"\n', "koji.password_file: missing: to log in by password takes it"),
        (TABLE + 'password_file = "x"\n', "koji.user: missing: to log in by password takes it"),
        (TABLE + 'login = "certificate"\n', "koji.certificate: missing: to log in by certificate takes it"),
        (TABLE + 'login = "certificat"\n', "did you mean certificate?"),
        (TABLE + CERTIFICATE + 'keytab = "x"\n', "koji.keytab: belongs to login = 'kerberos', and here it is 'certificate'"),
        (TABLE + 'login = "kerberos"\n' + CERTIFICATE, "koji.certificate: belongs to login = 'certificate'"),
        (TABLE + 'principal = "me"\n', "koji.keytab: missing: a principal without its keys"),
        (TABLE + CERTIFICATE + "patience = 0\n", "koji.patience: 0: minutes, 1 or more"),
        (TABLE + CERTIFICATE + 'patience = "long"\n', "koji.patience: must be a whole number"),
        (TABLE + CERTIFICATE + 'scratch = "yes"\n', "koji.scratch: must be true or false"),
        (TABLE + CERTIFICATE + 'files = "/mnt/koji"\n', "koji.files: '/mnt/koji' is no URL"),
        (TABLE + CERTIFICATE + 'files = "https://me:pw@koji.example.org/kojifiles"\n', "koji.files: "),
        (TABLE + CERTIFICATE + "scratsh = true\n", "koji.scratsh: unknown key; did you mean scratch?"),
    ],
)
def test_one_thing_wrong_is_told(root: Path, table: str, problem: str) -> None:
    if table.startswith("koji"):
        (root / "releases" / "one.toml").write_text(table + GOOD.replace("AFTER", ""))
        with pytest.raises(ReleaseError) as caught:
            load_release("one", root=root)
        assert any(problem in found for found in caught.value.problems)
        return
    found = problems_of(root, table)
    assert any(problem in one for one in found), found


def test_all_problems_come_at_once(root: Path) -> None:
    found = problems_of(root, '[koji]\nhub = "koji"\nuser = "me"\npassword = "secret"\nlogin = "certificate"\npatience = -1\n')
    assert {one.split(":")[0] for one in found} == {
        "koji.target", "koji.hub", "koji.password", "koji.certificate", "koji.user", "koji.patience",
    }  # fmt: skip
    assert not any("secret" in one for one in found)


def test_scratch_builds_cannot_build_on_each_other(root: Path) -> None:
    scratch = TABLE + CERTIFICATE + "scratch = true\n"
    (found,) = problems_of(root, scratch, after='after = ["lib"]')
    assert found.startswith("packages.hello.after: a scratch build of lib is in no repository")
    assert read(root, scratch).scratch
    assert not read(root, TABLE + CERTIFICATE, after='after = ["lib"]').scratch


def test_a_table_may_be_there_for_another_builder(root: Path) -> None:
    """`doit repro --builder=koji` needs it, whoever builds first."""
    write(root, TABLE + CERTIFICATE + "scratch = true\n", after='after = ["lib"]')
    path = root / "releases" / "one.toml"
    path.write_text(path.read_text().replace('builder = "koji"', 'builder = "mock"'))
    assert load_release("one", root=root).koji


def test_each_problem_is_told_with_the_file_that_it_is_in(root: Path) -> None:
    write(root, TABLE + CERTIFICATE)
    (root / "releases" / "two.toml").write_text('schema = 1\nextends = "one"\n[koji]\npatience = 0\n')
    with pytest.raises(ReleaseError) as caught:
        load_release("two", root=root)
    assert caught.value.problems == (f"{root / 'releases' / 'two.toml'}: koji.patience: 0: minutes, 1 or more",)


def test_a_release_without_its_login_reads_back_too(root: Path) -> None:
    koji = read(root, TABLE + 'principal = "me@EXAMPLE.ORG"\nkeytab = "/etc/me.keytab"\nca = "/etc/ca.pem"\n').without_login()
    assert koji == Koji(target="el5", hub="https://koji.example.org/kojihub")
    assert read(root, f'[koji]\ntarget = "{koji.target}"\nhub = "{koji.hub}"\n') == koji


def test_a_dump_reads_back_the_same(root: Path) -> None:
    table = TABLE + 'user = "me"\npassword_file = "/etc/secret"\nca = "/etc/ca.pem"\npatience = 5\nscratch = true\n'
    write(root, table)
    release = load_release("one", root=root)
    (root / "releases" / "again.toml").write_text(dump_release(release))
    assert load_release("again", root=root).koji == release.koji
