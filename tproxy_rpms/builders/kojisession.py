"""A session with a Koji hub: where it is, who logs in and how, and what goes wrong on the way there as our errors."""

import logging
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from tproxy_rpms.console import tell
from tproxy_rpms.errors import KojiError, UserError
from tproxy_rpms.process import require_tool, run_command
from tproxy_rpms.release.koji import Koji, Login

# Seconds to connect, and to wait for an answer; how often a call is tried again, and seconds in between: the hub may be away for
# ten minutes while we watch.
TIMEOUT, TRIES, PAUSE = (10, 120), 60, 10

# Before we are in, an answer is wanted soon.
FIRST_TRIES, FIRST_PAUSE = 3, 2

# Every how many tries it is told.
TOLD = 6

# What koji.conf calls the ways to log in.
PROFILE_LOGINS: dict[str, Login] = {"ssl": "certificate", "kerberos": "kerberos", "gssapi": "kerberos"}

CURES = (
    (r"CERTIFICATE_EXPIRED|certificate expired", "the client's certificate is past its date: ask the hub's admin for another"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", "name the certificate of who vouches for the hub: koji.ca"),
    (r"Unknown user|invalid username or password|Not authorized|CERTIFICATE_UNKNOWN|certificate unknown|UNKNOWN_CA|unknown ca",
     "ask the hub's admin for the user (koji add-user), or mend user, password_file or certificate"),
    (r"Invalid session|AuthExpired|RetryError|SequenceError",
     "the hub has ended the session: the same command logs in anew; tasks that are at work go on, and it finds them"),
    (r"ServerOffline|offline", "the hub is closed for maintenance: run the same command again when it is back"),
    (r"Connection(Error|Refused|Reset)|[Cc]onnection refused|timed out|Timeout|resolve|HTTPError|Service Unavailable|50[234]",
     "look whether the hub runs and koji.hub is its URL; tasks that are at work go on, and the next run finds them"),
    (r"[Gg]ssapi|GSSAPI|Kerberos|kerberos|gssapi", "kinit, or name principal and keytab; the hub must offer Kerberos"),
)  # fmt: skip


def load_koji() -> Any:
    """Return the library. Raises KojiError where it is not installed: it is an extra of our package."""
    try:
        import koji
    except ImportError as error:
        raise KojiError(
            f"koji's library is not there: {error}", hint="pip install 'tproxy-rpms[koji]'; ./run installs it"
        ) from error
    return koji


def read_access(table: Koji) -> Koji:
    """Return a release's koji table with all that its profile of koji.conf adds.

    Raises UserError for a profile that is not there, or no way to log in.
    """
    koji = load_koji()
    profile: Mapping[str, Any] = {}
    if table.profile:
        try:
            profile = koji.read_config(table.profile)
        except koji.ConfigurationError as error:
            raise UserError(
                f"koji.profile: {error}", hint="name one of /etc/koji.conf or ~/.koji/config, or hub and login"
            ) from error
    given: Login = table.login or PROFILE_LOGINS.get(str(profile.get("authtype") or ""), "")
    certificate = table.certificate or as_path(profile.get("cert"))
    if not given and table.profile:
        given = "certificate" if certificate and certificate.is_file() else "kerberos"
    if not given:
        raise UserError(
            "koji: no way to log in", hint="name certificate, user and password_file, or login = \"kerberos\"; or a profile"
        )  # fmt: skip
    return replace(
        table,
        hub=table.hub or str(profile["server"]),
        login=given,
        files=table.files or str(profile.get("topurl") or ""),
        certificate=certificate,
        ca=find_ca(table, profile),
        principal=table.principal or str(profile.get("principal") or ""),
        keytab=table.keytab or as_path(profile.get("keytab")),
    )


def find_ca(table: Koji, profile: Mapping[str, Any]) -> Path | None:
    """Return the file of who vouches for the hub. Raises UserError if the release names one that is not there.

    A profile always names one, be it there or not: koji.conf's own default.
    """
    if table.ca and not table.ca.is_file():
        raise UserError(f"koji.ca: {table.ca}: no such file", hint="name the certificate of who vouches for the hub")
    known = table.ca or as_path(profile.get("serverca"))
    return known if known and known.is_file() else None


def as_path(value: object) -> Path | None:
    """Return a path of koji.conf, or None."""
    return Path(str(value)).expanduser() if value else None


def require_secret(path: Path | None, key: str) -> Path:
    """Return the path of a file that only its owner can read. Raises UserError for any other."""
    if path is None or not path.is_file():
        raise UserError(f"koji.{key}: {path or 'missing'}: no such file", hint="name the file, and let only its owner read it")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise UserError(f"koji.{key}: {path} can be read by others (mode {mode:o})", hint=f"chmod 600 {path}")
    return path


def read_secret(path: Path | None, key: str) -> str:
    """Return the text of a file that only its owner can read. Raises UserError for any other."""
    path = require_secret(path, key)
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"koji.{key}: {path}: {error}", hint="it is read as the user who runs doit") from error


