"""What of a release is a site's own: who signs, where it is published; read strictly, kept out of what others see."""

from pathlib import Path

import pytest

from tproxy_rpms.publish.place import open_place
from tproxy_rpms.release.dump import dump_release
from tproxy_rpms.release.load import load_release
from tproxy_rpms.release.model import Publishing

from .test_release import GOOD, problems_of, root, write

__all__ = ["root"]

KEY = "0123456789ABCDEF0123456789ABCDEF01234567"
SITE = f"""
[signing]
key = "{KEY}"
home = "keys"
digest = "SHA512"
[signing.modern]
key = "{KEY[::-1]}"
command = ["signer", "--fast"]
public = "/etc/public.asc"
[publishing]
to = "www/repo"
keep = 3
"""


def with_url(text: str) -> str:
    return text.replace("revision", 'url = "http://repo.example.org:8080/proxy/"\nrevision')


def test_a_site_is_read_with_paths_relative_to_its_file(root: Path) -> None:
    path = write(root, with_url(GOOD) + SITE)
    release = load_release("one", root=root)
    assert release.url == "http://repo.example.org:8080/proxy"
    assert release.signing and release.signing.modern and release.publishing
    assert release.signing.key == KEY and release.signing.home == path.parent / "keys" and release.signing.digest == "SHA512"
    assert release.signing.modern.command == ("signer", "--fast")
    assert release.signing.modern.public == Path("/etc/public.asc")
    assert release.publishing == Publishing(to=str(path.parent / "www/repo"), keep=3, grace=120)


def test_a_dump_reads_back(root: Path, tmp_path: Path) -> None:
    write(root, with_url(GOOD) + SITE)
    release = load_release("one", root=root)
    (tmp_path / "dumped.toml").write_text(dump_release(release))
    dumped = load_release(str(tmp_path / "dumped.toml"), root=root)
    assert (dumped.signing, dumped.publishing, dumped.url) == (release.signing, release.publishing, release.url)


def test_who_extends_a_release_takes_its_place_elsewhere(root: Path, tmp_path: Path) -> None:
    """A file of the same name adds a site to a release: what it cuts is the same."""
    write(root, GOOD)
    own = tmp_path / "site" / "one.toml"
    own.parent.mkdir()
    own.write_text('schema = 1\nextends = "one"\n[publishing]\nto = "../www"\n')
    release = load_release(str(own), root=root)
    assert release.name == "one" and release.publishing
    assert release.publishing.to == str(tmp_path / "www")


def test_a_fingerprint_may_have_spaces_and_small_letters(root: Path) -> None:
    spaced = " ".join(KEY[start : start + 4] for start in range(0, 40, 4)).lower()
    write(root, GOOD + f'[signing]\nkey = "{spaced}"\n')
    signing = load_release("one", root=root).signing
    assert signing and signing.key == KEY


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('[signing]\nkey = "01234567"', "signing.key: '01234567' is no full fingerprint"),
        ("[signing]", "signing.key: missing"),
        (f'[signing]\nkey = "{KEY}"\npassphrase = "x"', "signing.passphrase: a passphrase has no place in a release file"),
        (f'[signing]\nkey = "{KEY}"\ncommand = ["x"]', "signing.public: missing: a command signs"),
        (f'[signing]\nkey = "{KEY}"\npublic = "x"', "signing.public: the key's own GnuPG home has it"),
        (f'[signing]\nkey = "{KEY}"\ncommand = ["x"]\npublic = "p"\nhome = "h"', "signing.command: a command signs by itself"),
        (f'[signing]\nkey = "{KEY}"\ndigest = "MD5"', "signing.digest: 'MD5' is none of SHA1, SHA256"),
        (f'[signing]\nkey = "{KEY}"\nhmoe = "x"', "signing.hmoe: unknown key; did you mean home?"),
        ("[publishing]", "publishing.to: missing"),
        ('[publishing]\nto = "rsync://host/x"', "publishing.to: 'rsync://host/x' is neither a folder nor HOST:/FOLDER"),
        ('[publishing]\nto = "host:x"', "publishing.to: 'host:x' is neither a folder nor HOST:/FOLDER"),
        ('[publishing]\nto = "host:/it\'s"', 'publishing.to: "host:/it\'s" is neither a folder'),
        ('[publishing]\nto = "/x"\nkeep = 0', "publishing.keep: 0: at least the one that is served stays"),
        ('[publishing]\nto = "/x"\ngrace = -1', "publishing.grace: -1: minutes, 0 or more"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(root: Path, table: str, problem: str) -> None:
    problems = problems_of(root, f"{GOOD}{table}\n")
    assert any(problem in one for one in problems), problems


def test_a_url_that_is_none_is_told(root: Path) -> None:
    (problem,) = problems_of(root, GOOD.replace("revision", 'url = "repo.example.org/x"\nrevision'))
    assert "url: 'repo.example.org/x' is no URL" in problem


@pytest.mark.parametrize(
    ("to", "login", "port", "folder"),
    [
        ("/srv/www", "", "", "/srv/www"),
        ("host:/srv/www/", "host", "", "/srv/www"),
        ("me@host.example.org:/srv/www", "me@host.example.org", "", "/srv/www"),
        ("ssh://me@host:2222/srv/www", "me@host", "2222", "/srv/www"),
        ("ssh://host/srv", "host", "", "/srv"),
        ("/odd:place/www", "", "", "/odd:place/www"),
    ],
)
def test_places_are_named_as_rsync_and_ssh_do(to: str, login: str, port: str, folder: str) -> None:
    place = open_place(Publishing(to=to, ssh=("-v",)))
    assert (place.login, place.port, place.folder) == (login, port, folder)
    assert bool(place.shell) == bool(login)
