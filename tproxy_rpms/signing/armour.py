"""ASCII armour (RFC 4880, 6.2): what comes from a signer without it, and keys as old rpm reads them, which wants the checksum."""

import base64

BEGIN, END = "-----BEGIN PGP {}-----", "-----END PGP {}-----"


def armour(data: bytes, kind: str = "SIGNATURE") -> str:
    """Return OpenPGP packets in ASCII armour, with the CRC-24 of section 6.1; `kind` is as in its first line."""
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    crc = base64.b64encode(crc24(data).to_bytes(3, "big")).decode()
    return "\n".join([BEGIN.format(kind), "", *lines, f"={crc}", END.format(kind), ""])


def dearmour(signature: bytes) -> bytes:
    """Return a signature in binary, whether it came so or in ASCII armour."""
    begin, end = BEGIN.format("SIGNATURE"), END.format("SIGNATURE")
    if not signature.lstrip().startswith(begin.encode()):
        return signature
    body = signature.decode("ascii", "replace").partition(begin)[2].partition(end)[0]
    lines = body.replace("\r", "").partition("\n\n")[2].split()
    return base64.b64decode("".join(line for line in lines if not line.startswith("=")))


def crc24(data: bytes) -> int:
    """Return the checksum of ASCII armour."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc
