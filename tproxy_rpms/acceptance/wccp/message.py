"""Whole messages: a header and components, read from bytes and rendered to them, with or without a password."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from .assignment import HashAssignment
from .component import (
    DIGEST,
    MD5_SECURITY,
    AlternateAssignment,
    AssignmentMap,
    CacheIdentity,
    CacheView,
    Capabilities,
    RouterIdentity,
    RouterQuery,
    RouterView,
    Security,
)  # fmt: skip
from .reader import MessageError, Reader
from .service import Service

VERSION = 0x200  # 5.5
HEADER = 8
# Where the digest stands: after the header, and the type, length and option of the first component, security (5.1 to 5.4).
DIGEST_PLACE = HEADER + 8
PASSWORD = 8


class Kind(IntEnum):
    """The four messages (5.5)."""

    HERE_I_AM = 10
    I_SEE_YOU = 11
    REDIRECT_ASSIGN = 12
    REMOVAL_QUERY = 13


@dataclass(frozen=True, kw_only=True)
class Opaque:
    """A component that is not understood, or not needed: kept as it is."""

    type: int
    body: bytes

    def render(self) -> bytes:
        """Return the body."""
        return self.body


Component = (
    Security | Service | RouterIdentity | CacheIdentity | RouterView | CacheView | HashAssignment | RouterQuery | Capabilities
    | AlternateAssignment | AssignmentMap | Opaque
)  # fmt: skip
Known = TypeVar("Known", bound=Component)

# The components' types (5.6).
TYPES: dict[int, type[Component]] = {
    0: Security, 1: Service, 2: RouterIdentity, 3: CacheIdentity, 4: RouterView, 5: CacheView, 6: HashAssignment, 7: RouterQuery,
    8: Capabilities, 13: AlternateAssignment, 14: AssignmentMap,
}  # fmt: skip
_NUMBERS = {kind: number for number, kind in TYPES.items()}


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message: its kind, and the components in their order. The first is Security."""

    kind: Kind
    components: tuple[Component, ...]

    def find(self, kind: type[Known]) -> Known | None:
        """Return the component of a type, or None."""
        return next((one for one in self.components if isinstance(one, kind)), None)

    def demand(self, kind: type[Known]) -> Known:
        """Return the component of a type. Raises MessageError if it is not there."""
        found = self.find(kind)
        if found is None:
            raise MessageError(f"{self.kind.name} without {kind.__name__}")
        return found


def parse_message(data: bytes) -> Message:
    """Read a datagram. Raises MessageError for whatever is not a whole and valid message; security is another matter."""
    reader = Reader(data, "header")
    number, version, length = reader.number(4), reader.number(2), reader.number(2)
    if number not in set(Kind):
        raise MessageError(f"message of type {number}")
    kind = Kind(number)
    if version != VERSION:
        raise MessageError(f"{kind.name}: version {version:#x}, not {VERSION:#x}")
    if length != reader.left:
        raise MessageError(f"{kind.name}: says that {length} bytes follow, {reader.left} do")
    components: list[Component] = []
    while reader.left:
        components.append(_parse_component(reader, kind))
    if not components or not isinstance(components[0], Security):
        raise MessageError(f"{kind.name}: does not begin with security")
    types = [type(one) for one in components if not isinstance(one, Opaque)]
    if len(set(types)) != len(types):
        raise MessageError(f"{kind.name}: has a component twice")
    return Message(kind=kind, components=tuple(components))


def _parse_component(reader: Reader, kind: Kind) -> Component:
    reader.what = kind.name
    number, length = reader.number(2), reader.number(2)
    if length % 4:
        raise MessageError(f"{kind.name}: component {number} has {length} bytes, not a multiple of four")
    known = TYPES.get(number)
    body = Reader(reader.take(length), f"{kind.name}, {known.__name__ if known else f'component {number}'}")
    if known is None:
        return Opaque(type=number, body=body.take(length))
    component: Component = known.parse(body)  # type: ignore[union-attr]  # Opaque is not in TYPES
    body.finish()
    return component


def render_message(message: Message, *, password: str = "") -> bytes:
    """Return a message's bytes. With a password its Security is filled with the digest of both."""
    components = message.components
    if password:
        components = (Security(option=MD5_SECURITY, digest=bytes(DIGEST)), *components[1:])
    body = b"".join(_render_component(one) for one in components)
    data = message.kind.to_bytes(4) + VERSION.to_bytes(2) + len(body).to_bytes(2) + body
    return data if not password else data[:DIGEST_PLACE] + make_digest(data, password) + data[DIGEST_PLACE + DIGEST :]


def _render_component(component: Component) -> bytes:
    body = component.render()
    number = component.type if isinstance(component, Opaque) else _NUMBERS[type(component)]
    return number.to_bytes(2) + len(body).to_bytes(2) + body


def make_digest(data: bytes, password: str) -> bytes:
    """Return MD5 of the password, cut or filled up with zeros to eight octets, and the message with its digest zeroed (5.6.1)."""
    zeroed = data[:DIGEST_PLACE] + bytes(DIGEST) + data[DIGEST_PLACE + DIGEST :]
    secret = password.encode()[:PASSWORD].ljust(PASSWORD, b"\0")
    return hashlib.md5(secret + zeroed, usedforsecurity=False).digest()


def check_security(message: Message, data: bytes, *, password: str) -> None:
    """Raise MessageError if a message is not secured as it has to be: by MD5 with the password, or not at all without one."""
    security = message.demand(Security)
    if not password and security.option == MD5_SECURITY:
        raise MessageError(f"{message.kind.name}: secured by MD5, and the router has no password")
    if password and security.option != MD5_SECURITY:
        raise MessageError(f"{message.kind.name}: not secured, and the router has a password")
    if password and not hmac.compare_digest(security.digest, make_digest(data, password)):
        raise MessageError(f"{message.kind.name}: made with another password")
