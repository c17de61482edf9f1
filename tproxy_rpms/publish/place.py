"""A place that snapshots are published to: a folder here, or one on another host by ssh and rsync. One script acts at either."""

import os
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

# How place.sh ends when a file is not what the manifest says, when something is not there, and when a tool is missing.
DAMAGED, GONE, LACKING = 65, 66, 69

# rsync's own statuses (rsync(1), EXIT VALUES), and what they mean here.
CHANGED = (23, 24)
UNREACHABLE = (10, 12, 30, 35, 255)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where snapshots go.

    Fields:
        folder: the absolute folder. login: `[USER@]HOST`, empty for this host. port: of ssh, empty for the usual one.
        ssh: further options for ssh.
    """

    folder: str
    login: str = ""
    port: str = ""
    ssh: tuple[str, ...] = ()

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
        arguments = ["-eu", "-s", "--", command, self.folder, *words]
        # ssh hands its words to a shell; none of ours has a quote in it (a release's destination is checked for that).
        remote = [*self.shell, self.login, " ".join(["sh", *(f"'{word}'" for word in arguments)])]
        argv = remote if self.login else ["sh", *arguments]
        try:
            done = run_command(argv, stdin=SCRIPT.read_text(), env=environment(), check=False, seconds=PATIENCE)
        except OverdueError as error:
            raise PublishError(f"{self}: no answer in {PATIENCE} seconds", hint="look at the host and the network") from error
        if done.returncode:
            raise self.explain(command, done)
        return done.stdout

    def upload(self, tree: Path, target: str, *, links: Sequence[str]) -> None:
        """Make a folder there the same as a tree; what snapshots of `links` have is linked, not sent. Raises PublishError.

        Files are compared by checksum: size and time are the same for many that differ, since times are the release's.
        """
        rsh = ["-e", " ".join(f"'{word}'" for word in self.shell), f"--timeout={STALL}"] if self.login else []
        options = [
            "--recursive", "--links", "--times", "--perms", "--chmod=D755,F644", "--checksum", "--delete", "--partial",
            *(f"--link-dest=../snapshots/{link}" for link in links),
        ]  # fmt: skip
        place = f"{self.login}:{self.folder}" if self.login else self.folder
        argv = [require_tool("rsync", package="rsync"), *rsh, *options, f"{tree}/", f"{place}/{target}/"]
        done = run_command(argv, env=environment(), check=False)
        if done.returncode:
            raise self.explain("upload", done)

    def explain(self, command: str, done: "subprocess.CompletedProcess[str]") -> PublishError:
        """Return the error of a command that failed there."""
        said = "\n".join((done.stderr + done.stdout).strip().splitlines()[-12:])
        cause, cure = f"{command} ended with status {done.returncode}", "its own words are above"
        if "No space left" in said or "Disk quota exceeded" in said:
            cause, cure = "the disk is full", "make room there, or keep fewer snapshots (publishing.keep)"
        elif command == "upload" and done.returncode in CHANGED:
            cause, cure = "a file changed or vanished during the upload, or could not be written", "look at it, and publish again"
        elif self.login and done.returncode in UNREACHABLE:
            cause, cure = "cannot be reached", f"try: ssh {self.login}; publishing never asks for a password"
        elif done.returncode == DAMAGED:
            cause, cure = (
                "a file there is not what the manifest says: it changed during the upload, or on the way",
                "publish again",
            )
        elif "Permission denied" in said or "Read-only" in said:
            cause, cure = "may not be written", "give this user the folder"
        elif done.returncode == GONE:
            cause, cure = "it is not there", "doit snapshots lists what is"
        elif done.returncode in (LACKING, 127):
            cause, cure = "a tool is missing there", "install rsync, coreutils and util-linux on it"
        return PublishError(f"{self}: {cause}; what was served before still is\n{said}".strip(), hint=cure)


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
