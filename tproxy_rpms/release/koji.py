"""Where a release that is built by Koji goes: the `koji` table."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from tproxy_rpms.release.table import Table

if TYPE_CHECKING:
    from tproxy_rpms.release.model import Release

Login = Literal["", "certificate", "kerberos", "password"]

LOGINS = ("certificate", "kerberos", "password")
HUB = re.compile(r"https?://[^\s/@]+(/\S*)?")

# The keys of each way to log in: with one of them, the way need not be named.
KEYS = {"certificate": ("certificate",), "kerberos": ("principal", "keytab"), "password": ("user", "password_file")}


@dataclass(frozen=True, kw_only=True)
class Koji:
    """A Koji hub, what of it a release uses, and who asks.

    Fields:
        target: the build target: what its build tag has is in the build roots, and its destination tag takes the builds.
        hub: the hub's URL, `https://koji.example.org/kojihub`. Default: required without `profile`.
        profile: a profile of `koji.conf`, for the hub's URL, login and certificates that are not given here.
        files: the URL of what the hub keeps (`topurl`), `https://koji.example.org/kojifiles`: wanted for tagged builds when the
            hub has cleared away the files of their tasks. Default: the profile's.
        scratch: builds that stay outside every tag. Only where no package is `after` another: what the later one needs would be
            in no repository.
        login: `certificate`, `kerberos` or `password`. Default: that which a key below belongs to, or the profile's.
        certificate: the client's certificate with its key, one PEM file that only its owner can read.
        ca: the certificate of who vouches for the hub. Default: the profile's, or the host's own.
        principal: the Kerberos principal, with `keytab`. Default: that of the ticket that is there.
        keytab: the file of the principal's keys, for hosts where nobody types `kinit`.
        user: who logs in by password.
        password_file: a file with the password, which only its owner can read.
        patience: minutes that a task, or a build in the target's repository, is waited for until it is an error.
    """

    target: str
    hub: str = ""
    profile: str = ""
    files: str = ""
    scratch: bool = False
    login: Login = ""
    certificate: Path | None = None
    ca: Path | None = None
    principal: str = ""
    keytab: Path | None = None
    user: str = ""
    password_file: Path | None = None
    patience: int = 120

    def without_login(self) -> "Koji":
        """Return the same hub and target, without a word of who asks."""
        return Koji(
            target=self.target, hub=self.hub, profile=self.profile, files=self.files, scratch=self.scratch, patience=self.patience
        )


def read_koji(table: Table) -> Koji:
    """Return a koji table."""
    koji = Koji(
        target=table.take("target", str),
        hub=table.take("hub", str, "").rstrip("/"),
        profile=table.take("profile", str, ""),
        files=read_files(table),
        scratch=table.take("scratch", bool, False),
        login=read_login(table),
        certificate=table.path_of("certificate"),
        ca=table.path_of("ca"),
        principal=table.take("principal", str, ""),
        keytab=table.path_of("keytab"),
        user=table.take("user", str, ""),
        password_file=table.path_of("password_file"),
        patience=table.take("patience", int, Koji.patience),
    )
    check_koji(koji, table)
    table.finish()
    return koji


def read_files(table: Table) -> str:
    """Return the URL of what a hub keeps, without a slash at its end."""
    files = table.take("files", str, "").rstrip("/")
    if files and not HUB.fullmatch(files):
        table.complain("files", f"{files!r} is no URL: it must look like https://host/kojifiles")
    return files


def read_login(table: Table) -> Login:
    """Return the way to log in: the one that is named, or whose keys are there; empty leaves it to the profile."""
    given = table.choice("login", LOGINS, "")
    return cast(Login, given or next((way for way, keys in KEYS.items() if any(key in table.data for key in keys)), ""))


def check_koji(koji: Koji, table: Table) -> None:
    """Complain of a hub that is no URL, of a login that is half there, and of secrets that have no place in a release file."""
    if not koji.hub and not koji.profile:
        table.complain("hub", "missing: the hub's URL (https://koji.example.org/kojihub), or a profile of koji.conf")
    if koji.hub and not HUB.fullmatch(koji.hub):
        table.complain(
            "hub", f"{koji.hub!r} is no URL of a hub: it must look like https://host/kojihub, without user or password"
        )
    if "password" in table.data:
        table.known.add("password")
        table.complain("password", "a password has no place in a release file: name a file of its own, password_file")
    needed = {"certificate": ("certificate",), "password": ("user", "password_file")}.get(koji.login, ())
    for key in needed if not koji.profile else ():
        if not getattr(koji, key) and key not in table.data:
            table.complain(key, f"missing: to log in by {koji.login} takes it")
    for way, keys in KEYS.items():
        for key in keys:
            if way != koji.login and key in table.data:
                table.complain(key, f"belongs to login = {way!r}, and here it is {koji.login!r}")
    if bool(koji.principal) and koji.keytab is None:
        table.complain("keytab", "missing: a principal without its keys; without both, the ticket that is there is taken")
    if koji.patience < 1:
        table.complain("patience", f"{koji.patience}: minutes, 1 or more")


def check_hub(release: "Release", table: Table) -> None:
    """Complain of a release that Koji is to build without saying where, or whose packages could not find each other there."""
    if release.builder != "koji":
        return
    if release.koji is None:
        table.complain("koji", 'missing: builder = "koji" takes a table that names hub and target')
        return
    for package in release.packages.values():
        if release.koji.scratch and package.after:
            inner = table.inner("packages", {}).inner(package.name, {})
            inner.complain("after", f"a scratch build of {package.after[0]} is in no repository: set koji.scratch = false")
