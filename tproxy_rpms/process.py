"""Commands of the host: run, logged, and never left behind."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tproxy_rpms.errors import HostError

# What a command sees of the environment: no locale, time zone or tool option of the caller can leak into a result.
PASSED_ON = (
    "HOME",
    "PATH",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


class CommandError(HostError):
    """A command of the host failed; `output` holds what it printed (or the end of its log)."""

    exit_code = 34

    def __init__(self, argv: Sequence[str], status: int, output: str, *, hint: str = "") -> None:
        tail = "\n".join(output.strip().splitlines()[-20:])
        super().__init__(f"{Path(argv[0]).name} ended with status {status}: {' '.join(argv)}\n{tail}".strip(), hint=hint)
        self.status = status
        self.output = output


class OverdueError(CommandError):
    """A command of the host was ended because its time was up; `output` is empty, unless it has a log."""

    def __init__(self, argv: Sequence[str], seconds: float, output: str) -> None:
        super().__init__(argv, -signal.SIGTERM, output, hint=f"it was given {seconds:g} seconds")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a command: C.UTF-8, UTC, the few names of `PASSED_ON`, and `extra`."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | dict(extra or {})


def require_tool(name: str, *, package: str) -> str:
    """Return the path of a tool of the host. Raises HostError that names the package which has it."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise HostError(f"{name}: not found on this host", hint=f"install {package}, or start through ./run, which installs it")
    return path


def run_command(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    check: bool = True,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it with its standard output.

    Args:
        argv: the command; its environment is `clean_environment(env)`.
        log: a file that standard output and error are appended to; `stdout` of the result is then empty.
        stdin: text for the command's standard input.
        check: raise CommandError when the command fails.
        seconds: how long it may take, no limit if None. Raises OverdueError after that.

    The command leads a process group of its own, is killed with it when we are interrupted, and dies with the thread
    that started it (PR_SET_PDEATHSIG).
    """
    words = [os.fspath(word) for word in argv]
    output = log.open("a") if log else subprocess.PIPE
    errors = subprocess.STDOUT if log else subprocess.PIPE
    try:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *words],
            stdin=subprocess.PIPE, stdout=output, stderr=errors,
            cwd=cwd, env=clean_environment(env), text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            stdout, stderr = process.communicate(stdin, timeout=seconds)
        except BaseException:
            stop_group(process)
            raise
    except subprocess.TimeoutExpired as error:
        raise OverdueError(words, seconds or error.timeout, log.read_text(errors="replace") if log else "") from error
    except FileNotFoundError as error:
        raise HostError(f"{error.filename}: not found", hint="start through ./run, which installs what is needed") from error
    finally:
        if not isinstance(output, int):
            output.close()
    if check and process.returncode:
        text = log.read_text(errors="replace") if log else (stderr or "") + (stdout or "")
        raise CommandError(words, process.returncode, text)
    return subprocess.CompletedProcess(words, process.returncode, stdout or "", stderr or "")


def stop_group(process: subprocess.Popen[str]) -> None:
    """End a command and every process of its group, first kindly, then not."""
    for signum, seconds in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, signum)
            process.wait(seconds)
            return
        except (ProcessLookupError, PermissionError):
            return  # gone, or root's own, as a mock of a plain user is: the next run finds it at work
        except subprocess.TimeoutExpired:
            continue
