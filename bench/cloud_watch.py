"""Sees which servers of a tenant Nova lists, again and again, for all arms alike.

`cloud_runs` measures by it; `clouds` starts both.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bench.arms import place
from devcluster import errors
from devcluster.openstack import api

PATIENCE_SECONDS = 900
LOOK_SECONDS = 0.25
PATH = "/servers/detail?limit=1000"


class Seen(NamedTuple):
    """A server in one of Nova's lists."""

    status: str
    image: str
    updated: str


Servers = Mapping[str, Seen]


class Watch:
    """What Nova has listed, until it is closed."""

    def __init__(self, login: api.Login, arm: place.Arm) -> None:
        self._login = login
        self._arm = arm
        self._ended = threading.Event()
        self.seen: list[tuple[float, Servers]] = []
        self._thread = threading.Thread(target=self._look, name="watch of Nova", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    @property
    def now(self) -> Servers:
        """The last list; none before the first."""
        return self.seen[-1][1] if self.seen else {}

    def first(self, condition: Callable[[Servers], bool], since: float) -> float | None:
        """Return how long after a moment a list was the first to be so."""
        for when, servers in self.seen:
            if when >= since and condition(servers):
                return when - since
        return None

    def until(self, condition: Callable[[Servers], bool], since: float) -> float:
        """Wait for a list that is so; return how long after a moment it came."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.first(condition, since)) is None:
            # Raises where it failed: then no list will ever be so.
            self._arm.done()
            self.check(deadline)
            time.sleep(LOOK_SECONDS)
        return found

    def check(self, deadline: float) -> None:
        """Raise where nothing more is seen, or where it is too late."""
        if time.monotonic() > deadline or not self._thread.is_alive():
            raise errors.DevclusterError(f"not within {PATIENCE_SECONDS} s: {self.now}")

    def emptied(self, since: float) -> float:
        """Return how long after a moment the last server was gone, of a watch that sees none."""
        last = max((when for when, servers in self.seen if servers), default=since)
        return min(when for when, _ in self.seen if when > last) - since

    def most(self) -> int:
        """Return how many servers there were at once at most."""
        return max((len(servers) for _, servers in self.seen), default=0)

    def latest(self) -> Servers:
        """Return a list that was asked for after this."""
        count, deadline = len(self.seen), time.monotonic() + PATIENCE_SECONDS
        # The next one may be under way.
        while len(self.seen) < count + 2:
            self.check(deadline)
            time.sleep(LOOK_SECONDS)
        return self.now

    def clear(self) -> None:
        """Delete what is left over, and wait until it is gone."""
        client = api.Client(self._login)
        while left := self.latest():
            for each in left:
                client.delete("compute", f"/servers/{each}")

    def _look(self) -> None:
        client = api.Client(self._login)
        while not self._ended.wait(LOOK_SECONDS):
            rows = client.get("compute", PATH)["servers"]
            self.seen.append((time.monotonic(), {each["id"]: _seen(each) for each in rows}))


def _seen(row: Mapping[str, object]) -> Seen:
    image = row["image"]
    known = image if isinstance(image, dict) else {}
    return Seen(str(row["status"]), str(known.get("id", "")), str(row["updated"]))
