"""zig, a compiler that brings clang, musl and libc++ along: from the index of Python packages, by digest, once."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tproxy_rpms.errors import FetchError
from tproxy_rpms.process import CommandError, run_command
from tproxy_rpms.store import digest_file, wait_for_lock, whole_folder

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

# Headers for systems that nothing here is compiled for: a third of all that would be packed and unpacked.
LEFT_OUT = ("lib/libc/include/any-windows-any", "lib/libc/include/any-darwin-any", "lib/libc/mingw", "lib/libtsan")


def install_zig(*, cache: Path, mirrors: Sequence[str] = ()) -> Path:
    """Return the folder of zig, with the program `zig` and its `lib`, installed if the cache does not hold it.

    Args:
        mirrors: folders or URLs that may have the wheel, asked beside pip's own index.

    Raises FetchError when pip cannot get the wheel whose digest is pinned.
    """
    folder = cache / "guest" / f"zig-{digest_file(REQUIREMENTS)[:16]}"
    argv: list[str | Path] = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes", "--no-deps",
        "--no-compile", "--only-binary=:all:", *(f"--find-links={mirror}" for mirror in mirrors), "-r", REQUIREMENTS,
    ]  # fmt: skip
    # Where the index is, if not where pip's own files say.
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    with wait_for_lock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            with whole_folder(folder) as made:
                try:
                    run_command([*argv, "--target", made], env=settings)
                except CommandError as error:
                    raise FetchError(
                        f"ziglang: pip cannot install what {REQUIREMENTS} pins\n{error.output.strip()}",
                        hint="PIP_INDEX_URL names an index, TPROXY_RPMS_MIRROR a folder that has the wheel",
                    ) from error
    return folder / "ziglang"


def pack_zig(zig: Path, tarball: Path) -> None:
    """Write zig as a tarball of one folder, `zig`."""
    excluded = [f"--exclude={zig.name}/{name}" for name in LEFT_OUT]
    names = f"--transform=s,^{zig.name},zig,"
    run_command(["tar", "-cf", tarball, "-C", zig.parent, "--owner=0", "--group=0", names, *excluded, zig.name])
