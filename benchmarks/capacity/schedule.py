"""Builds laid out on builders: what is ready begins wherever there is room, the longest first (list scheduling).

As in Koji, each arch of a package is a task of its own, which any builder may take, and a package is there for others once all
its arches are.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Build:
    """One package.

    Fields:
        seconds: how long each of its arches takes. after: names of builds whose packages it needs.
    """

    name: str
    seconds: tuple[float, ...]
    after: tuple[str, ...] = ()


def find_duration(builds: Sequence[Build], *, slots: int, pause: float = 0.0) -> float:
    """Return the seconds from the first task's start to the last one's end.

    Args:
        slots: tasks at work at the same time, at most.
        pause: seconds until what is built can be had by the builds that need it.

    Raises ValueError where a build would wait for ever: for one that is not there, or for itself.
    """
    left = {build.name: len(build.seconds) for build in builds}
    awaited = {build.name: set(build.after) for build in builds}
    ready = [(-seconds, build.name) for build in builds if not build.after for seconds in build.seconds]
    heapq.heapify(ready)
    events: list[tuple[float, str, bool]] = []  # when, which build, whether a task of it ends or it can be had
    now, free, end = 0.0, slots, 0.0
    while ready or events:
        while ready and free:
            seconds, name = heapq.heappop(ready)
            heapq.heappush(events, (now - seconds, name, True))
            free -= 1
        now, name, is_task = heapq.heappop(events)
        if is_task:
            free, end = free + 1, now
            left[name] -= 1
            if not left[name]:
                heapq.heappush(events, (now + pause, name, False))
            continue
        for build in builds:
            if name in awaited[build.name]:
                awaited[build.name].remove(name)
                if not awaited[build.name]:
                    for seconds in build.seconds:
                        heapq.heappush(ready, (-seconds, build.name))
    if stuck := sorted(name for name, count in left.items() if count):
        raise ValueError(f"these would wait for ever: {', '.join(stuck)}")
    return end


def find_longest_chain(builds: Sequence[Build], *, pause: float = 0.0) -> float:
    """Return the seconds below which no number of builders comes: those of the longest chain of builds that need each other."""
    return find_duration(builds, slots=max(1, sum(len(build.seconds) for build in builds)), pause=pause)
