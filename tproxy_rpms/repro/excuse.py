"""Whether a tag that may differ is what it is excused for, and true."""

from base64 import b64decode
from collections.abc import Mapping, Sequence

from tproxy_rpms.gates.openpgp import read_packet
from tproxy_rpms.repro.package import Value
from tproxy_rpms.repro.tags import BINARY, STRINGS, Excuse

# The end of a region of signatures but for the offset of its index: tag 62, type 7, and 16 bytes.
REGION = bytes.fromhex("0000003e00000007") + bytes.fromhex("00000010")


def has_form(excuse: Excuse, value: Value) -> bool:
    """Tell whether a value has the type that an excuse is for, and as many values: one, but of lists."""
    if value.kind == BINARY == excuse.kind:
        return value.count == len(value.raw)
    return value.kind == excuse.kind and (value.count == 1 or value.kind == STRINGS or excuse.check == "links")


def holds(excuse: Excuse, values: Sequence[Value], counted: Mapping[int, bytes]) -> bool:
    """Tell whether an excuse holds for one side; a tag that is not there is always excused, one that is there twice never."""
    if len(values) != 1:
        return not values
    (value,) = values
    if not has_form(excuse, value):
        return False
    if excuse.check == "counted":
        return value.raw == counted[excuse.number]
    if excuse.check == "region":
        return value.raw[:8] + value.raw[12:] == REGION and value.raw[8:9] == b"\xff" and value.raw[11] % 16 == 0
    if excuse.check == "signature":
        return is_signature(value)
    return excuse.check != "zeros" or not value.raw.strip(b"\0")


def is_signature(value: Value) -> bool:
    """Tell whether a value is an OpenPGP signature; several in base64 (rpm 6) have to be signatures all."""
    try:
        packets = [value.raw] if value.kind == BINARY else list(map(b64decode, value.raw.split(b"\0")[:-1]))
        return all(map(read_packet, packets))
    except ValueError:
        return False
