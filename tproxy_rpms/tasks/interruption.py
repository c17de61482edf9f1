"""What an interrupted run still has to do: end its mocks, which would outlive it."""

from collections.abc import Callable

from tproxy_rpms.builders.mockprocess import end_mocks, find_mocks
from tproxy_rpms.tasks.observe import list_stages


def end_builds(tell: Callable[[str], None]) -> None:
    """End the mocks that this process has started, and wait until each has cleaned up; `tell` gets a line about what is done.

    Of an interruption only the main thread learns. The others vanish with the process, and so do the folders that they have
    handed to mocks, by which the next run would know what was left at work. Any other command dies with its thread.
    """
    for stage in list_stages():
        if find_mocks(stage):
            tell("waiting for mock to clean up …")
            if not end_mocks(stage):
                tell("mock is still at work: sudo pkill mock")
