"""What a private Koji needs of the host: a checkout of its source, an interpreter with what it imports, and PostgreSQL.

TPROXY_RPMS_KOJI names the checkout: the hub and the builder come in no package. The modules that they import beside it are
Debian's, unpacked into the user's cache if they are not installed.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tproxy_rpms.errors import TproxyError

from .hosttools import HostTool, unpack

PYTHON = "/usr/bin/python3"

# Module → Debian's package.
MODULES = {
    "psycopg2": "python3-psycopg2", "librepo": "python3-librepo", "Cheetah": "python3-cheetah", "requests": "python3-requests",
    "urllib3": "python3-urllib3", "chardet": "python3-chardet", "certifi": "python3-certifi", "idna": "python3-idna",
    "defusedxml": "python3-defusedxml", "six": "python3-six", "dateutil": "python3-dateutil",
}  # fmt: skip


def find_koji() -> Path | None:
    """The checkout of Koji's source that TPROXY_RPMS_KOJI names, or None."""
    given = os.environ.get("TPROXY_RPMS_KOJI", "")
    return Path(given) if given and (Path(given) / "kojihub" / "kojixmlrpc.py").is_file() else None


def find_postgres() -> Path | None:
    """The folder with PostgreSQL's programs, or None. Debian keeps them out of PATH."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "psql").exists()), None)


def why_no_hub() -> str:
    """Why no Koji hub can be started here, or nothing."""
    if not os.environ.get("TPROXY_RPMS_KOJI"):
        return "no Koji: TPROXY_RPMS_KOJI has to name a checkout of its source (1.35, with kojihub/, builder/ and schemas/)"
    if find_koji() is None:
        return f"TPROXY_RPMS_KOJI: there is no kojihub/kojixmlrpc.py in {os.environ['TPROXY_RPMS_KOJI']}"
    if find_postgres() is None:
        return "no PostgreSQL: initdb, postgres and psql are neither on PATH nor below /usr/lib/postgresql"
    if shutil.which("openssl") is None:
        return "no openssl on PATH"
    try:
        import koji  # noqa: F401
    except ImportError:
        return "no koji in the environment of the tests: its client library, from PyPI"
    return ""


def find_python() -> HostTool:
    """Return an interpreter that can import Koji's source and all that it needs; skips the test where there is none."""
    koji = find_koji()
    environment = {**os.environ, "PYTHONPATH": str(koji)}
    environment.pop("VIRTUAL_ENV", None)
    command = [PYTHON, "-c", f"import {', '.join(MODULES)}"]
    if subprocess.run(command, env=environment, capture_output=True).returncode:
        try:
            folder = unpack(tuple(MODULES.values()))
        except (TproxyError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no {', '.join(MODULES.values())} on this host, and none from its archive: {error}")
        environment["PYTHONPATH"] = f"{koji}:{folder}/usr/lib/python3/dist-packages"
        subprocess.run(command, env=environment, check=True)
    return HostTool(path=PYTHON, environment=environment)


class Database:
    """A PostgreSQL of the tests' own, reached by a socket in its folder and by nothing else. Root runs it as nobody."""

    def __init__(self, folder: Path) -> None:
        programs = find_postgres()
        assert programs
        self.programs, self.folder = programs, folder
        self.log = folder / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}

    def start(self) -> None:
        """Make the database and serve it."""
        self.folder.mkdir()
        if self.user:
            shutil.chown(self.folder, "nobody")
        data = self.folder / "data"
        initdb = [self.programs / "initdb", "--username=koji", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", data]
        subprocess.run(initdb, check=True, capture_output=True, cwd=self.folder, **self.user)
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]
        with self.log.open("wb") as log:
            command = [self.programs / "postgres", "-D", data, "-k", self.folder, *options]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **self.user)
        for _ in range(200):
            if subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder]).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def load(self, schema: Path) -> None:
        """Make the database called koji."""
        self.run("--dbname=postgres", "--command=CREATE DATABASE koji")
        self.run("--file", str(schema))

    def execute(self, statement: str) -> None:
        """Execute a statement."""
        self.run("--command", statement)

    def run(self, *options: str) -> None:
        """Run psql."""
        command = [
            self.programs / "psql",
            "--host",
            self.folder,
            "--username=koji",
            "--no-psqlrc",
            "--quiet",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        result = subprocess.run([*command, *options], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def stop(self) -> None:
        """End it and everybody's connection to it."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
