"""The sections of programs, and what is packed into kernels: a kernel in a bzImage, an initramfs in a kernel.

Formats: ELF as in elf(5); bzImage as in the kernel's Documentation/x86/boot.rst ("HdrS" at 0x202).
"""

import re
import struct
from collections.abc import Iterator, Sequence
from itertools import islice

from tproxy_rpms.repro.archive import CPIO, CPIO_HEADER, measure_cpio
from tproxy_rpms.repro.member import INITRAMFS, MOST_MEMBERS, Container, Member, take
from tproxy_rpms.repro.stream import DAMAGE, MAGICS, peek_stream, read_stream

ELF = b"\x7fELF"
COMPRESSED = re.compile(b"|".join(re.escape(magic) for magic in MAGICS.values()))
# How many places are tried that look like compressed data or an archive: chance makes one in some megabytes.
MOST_PLACES = 200


def open_elf(data: bytes) -> Container | None:
    """Return the sections of a program, library or object that have bytes in the file; an initramfs in them comes first."""
    if not data.startswith(ELF) or len(data) < 64:
        return None
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    if wide:
        table, size, count, names_at = struct.unpack_from(order + "40xQ10xHHH", data)
    else:
        table, size, count, names_at = struct.unpack_from(order + "32xI10xHHH", data)
    form = order + ("IIQQQQ" if wide else "IIIIII")
    if names_at >= count or count > MOST_MEMBERS:
        return None
    headers = [struct.unpack_from(form, data, table + size * index) for index in range(count)]
    names = data[headers[names_at][4] :]
    sections: list[Member] = []
    left = len(data)  # no byte is in two sections
    for name_at, kind, _flags, _address, offset, length in headers:
        name = names[name_at : names.index(b"\0", name_at)].decode(errors="backslashreplace")
        if kind not in (0, 8):  # SHT_NULL, SHT_NOBITS
            left = take(left, length, len(sections))
            sections.append(Member(name=name or "section", content=data[offset : offset + length]))
    return Container(kind="ELF", members=(*split_initramfs(sections), Member(name="ELF headers", content=data[:64])))


def split_initramfs(sections: Sequence[Member]) -> Iterator[Member]:
    """Yield sections, and what is an initramfs in one of the kernel's as a member of its own."""
    for section in sections:
        found = find_initramfs(section.content) if section.name.startswith(".init") else None
        if found is None:
            yield section
            continue
        start, end, archive = found
        yield Member(name=INITRAMFS, content=archive)
        yield Member(name=section.name, content=section.content[:start] + section.content[end:])


def open_kernel(data: bytes) -> Container | None:
    """Return the kernel in a bzImage, what comes before it, and what lies behind it."""
    if data[0x202:0x206] != b"HdrS":
        return None
    for at in list_kernels(data):
        try:
            stream = read_stream(data[at:])
        except DAMAGE:
            continue
        parts = (("vmlinux", stream.content), ("setup", data[:at]), ("behind", data[at + stream.size :]))
        members = tuple(Member(name=name, content=content) for name, content in parts)
        return Container(kind=stream.kind, head=stream.head, members=members, packed=stream.packed)
    return None


def list_kernels(data: bytes) -> Iterator[int]:
    """Yield where the kernel in a bzImage may begin: where its header says since protocol 2.08; else wherever a magic is."""
    sectors, version, offset = data[0x1F1] or 4, *struct.unpack_from("<H", data, 0x206), *struct.unpack_from("<I", data, 0x248)
    if version >= 0x208 and offset:
        yield (sectors + 1) * 512 + offset
        return
    yield from (found.start() for found in islice(COMPRESSED.finditer(data, 0x400), MOST_PLACES))


def open_image(data: bytes) -> Container | None:
    """Return an initramfs that lies somewhere in data of another kind, and what is around it."""
    found = find_initramfs(data)
    if found is None:
        return None
    start, end, archive = found
    return Container(
        kind="image",
        members=(Member(name=INITRAMFS, content=archive), Member(name="around", content=data[:start] + data[end:])),
    )


def find_initramfs(data: bytes) -> tuple[int, int, bytes] | None:
    """Return where an initramfs lies in data, from byte to byte, and its archive, as it lies there; None if there is none."""
    for found in islice(CPIO_HEADER.finditer(data), MOST_PLACES):
        try:
            end = measure_cpio(data, found.start())
        except ValueError:
            continue
        return found.start(), end, data[found.start() : end]
    for found in islice(COMPRESSED.finditer(data), MOST_PLACES):
        at = found.start()
        if peek_stream(data[at : at + (1 << 16)], 16).startswith(CPIO):
            end = at + read_stream(data[at:]).size
            return at, end, data[at:end]
    return None
