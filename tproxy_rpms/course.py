"""How far something is, in words: so much of so much, and how long it will still take."""

import time


class Course:
    """The course of one thing that takes long, from its first word on.

    Args:
        unit: what is counted, in the plural; "B" for bytes.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.started = time.monotonic()
        self.first: tuple[float, int] | None = None

    @property
    def elapsed(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self.started

    def tell(self, done: int, total: int, left: float | None = None) -> str:
        """Return how far it is.

        Args:
            total: of how many, 0 if not known. left: seconds, where somebody knows them; those of bytes are counted here.
        """
        if self.unit == "B":
            return self.tell_bytes(done, total)
        told = f"{done} of {total} {self.unit}" if total else f"{done} {self.unit}"
        if left is None:
            return f"{told}, {format_whole(self.elapsed)} so far"
        return f"{told}, {round_seconds(left)} left" if left >= 1 else f"{told}, nearly done"

    def tell_bytes(self, done: int, total: int) -> str:
        """Return how far a transfer is, with its speed; what was there before its first word does not count for that."""
        told = format_bytes(done) + (f" of {format_bytes(total)}" if total else "")
        if self.first is None:
            self.first = self.elapsed, done
        seconds, bytes_ = self.elapsed - self.first[0], done - self.first[1]
        if seconds < 1 or bytes_ <= 0:
            return told
        speed = bytes_ / seconds
        left = f", {round_seconds((total - done) / speed)} left" if total > done else ""
        return f"{told}, {format_bytes(int(speed))}/s{left}"


def format_bytes(count: int) -> str:
    """Return a size for people, in binary units."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"


def format_seconds(seconds: float) -> str:
    """Return a duration for people: 4.2 s, 6 min 31 s, 2 h 1 min."""
    return f"{seconds:.1f} s" if seconds < 59.95 else format_whole(round(seconds))


def format_whole(seconds: float) -> str:
    """Return a duration that still grows: 4 s, 6 min 31 s, 2 h 1 min."""
    minutes, rest = divmod(int(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def round_seconds(seconds: float) -> str:
    """Return a duration that nobody knows exactly: 12 s, 2 min 10 s, 14 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 600:
        tens = round(seconds / 10)
        return f"{tens // 6} min" + (f" {tens % 6}0 s" if tens % 6 else "")
    return f"{round(seconds / 60)} min"


def format_clock(seconds: float) -> str:
    """Return a time since a start, as a clock shows it: 3:25, 1:03:25."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
