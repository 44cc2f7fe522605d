"""The servers of the cloud in memory, and what becomes of them with time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

# When the loop's clock is at 0: the same moment as for the API server in memory.
EPOCH = 1_790_000_000.0


@dataclasses.dataclass(slots=True)
class Machine:
    """A server: what was asked for, its state, and when the next thing happens to it."""

    id: str
    name: str
    created: float
    visible_at: float
    body: dict[str, Any]
    status: str = "BUILD"
    task: str | None = "spawning"
    updated: float = 0.0
    launched: float | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    address: str = ""
    flavor: str = ""
    # The group it was asked to be in, and the host that it was given.
    group: str = ""
    # The volumes that are attached to it.
    volumes: list[str] = dataclasses.field(default_factory=list)
    # The one of them that it boots from, which goes with it.
    boot_volume: str = ""
    host: str = ""
    placed_at: float = 0.0
    zone: str = "nova"
    fault: str = ""
    locked: bool = False
    console: str = ""
    # When what is under way ends, and in which status.
    until: float | None = None
    then: str = "ACTIVE"
    # Of a resize that is to be confirmed, the status that comes after that.
    before: str = "ACTIVE"
    # When a delete ends that was asked for.
    gone_at: float | None = None
    deleted: bool = False
    # Its host does not answer: deletes wait for it.
    silent: bool = False

    def settle(self, now: float) -> None:
        """Let what is due by now have happened."""
        if now >= self.placed_at and not self.host:
            self.host = f"host-of-{self.id}"
        if self.until is not None and now >= self.until:
            at, self.until = self.until, None
            if self.then == "ACTIVE" and self.status in {"BUILD", "REBUILD"}:
                self.launched = at
            self.status, self.task, self.updated = self.then, None, at
            if self.status == "ERROR" and not self.fault:
                self.fault = "No valid host was found. There are not enough hosts available."
        if self.gone_at is not None and now >= self.gone_at and not self.silent:
            spawning = self.until is not None and self.status == "BUILD"
            if not self.deleted and not spawning:
                at = max(self.gone_at, self.updated)
                self.deleted, self.status, self.task, self.updated = True, "DELETED", None, at

    def row(self, *, detail: bool, tags: bool) -> dict[str, Any]:
        """Return what a list shows of it."""
        brief: dict[str, Any] = {"id": self.id, "name": self.name, "links": []}
        if not detail:
            return brief
        if self.silent:
            return {"id": self.id, "status": "UNKNOWN", "created": stamp(self.created)}
        row: dict[str, Any] = {
            **brief,
            "status": self.status,
            "created": stamp(self.created),
            "updated": stamp(self.updated),
            "metadata": dict(self.metadata),
            "addresses": {"tenant": [{"addr": self.address, "version": 4}]} if self.address else {},
            "OS-EXT-STS:task_state": self.task,
            "OS-EXT-AZ:availability_zone": self.zone,
            "OS-SRV-USG:launched_at": stamp(self.launched)[:-1] if self.launched else None,
            "flavor": {"original_name": self.flavor},
            "hostId": self.host,
            "locked": self.locked,
        }
        if self.fault and self.status == "ERROR":
            row["fault"] = {"code": 500, "message": self.fault}
        if tags:
            row["tags"] = [] if self.deleted else list(self.tags)
        return row


def stamp(seconds: float | None) -> str:
    """Return a time as Nova writes it: to the second."""
    moment = dt.datetime.fromtimestamp(EPOCH + (seconds or 0.0), tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: str) -> float:
    """Return the loop's time of one of Nova's stamps."""
    return dt.datetime.fromisoformat(text).timestamp() - EPOCH
