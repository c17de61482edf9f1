"""Bytes of a message, read from front to back, and the error of one that does not hold what it should."""

from ipaddress import IPv4Address

from tproxy_rpms.errors import HostError


class MessageError(HostError):
    """A WCCP message is truncated, says something impossible, or comes from someone who may not send it."""


class Reader:
    """Reads numbers and addresses, big endian. `what` is named in the MessageError that is raised where bytes are missing."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._place = 0
        self.what = what

    @property
    def left(self) -> int:
        """How many bytes are not read yet."""
        return len(self._data) - self._place

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        if length > self.left:
            raise MessageError(f"{self.what}: truncated, {length} bytes wanted, {self.left} left")
        self._place += length
        return self._data[self._place - length : self._place]

    def number(self, length: int) -> int:
        """Return the next number, of so many octets."""
        return int.from_bytes(self.take(length))

    def address(self) -> IPv4Address:
        """Return the next address."""
        return IPv4Address(self.take(4))

    def count(self, size: int) -> int:
        """Return the next number of four octets, which counts things of at least `size` octets that follow."""
        count = self.number(4)
        if count * size > self.left:
            raise MessageError(f"{self.what}: truncated, {count} times {size} bytes wanted, {self.left} left")
        return count

    def finish(self) -> None:
        """Raise MessageError if something is left over."""
        if self.left:
            raise MessageError(f"{self.what}: {self.left} bytes too many")
