"""Tasks and builds of a hub that lies in this process, with their states as Koji numbers them."""

from dataclasses import dataclass, field
from typing import Any

FREE, OPEN, CLOSED, CANCELED, ASSIGNED, FAILED = range(6)
BUILDING, COMPLETE, DELETED, BUILD_FAILED, BUILD_CANCELED = range(5)


@dataclass(kw_only=True)
class Task:
    """A task. `result` is what getTaskResult gives, or raises; `output` are the files that it has left so far."""

    id: int
    method: str
    owner: int
    created: float
    request: list[Any] = field(default_factory=list)
    parent: int | None = None
    label: str | None = None
    arch: str = "noarch"
    state: int = FREE
    host_id: int | None = None
    channel_id: int = 1
    result: Any = None
    output: dict[str, bytes] = field(default_factory=dict)

    def info(self) -> dict[str, Any]:
        """What getTaskInfo tells, without the request."""
        kept = {key: value for key, value in vars(self).items() if key not in ("request", "result", "output", "created")}
        return kept | {"create_ts": self.created, "start_ts": None, "completion_ts": None, "waiting": None, "awaited": None}
