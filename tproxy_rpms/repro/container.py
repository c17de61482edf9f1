"""What is inside of a file: archives, compressed data and programs taken apart, as far as that costs little."""

import tarfile
import zipfile
from collections.abc import Callable

from tproxy_rpms.repro.archive import open_ar, open_compressed, open_cpio, open_tar, open_zip
from tproxy_rpms.repro.member import Container
from tproxy_rpms.repro.program import open_elf, open_image, open_kernel
from tproxy_rpms.repro.stream import DAMAGE as STREAM_DAMAGE

# What reading something damaged raises.
DAMAGE = (
    *STREAM_DAMAGE, tarfile.TarError, zipfile.BadZipFile, NotImplementedError, RuntimeError, OverflowError, MemoryError,
)  # fmt: skip


def open_container(data: bytes) -> Container | None:
    """Return a file taken apart; None for what is no container, or is damaged, or too large."""
    for opener in OPENERS:
        try:
            container = opener(data)
        except DAMAGE:
            continue
        if container is not None:
            return container
    return None


OPENERS: tuple[Callable[[bytes], Container | None], ...] = (
    open_compressed, open_cpio, open_ar, open_zip, open_tar, open_elf, open_kernel, open_image,
)  # fmt: skip
