"""The time of a hub that lies in this process."""

import time
from collections.abc import Callable


class Clock:
    """What stands for the module `time`: whoever sleeps lets the hub's builders take a step, and time goes by at once."""

    strftime, gmtime, localtime = staticmethod(time.strftime), staticmethod(time.gmtime), staticmethod(time.localtime)

    def __init__(self) -> None:
        self.begun = time.time()
        self.slept = 0.0
        self.step: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.begun + self.slept

    def monotonic(self) -> float:
        return 1000 + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.step()
