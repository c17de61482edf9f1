"""What a cut was made with: versions of the host's tools and of the Python packages, and the project's own commit."""

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tproxy_rpms.errors import HostError
from tproxy_rpms.process import run_command
from tproxy_rpms.publish.repository import find_createrepo
from tproxy_rpms.release.model import Release

# Tool → how it tells its version. What a builder alone uses is told where that is on PATH.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "bison": ("bison", "--version"),
    "bubblewrap": ("bwrap", "--version"),
    "gpg": ("gpg", "--version"),
    "gpg1": ("gpg1", "--version"),
    "flex": ("flex", "--version"),
    "gcc": ("gcc", "--version"),
    "gpgv": ("gpgv", "--version"),
    "make": ("make", "--version"),
    "mmdebstrap": ("mmdebstrap", "--version"),
    "mock": ("mock", "--version"),
    "patch": ("patch", "--version"),
    "rpm": ("rpm", "--version"),
    "tar": ("tar", "--version"),
    "unshare": ("unshare", "--version"),
}
BUILDERS: Mapping[str, str] = {"mmdebstrap": "chroot", "mock": "mock"}
PYTHON_PACKAGES = ("cyclonedx-python-lib", "doit", "jinja2", "kconfiglib", "koji", "msgspec", "requests", "tproxy-rpms")
NUMBER = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+[\w.+~-]*)")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """The project's own state: the commit, empty if it is no git checkout, and the files that are in no commit as they are."""

    commit: str = ""
    changed: tuple[str, ...] = ()


def read_tools(release: Release) -> dict[str, str]:
    """Return tool → version; a tool that is not there, or another builder's, is left away."""
    target = release.target
    createrepo, *_ = find_createrepo(target.repo_checksum, target.repo_compress, target.repo_database)
    wanted = {name: argv for name, argv in TOOLS.items() if BUILDERS.get(name, release.builder) == release.builder}
    wanted["createrepo_c"] = (createrepo, "--version")
    told = {name: read_version(argv) for name, argv in wanted.items() if shutil.which(argv[0])}
    return {name: number for name, number in told.items() if number} | read_packages() | {"python": platform.python_version()}


def read_version(argv: tuple[str, ...]) -> str:
    """Return the first version number that a tool tells, or its first line, or nothing."""
    try:
        result = run_command(argv, check=False)
    except HostError:
        return ""
    if result.returncode:
        return ""
    text = result.stdout.strip() or result.stderr.strip()
    found = NUMBER.search(text)
    return found[1] if found else text.partition("\n")[0]


def read_packages() -> dict[str, str]:
    """Return Python package → version."""
    found = {}
    for name in PYTHON_PACKAGES:
        try:
            found[f"python:{name}"] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_checkout(root: Path) -> Checkout:
    """Return the state of the project's folder; nothing is known of one that git does not manage itself."""
    if not (root / ".git").exists():
        return Checkout()
    commit = ask_git(root, "rev-parse", "--verify", "HEAD").strip()
    status = ask_git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    return Checkout(commit=commit, changed=tuple(sorted(entry[3:] for entry in status.split("\0") if entry)))


def ask_git(root: Path, *words: str) -> str:
    """Return what git says, nothing if it fails or is not there."""
    git = shutil.which("git")
    if git is None:
        return ""
    # Not run_command: git wants the user's own word on which folders are safe, and none of its output gets into a package.
    result = subprocess.run([git, "--no-optional-locks", "-C", str(root), *words], capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else ""
