"""A small system of the target out of mock's chroot: what a proxy host has besides this cut's packages."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tproxy_rpms.builders.mockfailure import describe_failure
from tproxy_rpms.builders.mockprocess import open_stage
from tproxy_rpms.process import run_command
from tproxy_rpms.store import wait_for_lock, whole_file

# Where the chroot's content is packed, inside of it.
PACKED = "/tmp/userland.tar"  # a chroot of its own

# What is mock's, or of no use on a host: what is compiled with, and documentation.
LEFT_OUT = (
    "./dev",
    "./proc",
    "./sys",
    "./tmp",
    "./builddir",
    "./usr/include",
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/lib/gcc",
)


def pack_userland(
    archive: Path, *, name: str, packages: Sequence[str], argv: Callable[[Path], list[str]],
    run: Callable[[Sequence[str], Path, Path], int], log: Path,
) -> Path:  # fmt: skip
    """Return an archive (tar.zst) of a chroot with packages installed; made if it is not there.

    Args:
        name: of the root, for messages. argv: stage → how each mock call begins. run: runs a mock call: words, stage, log.

    Raises RootError with the end of mock's log.
    """
    with wait_for_lock(archive.with_suffix(".lock")):
        if archive.is_file():
            return archive
        log.parent.mkdir(parents=True, exist_ok=True)
        with open_stage() as stage, whole_file(archive) as made:
            words = argv(stage)
            exclude = [f"--exclude={path}" for path in LEFT_OUT]
            tar = ["tar", "-cf", PACKED, "--one-file-system", "--numeric-owner", *exclude, "-C", "/", "."]
            calls = (
                ["--init"], ["--install", *packages], ["--chroot", "--", *tar], ["--copyout", PACKED, str(stage / "result")],
                ["--clean"],
            )  # fmt: skip
            for call in calls:
                status = run([*words, *call], stage, stage / "result" / "mock.log")
                if status:
                    raise describe_failure(f"{name}, {call[0]}", status, logs=stage / "result")
            shutil.copyfile(stage / "result" / "mock.log", log)
            run_command(["zstd", "-q", "-3", "-f", "-o", str(made), str(stage / "result" / Path(PACKED).name)])
    return archive
