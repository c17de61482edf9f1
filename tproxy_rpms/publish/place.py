"""A place that snapshots are published to: a folder here, or one on another host by ssh and rsync. One script acts at either."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tproxy_rpms.errors import PublishError
from tproxy_rpms.process import OverdueError, require_tool, run_command
from tproxy_rpms.release.model import Publishing
from tproxy_rpms.release.site import REMOTE

SCRIPT = Path(__file__).with_name("place.sh")

# Seconds that a host may take to answer at all, and to do one thing; an upload may take as long as it goes on.
CONNECT, PATIENCE, STALL = 10, 600, 60

# How place.sh ends, with cause and cure.
STATUSES = {
    64: ("something lies there that the manifest does not name", "remove it there"),
    65: ("a file there is not what the manifest says: it changed during the upload, or on the way", "publish again"),
    66: ("it is not there", "doit snapshots lists what is"),
    67: ("the current there is somebody else's", "publish to another folder, or move that away"),
    69: ("a tool is missing there", "install rsync, coreutils and util-linux on it"),
    127: ("a tool is missing there", "install rsync, coreutils and util-linux on it"),
}

# What of a place is left as it was when a command fails, where that is not what is served.
STILL = {"prune": "old snapshots could not be removed", "download": "nothing was changed there"}

# rsync's statuses (rsync(1), EXIT VALUES) for files that changed or vanished, and for a host that is not reached; 255 is ssh's.
CHANGED = (23, 24)
UNREACHABLE = (10, 12, 30, 35, 255)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where snapshots go.

    Fields:
        folder: the absolute folder. login: `[USER@]HOST`, empty for this host. port: of ssh, empty for the usual one.
        ssh: further options for ssh. patience: seconds that one act may take.
    """

    folder: str
    login: str = ""
    port: str = ""
    ssh: tuple[str, ...] = ()
    patience: int = PATIENCE

    def __str__(self) -> str:
        host = f"{self.login}:{self.port}" if self.port else self.login
        return f"{host}:{self.folder}" if host else self.folder

    @property
    def shell(self) -> list[str]:
        """Return the command that starts a shell there; empty for this host. It never asks: nobody may be there to answer."""
        if not self.login:
            return []
        port = ["-p", self.port] if self.port else []
        options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT}", "-o", "ServerAliveInterval=15", *port, *self.ssh]
        return [require_tool("ssh", package="openssh-client"), *options]

    def act(self, command: str, *words: str) -> str:
        """Run one command of place.sh there and return what it printed. Raises PublishError."""
        arguments = ["sh", "-eu", "-s", "--", command, self.folder, *words]
        # ssh hands its words to a shell.
        argv = [*self.shell, self.login, shlex.join(arguments)] if self.login else arguments
        try:
            done = run_command(argv, stdin=SCRIPT.read_text(), env=environment(), check=False, seconds=self.patience)
        except OverdueError as error:
            raise PublishError(
                f"{self}: no answer in {self.patience} seconds", hint="look at the host and the network"
            ) from error
        if done.returncode:
            raise self.explain(command, done)
        return done.stdout

    def upload(self, tree: Path, target: str, *, links: Sequence[str]) -> None:
        """Make a folder there the same as a tree; what snapshots of `links` have is linked, not sent. Raises PublishError.

        Files are compared by checksum: size and time are the same for many that differ, since times are the release's.
        """
        options = [
            "--recursive", "--links", "--times", "--omit-dir-times", "--perms", "--chmod=D755,F644", "--checksum", "--delete",
            "--partial", *(f"--link-dest=../snapshots/{link}" for link in links),
        ]  # fmt: skip
        done = run_command([*self.rsync, *options, f"{tree}/", f"{self.source}/{target}/"], env=environment(), check=False)
        if done.returncode:
            raise self.explain("upload", done)

    def download(self, source: str, names: Sequence[str], directory: Path) -> None:
        """Bring some files of a folder there into one here, below the same names. Raises PublishError."""
        directory.mkdir(parents=True, exist_ok=True)
        argv = [*self.rsync, "--copy-links", "--checksum", "--files-from=-", f"{self.source}/{source}/", f"{directory}/"]
        done = run_command(argv, stdin="".join(f"{name}\n" for name in names), env=environment(), check=False)
        if done.returncode:
            raise self.explain("download", done)

    @property
    def rsync(self) -> list[str]:
        """Return the command that starts rsync between here and there."""
        # In this option rsync takes a quote that is doubled for a quote.
        shell = " ".join("'{}'".format(word.replace("'", "''")) for word in self.shell)
        return [require_tool("rsync", package="rsync"), *(["-e", shell, f"--timeout={STALL}"] if self.login else [])]

    @property
    def source(self) -> str:
        """Return the folder as rsync names it."""
        return f"{self.login}:{self.folder}" if self.login else self.folder

    def explain(self, command: str, done: "subprocess.CompletedProcess[str]") -> PublishError:
        """Return the error of a command that failed there."""
        said = "\n".join((done.stderr + done.stdout).strip().splitlines()[-12:])
        cause, cure = self.find_cause(command, done.returncode, said)
        still = STILL.get(command, "what was served before still is")
        return PublishError(f"{self}: {cause}; {still}\n{said}".strip(), hint=cure)

    def find_cause(self, command: str, status: int, said: str) -> tuple[str, str]:
        """Return cause and cure of a failure."""
        if "No space left" in said or "Disk quota exceeded" in said:
            return "the disk is full", "make room there, or keep fewer snapshots (publishing.keep)"
        if command == "upload" and status in CHANGED:
            return "a file changed or vanished during the upload, or could not be written", "look at it, and publish again"
        if self.login and status in UNREACHABLE:
            return "cannot be reached", f"try: {shlex.join([*self.shell, self.login])}; nobody is asked for a password"
        if status in STATUSES:
            return STATUSES[status]
        if "Permission denied" in said or "Read-only" in said:
            return "may not be written", "give this user the folder"
        return f"{command} ended with status {status}", "its own words are above"


def open_place(publishing: Publishing) -> Place:
    """Return the place that a release publishes to."""
    match = REMOTE.fullmatch(publishing.to)
    if not match:
        return Place(folder=publishing.to)
    login = match["login"] or match["short"]
    return Place(folder=match["folder"].rstrip("/") or "/", login=login, port=match["port"] or "", ssh=publishing.ssh)


def environment() -> dict[str, str]:
    """Return the user's own environment, in which ssh finds its agent, with messages in English."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}
