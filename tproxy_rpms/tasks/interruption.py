"""What an interrupted run still has to do: end its mocks, which would outlive it, and ask whether Koji is to go on."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tproxy_rpms.builders.mockprocess import end_mocks, find_mocks
from tproxy_rpms.errors import TproxyError
from tproxy_rpms.tasks.observe import list_stages

if TYPE_CHECKING:
    from tproxy_rpms.builders import Builder, Remote

# Seconds in which a second Ctrl-C cancels what goes on elsewhere.
SECOND_THOUGHTS = 5


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


def ask_about_remote(builders: Iterable["Builder"], tell: Callable[[str], None]) -> None:
    """Leave the builds of builders elsewhere at work; cancel them if the user interrupts once more within a few seconds."""
    from tproxy_rpms.builders import Remote

    remotes = [builder for builder in builders if isinstance(builder, Remote) and builder.list_running()]
    if not remotes:
        return
    running = ", ".join(one for remote in remotes for one in remote.list_running())
    try:
        tell(
            f"at work elsewhere: {running}; they go on, and the same command goes on watching. "
            f"Ctrl-C once more within {SECOND_THOUGHTS} seconds cancels them"
        )
        time.sleep(SECOND_THOUGHTS)
    except KeyboardInterrupt:
        for remote in remotes:
            cancel(remote, tell)


def cancel(remote: "Remote", tell: Callable[[str], None]) -> None:
    """Cancel the builds that are this clone's own, and say which."""
    try:
        cancelled = remote.cancel_running()
    except TproxyError as error:
        tell(f"could not be cancelled: {error}")
        return
    tell(f"cancelled: {', '.join(cancelled)}" if cancelled else "nothing cancelled: others have submitted what is at work")
