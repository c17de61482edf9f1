"""Logging in to a Koji hub: who, how, with which secrets, and what is said when it does not go well."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import koji
import pytest
import requests

from tproxy_rpms.builders.kojisession import open_session
from tproxy_rpms.errors import HostError, KojiError, UserError
from tproxy_rpms.release.koji import Koji

from ..integration.kojicertificates import Authority
from .kojiclient import FakeSession
from .kojifake import URL, FakeHub

# The secret of each way to log in.
WAYS = {"certificate": "certificate", "password_file": "password", "keytab": "kerberos"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who makes certificates here."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without profiles."""
    folder = tmp_path / "home"
    (folder / ".koji").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def write_profile(home: Path, **keys: object) -> None:
    (home / ".koji" / "config").write_text("[shop]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have each way to log in end so."""

    def fail(*_: object, **__: object) -> None:
        raise error

    for name in ("login", "ssl_login", "gssapi_login"):
        monkeypatch.setattr(FakeSession, name, fail)


def message_of(table: Koji, kind: type[HostError | UserError] = KojiError) -> tuple[str, str]:
    """Return message and hint of a login that fails."""
    with pytest.raises(kind) as caught, open_session(table):
        pass
    return caught.value.message, caught.value.hint


def test_a_password_is_read_from_its_file_and_the_session_ends(hub: FakeHub, table: Koji) -> None:
    with open_session(table) as session:
        assert session.getLoggedInUser()["name"] == "builder"
        assert session.baseurl == URL
    assert hub.calls[-1] == "logout"


def test_a_hub_that_has_gone_at_the_end_is_no_error(hub: FakeHub, table: Koji, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(session: FakeSession) -> None:
        raise requests.ConnectionError("Connection refused")

    monkeypatch.setattr(FakeSession, "logout", fail)
    with open_session(table) as session:
        assert session.getLoggedInUser()


def test_no_call_takes_hours_and_a_hub_that_is_away_is_tried_again(hub: FakeHub, table: Koji) -> None:
    """koji's library waits 12 hours for an answer by itself."""
    with open_session(table) as session:
        connect, answer = session.opts["timeout"]
        assert (connect <= 20, 60 <= answer <= 600) == (True, True)
        assert session.opts["max_retries"] * session.opts["retry_interval"] >= 600
        assert session.opts["retry_interval"] <= 20


def test_a_certificate_logs_in_with_that_of_who_vouches_for_the_hub(hub: FakeHub, table: Koji, authority: Authority) -> None:
    certificate = authority.issue("builder")
    with open_session(replace(table, login="certificate", certificate=certificate, ca=authority.ca)) as session:
        assert session.getLoggedInUser()["id"] == 7
        assert session.logins == [("certificate", str(certificate), str(authority.ca))]


def test_an_expired_certificate_is_told_before_the_hub_says_something(hub: FakeHub, table: Koji, authority: Authority) -> None:
    certificate = authority.issue("builder", expired=True)
    message, hint = message_of(replace(table, login="certificate", certificate=certificate))
    assert message == f"{certificate}: certificate expired"
    assert "ask the hub's admin for another" in hint
    assert hub.calls == []


def test_a_certificate_of_nobody(hub: FakeHub, table: Koji, authority: Authority) -> None:
    message, hint = message_of(replace(table, login="certificate", certificate=authority.issue("nobody")))
    assert message.startswith(f"{URL}: ") and "Unknown user: nobody" in message
    assert "koji add-user" in hint


def test_a_file_that_holds_no_certificate(hub: FakeHub, table: Koji, tmp_path: Path) -> None:
    path = tmp_path / "me.pem"
    path.touch(0o600)
    message, hint = message_of(replace(table, login="certificate", certificate=path), UserError)
    assert message == f"koji.certificate: {path} holds no certificate"
    assert "certificate and key" in hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
@pytest.mark.parametrize("key", ["certificate", "password_file", "keytab"])
def test_a_secret_that_others_can_read_is_refused(hub: FakeHub, table: Koji, tmp_path: Path, key: str, mode: int) -> None:
    path = tmp_path / "open"
    path.write_text("secret")
    path.chmod(mode)
    changes = {"login": WAYS[key], key: path}
    message, hint = message_of(replace(table, **changes), UserError)  # type: ignore[arg-type]  # each is its field's type
    assert message == f"koji.{key}: {path} can be read by others (mode {mode:o})"
    assert hint == f"chmod 600 {path}"


@pytest.mark.parametrize("key", ["certificate", "password_file", "keytab"])
def test_a_secret_that_is_not_there(hub: FakeHub, table: Koji, tmp_path: Path, key: str) -> None:
    changes = {"login": WAYS[key], key: tmp_path / "none"}
    message, _ = message_of(replace(table, **changes), UserError)  # type: ignore[arg-type]  # each is its field's type
    assert message == f"koji.{key}: {tmp_path / 'none'}: no such file"


def test_who_vouches_for_the_hub_is_not_there(hub: FakeHub, table: Koji, tmp_path: Path) -> None:
    """Without a word, the host's own authorities would be asked."""
    message, _ = message_of(replace(table, ca=tmp_path / "none"), UserError)
    assert message == f"koji.ca: {tmp_path / 'none'}: no such file"


def test_a_secret_that_is_no_text(hub: FakeHub, table: Koji, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    message, _ = message_of(table, UserError)
    assert message.startswith(f"koji.password_file: {tmp_path / 'password'}: ")


def test_a_wrong_password(hub: FakeHub, table: Koji, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("guessed\n")
    message, hint = message_of(table)
    assert message == f"{URL}: AuthError: invalid username or password"
    assert "password_file" in hint and "guessed" not in message + hint


def test_kerberos_takes_principal_and_keytab_or_the_ticket_that_is_there(hub: FakeHub, table: Koji, tmp_path: Path) -> None:
    kerberos = replace(table, login="kerberos", user="", password_file=None)
    keytab = tmp_path / "me.keytab"
    keytab.touch(0o600)
    with open_session(replace(kerberos, principal="me@EXAMPLE.ORG", keytab=keytab)) as session:
        assert session.logins == [("kerberos", "me@EXAMPLE.ORG", str(keytab))]
    with open_session(kerberos) as session:
        assert session.logins == [("kerberos", None, None)]


SSL = "unable to obtain a session (ssl auth failed: requests.exceptions.SSLError: HTTPSConnectionPool(host='h', port=443): Max " \
    "retries exceeded with url: /kojihub/ssllogin (Caused by SSLError(SSLError(1, '[SSL: {} ({})'))))"  # fmt: skip


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (koji.AuthError(SSL.format("SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired", 0)), "past its date"),
        (koji.AuthError(SSL.format("CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local", 0)), "koji.ca"),
        (koji.AuthError(SSL.format("TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", 0)), "koji add-user"),
        (koji.AuthError("Unknown user: me"), "koji add-user"),
        (koji.GSSAPIAuthError("unable to obtain a session (gssapi auth failed: No Kerberos credentials available)"), "kinit"),
        (koji.ServerOffline("database outage"), "maintenance"),
        (koji.AuthError("Invalid session or bad credentials"), "logs in anew"),
        (koji.RetryError("unable to retry call 7 (method build) for session 4"), "logs in anew"),
        (requests.ConnectionError("Failed to establish a new connection: [Errno 111] refused"), "whether the hub runs"),
        (requests.Timeout("Read timed out. (read timeout=60)"), "whether the hub runs"),
        (requests.HTTPError("503 Server Error: Service Unavailable for url: https://h/kojihub"), "whether the hub runs"),
        (koji.AuthError("unable to obtain a session (ssl auth failed: requests.exceptions.ConnectionError: "
                        "[Errno 111] Connection refused"), "whether the hub runs"),
        (koji.xmlrpcplus.Fault(1, "<class 'psycopg2.OperationalError'>"), "the hub's log"),
    ],
)  # fmt: skip
def test_each_way_to_be_turned_away_has_its_cure(
    hub: FakeHub, table: Koji, monkeypatch: pytest.MonkeyPatch, error: Exception, cure: str
) -> None:
    refuse(monkeypatch, error)
    message, hint = message_of(table)
    assert message.startswith(f"{URL}: {type(error).__name__}: ")
    assert cure in hint


def test_what_the_hub_says_meanwhile_is_told_as_ours(hub: FakeHub, table: Koji) -> None:
    with pytest.raises(KojiError, match="GenericError: no file"), open_session(table) as session:
        session.downloadTaskOutput(session.build("x", "t"), "build.log")


def test_without_the_library_its_extra_is_named(table: Koji, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "koji", None)
    message, hint = message_of(table)
    assert "koji's library is not there" in message and "tproxy-rpms[koji]" in hint


def test_a_profile_gives_what_the_release_leaves_open(
    hub: FakeHub, home: Path, authority: Authority, make_table: Callable[..., Koji]
) -> None:
    certificate = authority.issue("builder")
    write_profile(home, server="https://shop.example.org/kojihub", authtype="ssl", cert=certificate, serverca=authority.ca)
    with open_session(make_table()) as session:
        assert session.baseurl == "https://shop.example.org/kojihub"
        assert session.logins == [("certificate", str(certificate), str(authority.ca))]
    other = authority.issue("other")
    with open_session(make_table(hub=URL, login="certificate", certificate=other)) as session:
        assert session.baseurl == URL
        assert session.logins == [("certificate", str(other), str(authority.ca))]


@pytest.fixture
def make_table() -> Callable[..., Koji]:
    """Return a table that names a profile."""
    return lambda **changes: Koji(**({"target": "t", "profile": "shop"} | changes))


@pytest.mark.parametrize("authtype", ["kerberos", "gssapi", ""])
def test_a_profile_logs_in_by_kerberos_where_it_has_no_certificate(
    hub: FakeHub, home: Path, make_table: Callable[..., Koji], authtype: str
) -> None:
    keytab = home / "me.keytab"
    keytab.touch(0o600)
    write_profile(home, server=URL, principal="me@EXAMPLE.ORG", keytab=keytab, **{"authtype": authtype} if authtype else {})
    with open_session(make_table()) as session:
        assert session.logins == [("kerberos", "me@EXAMPLE.ORG", str(keytab))]


def test_a_profile_whose_certificate_lies_where_kojis_client_keeps_it(
    hub: FakeHub, home: Path, authority: Authority, make_table: Callable[..., Koji]
) -> None:
    write_profile(home, server=URL)
    certificate = home / ".koji" / "client.crt"
    certificate.touch(0o600)
    certificate.write_bytes(authority.issue("builder").read_bytes())
    with open_session(make_table()) as session:
        assert session.logins == [("certificate", str(certificate), None)]


def test_a_password_with_a_profiles_hub(hub: FakeHub, home: Path, table: Koji) -> None:
    write_profile(home, server="https://shop.example.org/kojihub")
    with open_session(replace(table, hub="", profile="shop")) as session:
        assert (session.baseurl, session.user) == ("https://shop.example.org/kojihub", "builder")


def test_a_profile_that_is_not_there(hub: FakeHub, home: Path, make_table: Callable[..., Koji]) -> None:
    message, hint = message_of(make_table(), UserError)
    assert message.startswith("koji.profile: ") and "shop" in message
    assert "koji.conf" in hint


def test_no_way_to_log_in(hub: FakeHub, table: Koji) -> None:
    message, hint = message_of(Koji(target="t", hub=URL), UserError)
    assert message == "koji: no way to log in"
    assert all(word in hint for word in ("certificate", "password_file", "kerberos", "profile"))


def test_an_error_meanwhile_is_no_reason_to_stay_logged_in(hub: FakeHub, table: Koji) -> None:
    with pytest.raises(ZeroDivisionError), open_session(table):
        raise ZeroDivisionError
    assert hub.calls[-1] == "logout"


def test_kerberos_without_its_library(hub: FakeHub, table: Koji, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, koji.PythonImportError("Please install python-requests-gssapi to use GSSAPI."))
    message, hint = message_of(replace(table, login="kerberos"))
    assert "requests-gssapi" in message and "pip install requests-gssapi" in hint


def test_a_hub_that_is_down_is_not_taken_for_a_missing_ticket(hub: FakeHub, table: Koji, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "unable to obtain a session (gssapi auth failed: requests.exceptions.ConnectionError: [Errno 111] Connection refused)"
    refuse(monkeypatch, koji.GSSAPIAuthError(f"{said}\nUse following documentation to debug kerberos/gssapi auth issues. "))
    _, hint = message_of(replace(table, login="kerberos"))
    assert "whether the hub runs" in hint


def test_a_hub_that_is_away_is_told_of_now_and_then(hub: FakeHub, table: Koji, capsys: pytest.CaptureFixture[str]) -> None:
    """Koji's library tries a call 60 times without a word to anybody but its log."""
    with open_session(table) as session:
        session.logger.info("sending request")
        for tries in range(1, 14):
            session.logger.info("Try #%s for call %s (%s) failed: %s", tries, 5, "getTaskInfo", "Connection refused")
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 3
    assert all(
        f"{URL} does not answer (Connection refused); tasks go on, and we try again for 10 minutes" in line for line in told
    )
