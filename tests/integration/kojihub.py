"""A real Koji hub on loopback, with a database, users, certificates and targets of its own. Everything ends with it.

A hub is there after about 2 s, and needs neither root nor a builder to check logins, take submissions and cancel them.
"""

import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from .kojicertificates import Authority
from .kojihost import Database, find_koji, find_python, why_no_hub
from .servers import free_port, wait_for_port

__all__ = ["KojiHub", "find_koji", "why_no_hub"]

CONFIG = """\
[hub]
DBConnectionString = dbname=koji user=koji host={database}
KojiDir = {topdir}
KojiWebURL = {url}
CheckClientIP = False
LoginCreatesUser = False
DisableNotifications = True
LogLevel = INFO
RunInterval = 1
ReadyTimeout = 20
AssignTimeout = 20
[policy]
build_from_srpm =
    has_perm admin build :: allow
    all :: deny it takes the permission build to build from an SRPM
"""

KOJIRA = """\
[kojira]
server = {url}
user = kojira
password = {password}
topdir = {topdir}
logfile = {folder}/kojira.log
check_external_repos = false
sleeptime = 1
retry_interval = 1
"""

FIRST_USER = """\
INSERT INTO users (name, password, status, usertype) VALUES ('admin', '{password}', 0, 0);
INSERT INTO user_perms (user_id, perm_id, creator_id) SELECT u.id, p.id, u.id FROM users u, permissions p
WHERE u.name = 'admin' AND p.name = 'admin';
"""

GROUPS = {"build": ("testdist-base", "testdist-extra"), "srpm-build": ("testdist-base",)}


class KojiHub:
    """A hub in a temporary folder, for as long as a with block lasts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kojihub-"))
        self.topdir = self.folder / "top"
        self.port, self.tls_port, self.files_port = free_port(), free_port(), free_port()
        self.url, self.tls_url = f"http://127.0.0.1:{self.port}/kojihub", f"https://127.0.0.1:{self.tls_port}/kojihub"
        self.files_url = f"http://127.0.0.1:{self.files_port}"
        self.database = Database(self.folder / "database")
        self.passwords: dict[str, str] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.log = self.folder / "hub.log"

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.end_process(name)
        self.database.stop()
        shutil.rmtree(self.folder)

    def begin(self) -> None:
        """Start everything, and log the administrator in."""
        source = find_koji()
        assert source
        self.source, self.python = source, find_python()
        self.folder.chmod(0o755)  # for the database's user, and for mock, which reads SRPMs as the user who called sudo
        for name in ("packages", "repos", "work", "scratch", "repos-dist"):
            (self.topdir / name).mkdir(parents=True)
        self.database.start()
        self.database.load(source / "schemas" / "schema.sql")
        self.make_certificates()
        (self.folder / "hub.conf").write_text(
            CONFIG.format(database=self.database.folder, topdir=self.topdir, url=self.url.removesuffix("hub"))
        )
        self.passwords["admin"] = secrets.token_hex(8)
        self.database.execute(FIRST_USER.format(password=self.passwords["admin"]))
        serve = ["-m", "http.server", str(self.files_port), "--bind", "127.0.0.1", "--directory", str(self.topdir)]
        self.start_process("files", *serve)
        self.start()
        self.admin = self.session("admin", retry_interval=1)
        self.admin.grantPermission("admin", "build", create=True)

    def make_certificates(self) -> None:
        """Make the authority's certificate and the server's."""
        folder = self.folder / "certificates"
        folder.mkdir()
        self.authority = Authority(folder)
        self.ca = folder / "ca.crt"
        shutil.copy(self.ca, self.folder / "ca.pem")
        self.authority.issue("hub", hosts="IP:127.0.0.1,DNS:localhost").rename(self.folder / "server.pem")

    # The server, which can be away while all else goes on.

    def start(self) -> None:
        """Serve the hub, at the port it had before."""
        script = Path(__file__).with_name("kojiserver.py")
        self.start_process("hub", "-P", str(script), str(self.folder), str(self.port), str(self.tls_port))
        wait_for_port(self.port, self.processes["hub"], self.log)

    def stop(self) -> None:
        """End the hub's server: connections are refused until start()."""
        self.end_process("hub")

    def restart(self) -> None:
        """End the server and start it again; the database knows all sessions and tasks."""
        self.stop()
        self.start()

    def start_process(self, name: str, *arguments: str) -> None:
        """Start something with Koji's interpreter."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [self.python.path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.python.environment,
                start_new_session=True, cwd=self.folder,
            )  # fmt: skip

    def end_process(self, name: str) -> None:
        """End what was started by this name."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def logs(self) -> str:
        """What the hub and its companions have said, for a failure's message."""
        return "".join(f"== {path.name}\n{path.read_text(errors='replace')}" for path in sorted(self.folder.glob("*.log")))

    # Users

    def add_user(self, name: str, permissions: Sequence[str] = ()) -> None:
        """Add a user with a password of its own; the permission `build` allows tagged builds from SRPMs."""
        self.admin.createUser(name)
        for permission in permissions:
            self.admin.grantPermission(name, permission)
        self.set_password(name)

    def set_password(self, name: str) -> None:
        """Give a user a new password. The hub has no call for that."""
        self.passwords[name] = secrets.token_hex(8)
        self.database.execute(f"UPDATE users SET password = '{self.passwords[name]}' WHERE name = '{name}'")

    def password_file(self, name: str) -> Path:
        """Return a file with the user's password, which only its owner can read."""
        path = self.folder / f"{name}.password"
        path.touch(0o600)
        path.write_text(f"{self.passwords[name]}\n")
        return path

    def certificate(self, name: str, *, expired: bool = False) -> Path:
        """Return the user's key and certificate, for logins at tls_url."""
        return self.authority.issue(name, expired=expired)

    def session(self, name: str, **options: Any) -> Any:
        """Return a koji.ClientSession, logged in by password."""
        import koji

        session = koji.ClientSession(self.url, {"user": name, "password": self.passwords[name], **options})
        session.login()
        return session

    # Targets

    def add_target(
        self, name: str, *, external: str | Mapping[str, str], arches: Sequence[str] = ("x86_64", "i686"),
        groups: Mapping[str, Sequence[str]] = GROUPS, extra: Mapping[str, Any] | None = None, perm: str | None = None,
        pkgs: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Add a target with its tags, NAME and NAME-build; `external` is a URL with $arch, or one an arch.

        RPMs are built for `arches` as they stand there; the repositories of i686 are called i386. They are merged as docs/koji.md
        has it: all that they have is there beside what the tag has.
        """
        admin, build = self.admin, f"{name}-build"
        admin.createTag(name, perm=perm)
        admin.createTag(build, parent=name, arches=" ".join(arches), extra=dict(extra or {}))
        urls = {"": external} if isinstance(external, str) else external
        for priority, (arch, url) in enumerate(urls.items(), 1):
            repository = admin.createExternalRepo(f"{name}-external{arch and '-'}{arch}", url)
            admin.addExternalRepoToTag(build, repository["id"], priority, merge_mode="bare", arches=arch or None)
        for group, packages in groups.items():
            admin.groupListAdd(build, group)
            for package in packages:
                admin.groupPackageListAdd(build, group, package)
        for package in pkgs:
            admin.packageListAdd(name, package, "admin")
        admin.createBuildTarget(name, build, name)

    def start_kojira(self) -> None:
        """Start the process that has repositories made when somebody asks for one; builders do the work."""
        if "kojira" not in self.processes:
            self.add_user("kojira", ["repo"])
            config = self.folder / "kojira.conf"
            config.write_text(
                KOJIRA.format(url=self.url, password=self.passwords["kojira"], topdir=self.topdir, folder=self.folder)
            )
            self.start_process("kojira", str(self.source / "util" / "kojira"), "--fg", "--force-lock", "-c", str(config))

    def wait_repo(self, target: str, *, timeout: float = 300) -> int:
        """Return the id of a repository that has all that the target's build tag has now. Needs a builder."""
        answer = self.admin.repo.request(f"{target}-build", min_event="last")
        end = time.monotonic() + timeout
        while answer["repo"] is None:
            assert time.monotonic() < end, self.logs
            time.sleep(0.5)
            answer = self.admin.repo.checkRequest(answer["request"]["id"])
        return int(answer["repo"]["id"])


def main() -> None:
    """Run a hub until Enter is pressed, to look at it by hand."""
    with KojiHub() as hub:
        print(hub.url, hub.tls_url, hub.folder)
        sys.stdin.readline()


if __name__ == "__main__":
    main()
