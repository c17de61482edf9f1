"""The configuration of two kernels compared, as their packages carry it in /boot."""

import fnmatch
from collections.abc import Mapping

from tproxy_rpms.diff.change import SymbolChange
from tproxy_rpms.diff.package import Contents, Package
from tproxy_rpms.errors import BuildError
from tproxy_rpms.kernel.audit import SETTING
from tproxy_rpms.kernel.fragment import OFF, UNSET
from tproxy_rpms.repro.payload import open_payload, read_bytes, tell_damage

# Where kernels' packages have it; the second is where newer distributions do.
PLACES = ("/boot/config-*", "/lib/modules/*/config", "/usr/lib/modules/*/config")

# The most bytes that a configuration has; one of Linux 6 has 300 KB.
MOST_BYTES = 16 << 20


def find_config(contents: Contents) -> str:
    """Return the path of a kernel's configuration in its package; empty for a package without one."""
    files = [file for file in contents.files if file.kind == "file" and file.size and "ghost" not in file.flags]
    found = (file.path for place in PLACES for file in files if fnmatch.fnmatchcase(file.path, place))
    return next(found, "")


def read_config(package: Package, path: str) -> dict[str, str]:
    """Return the symbols of a configuration in a package. Raises BuildError where it cannot be read."""
    assert package.path is not None
    return parse_config(read_member(package, path).decode(errors="backslashreplace"))


def read_member(package: Package, path: str) -> bytes:
    """Return the content of one file of an RPM, and read no further. Raises BuildError where it cannot be read."""
    from tproxy_rpms.librpm import load_rpm

    rpm, file = load_rpm(), package.path
    assert file is not None
    with open_payload(file) as (header, stream):
        try:
            archive = rpm.files(header).archive(stream)
            for entry in archive:
                if entry.name == path and archive.hascontent() and entry.size <= MOST_BYTES:
                    return read_bytes(archive, entry.size)
        except (OSError, rpm.error) as error:
            raise tell_damage(file, error) from error
    raise BuildError(f"{file}: {path}: its header lists it, its payload does not have it", hint="build or fetch it again")


def parse_config(text: str) -> dict[str, str]:
    """Return symbol → value, `n` for what is off."""
    off = (UNSET.fullmatch(line.strip()) for line in text.splitlines() if line.startswith("# CONFIG_"))
    return dict(SETTING.findall(text)) | {match["symbol"]: OFF for match in off if match}


def compare_configs(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[SymbolChange, ...]:
    """Return the symbols that differ, by name."""
    return tuple(
        SymbolChange(symbol=symbol, old=old.get(symbol, ""), new=new.get(symbol, ""))
        for symbol in sorted(old.keys() | new.keys())
        if old.get(symbol, "") != new.get(symbol, "")
    )
