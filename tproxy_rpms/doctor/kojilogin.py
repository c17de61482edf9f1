"""Whether what a release logs in to Koji with is there, is nobody else's, and still counts."""

import re
import time
from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import ip_address
from urllib.parse import urlsplit

from tproxy_rpms.builders.kojisession import read_expiry, read_secret, require_secret
from tproxy_rpms.doctor.finding import Case, Finding, failure, good, warning
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.release.koji import Koji

# Days before a certificate's end from which it is told.
EXPIRY_DAYS = 14

DAY = 86400

# The modules that koji's library takes for Kerberos, the first that is there.
GSSAPI = ("requests_gssapi", "requests_kerberos")
INSTALL_GSSAPI = "pip install requests-gssapi; it is built with Kerberos' headers (libkrb5-dev, krb5-devel)"


def check_credentials(case: Case, access: Koji) -> Iterator[Finding]:
    """What the way to log in needs."""
    check = {"certificate": check_certificate, "kerberos": check_kerberos, "password": check_password}[access.login]
    try:
        yield from check(case, access)
    except TproxyError as error:
        yield failure("koji credentials", error.message, error.hint)


def check_certificate(case: Case, access: Koji) -> Iterator[Finding]:
    """Certificate and key in one file, a key that asks for no passphrase, and how long the certificate counts.

    Raises UserError for a file that is missing, is not only its owner's, or holds no certificate.
    """
    text, path = read_secret(access.certificate, "certificate"), access.certificate
    assert path is not None
    if "PRIVATE KEY" not in text:
        yield failure(
            "koji credentials", f"{path} holds no key", "put certificate and key into one file: cat CERTIFICATE KEY > FILE"
        )
        return
    if "ENCRYPTED" in text:
        yield failure(
            "koji credentials", f"the key in {path} is locked", "take its passphrase away: openssl pkey -in KEY -out OPEN"
        )
        return
    if case.host.find("openssl") is None:
        return  # the tools say so
    end = read_expiry(path)
    days, date = (end - case.host.now) / DAY, show_date(end)
    if days <= 0:
        yield failure("koji credentials", f"{path}: the certificate has ended on {date}", "ask the hub's admin for another")
    elif days < EXPIRY_DAYS:
        yield warning("koji credentials", f"{path}: the certificate ends on {date}", "ask the hub's admin for another in time")
    else:
        yield good("koji credentials", f"by certificate, which ends on {date}")


def check_password(case: Case, access: Koji) -> Iterator[Finding]:  # noqa: ARG001  # one of three of the same kind
    """The file of the password, and whether anyone on the way to the hub can read it. Raises UserError for a bad file."""
    read_secret(access.password_file, "password_file")
    if not access.user:
        yield failure("koji credentials", "koji.user: missing: a password is somebody's", "name the user beside password_file")
        return
    hub = urlsplit(access.hub)
    if hub.scheme == "http" and not is_loopback(hub.hostname or ""):
        yield warning(
            "koji credentials", f"the password of {access.user} goes to {access.hub} in the clear", "name its https:// URL"
        )
    else:
        yield good("koji credentials", f"by the password of {access.user}")


def check_kerberos(case: Case, access: Koji) -> Iterator[Finding]:
    """What the library needs for Kerberos, and a keytab or a ticket. Raises UserError for a bad keytab."""
    if not any(find_spec(name) for name in GSSAPI):
        yield failure("koji credentials", f"Kerberos is asked for, and {GSSAPI[0]} is not there", INSTALL_GSSAPI)
        return
    if access.keytab:
        yield good("koji credentials", f"by the keytab {require_secret(access.keytab, 'keytab')}")
        return
    klist = case.host.find("klist")
    if klist and case.host.run([klist, "-s"]).status:
        yield failure(
            "koji credentials", f"{case.host.user} has no Kerberos ticket that is valid", "kinit, or name principal and keytab"
        )
    else:
        yield good("koji credentials", "by the Kerberos ticket that is there")


def is_loopback(host: str) -> bool:
    """Whether a host is this one: what is sent there passes no wire."""
    if re.fullmatch(r"[0-9.]+|.*:.*", host):
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False
    return host == "localhost"


def show_date(seconds: float) -> str:
    """Return a day for people, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
