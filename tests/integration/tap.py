"""A TAP device of a network namespace, joined to a port of the userspace router: `python3 tap.py SOCKET`.

What comes in GRE is unwrapped on the way, for a kernel without ip_gre, by means of its own. The socket is inherited.
"""

import fcntl
import os
import selectors
import socket
import struct
import sys

# linux/if_tun.h: TUNSETIFF, IFF_TAP | IFF_NO_PI
TUNSETIFF, FLAGS = 0x400454CA, 0x1002


def unwrap(frame: bytes) -> bytes:
    """Return a frame with what its GRE packet holds; a frame without GRE as it is."""
    start = 14 + (frame[14] & 15) * 4
    if frame[12:14] != b"\x08\x00" or frame[23] != 47 or frame[start : start + 2] != b"\0\0":
        return frame
    kind = frame[start + 2 : start + 4]
    header = {b"\x88\x3e": 8, b"\x08\x00": 4}[kind]
    return frame[:14] + frame[start + header :]


def main(connection: socket.socket) -> None:
    """Carry frames both ways until the router hangs up."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", FLAGS))
    print("up", flush=True)
    selector = selectors.DefaultSelector()
    selector.register(tap, selectors.EVENT_READ)
    selector.register(connection, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fd == tap:
                frame = os.read(tap, 65536)
                connection.sendall(struct.pack("!I", len(frame)) + frame)
                continue
            length = connection.recv(4, socket.MSG_WAITALL)
            if not length:
                return
            frame = connection.recv(struct.unpack("!I", length)[0], socket.MSG_WAITALL)
            try:
                os.write(tap, unwrap(frame))
            except OSError:
                print("lost a frame: the device is not up yet", flush=True)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