def read_expiry(certificate: Path) -> float:
    """Return when a certificate ends, in seconds since 1970. Raises UserError for a file that holds none."""
    argv = [require_tool("openssl", package="openssl"), "x509", "-in", str(certificate), "-noout", "-enddate"]
    result = run_command(argv, check=False)
    found = re.search(r"notAfter=(.+)", result.stdout)
    if result.returncode or not found:
        raise UserError(
            f"koji.certificate: {certificate} holds no certificate", hint="it is one PEM file with certificate and key"
        )
    month, day, clock, year, zone = found[1].split()
    return parsedate_to_datetime(f"{day} {month} {year} {clock} {zone}").timestamp()


@contextmanager
def open_session(table: Koji) -> Iterator[Any]:
    """Yield a session that is logged in, and log out at the end. What goes wrong on the way to the hub is a KojiError."""
    access = read_access(table)
    with told_as_ours(access.hub):
        session = log_in(access)
        try:
            yield session
        finally:
            with suppress(Exception):
                session.opts["max_retries"] = 1
                session.logout()


def log_in(access: Koji) -> Any:
    """Return a session that is logged in."""
    koji = load_koji()
    options: dict[str, Any] = {"timeout": TIMEOUT, "max_retries": FIRST_TRIES, "retry_interval": FIRST_PAUSE, "anon_retry": True}
    options |= {"use_fast_upload": True, "offline_retry": False}
    if access.ca:
        options["serverca"] = str(access.ca)
    if access.login == "password":
        options |= {"user": access.user, "password": read_secret(access.password_file, "password_file")}
    session = koji.ClientSession(access.hub, options)
    if access.login == "certificate":
        read_secret(access.certificate, "certificate")
        assert access.certificate is not None
        if read_expiry(access.certificate) < time.time():
            raise KojiError(f"{access.certificate}: certificate expired", hint=CURES[0][1])
        session.ssl_login(str(access.certificate), None, options.get("serverca"))
    elif access.login == "kerberos":
        keytab = os.fspath(require_secret(access.keytab, "keytab")) if access.keytab else None
        session.gssapi_login(principal=access.principal or None, keytab=keytab)
    else:
        session.login()
    session.opts.update({"max_retries": TRIES, "retry_interval": PAUSE})
    session.logger = Outage(access.hub)
    return session


class Outage(logging.LoggerAdapter):  # type: ignore[type-arg]  # generic from Python 3.11's stubs on alone
    """Koji's library says here, and nowhere else, that it tries a call again; every now and then so do we."""

    def __init__(self, hub: str) -> None:
        super().__init__(logging.getLogger("koji"))
        self.hub, self.tries = hub, 0

    def info(self, msg: object, *args: object, **_: Any) -> None:
        """Take one of the library's lines."""
        if str(msg).startswith("Try #"):
            self.tries += 1
            if self.tries % TOLD == 1:
                tell(f"{self.hub} does not answer ({args[-1]}); tasks go on, and we try again for {TRIES * PAUSE // 60} minutes")


@contextmanager
def told_as_ours(hub: str) -> Iterator[None]:
    """Turn what Koji's library and its HTTP client raise into KojiError with its cure."""
    koji = load_koji()
    from requests.exceptions import RequestException

    try:
        yield
    except ImportError as error:
        raise KojiError(f"{hub}: {error}", hint="Kerberos needs requests-gssapi: pip install requests-gssapi") from error
    except (koji.GenericError, koji.xmlrpcplus.Fault, RequestException) as error:
        raise explain(hub, f"{type(error).__name__}: {error}") from error


def explain(hub: str, said: str) -> KojiError:
    """Return the error of a hub that said this."""
    cure = next((cure for pattern, cure in CURES if re.search(pattern, said)), "its admin finds more in the hub's log")
    return KojiError(f"{hub}: {' '.join(said.split())[:600]}", hint=cure)
