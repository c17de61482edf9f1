"""What a file that was taken apart consists of, and how much of it is held at once."""

from dataclasses import dataclass

# The most members that an archive may have.
MOST_MEMBERS = 20_000

# The name of the member that is an initramfs, within what is no archive.
INITRAMFS = "initramfs"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member of an archive, or one section of a program.

    Fields:
        traits: a cause → the value that it would differ in: ("mtime", 1793491200).
    """

    name: str
    content: bytes
    traits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Container:
    """A file taken apart.

    Fields:
        kind: its format. head: bytes beside the members that count, such as gzip's header. packed: the first member compressed.
        ordered: whether the order of the members is its own, so that another order is a difference.
    """

    kind: str
    members: tuple[Member, ...]
    head: bytes = b""
    packed: bytes = b""
    ordered: bool = False


def take(left: int, size: int, count: int) -> int:
    """Return how many bytes may still be read after a member. Raises ValueError for too large a one, and for too many."""
    if not 0 <= size <= left or count >= MOST_MEMBERS:
        raise ValueError("an archive that is too large")
    return left - size
