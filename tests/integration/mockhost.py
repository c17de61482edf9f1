"""What the real mock asks of the host that tests run on."""

import os
import shutil
import subprocess


def why_no_mock() -> str:
    """Why mock cannot run here, or nothing."""
    if shutil.which("mock") is None:
        return "no mock on PATH"
    if os.geteuid() == 0 and not os.environ.get("SUDO_UID"):
        return "mock refuses plain root: run the tests through sudo, from a user of the group mock"
    if os.geteuid() != 0:
        return "making the test distribution needs root: run the tests through sudo, from a user of the group mock"
    database = subprocess.run(["rpm", "--eval", "%_dbpath"], capture_output=True, text=True).stdout.strip()
    if not database.startswith("/var/lib/rpm") and not database.startswith("/usr/lib/sysimage/rpm"):
        return f"the host's rpm keeps its database in {database}: put %_dbpath /var/lib/rpm in a macro file under /etc/rpm"
    return ""
