"""Scenarios of several runs side by side, as long as none of them measures: one that does waits until it is alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_changed = threading.Condition()
_running = 0
_alone = False


@contextmanager
def take_turn(*, alone: bool) -> Iterator[None]:
    """Wait until nobody measures, or until nobody else runs at all, and keep it so while the context lasts."""
    global _running, _alone  # one host, one account of what runs on it
    with _changed:
        _changed.wait_for(lambda: not _alone and not (alone and _running))
        _running, _alone = _running + 1, alone
    try:
        yield
    finally:
        with _changed:
            _running, _alone = _running - 1, False
            _changed.notify_all()
