"""gpgv, run over a stream: what it says of a detached signature, for those who judge it."""

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tproxy_rpms.process import clean_environment, require_tool


def run_gpgv(home: Path, *, keyring: Path, signature: Path, feed: Callable[[IO[bytes]], None]) -> list[list[str]]:
    """Return gpgv's status lines as words (doc/DETAILS of GnuPG).

    Args:
        home: a folder of ours alone. keyring: the keys that count. signature: the detached signature's file.
        feed: writes what was signed to gpgv's standard input. gpgv may give up early, which ends it by BrokenPipeError; the
            status says why.
    """
    options = ["--homedir", str(home), "--keyring", str(keyring), "--status-fd", "1"]
    argv = [require_tool("gpgv", package="gpgv"), *options, str(signature), "-"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment()
    ) as gpgv:
        assert gpgv.stdin and gpgv.stdout
        with contextlib.suppress(BrokenPipeError), gpgv.stdin:
            feed(gpgv.stdin)
        output = gpgv.stdout.read().decode(errors="replace")
    return [line.split()[1:] for line in output.splitlines() if line.startswith("[GNUPG:] ")]
