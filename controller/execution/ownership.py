"""Which keys this process plans and writes for: all that its install has claimed, while it leads.

The only place that knows how work is shared out, `sharing` being another way to do that. The engine
asks `owns` before it plans a key; the client asks `may_write` as the bytes of a write go out, for
the key that the call is for. A process that shares the work with others is another `Ownership`, and
nothing else changes.
"""

from __future__ import annotations

import contextvars
import dataclasses
import math
from collections.abc import Awaitable, Callable
from typing import Protocol

from controller.planning.caches import Total
from controller.planning.keys import Key

# The key that the running call is for: set where a call begins, read where its bytes go out.
_acting_for: contextvars.ContextVar[Key | None] = contextvars.ContextVar("acting_for", default=None)


class Ownership(Protocol):
    """The rights of this process, key by key."""

    def owns(self, key: Key) -> bool:
        """Return whether the key is this process's to plan."""

    def may_write(self, key: Key | None) -> bool:
        """Return whether a write for the key may go out now; None is for one of no key."""

    def since(self, key: Key) -> float:
        """Return when this tenure of the key began, by the loop's clock.

        Calls that its last owner made may have been answered just before.
        """

    def moving(self, key: Key) -> str:
        """Return what says whose the key is, if it passes to another once its acts have ended."""

    def total(self, key: Key) -> Total | None:
        """Return what the key's object counts over all replicas; None: all of it is seen here."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SoleLeader:
    """Owns every key that is covered, and may write while `leading` says so.

    `covers` tells of a namespace whether it is looked after by this install, and not by another.
    """

    leading: Callable[[], bool] = lambda: True
    covers: Callable[[str], bool] = lambda _namespace: True

    def owns(self, key: Key) -> bool:
        """Return whether no other install looks after it."""
        return self.covers(key.namespace)

    def may_write(self, key: Key | None) -> bool:
        """Return whether the Lease is held, and the claim on the key's namespace."""
        return self.leading() and (key is None or self.covers(key.namespace))

    def since(self, key: Key) -> float:
        """Return a time long ago: a leader opens its providers after it took the Lease."""
        del key
        return -math.inf

    def moving(self, key: Key) -> str:
        """Return nothing: a sole leader shares with nobody."""
        del key
        return ""

    def total(self, key: Key) -> Total | None:
        """Return nothing: a sole leader sees all there is."""
        del key
        return None


def act_for(key: Key) -> None:
    """Have the writes of the running task count as the key's; call once, where the task begins."""
    _acting_for.set(key)


def on_behalf_of(key: Key, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return the work as a call that the key's owner makes."""

    async def run() -> None:
        act_for(key)
        await work()

    return run


def guard(ownership: Ownership) -> Callable[[], bool]:
    """Return the question whether what the running task is about to write may go out."""
    return lambda: ownership.may_write(_acting_for.get())
