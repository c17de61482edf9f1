"""Real servers on loopback, each with a configuration of its own: nginx, and an sshd that lets one key in."""

import getpass
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .hosttools import find_host_tool

NGINX = """\
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/nginx.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""

SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}: {log.read_text()}")


@contextmanager
def run_server(argv: list[str], *, port: int, log: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a server in the foreground for as long as the block lasts."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, env=environment)
    try:
        wait_for_port(port, process, log)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def serve_by_nginx(root: Path, folder: Path) -> Iterator[str]:
    """Serve a folder by nginx; yields its URL."""
    tool, port = find_host_tool("nginx"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(user + NGINX.format(folder=folder, root=root, port=port))
    argv = [tool.path, "-e", str(folder / "nginx.error"), "-p", str(folder), "-c", str(configuration)]
    with run_server(argv, port=port, log=folder / "nginx.out", environment=tool.environment):
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, kw_only=True)
class SshServer:
    """An sshd: how a release names it, and the options that ssh needs for it."""

    login: str
    options: tuple[str, ...]


@contextmanager
def serve_by_sshd(folder: Path) -> Iterator[SshServer]:
    """Run an sshd that lets the user who runs the tests in, by one key."""
    tool, port = find_host_tool("sshd"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    configuration = folder / "sshd_config"
    configuration.write_text(SSHD.format(folder=folder, port=port))
    argv = [tool.path, "-D", "-e", "-f", str(configuration)]
    if os.geteuid() == 0:
        argv = wrap_for_root(argv, folder)
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    options = (
        "-F", "none", "-i", str(folder / "user_key"), "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}",
    )  # fmt: skip
    with run_server(argv, port=port, log=folder / "sshd.out", environment=tool.environment):
        yield SshServer(login=f"{getpass.getuser()}@127.0.0.1:{port}", options=options)


def wrap_for_root(argv: list[str], folder: Path) -> list[str]:
    """Return a command in a mount namespace of its own, with the user and the folder that root's sshd wants."""
    passwd = folder / "passwd"
    text = Path("/etc/passwd").read_text()
    passwd.write_text(text if "\nsshd:" in text else text + "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
    script = (
        f"mount --bind {passwd} /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec {shlex.join(argv)}"
    )
    return ["unshare", "--mount", "sh", "-c", script]
