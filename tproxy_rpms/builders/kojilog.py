"""The logs of a Koji task, copied while they grow."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tproxy_rpms.builders.kojisession import load_koji

# What we call Koji's logs, as our mock builder does; others keep their names.
NAMES: Mapping[str, str] = {"mock_output.log": "mock.log"}
LOGS = ("root.log", "build.log", "state.log", "mock_output.log", "hw_info.log", "installed_pkgs.log")

# Bytes that one call brings.
CHUNK = 1 << 20


@dataclass(kw_only=True)
class LogFollower:
    """Copies what a task's logs have grown by into a folder. `copied` is the number of bytes of each log that are there."""

    session: Any
    task: int
    folder: Path
    copied: dict[str, int] = field(default_factory=dict)

    def follow(self) -> None:
        """Copy what is new. A log that vanishes meanwhile is taken up again the next time."""
        for name, size in list_sizes(self.session, self.task).items():
            if name in LOGS:
                self.copy(name, size)

    def copy(self, name: str, size: int) -> None:
        """Append the rest of a log that has grown to `size` bytes."""
        start = self.copied.get(name, 0)
        if size < start:
            start = self.copied[name] = 0  # the builder has begun anew
        path = self.folder / NAMES.get(name, name)
        with path.open("ab" if start else "wb") as log, suppress(load_koji().GenericError):
            while start < size:
                chunk = read_chunk(self.session, self.task, name, start, min(CHUNK, size - start))
                if not chunk:
                    break
                log.write(chunk)
                start += len(chunk)
                self.copied[name] = start


def list_sizes(session: Any, task: int) -> dict[str, int]:
    """Return name → size in bytes of each file that a task has left so far; what would lie elsewhere than asked is none."""
    found = session.listTaskOutput(task, stat=True)
    return {name: int(told["st_size"]) for name, told in found.items() if told and Path(name).name == name}


def read_chunk(session: Any, task: int, name: str, start: int, size: int) -> bytes:
    """Return a part of one of a task's files, at most `size` bytes from `start` on."""
    return bytes(session.downloadTaskOutput(task, name, offset=start, size=size))
